"""A home's surface in colours that show no thing: one per coarse patch, or washed into each other, never a picture.

A patch is what faces one of six ways (up, down, and four sides) in a cell of half a metre; its colour is the mean over
it. Both kinds know no more of the photos than these means: letters, screens and faces are gone, and so is the picture
file itself, because colours then stand at the vertices.
"""

from collections.abc import Callable
from typing import get_args

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.mesh import TriangleMesh
from ats_sim.redact_options import Coloring

CELL = 0.5  # metres
WASH = 0.35  # metres, the width of the Gaussian by which patches run into each other
NEIGHBOURS = 12  # patches that a vertex takes its colour from
GRID = 5  # a triangle is looked up at GRID (GRID + 1) / 2 points


def plain_colors(mesh: TriangleMesh, coloring: Coloring) -> TriangleMesh:
    """The same surface without its picture; one that has neither picture nor colours is returned as it is.

    Args:
        mesh: With a texture or vertex colours; z up, metres.
        coloring: How much is left of them.

    Raises:
        ConfigError: If there is no such colouring.
    """
    if coloring not in get_args(Coloring):
        raise ConfigError(f"texture={coloring!r}: there is {', '.join(repr(one) for one in get_args(Coloring))}")
    if mesh.texture is None and mesh.colors is None:
        return mesh
    normals = mesh.face_normals()
    areas = np.maximum(0.5 * np.linalg.norm(normals, axis=1), 1e-9)
    centres = mesh.vertices[mesh.faces].mean(1, dtype=np.float64)
    axis = np.abs(normals).argmax(1)
    facing = 2 * axis + (np.take_along_axis(normals, axis[:, None], 1)[:, 0] > 0)
    key = np.column_stack([np.floor(centres / CELL).astype(np.int64), facing])
    patches, patch = np.unique(key, axis=0, return_inverse=True)
    weight = np.bincount(patch, areas)[:, None]
    means = _sums(patch, areas[:, None] * _face_colors(mesh)) / weight
    if coloring == "none":
        return _split(mesh, patch, lambda _, of: means[of])
    middles = _sums(patch, areas[:, None] * centres) / weight
    facings = patches[:, 3]

    def washed(points: Array, of: Array) -> Array:
        return _washed(points, of, middles, facings, weight[:, 0], means)

    return _split(mesh, facing, washed)


def _face_colors(mesh: TriangleMesh) -> Array:
    """(F, 3) mean sRGB of each triangle, by a few points on it."""
    if mesh.uv is None or mesh.texture is None:
        colors = np.zeros(mesh.vertices.shape) if mesh.colors is None else mesh.colors
        return np.asarray(colors[mesh.faces].mean(1, dtype=np.float64))
    height, width = mesh.texture.shape[:2]
    corners, total = mesh.uv[mesh.faces].astype(np.float64), np.zeros((len(mesh.faces), 3))
    steps = [(i, j) for i in range(GRID) for j in range(GRID - i)]
    for i, j in steps:
        a, b = (i + 1 / 3) / GRID, (j + 1 / 3) / GRID
        u, v = (a * corners[:, 0] + b * corners[:, 1] + (1.0 - a - b) * corners[:, 2]).T
        column = np.clip((u * width).astype(np.int64), 0, width - 1)
        total += mesh.texture[np.clip((v * height).astype(np.int64), 0, height - 1), column]
    return total / len(steps)


def _washed(points: Array, of: Array, middles: Array, facings: Array, weight: Array, means: Array) -> Array:
    """(N, 3) colours at points (N, 3) that face the ways `of` (N,): means of the patches around that face the same."""
    from scipy.spatial import cKDTree

    colors = np.zeros((len(points), 3))
    for way in np.unique(of):
        here, own = of == way, np.flatnonzero(facings == way)
        distance, nearest = cKDTree(middles[own]).query(points[here], k=list(range(1, min(NEIGHBOURS, len(own)) + 1)))
        # Relative to the nearest, so that a vertex far from every middle still takes that one's colour.
        share = np.exp((distance[:, :1] ** 2 - distance**2) / (2.0 * WASH**2)) * weight[own][nearest]
        colors[here] = (share[..., None] * means[own][nearest]).sum(1) / share.sum(1, keepdims=True)
    return colors


def _split(mesh: TriangleMesh, group: Array, color: Callable[[Array, Array], Array]) -> TriangleMesh:
    """The mesh with vertices doubled where triangles of different groups (F,) meet, coloured by place and group."""
    count = int(group.max()) + 1
    keys, corner = np.unique(mesh.faces.astype(np.int64) * count + group[:, None], return_inverse=True)
    points = mesh.vertices[keys // count]
    colors = np.clip(np.round(color(points, keys % count)), 0, 255).astype(np.uint8)
    return TriangleMesh(points, corner.reshape(-1, 3).astype(np.int32), colors=colors)


def _sums(index: Array, values: Array) -> Array:
    """(K, 3) sums of values (N, 3) that share an index (N,)."""
    return np.stack([np.bincount(index, column) for column in values.T], axis=1)
