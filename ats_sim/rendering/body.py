"""Meshes as a renderer holds them: where they are, how they look, and corners split along creases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypedDict, TypeVar

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.rendering.skin import Skin, box_corners

CREASE_COSINE = float(np.cos(np.radians(30.0)))
SKIN_CREASE_COSINE = float(np.cos(np.radians(75.0)))
"""Animals are round: only what is folded as sharply as an ear's rim keeps its edge."""
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
    def none(cls, mesh: TriangleMesh) -> Creases:
        """No split corners: enough where nobody sees the normals."""
        return cls(mesh.faces, np.arange(len(mesh.vertices)), np.zeros(0, dtype=np.int64))

    @classmethod
    def of(cls, mesh: TriangleMesh, cosine: float = CREASE_COSINE) -> Creases:
        """Split corners whose face turns away from the smooth normal by more than the angle of a cosine."""
        face_normals = unit(mesh.face_normals())
        turn = np.einsum("fk,fck->fc", face_normals, mesh.vertex_normals()[mesh.faces])
        creased = turn < cosine
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


class Looks(TypedDict, total=False):
    """How a mesh is drawn; what is left out takes the value named here."""

    unlit: bool
    """The colours already hold their light; shadows still fall on them (False)."""
    casts_shadow: bool
    """Whether the lamp throws its shadow (False)."""
    tint: tuple[float, float, float]
    """Multiplies the colours (1, 1, 1)."""
    opacity: float
    """Below 1 the mesh is drawn over everything behind it as if it were glass: its middle lets 1 - opacity through, its
    rims less. It keeps its colours, casts no shadow, and depth and labels are its own (1)."""


@dataclass(eq=False)
class Body:
    """One mesh in the scene and everything about its looks."""

    mesh: TriangleMesh
    label: int
    creases: Creases
    unlit: bool = False
    casts_shadow: bool = False
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    opacity: float = 1.0
    skin: Skin | None = None
    T_world_mesh: Array = field(default_factory=lambda: np.eye(4))
    visible: bool = True
    _corners: Array | None = None
    _rest_normals: Array | None = None

    @classmethod
    def of(cls, mesh: TriangleMesh | SkinnedMesh, label: int, looks: Looks) -> Body:
        """Check what a caller hands to Renderer.add; RenderError on a bad label, opacity or an empty mesh."""
        if not 0 < label < 2**24:
            raise RenderError(f"label {label}: must lie in 1..{2**24 - 1} (0 means that nothing was drawn).")
        shape, skin = (mesh.mesh, Skin.of(mesh)) if isinstance(mesh, SkinnedMesh) else (mesh, None)
        if not len(shape.faces):
            raise RenderError("mesh without triangles: nothing to draw.")
        body = cls(shape, label, Creases.none(shape), skin=skin, **looks)
        if not 0.0 < body.opacity <= 1.0:
            raise RenderError(f"opacity {body.opacity}: must lie above 0 and not above 1.")
        if body.is_glass:
            body.unlit, body.casts_shadow = True, False
        if body.shows_normals:
            body.creases = Creases.of(shape, CREASE_COSINE if skin is None else SKIN_CREASE_COSINE)
        return body

    @property
    def is_glass(self) -> bool:
        """Whether one sees through it."""
        return self.opacity < 1.0

    @property
    def shows_normals(self) -> bool:
        """Whether its normals matter for its colour."""
        return not self.unlit or self.is_glass

    @property
    def colors(self) -> Array:
        """(V, 3) uint8 sRGB vertex colours, light grey where the mesh has none."""
        if self.mesh.colors is not None:
            return self.mesh.colors
        return np.full((len(self.mesh.vertices), 3), PLAIN_GREY, dtype=np.uint8)

    def set_vertices(self, vertices: Array) -> None:
        """Replace all vertices (V, 3); ArrayError if their number changes, RenderError on a skinned mesh."""
        if self.skin is not None:
            raise RenderError("a skinned mesh moves by pose(), not by update_vertices().")
        shape = self.mesh.vertices.shape
        self.mesh = replace(self.mesh, vertices=checked("vertices", vertices, shape, dtype=np.float32))
        self._corners = None

    def pose(self, joint_transforms: Array) -> None:
        """Bend a skinned mesh; RenderError if it has no skin."""
        if self.skin is None:
            raise RenderError("only meshes taken by add_skinned() can be posed.")
        self.skin.pose(joint_transforms)

    def shaped(self) -> tuple[TriangleMesh, Array]:
        """The mesh in its current pose and the normals (V', 3) of its split vertices, both in the mesh frame."""
        if self.skin is None:
            return self.mesh, self.creases.normals(self.mesh)
        if self._rest_normals is None:
            self._rest_normals = self.creases.normals(self.mesh)
        normals = self.skin.normals(self._rest_normals, self.creases.source)
        return replace(self.mesh, vertices=self.skin.vertices()), normals

    def hull(self) -> Array:
        """(N, 3) world points whose convex hull holds the whole body, metres."""
        if self.skin is not None:
            corners = self.skin.hull()
        else:
            if self._corners is None:
                self._corners = box_corners(self.mesh.vertices.min(0), self.mesh.vertices.max(0))
            corners = self._corners
        return np.asarray(corners @ self.T_world_mesh[:3, :3].T + self.T_world_mesh[:3, 3])


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
