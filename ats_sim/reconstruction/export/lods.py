"""Coarser copies of a scene, for things far away or slow machines: fewer triangles, a smaller picture on each.

Fewer triangles cannot keep the cuts of the old picture's charts, so every copy is unwrapped anew and its picture is
painted from the old one: each texel has the colour of the nearest texel of the original that faces the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.export.mesh import simplified
from ats_sim.reconstruction.painting.atlas import Atlas, rasterised

SHARES = (0.5, 0.25, 0.1)
"""Triangles of each copy, as a share of the original's."""
SIX_WAYS = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
LEAST_FACING = 0.3
"""Cosine: so a wall's two sides keep their own colours."""
LEAST_TEXTURE = 128


def scene_lods(mesh: TriangleMesh, shares: Sequence[float] = SHARES) -> list[TriangleMesh]:
    """One copy per share, textured where the mesh is; the texture shrinks with the triangles' edges.

    Args:
        mesh: The scene; its texture, if any, is square.
        shares: Of its triangles, 0 to 1.
    """
    whole = welded(mesh)
    copies = [simplified(whole, max(4, int(share * len(mesh.faces)))) for share in shares]
    if mesh.uv is None:
        return copies
    source = _Painted.of(mesh)
    return [source.onto(copy, _texture_side(mesh, share)) for copy, share in zip(copies, shares, strict=True)]


def welded(mesh: TriangleMesh) -> TriangleMesh:
    """The mesh with vertices at one place made one: without texture, whose cuts had doubled them."""
    _, first, index = np.unique(mesh.vertices, axis=0, return_index=True, return_inverse=True)
    faces = index.reshape(-1)[mesh.faces]
    solid = (faces != np.roll(faces, 1, axis=1)).all(1)
    colors = None if mesh.colors is None else mesh.colors[first]
    return TriangleMesh(mesh.vertices[first], faces[solid].astype(np.int32), colors)


def _texture_side(mesh: TriangleMesh, share: float) -> int:
    """Half the texture's edge for a quarter of the triangles: a power of two, as engines like it."""
    assert mesh.texture is not None
    side = len(mesh.texture) * np.sqrt(share)
    return max(LEAST_TEXTURE, int(2 ** np.ceil(np.log2(side) - 0.01)))


class _Painted:
    """The surface of a textured mesh, texel by texel, in six heaps by where it faces."""

    def __init__(self, points: Array, normals: Array, colors: Array) -> None:
        """Take surface points (N, 3), unit normals (N, 3) and colours (N, 3)."""
        from scipy.spatial import cKDTree

        self._heaps = []
        for direction in SIX_WAYS:
            facing = normals @ direction > LEAST_FACING
            # Where nothing faces that way, anything will do.
            chosen = facing if facing.any() else np.ones(len(points), dtype=bool)
            self._heaps.append((cKDTree(points[chosen], balanced_tree=False), colors[chosen]))

    @classmethod
    def of(cls, mesh: TriangleMesh) -> _Painted:
        """What a mesh's texture shows."""
        assert mesh.texture is not None and mesh.uv is not None
        size = len(mesh.texture)
        texel, face, weights = rasterised(mesh.uv * size - 0.5, mesh.faces, size)
        corners = mesh.vertices[mesh.faces][face]
        return cls(
            np.einsum("nk,nkj->nj", weights, corners),
            _unit(mesh.face_normals())[face],
            mesh.texture.reshape(-1, 3)[texel],
        )

    def onto(self, mesh: TriangleMesh, size: int) -> TriangleMesh:
        """Unwrap a mesh and paint it."""
        atlas = Atlas.of(mesh, size)
        points, normals = atlas.at_texels(mesh.vertices), _unit(mesh.face_normals())[atlas.face]
        way = (normals @ SIX_WAYS.T).argmax(1)
        colors = np.zeros((len(points), 3), dtype=np.float32)
        for k, (heap, known) in enumerate(self._heaps):
            mine = np.flatnonzero(way == k)
            if len(mine):
                colors[mine] = known[heap.query(points[mine])[1]]
        return atlas.painted(colors)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
