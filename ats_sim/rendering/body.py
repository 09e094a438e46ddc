"""Meshes as a renderer holds them: where they are, how they look, and corners split along creases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.mesh import TriangleMesh

CREASE_COSINE = float(np.cos(np.radians(30.0)))
PLAIN_GREY = 200


@dataclass(frozen=True)
class Creases:
    """Which corners of a mesh get their face's normal instead of the smooth one, so that boxes look like boxes."""

    faces: Array
    """(F, 3) int32 indices into the split vertices."""
    source: Array
    """(V',) original vertex of each split vertex; the first V are the originals."""
    face_of_extra: Array
    """(V' - V,) face whose normal each added vertex takes."""

    @classmethod
    def of(cls, mesh: TriangleMesh) -> Creases:
        """Split corners whose face turns away from the smooth normal by more than 30 degrees."""
        face_normals = unit(mesh.face_normals())
        cosine = np.einsum("fk,fck->fc", face_normals, mesh.vertex_normals()[mesh.faces])
        creased = cosine < CREASE_COSINE
        faces = mesh.faces.copy()
        count = len(mesh.vertices)
        extra = int(creased.sum())
        faces[creased] = np.arange(count, count + extra)
        source = np.concatenate([np.arange(count), mesh.faces[creased]])
        return cls(faces=faces, source=source, face_of_extra=np.nonzero(creased)[0])

    def normals(self, mesh: TriangleMesh) -> Array:
        """(V', 3) float32 unit normals of the split vertices."""
        smooth = mesh.vertex_normals()
        if not len(self.face_of_extra):
            return smooth
        return np.concatenate([smooth, unit(mesh.face_normals()[self.face_of_extra])]).astype(np.float32)


@dataclass
class Body:
    """One mesh in the scene and everything about its looks."""

    mesh: TriangleMesh
    label: int
    unlit: bool
    casts_shadow: bool
    tint: tuple[float, float, float]
    creases: Creases
    T_world_mesh: Array = field(default_factory=lambda: np.eye(4))
    visible: bool = True

    @classmethod
    def of(
        cls, mesh: TriangleMesh, label: int, unlit: bool, casts_shadow: bool, tint: tuple[float, float, float]
    ) -> Body:
        """Check what a caller hands to Renderer.add; RenderError on a bad label or a mesh without triangles."""
        if not 0 < label < 2**24:
            raise RenderError(f"label {label}: must lie in 1..{2**24 - 1} (0 means that nothing was drawn).")
        if not len(mesh.faces):
            raise RenderError("mesh without triangles: nothing to draw.")
        return cls(mesh, label, unlit, casts_shadow, tint, Creases.of(mesh))

    @property
    def colors(self) -> Array:
        """(V, 3) uint8 sRGB vertex colours, light grey where the mesh has none."""
        if self.mesh.colors is not None:
            return self.mesh.colors
        return np.full((len(self.mesh.vertices), 3), PLAIN_GREY, dtype=np.uint8)

    def set_vertices(self, vertices: Array) -> None:
        """Replace all vertices (V, 3); ArrayError if their number changes."""
        shape = self.mesh.vertices.shape
        self.mesh = replace(self.mesh, vertices=checked("vertices", vertices, shape, dtype=np.float32))

    def world_vertices(self) -> Array:
        """(V, 3) vertices in the world, metres."""
        return self.mesh.vertices @ self.T_world_mesh[:3, :3].T + self.T_world_mesh[:3, 3]


B = TypeVar("B")


class Shelf(Generic[B]):
    """Things behind integer handles, in the order they came."""

    def __init__(self) -> None:
        self._items: dict[int, B] = {}
        self._next = 1

    def put(self, item: B) -> int:
        """Store an item, return its handle; handles are never used twice."""
        handle = self._next
        self._next += 1
        self._items[handle] = item
        return handle

    def get(self, handle: int) -> B:
        """The item of a handle; RenderError if there is none."""
        if handle not in self._items:
            raise RenderError(f"mesh handle {handle} is unknown (removed, or of another renderer).")
        return self._items[handle]

    def take(self, handle: int) -> B:
        """Remove and return the item of a handle; RenderError if there is none."""
        item = self.get(handle)
        del self._items[handle]
        return item

    def clear(self) -> list[B]:
        """Remove and return everything."""
        items = list(self._items.values())
        self._items.clear()
        return items

    def __iter__(self) -> Iterator[B]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)


def unit(vectors: Array) -> Array:
    """Vectors (..., 3) at length one; zero vectors stay zero."""
    length = np.sqrt(np.einsum("...k,...k->...", vectors, vectors))[..., None]
    return vectors / np.where(length > 0.0, length, 1.0)
