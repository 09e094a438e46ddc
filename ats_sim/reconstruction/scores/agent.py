"""How far the agent's estimated motion is from the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, geodesic_angle, heading, project_to_so3

FLIPPED = 120.0
"""Degrees of heading error beyond which an animal is the wrong way round."""


@dataclass(frozen=True, eq=False)
class PosedMotion:
    """Matching moments of the estimated and the true agent in one video."""

    estimated_root: Array
    """(N, 4, 4)."""
    true_root: Array
    """(N, 4, 4)."""
    estimated_joints: Array
    """(N, J, 3) axis-angle."""
    true_joints: Array
    """(N, J, 3)."""
    estimated_positions: Array
    """(N, J, 3) world."""
    true_positions: Array
    """(N, J, 3) world."""


def root_scores(estimated: Array, true: Array) -> dict[str, float]:
    """Distance (m) and difference of heading (deg) of root poses (N,4,4), mean and median, and the share of moments at
    which head and tail are mistaken for each other."""
    away = np.linalg.norm(estimated[:, :3, 3] - true[:, :3, 3], axis=1)
    turn = heading(estimated[:, :3, :3]) - heading(true[:, :3, :3])
    turn = np.degrees(np.abs((turn + np.pi) % (2 * np.pi) - np.pi))
    return {
        "root_m_mean": float(away.mean()),
        "root_m_median": float(np.median(away)),
        "heading_deg_mean": float(turn.mean()),
        "heading_deg_median": float(np.median(turn)),
        "heading_flip_share": float((turn > FLIPPED).mean()),
    }


def joint_position_error(videos: Sequence[PosedMotion]) -> float:
    """Mean distance (m) of joints 1.. over all moments."""
    away = [np.linalg.norm(v.estimated_positions - v.true_positions, axis=-1)[:, 1:].ravel() for v in videos]
    return float(np.concatenate(away).mean())


def joint_angle_error(videos: Sequence[PosedMotion], estimated_rest: Array, true_rest: Array) -> float | None:
    """Mean angle (rad) between rotations relative to the parent, joints 1.., after one constant rotation per joint that
    is fitted on the OTHER videos; None with fewer than two videos."""
    if len(videos) < 2:
        return None
    pairs = [
        (estimated_rest[:, :3, :3] @ exp_so3(v.estimated_joints), true_rest[:, :3, :3] @ exp_so3(v.true_joints))
        for v in videos
    ]
    errors = []
    for held, (estimated, true) in enumerate(pairs):
        others = [np.swapaxes(e, -1, -2) @ t for i, (e, t) in enumerate(pairs) if i != held]
        offset = project_to_so3(np.concatenate(others).mean(axis=0))
        errors.append(geodesic_angle(estimated @ offset, true)[:, 1:].ravel())
    return float(np.concatenate(errors).mean())
