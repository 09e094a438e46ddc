"""Drawing by casting one ray per pixel with Embree: slower than OpenGL, but it runs on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.rendering.body import Body, Looks, Shelf
from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.rays import Hits, Tracer, rays_towards
from ats_sim.rendering.shading import cover, shade, sky
from ats_sim.rendering.shadow import BIAS, SOFTNESS, ShadowBox

SOFT_SAMPLES = np.array([[0.0, 0.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])


@dataclass
class _Traced:
    """A body with its ray structure and the normals of its split vertices, mesh frame."""

    body: Body
    tracer: Tracer
    normals: Array

    @classmethod
    def of(cls, body: Body) -> _Traced:
        mesh, normals = body.shaped()
        return cls(body, Tracer(mesh.vertices, mesh.faces), normals)

    def renew(self) -> None:
        """Follow the body's new shape."""
        renewed = _Traced.of(self.body)
        self.tracer, self.normals = renewed.tracer, renewed.normals


class RaycastRenderer:
    """See ats_sim.rendering.renderer.Renderer."""

    name = "raycast"

    def __init__(self, note: str = "") -> None:
        """Check that Embree is there; RenderError, naming what to install, if not."""
        self.note = note
        Tracer(np.eye(3), np.array([[0, 1, 2]]))
        self._shelf: Shelf[_Traced] = Shelf()
        self._closed = False

    def add(self, mesh: TriangleMesh, label: int, **looks: Unpack[Looks]) -> int:
        """See Renderer.add."""
        self._check_open()
        return self._shelf.put(_Traced.of(Body.of(mesh, label, looks)))

    def add_skinned(self, skinned: SkinnedMesh, label: int, **looks: Unpack[Looks]) -> int:
        """See Renderer.add_skinned."""
        self._check_open()
        return self._shelf.put(_Traced.of(Body.of(skinned, label, looks)))

    def pose(self, handle: int, joint_transforms: Array) -> None:
        """See Renderer.pose."""
        traced = self._shelf.get(handle)
        traced.body.pose(joint_transforms)
        traced.renew()

    def update_vertices(self, handle: int, vertices: Array) -> None:
        """See Renderer.update_vertices."""
        traced = self._shelf.get(handle)
        traced.body.set_vertices(vertices)
        traced.renew()

    def place(self, handle: int, T_world_mesh: Array) -> None:
        """See Renderer.place."""
        self._shelf.get(handle).body.T_world_mesh = checked("T_world_mesh", T_world_mesh, (4, 4))

    def show(self, handle: int, visible: bool) -> None:
        """See Renderer.show."""
        self._shelf.get(handle).body.visible = visible

    def remove(self, handle: int) -> None:
        """See Renderer.remove."""
        self._shelf.take(handle)

    def render(self, camera: Camera, lighting: Lighting | None = None) -> Frame:
        """See Renderer.render."""
        self._check_open()
        lighting = lighting or Lighting()
        visible = [traced for traced in self._shelf if traced.body.visible]
        visible.sort(key=lambda traced: traced.body.is_glass)
        solid = [traced for traced in visible if not traced.body.is_glass]
        hits = Hits.along(camera)
        _meet(hits, solid, camera, first=0)
        rgb = _solid_colors(solid, hits, lighting)
        _meet(hits, visible[len(solid) :], camera, first=len(solid))
        labels = np.zeros(len(rgb), dtype=np.int32)
        for number, traced in enumerate(visible):
            pixels = np.nonzero(hits.body == number)[0]
            labels[pixels] = traced.body.label
            if traced.body.is_glass:
                rgb[pixels] = _seen_through(traced, hits, pixels, rgb[pixels])
        depth = np.where(hits.body < 0, 0.0, hits.skipped + hits.distance).astype(np.float32)
        shape = (camera.intrinsics.height, camera.intrinsics.width)
        return Frame(rgb=rgb.reshape(*shape, 3), depth=depth.reshape(shape), labels=labels.reshape(shape))

    def close(self) -> None:
        """See Renderer.close."""
        self._closed = True
        self._shelf.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise RenderError("this renderer was closed; open a new one with open_renderer().")


def _meet(hits: Hits, bodies: list[_Traced], camera: Camera, first: int) -> None:
    for number, traced in enumerate(bodies, start=first):
        hits.meet(number, traced.tracer, traced.body.T_world_mesh, rays_towards(traced.body, camera))


