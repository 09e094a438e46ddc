"""The surface of a distance volume as a coloured mesh: marching cubes over seen voxels, crumbs removed."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

SMALLEST_PIECE = 0.03


def extract_mesh(
    volume: TsdfVolume, *, min_weight: float = 0.02, smallest_piece: float = SMALLEST_PIECE
) -> TriangleMesh:
    """Mesh the zero level where all eight corners of a cube were seen; pieces smaller than `smallest_piece` (m^2)
    are dropped. An empty mesh comes back where nothing was seen. Faces are counter-clockwise seen from free space."""
    seen = volume.weight >= min_weight
    cubes = seen[:-1, :-1, :-1].copy()
    for i, j, k in np.ndindex(2, 2, 2):
        cubes &= seen[i : i + cubes.shape[0], j : j + cubes.shape[1], k : k + cubes.shape[2]]
    # skimage asks the mask at a cube's upper corner.
    mask = np.zeros_like(seen)
    mask[1:, 1:, 1:] = cubes
    inside = volume.distance[mask] < 0
    if not inside.any() or inside.all():
        return TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32), np.zeros((0, 3), dtype=np.uint8))
    vertices, faces, _, _ = marching_cubes(
        volume.distance, level=0.0, mask=mask, gradient_direction="descent", allow_degenerate=False
    )
    colors = _colors(volume, vertices)
    mesh = TriangleMesh(vertices * volume.voxel_size + volume.origin, faces, colors)
    return without_crumbs(mesh, smallest_piece)


def without_crumbs(mesh: TriangleMesh, smallest_piece: float) -> TriangleMesh:
    """Drop connected pieces whose area is below `smallest_piece` (m^2), and vertices that no face uses."""
    count = len(mesh.vertices)
    edges = np.concatenate([mesh.faces[:, :2], mesh.faces[:, 1:]])
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    pieces, label = connected_components(graph, directed=False)
    area = 0.5 * np.linalg.norm(mesh.face_normals(), axis=1)
    total = np.bincount(label[mesh.faces[:, 0]], area, minlength=pieces)
    faces = mesh.faces[total[label[mesh.faces[:, 0]]] >= smallest_piece]
    used, compact = np.unique(faces, return_inverse=True)
    colors = None if mesh.colors is None else mesh.colors[used]
    return TriangleMesh(mesh.vertices[used], compact.reshape(-1, 3), colors)


def _colors(volume: TsdfVolume, vertices: Array) -> Array:
    """Colours between the two voxels that a vertex lies between, each weighted by its share and if it has a colour."""
    low, high = np.floor(vertices).astype(int), np.ceil(vertices).astype(int)
    share = (vertices - low).max(axis=1, keepdims=True)
    first, second = volume.color[tuple(low.T)], volume.color[tuple(high.T)]
    weight_first = (1.0 - share) * np.any(first > 0, axis=1, keepdims=True) + 1e-6
    weight_second = share * np.any(second > 0, axis=1, keepdims=True) + 1e-6
    blended = (first * weight_first + second * weight_second) / (weight_first + weight_second)
    return np.asarray(np.rint(blended).clip(0, 255), dtype=np.uint8)
