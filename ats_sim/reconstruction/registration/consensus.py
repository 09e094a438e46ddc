"""One rigid transform for a whole video from many single-frame poses, most of which may be wrong.

A candidate pose P_i of frame i and the video's own odometry O give T = P_i inv(O_i). The T that most other frames agree
with wins and is averaged over those that agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle, inverse, project_to_so3, rigid

SAME_POSITION = 0.35
SAME_ROTATION = np.radians(12.0)


@dataclass(frozen=True, eq=False)
class Consensus:
    """The transform that most frames agree with."""

    T_world_odometry: Array
    """(4, 4)."""
    supporters: Array
    """(n,) bool over the candidates."""
    weight: float
    """Sum of the supporters' weights."""


def agree(candidates: Array, T_odometry_camera: Array, weights: Array) -> Consensus | None:
    """Find the transform that most single-frame poses `candidates` (n,4,4) support, given the odometry (n,4,4) of the
    same frames. A frame supports it within 35 cm and 12 degrees. None without candidates."""
    if not len(candidates):
        return None
    hypotheses = candidates @ inverse(T_odometry_camera)
    near = np.stack([_within(T @ T_odometry_camera, candidates, 1.0) for T in hypotheses])
    best = int(np.argmax(near @ weights))
    supporters, mean = near[best], hypotheses[best]
    for tightness in (1.0, 0.5, 0.5):
        mean = robust_mean(candidates[supporters], T_odometry_camera[supporters], weights[supporters])
        closer = _within(mean @ T_odometry_camera, candidates, tightness)
        if not closer.any():
            break
        supporters = closer
    return Consensus(mean, supporters, float(weights[supporters].sum()))


def robust_mean(poses: Array, T_odometry_camera: Array, weights: Array) -> Array:
    """Weighted mean T (4,4) with T O_i = P_i: chordal mean of rotations, then the position that fits the centres."""
    share = weights / weights.sum()
    rotation = project_to_so3(np.einsum("n,nij,nkj->ik", share, poses[:, :3, :3], T_odometry_camera[:, :3, :3]))
    centres = poses[:, :3, 3] - T_odometry_camera[:, :3, 3] @ rotation.T
    return rigid(rotation, share @ centres)


def _within(first: Array, second: Array, tightness: float) -> Array:
    near = np.linalg.norm(first[:, :3, 3] - second[:, :3, 3], axis=1) < SAME_POSITION * tightness
    return np.asarray(near & (geodesic_angle(first[:, :3, :3], second[:, :3, :3]) < SAME_ROTATION * tightness))