def _solid_colors(solid: list[_Traced], hits: Hits, lighting: Lighting) -> Array:
    lit = _lit_share(solid, hits, lighting)
    rgb = np.zeros((len(hits.body), 3), dtype=np.uint8)
    missed = hits.body < 0
    rgb[missed] = sky(hits.directions[missed], lighting)
    for number, traced in enumerate(solid):
        pixels = np.nonzero(hits.body == number)[0]
        albedo, normals = _surface(traced, hits, pixels)
        unlit = np.full(len(pixels), traced.body.unlit)
        rgb[pixels] = shade(albedo, normals, hits.directions[pixels], unlit, lit[pixels], lighting)
    return rgb


def _seen_through(traced: _Traced, hits: Hits, pixels: Array, behind: Array) -> Array:
    albedo, normals = _surface(traced, hits, pixels)
    share = cover(normals, hits.directions[pixels], traced.body.opacity)[:, None]
    return np.asarray(np.round(behind * (1.0 - share) + albedo * 255.0 * share).astype(np.uint8))


def _surface(traced: _Traced, hits: Hits, pixels: Array) -> tuple[Array, Array]:
    """sRGB fractions (K, 3) and world normals (K, 3) of what the pixels (K,) hit."""
    body, face = traced.body, hits.face[pixels]
    second, third = hits.weights[pixels].T
    weights = np.stack([1.0 - second - third, second, third], axis=1)
    normals = _blend(traced.normals, body.creases.faces[face], weights) @ body.T_world_mesh[:3, :3].T
    if body.mesh.texture is not None and body.mesh.uv is not None:
        albedo = sample_texture(body.mesh.texture, _blend(body.mesh.uv, body.mesh.faces[face], weights))
    else:
        albedo = _blend(body.colors, body.mesh.faces[face], weights) / 255.0
    return np.clip(albedo * np.array(body.tint), 0.0, 1.0), normals


def sample_texture(texture: Array, uv: Array) -> Array:
    """Bilinear sRGB fractions (N, 3) of a texture (H, W, 3) uint8 at uv (N, 2), repeated beyond its edges."""
    height, width = texture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right_share, low_share = (x - left)[:, None], (y - top)[:, None]
    left, right, top, low = left % width, (left + 1) % width, top % height, (top + 1) % height
    upper = texture[top, left] * (1.0 - right_share) + texture[top, right] * right_share
    lower = texture[low, left] * (1.0 - right_share) + texture[low, right] * right_share
    return np.asarray((upper * (1.0 - low_share) + lower * low_share) / 255.0)


def _blend(values: Array, corners: Array, weights: Array) -> Array:
    """Values (V, K) at corners (N, 3) weighted by (N, 3): (N, K)."""
    return np.einsum("nc,nck->nk", weights, values[corners])


def _lit_share(visible: list[_Traced], hits: Hits, lighting: Lighting) -> Array:
    """(N,) share of the lamp that reaches each hit, softened as if the lamp were a small square."""
    share = np.ones(len(hits.body))
    casters = [traced for traced in visible if traced.body.casts_shadow]
    if not casters or lighting.shadow == 0.0:
        return share
    box = ShadowBox.around([traced.body for traced in casters], lighting.to_lamp)
    points = hits.origins + hits.directions * hits.distance[:, None]
    place = points @ box.T_shadow_world[:3, :3].T.astype(np.float32) + box.T_shadow_world[:3, 3].astype(np.float32)
    inside = np.nonzero((hits.body >= 0) & (place > 0.0).all(1) & (place < 1.0).all(1))[0]
    if len(inside):
        share[inside] = 1.0 - lighting.shadow * _blocked(casters, points[inside], box, lighting.to_lamp)
    return share


def _blocked(casters: list[_Traced], points: Array, box: ShadowBox, to_lamp: Array) -> Array:
    """(N,) share of the soft samples at points (N, 3) from which a caster hides the lamp."""
    across = box.axes * SOFTNESS
    blocked = np.zeros(len(points))
    for sample in SOFT_SAMPLES:
        origins = points + to_lamp * BIAS + sample @ across
        hidden = np.zeros(len(points), dtype=bool)
        for traced in casters:
            R_world_mesh, position = traced.body.T_world_mesh[:3, :3], traced.body.T_world_mesh[:3, 3]
            directions = np.broadcast_to(to_lamp @ R_world_mesh, origins.shape)
            limits = np.full(len(points), 1e6)
            hidden |= traced.tracer.nearest((origins - position) @ R_world_mesh, directions, limits)["primID"] >= 0
        blocked += hidden
    return blocked / len(SOFT_SAMPLES)
