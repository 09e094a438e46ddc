"""Meshes on the graphics side, with the shader programs they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.rendering.body import Body
from ats_sim.rendering.chunks import Chunks
from ats_sim.rendering.shaders import SHADOW_FRAGMENT, SHADOW_VERTEX, SURFACE_FRAGMENT, SURFACE_VERTEX
from ats_sim.skeleton import MAX_JOINTS

BYTES_PER_JOINT = 48


class Programs:
    """Shader programs, compiled when they are first needed."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._made: dict[tuple[str, tuple[str, ...]], Any] = {}

    def get(self, vertex: str, fragment: str, *defines: str) -> Any:
        """The program of two sources with some names defined."""
        key = (fragment + vertex, defines)
        if key not in self._made:
            head = "#version 330\n" + "".join(f"#define {name}\n" for name in defines)
            sources = [source.replace("#version 330\n", head, 1).lstrip() for source in (vertex, fragment)]
            self._made[key] = self._context.program(vertex_shader=sources[0], fragment_shader=sources[1])
        return self._made[key]


@dataclass(eq=False)
class Drawn:
    """A body with its buffers on the graphics side."""

    body: Body
    geometry: Any
    draw: Any
    cast: Any | None
    texture: Any | None
    bend: Any | None
    others: tuple[Any, ...]
    chunks: Chunks | None

    @classmethod
    def upload(cls, context: Any, programs: Programs, body: Body) -> Drawn:
        """Bring a body over."""
        source = body.creases.source
        chunks = Chunks.of(body.mesh.vertices, body.mesh.faces)
        indices = context.buffer(np.ascontiguousarray(body.creases.faces[chunks.order], dtype=np.int32))
        geometry = context.buffer(_geometry(body))
        looks, kind, texture = _looks(context, body)
        skin, others, bend = [], [looks[0], indices], None
        if body.skin is not None:
            skin = [_weights(context, body.skin.skinned.skin_joints, body.skin.skinned.skin_weights, source)]
            others.append(skin[0][0])
            bend = context.buffer(reserve=MAX_JOINTS * BYTES_PER_JOINT)
            bend.write(_rows(body))
        shape = ["SKINNED"] if skin else []
        shown = ("3f 3f", "in_position", "in_normal") if body.shows_normals else ("3f", "in_position")
        program = programs.get(SURFACE_VERTEX, SURFACE_FRAGMENT, *shape, *kind, *_light_defines(body))
        draw = context.vertex_array(program, [(geometry, *shown), looks, *skin], index_buffer=indices)
        cast = None
        if body.casts_shadow:
            place = "3f 3x4" if body.shows_normals else "3f"
            caster = programs.get(SHADOW_VERTEX, SHADOW_FRAGMENT, *shape)
            cast = context.vertex_array(caster, [(geometry, place, "in_position"), *skin], index_buffer=indices)
        return cls(body, geometry, draw, cast, texture, bend, tuple(others), None if skin else chunks)

    def reshape(self) -> None:
        """Upload the body's vertices again."""
        self.chunks = None
        self.geometry.write(_geometry(self.body))

    def repose(self) -> None:
        """Upload the joints of a skinned body."""
        if self.bend is not None:
            self.bend.write(_rows(self.body))

    def release(self) -> None:
        """Give everything back."""
        for item in (self.draw, self.cast, self.geometry, self.texture, self.bend, *self.others):
            if item is not None:
                item.release()


def columns(matrix: Array) -> bytes:
    """A matrix (4, 4) in OpenGL's column order."""
    return matrix.T.astype(np.float32).tobytes()


def _light_defines(body: Body) -> tuple[str, ...]:
    if body.is_glass:
        return ("NORMALS", "GLASS")
    return () if body.unlit else ("NORMALS", "LIT")


def _looks(context: Any, body: Body) -> tuple[tuple[Any, ...], tuple[str, ...], Any | None]:
    """The buffer of colours or texture coordinates with its layout, what to define for it, and the texture."""
    source = body.creases.source
    if body.mesh.texture is None or body.mesh.uv is None:
        return (context.buffer(np.ascontiguousarray(body.colors[source])), "3f1", "in_color"), (), None
    height, width = body.mesh.texture.shape[:2]
    texture = context.texture((width, height), 3, np.ascontiguousarray(body.mesh.texture), alignment=1)
    texture.build_mipmaps()
    surface = context.buffer(np.ascontiguousarray(body.mesh.uv[source], dtype=np.float32))
    return (surface, "2f", "in_uv"), ("TEXTURED",), texture


def _weights(context: Any, joints: Array, weights: Array, source: Array) -> tuple[Any, ...]:
    packed = np.zeros(len(source), dtype=[("joints", np.uint32, 4), ("weights", np.float32, 4)])
    packed["joints"], packed["weights"] = joints[source], weights[source]
    return context.buffer(packed.tobytes()), "4u 4f", "in_joints", "in_weights"


def _geometry(body: Body) -> bytes:
    positions = body.mesh.vertices[body.creases.source]
    if not body.shows_normals:
        return np.ascontiguousarray(positions, dtype=np.float32).tobytes()
    return np.concatenate([positions, body.creases.normals(body.mesh)], axis=1, dtype=np.float32).tobytes()


def _rows(body: Body) -> bytes:
    maps = body.skin.maps if body.skin is not None else np.eye(4)[None]
    return np.ascontiguousarray(maps[:, :3, :], dtype=np.float32).tobytes()
