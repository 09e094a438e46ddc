"""Drawing with pyrender: a second opinion on the moderngl backend, and the way to OSMesa.

pyrender draws the plain colours and depth; light is added from the depth's own normals, so edges are rougher, and no
mesh casts a shadow. pyrender 0.1.45 is unmaintained: it is mended for numpy 2 here and nowhere else, and since deleting
one of its renderers breaks every other OpenGL context of the process, one is kept for the life of the process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Unpack

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.geometry import OPENCV_FROM_OPENGL, transform_points
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.rendering.body import Body, Looks, Shelf
from ats_sim.rendering.contexts import Hold
from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.shading import shade, sky_picture


@dataclass
class _Node:
    """A body and its node in pyrender's scene."""

    body: Body
    node: Any


class PyrenderRenderer:
    """See ats_sim.rendering.renderer.Renderer; shadows, opacity and Camera.cut_height are not supported."""

    name = "pyrender"

    def __init__(self, note: str = "") -> None:
        """Start pyrender; RenderError, naming what to install, where it does not work."""
        self.note = note
        self._hold = Hold(self.name)
        try:
            self._pyrender = _import_pyrender()
            self._canvas = _canvas()
        except RenderError:
            self._hold.release()
            raise
        self._scene = self._pyrender.Scene(bg_color=np.zeros(4), ambient_light=np.ones(3))
        self._shelf: Shelf[_Node] = Shelf()
        self._closed = False

    def add(self, mesh: TriangleMesh, label: int, **looks: Unpack[Looks]) -> int:
        """See Renderer.add."""
        return self._put(Body.of(mesh, label, looks))

    def add_skinned(self, skinned: SkinnedMesh, label: int, **looks: Unpack[Looks]) -> int:
        """See Renderer.add_skinned."""
        return self._put(Body.of(skinned, label, looks))

    def pose(self, handle: int, joint_transforms: Array) -> None:
        """See Renderer.pose; bent here, because pyrender does not skin."""
        held = self._shelf.get(handle)
        held.body.pose(joint_transforms)
        self._renew(held)

    def update_vertices(self, handle: int, vertices: Array) -> None:
        """See Renderer.update_vertices."""
        held = self._shelf.get(handle)
        held.body.set_vertices(vertices)
        self._renew(held)

    def place(self, handle: int, T_world_mesh: Array) -> None:
        """See Renderer.place."""
        held = self._shelf.get(handle)
        held.body.T_world_mesh = checked("T_world_mesh", T_world_mesh, (4, 4))
        self._scene.set_pose(held.node, held.body.T_world_mesh)

    def show(self, handle: int, visible: bool) -> None:
        """See Renderer.show."""
        held = self._shelf.get(handle)
        held.body.visible = visible
        held.node.mesh.is_visible = visible

    def remove(self, handle: int) -> None:
        """See Renderer.remove."""
        self._scene.remove_node(self._shelf.take(handle).node)

    def render(self, camera: Camera, lighting: Lighting | None = None) -> Frame:
        """See Renderer.render; draws twice, once for colour and once for labels."""
        self._check_open()
        if camera.cut_height is not None:
            raise RenderError("pyrender cannot cut away what lies above a height; use moderngl or raycast.")
        lighting = lighting or Lighting()
        flags = self._pyrender.RenderFlags
        node = self._scene.add(_pinhole(self._pyrender, camera), pose=camera.T_world_camera @ OPENCV_FROM_OPENGL)
        try:
            self._canvas.viewport_width = camera.intrinsics.width
            self._canvas.viewport_height = camera.intrinsics.height
            albedo, _ = self._canvas.render(self._scene, flags=flags.FLAT)
            colors = {held.node: _label_color(held.body.label) for held in self._shelf}
            # Only the label pass looks through pixel centres; the colour pass is multisampled, and so is its depth.
            painted, depth = self._canvas.render(self._scene, flags=flags.SEG, seg_node_map=colors)
        finally:
            self._scene.remove_node(node)
        labels = painted.astype(np.int32) @ np.array([1, 256, 65536], dtype=np.int32)
        labels[depth == 0.0] = 0
        rgb = self._light(albedo, depth, labels, camera, lighting)
        return Frame(rgb=rgb, depth=depth.astype(np.float32), labels=labels)

    def close(self) -> None:
        """See Renderer.close."""
        self._closed = True
        self._hold.release()
        for held in self._shelf.clear():
            self._scene.remove_node(held.node)

    def _put(self, body: Body) -> int:
        self._check_open()
        return self._shelf.put(_Node(body, self._scene.add(self._mesh(body))))

    def _renew(self, held: _Node) -> None:
        # pyrender never uploads a mesh twice, so it is added anew.
        self._scene.remove_node(held.node)
        held.node = self._scene.add(self._mesh(held.body), pose=held.body.T_world_mesh)

    def _check_open(self) -> None:
        if self._closed:
            raise RenderError("this renderer was closed; open a new one with open_renderer().")
        self._hold.check()

    def _mesh(self, body: Body) -> Any:
        pyrender, (mesh, _) = self._pyrender, body.shaped()
        # The label pass always culls back faces, so every face is there both ways round.
        faces = np.concatenate([mesh.faces, mesh.faces[:, ::-1]])
        tint = np.array([*body.tint, 1.0])
        if mesh.texture is None:
            color = np.clip(body.colors * tint[:3], 0, 255).astype(np.uint8)
            opaque = np.full((len(color), 1), 255, dtype=np.uint8)
            primitive = pyrender.Primitive(mesh.vertices, indices=faces, color_0=np.hstack([color, opaque]))
        else:
            texture = pyrender.Texture(source=mesh.texture, source_channels="RGB")
            material = pyrender.MetallicRoughnessMaterial(baseColorTexture=texture, baseColorFactor=tint)
            uv = np.array([0.0, 1.0]) + np.array([1.0, -1.0]) * mesh.uv
            primitive = pyrender.Primitive(mesh.vertices, indices=faces, texcoord_0=uv, material=material)
        return pyrender.Mesh([primitive], is_visible=body.visible)

    def _light(self, albedo: Array, depth: Array, labels: Array, camera: Camera, lighting: Lighting) -> Array:
        drawn = labels > 0
        unlit_labels = [held.body.label for held in self._shelf if held.body.unlit]
        unlit = np.isin(labels[drawn], unlit_labels)
        normals = _normals(depth, camera)[drawn]
        rays = camera.rays()[drawn]
        rgb = sky_picture(camera, lighting)
        rgb[drawn] = shade(albedo[drawn] / 255.0, normals, rays, unlit, np.ones(len(rays)), lighting)
        return rgb


