"""Whether poses belong to the pictures they came with: what one frame measures must be where another measures it.

Programs turn pictures without their poses, and swap the axes of cameras from version to version. That cannot be read
off a file, but it can be measured: depth of one frame, carried to another by their poses, must meet that frame's depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, geodesic_angle, inverse, transform_points
from ats_sim.reconstruction.capture.importing.turning import QUARTER

FEWEST = 3
"""Pairs of frames that tell something."""
MOVED, TURNED = 0.1, float(np.radians(6.0))
"""A pair tells something when the camera moved (metres) or turned (radians) this much in between."""
SLACK, SLACK_SHARE = 0.04, 0.03
"""Depths agree within this many metres and this share of their distance."""
GOOD, BETTER = 0.7, 0.1
"""Other axes are believed where so many depths agree, and so many more than with any others."""
FAIR = 0.4
"""Poses as they are told are believed from here on, where no others come near: fast ones, or a restless room."""
STRIDE = 6
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
TURNS = {
    "as recorded": np.eye(4),
    **{f"turned by {90 * k} degrees": np.linalg.matrix_power(QUARTER, k) for k in (1, 2, 3)},
    **{
        f"axes flipped{f', turned by {90 * k} degrees' if k else ''}": np.linalg.matrix_power(QUARTER, k) @ _FLIP
        for k in range(4)
    },
}
"""T_pose_camera: what may lie between the axes that a pose means and those of the pictures."""


@dataclass(frozen=True)
class Fit:
    """How poses fit depth."""

    turn: str
    """One of TURNS; empty where no way of turning them makes them fit."""
    share: float
    """Share of depths that agree when turned so; NaN where the camera hardly moved, so that nothing can be told."""


def fit_of_poses(depths: Sequence[tuple[Array, Array]], intrinsics: Intrinsics, poses: Array) -> Fit:
    """The turn under which poses fit depth best.

    Args:
        depths: Pairs of depth pictures (H, W) of K pairs of frames, metres, 0 where unknown.
        intrinsics: Their lens.
        poses: (K, 2, 4, 4) of the same frames, T_world_camera as they are told.
    """
    shares = shares_of_turns(depths, intrinsics, poses)
    if not shares:
        return Fit("as recorded", float("nan"))
    best = max(shares, key=lambda name: shares[name])
    others = max(share for name, share in shares.items() if name != best)
    is_clear = best == "as recorded" and shares[best] >= max(FAIR, others + 2 * BETTER)
    if is_clear or shares["as recorded"] >= max(GOOD, shares[best] - BETTER):
        return Fit("as recorded", shares["as recorded"])
    if shares[best] >= GOOD and shares[best] >= others + BETTER:
        return Fit(best, shares[best])
    return Fit("", shares[best])


def shares_of_turns(depths: Sequence[tuple[Array, Array]], intrinsics: Intrinsics, poses: Array) -> dict[str, float]:
    """By turn, the share of depths that agree under it; empty where the camera hardly moved. See `fit_of_poses`."""
    steps = inverse(poses[:, 0]) @ poses[:, 1]
    tells = (np.linalg.norm(steps[:, :3, 3], axis=1) > MOVED) | (
        geodesic_angle(np.broadcast_to(np.eye(3), (len(steps), 3, 3)), steps[:, :3, :3]) > TURNED
    )
    if np.count_nonzero(tells) < FEWEST:
        return {}
    shares = {}
    for name, turn in TURNS.items():
        pairs = [(depths[int(k)], inverse(turn) @ steps[k] @ turn) for k in np.flatnonzero(tells)]
        found = [_share(first, second, intrinsics, T) for (first, second), T in pairs]
        measured = [share for share in found if share is not None]
        shares[name] = float(np.median(measured)) if len(measured) >= FEWEST else 0.0
    return shares


def _share(first: Array, second: Array, intrinsics: Intrinsics, T_first_second: Array) -> float | None:
    """The share of the second frame's depths, as the first sees them, that meet its own; None where it sees too few."""
    points = intrinsics.unproject(second)[::STRIDE, ::STRIDE].reshape(-1, 3)
    u, v, z = intrinsics.project(transform_points(T_first_second, points[points[:, 2] > 0.0]))
    inside = (z > 0.1) & (u > -0.5) & (u < intrinsics.width - 0.5) & (v > -0.5) & (v < intrinsics.height - 0.5)
    met = first[np.rint(v[inside]).astype(int), np.rint(u[inside]).astype(int)]
    known = met > 0.0
    if np.count_nonzero(known) < 20:
        return None
    # What hides behind something nearer cannot be met, whatever the poses: only what should be seen counts.
    gap = z[inside][known] - met[known]
    slack = SLACK + SLACK_SHARE * met[known]
    return float((np.abs(gap) < slack).sum() / max(1, (gap < slack).sum() + 0.5 * (gap >= slack).sum()))
