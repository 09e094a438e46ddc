"""A mesh unwrapped into a square picture: where each triangle lies in it, and which surface point each texel shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh

PADDING = 3
"""Texels between two charts, so that blending between texels stays within one."""
RIM = 1.0
"""How far around its triangles a chart is painted as if they went on, texels."""
CHART_COST = 8.0
"""How much a chart may bend before it is cut; large, because every cut is a seam and costs padding."""
CHART_AREA = 3.0
"""Most surface per chart, square metres: growing a chart takes time that rises faster than its size."""
BATCH_TEXELS = 1_000_000


@dataclass(frozen=True, eq=False)
class Atlas:
    """A mesh with texture coordinates and the surface under the N texels that its triangles cover."""

    mesh: TriangleMesh
    """The mesh, vertices doubled along the cuts; its texture is empty."""
    source: Array
    """(W,) int64 which vertex of the mesh before the cuts each of its vertices is."""
    size: int
    """Edge of the picture, texels."""
    texel: Array
    """(N,) int64 flat indices of covered texels, rising."""
    face: Array
    """(N,) int32 triangle on each."""
    weights: Array
    """(N, 3) float32 of the triangle's corners at the texel's centre, sum 1; a little below 0 on a chart's rim."""

    @classmethod
    def of(cls, mesh: TriangleMesh, size: int) -> Atlas:
        """Unwrap a mesh (any number of pieces); its vertex colours are left behind."""
        import xatlas

        unwrapping, charts, packing = xatlas.Atlas(), xatlas.ChartOptions(), xatlas.PackOptions()
        charts.max_cost, charts.max_chart_area = CHART_COST, CHART_AREA
        packing.resolution, packing.padding = size, PADDING
        unwrapping.add_mesh(mesh.vertices, mesh.faces.astype(np.uint32))
        unwrapping.generate(charts, packing)
        source, faces, uv = unwrapping[0]
        places = np.clip(uv, 0.0, 1.0)
        blank = np.zeros((1, 1, 3), np.uint8)
        cut = TriangleMesh(mesh.vertices[source], faces.astype(np.int32), uv=places, texture=blank)
        return cls(cut, source.astype(np.int64), size, *rasterised(places * size - 0.5, cut.faces, size))

    def at_texels(self, values: Array) -> Array:
        """Values (V, K) of the uncut mesh's vertices interpolated at the texels: (N, K) float32."""
        corners = self.source[self.mesh.faces][self.face]
        total = np.zeros((len(self.face), values.shape[1]), dtype=np.float32)
        for corner in range(3):
            total += self.weights[:, corner, None] * values[corners[:, corner]].astype(np.float32)
        return total

    def at_vertices(self, values: Array, sure: Array, count: int) -> tuple[Array, Array]:
        """Means (V, K) of texel values (N, K) around each of the uncut mesh's `count` vertices, weighted by `sure`
        (N,), and the weights (V,)."""
        corners = self.source[self.mesh.faces][self.face]
        total, weight = np.zeros((count, values.shape[1])), np.zeros(count)
        for corner in range(3):
            share = np.maximum(self.weights[:, corner], 0.0) * sure
            weight += np.bincount(corners[:, corner], share, minlength=count)
            for k in range(values.shape[1]):
                total[:, k] += np.bincount(corners[:, corner], share * values[:, k], minlength=count)
        return total / np.maximum(weight, 1e-9)[:, None], weight

    def painted(self, colors: Array) -> TriangleMesh:
        """The mesh with texel colours (N, 3) 0..255 as its texture; between charts the nearest colour goes on."""
        from scipy import ndimage

        picture = np.zeros((self.size * self.size, 3), dtype=np.uint8)
        picture[self.texel] = np.rint(np.clip(colors, 0, 255))
        if len(self.texel):
            empty = np.ones(self.size * self.size, dtype=bool)
            empty[self.texel] = False
            shape = (self.size, self.size)
            nearest = ndimage.distance_transform_edt(empty.reshape(shape), return_distances=False, return_indices=True)
            picture = picture[np.ravel_multi_index(tuple(nearest), shape).ravel()]
        return replace(self.mesh, texture=picture.reshape(self.size, self.size, 3))


def rasterised(places: Array, faces: Array, size: int) -> tuple[Array, Array, Array]:
    """The texels that triangles cover, and a rim around them.

    Args:
        places: (V, 2) vertices in texels, texel centres at integers.
        faces: (F, 3).
        size: Edge of the square picture.

    Returns:
        Flat texel (N,) int64, rising and each once, its face (N,) int32 and corner weights (N, 3) float32.
    """
    corners = places[faces].astype(np.float64)
    area = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    solid = np.flatnonzero(np.abs(area) > 1e-9)
    low = np.clip(np.floor(corners.min(1) - RIM), 0, size - 1).astype(np.int64)
    extent = np.clip(np.ceil(corners.max(1) + RIM), 0, size - 1).astype(np.int64) - low + 1
    level = np.ceil(np.log2(extent.max(1))).astype(int)
    found = []
    for side in np.unique(level[solid]):
        members = solid[level[solid] == side]
        step = max(1, BATCH_TEXELS >> int(2 * side))
        for first in range(0, len(members), step):
            batch = members[first : first + step]
            found.append(_covered(corners[batch], area[batch], low[batch], 1 << int(side), size, batch))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, 3), np.float32)
    texel, face, weights, depth = (np.concatenate(part) for part in zip(*found, strict=True))
    # Where triangles overlap on rims, the one that the texel lies deepest in has it.
    order = np.lexsort((face, -depth, texel))
    order = order[np.append(True, np.diff(texel[order]) > 0)]
    return texel[order], face[order], weights[order]


def _covered(
    corners: Array, area: Array, low: Array, side: int, size: int, face: Array
) -> tuple[Array, Array, Array, Array]:
    """Texels of B triangles within squares of `side` from `low`, and how deep inside they lie (0 = well inside)."""
    y, x = np.divmod(np.arange(side * side), side)
    column, row = low[:, :1] + x, low[:, 1:] + y
    weights, depth = [], np.zeros(column.shape)
    for corner in range(3):
        start, end = corners[:, (corner + 1) % 3], corners[:, (corner + 2) % 3]
        edge = end - start
        twice = edge[:, :1] * (row - start[:, 1:]) - edge[:, 1:] * (column - start[:, :1])
        weights.append((twice / area[:, None]).astype(np.float32))
        height = np.abs(area) / np.maximum(np.linalg.norm(edge, axis=1), 1e-9)
        depth = np.minimum(depth, weights[-1] * height[:, None])
    keep = (depth > -RIM) & (column < size) & (row < size)
    owner = np.broadcast_to(face[:, None], keep.shape)[keep].astype(np.int32)
    return (row * size + column)[keep], owner, np.stack([w[keep] for w in weights], axis=1), depth[keep]


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