def _import_pyrender() -> Any:
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    if not hasattr(np, "infty"):
        # numpy 2 dropped the name; pyrender's bounds still use it.
        np.infty = np.inf  # type: ignore[attr-defined]
    try:
        import pyrender
    except Exception as error:
        # PyOpenGL fails here in many ways (ImportError, AttributeError), depending on which library is missing.
        raise RenderError(f"pyrender does not start ({error}): try sudo apt-get install -y libegl1 libgl1") from error
    return pyrender


@lru_cache(maxsize=1)
def _canvas() -> Any:
    try:
        return _import_pyrender().OffscreenRenderer(64, 64)
    except Exception as error:
        # The OpenGL platform raises its own kinds of errors, which exist only once it was imported.
        raise RenderError(f"pyrender has no off-screen canvas: {error}") from error


def _pinhole(pyrender: Any, camera: Camera) -> Any:
    intrinsics = camera.intrinsics
    # pyrender counts pixels from their corners, so its principal point lies half a pixel further.
    return pyrender.IntrinsicsCamera(
        intrinsics.fl_x, intrinsics.fl_y, intrinsics.cx + 0.5, intrinsics.cy + 0.5, camera.near, camera.far
    )


def _label_color(label: int) -> tuple[int, int, int]:
    return label & 255, (label >> 8) & 255, label >> 16


def _normals(depth: Array, camera: Camera) -> Array:
    """World normals (H, W, 3) of a depth picture (H, W) from its differences; their sign is open."""
    points = transform_points(camera.T_world_camera, camera.intrinsics.unproject(depth).reshape(-1, 3))
    grid = points.reshape(*depth.shape, 3)
    across = np.diff(grid, axis=1, append=2 * grid[:, -1:] - grid[:, -2:-1])
    down = np.diff(grid, axis=0, append=2 * grid[-1:] - grid[-2:-1])
    return np.cross(across, down)
