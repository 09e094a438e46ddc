"""The static collision shape of a home: the boundary of its free space, closed on all sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.export.mesh import simplified

COLLISION_FACES = 30_000


def collision_mesh(sdf: Array, origin: Array, voxel: float, faces: int = COLLISION_FACES) -> TriangleMesh:
    """The zero level of a distance grid (X, Y, Z), > 0 in free space; normals look into free space.

    The grid's rim counts as solid, so the surface is closed: whatever starts in free space stays inside it.
    """
    from skimage.measure import marching_cubes

    padded = np.pad(sdf.astype(np.float32), 1, constant_values=-voxel)
    vertices, triangles, _, _ = marching_cubes(padded, level=0.0, gradient_direction="descent", allow_degenerate=False)
    placed = (vertices - 1.0) * voxel + origin
    return simplified(TriangleMesh(placed.astype(np.float32), triangles.astype(np.int32)), faces)


def write_obj(path: Path, mesh: TriangleMesh) -> None:
    """Write a Wavefront OBJ of triangles, z up, atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii") as stream:
        stream.write("# z up, metres\n")
        np.savetxt(stream, mesh.vertices, fmt="v %.4f %.4f %.4f")
        np.savetxt(stream, mesh.faces + 1, fmt="f %d %d %d")
