"""From a volume around the rest pose to a skinned mesh: its largest surface, simplified, four bones a vertex."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.skeleton import Skeleton

FACES = 1600
INFLUENCES = 4


def outlined(
    volume: Array, origin: Array, voxel_size: float, skeleton: Skeleton, held: Callable[[Array], Array]
) -> SkinnedMesh:
    """The largest surface of a volume (X, Y, Z) that is negative inside, in the root frame.

    Args:
        volume: Its values.
        origin: (3,) place of voxel 0, 0, 0.
        voxel_size: Metres.
        skeleton: What the surface is bound to.
        held: Weights (V, J) of points (V, 3).

    Raises:
        ReconstructionError: If nothing is inside.
    """
    import fast_simplification
    from scipy import ndimage
    from skimage.measure import marching_cubes

    pieces, count = ndimage.label(volume < 0.0)
    if not count:
        raise ReconstructionError("the frames of the agent agree on no surface at all; check masks and depth")
    largest = 1 + int(np.argmax(np.bincount(pieces.reshape(-1))[1:]))
    alone = np.where((pieces != largest) & (volume < 0.0), 0.05, volume)
    vertices, faces, _, _ = marching_cubes(alone, level=0.0, gradient_direction="descent")
    small, kept = fast_simplification.simplify(
        (vertices * voxel_size + origin).astype(np.float32),
        faces.astype(np.int32),
        target_count=min(FACES, len(faces)),
        agg=3.0,
    )
    used = np.unique(kept)
    small, kept = np.asarray(small)[used].astype(np.float32), np.searchsorted(used, kept).astype(np.int32)
    joints, weights = strongest(held(small))
    return SkinnedMesh(TriangleMesh(small, kept), joints, weights, skeleton)


def strongest(dense: Array) -> tuple[Array, Array]:
    """The four strongest joints (V, 4) of weights (V, J), and their weights (V, 4), which sum to one."""
    joints = np.argsort(-dense, axis=1, kind="stable")[:, :INFLUENCES]
    weights = np.take_along_axis(dense, joints, axis=1)
    return joints.astype(np.int32), (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
