"""Meshes fit for a simulator: few triangles, colours kept, no holes in the floor that people walk on."""

from __future__ import annotations

import numpy as np

from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.export.space import Space
from ats_sim.reconstruction.scene.raycast import Raycaster

SCENE_FACES = 40_000
BELOW_FLOOR = 0.012
"""How far below the floor its patches lie, metres."""


def simplified(mesh: TriangleMesh, faces: int) -> TriangleMesh:
    """At most about `faces` triangles; colours come from the nearest original vertices."""
    import fast_simplification
    from scipy.spatial import cKDTree

    if len(mesh.faces) <= faces:
        return mesh
    vertices, kept = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=faces, agg=5.0)
    used = np.unique(kept)
    vertices, kept = np.asarray(vertices)[used], np.searchsorted(used, kept)
    colors = None
    if mesh.colors is not None:
        _, nearest = cKDTree(mesh.vertices).query(vertices, k=4)
        colors = np.rint(mesh.colors[nearest].mean(axis=1)).astype(np.uint8)
    return TriangleMesh(vertices.astype(np.float32), kept.astype(np.int32), colors)


def scene_mesh(mesh: TriangleMesh, space: Space) -> TriangleMesh:
    """The home's visible mesh (home frame in and out), simplified, with the floor's holes closed."""
    patch = floor_patches(mesh, space)
    small = simplified(mesh, SCENE_FACES - (0 if patch is None else len(patch.faces)))
    return small if patch is None else merge([small, patch])


def floor_patches(mesh: TriangleMesh, space: Space) -> TriangleMesh | None:
    """Squares of floor below free space in and around the mesh's holes, coloured like the floor around them."""
    from scipy import ndimage
    from scipy.spatial import cKDTree

    layer = int(np.rint((0.15 - space.origin[2]) / space.voxel))
    open_floor = space.free[:, :, layer]
    cells = np.argwhere(open_floor)
    if not len(cells):
        return None
    above = np.column_stack([space.origin[:2] + cells * space.voxel, np.full(len(cells), 0.15)])
    distance, _, _ = Raycaster(mesh).cast(above, np.tile([0.0, 0.0, -1.0], (len(above), 1)))
    hole = np.zeros_like(open_floor)
    hole[tuple(cells[distance > 0.3].T)] = True
    if not hole.any():
        return None
    # A wider patch, a little below the floor, leaves no gap along a hole's ragged rim.
    places = space.origin[:2] + np.argwhere(ndimage.binary_dilation(hole, iterations=3) & open_floor) * space.voxel
    half, count = 0.5 * space.voxel, len(places)
    corners = np.array([[-half, -half, 0.0], [half, -half, 0.0], [half, half, 0.0], [-half, half, 0.0]])
    vertices = (np.column_stack([places, np.full(count, -BELOW_FLOOR)])[:, None] + corners).reshape(-1, 3)
    first = 4 * np.arange(count)[:, None]
    faces = np.concatenate([first + [0, 1, 2], first + [0, 2, 3]])
    colors = None
    if mesh.colors is not None:
        flat = (np.abs(mesh.vertices[:, 2]) < 0.04) & (mesh.vertex_normals()[:, 2] > 0.9)
        known = flat if flat.any() else np.ones(len(flat), dtype=bool)
        _, nearest = cKDTree(mesh.vertices[known, :2]).query(vertices[:, :2], k=min(8, int(known.sum())))
        near = mesh.colors[known][nearest.reshape(len(vertices), -1)]
        colors = np.rint(near.mean(axis=1)).astype(np.uint8)
    return TriangleMesh(vertices.astype(np.float32), faces.astype(np.int32), colors)
