"""How a recording lies: whether its poses fit its pictures, which way is up, and how often pictures must be turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.geometry import Intrinsics, geodesic_angle, inverse, rigid
from ats_sim.reconstruction.capture.importing.agreement import TURNS, fit_of_poses
from ats_sim.reconstruction.capture.importing.levelling import measured_up, rotation_between
from ats_sim.reconstruction.capture.importing.options import Up
from ats_sim.reconstruction.capture.importing.recording import Z_UP, Recording
from ats_sim.reconstruction.capture.importing.straight import common_pinhole, straightened
from ats_sim.reconstruction.capture.importing.turning import quarters_to_upright, turned_poses

PAIRS = 16
APART = 0.7
"""Seconds between the two frames of a pair, at most: the camera has moved."""
TURNS_AT_MOST, MOVES_AT_MOST = float(np.radians(25.0)), 0.6
"""Radians and metres by which it has, at most: it still sees the same."""
PROBED_SIDE = 256


@dataclass(frozen=True, eq=False)
class Bearings:
    """What a recording's pictures and poses are made into."""

    T_world_camera: Array | None
    """(N, 4, 4) with z up, of pictures that were turned; None where there are none that fit."""
    quarters: int
    """How often pictures are turned counter-clockwise."""
    remarks: tuple[str, ...]
    """What a user should know."""


def bearings_of(recording: Recording, up: Up) -> Bearings:
    """Measure how a recording lies, on a few of its frames.

    Raises:
        CaptureError: If nothing tells which way is up.
    """
    poses = recording.T_world_camera
    if poses is None:
        return Bearings(None, 0, ("has no poses: they will be worked out from its pictures, which is less exact",))
    frames = pairs_of(recording.times, poses)
    lens = common_pinhole(recording.depth_lenses, PROBED_SIDE)
    depths = {int(k): probed_depth(recording, int(k), lens) for k in np.unique(frames)}
    fit = fit_of_poses([(depths[a], depths[b]) for a, b in frames.tolist()], lens, poses[frames])
    remarks = []
    if not fit.turn:
        share = f"at best {fit.share:.0%} of what two frames see agrees"
        return Bearings(None, 0, (f"its poses do not fit its depth ({share}) and were left out",))
    if fit.turn != "as recorded":
        remarks.append(f"its cameras' axes are not what the format says ({fit.turn}): put right, as depth agrees so")
    poses = poses @ TURNS[fit.turn]
    upward = _up(recording, up, depths, lens, poses)
    level = rigid(rotation_between(upward, Z_UP), np.zeros(3))
    poses = level @ poses
    quarters = quarters_to_upright(poses)
    if quarters:
        remarks.append(
            f"its pictures lay on their side: turned by {90 * quarters} degrees (if they were upright, say --up)"
        )
    return Bearings(turned_poses(poses, quarters), quarters, tuple(remarks))


def pairs_of(times: Array, poses: Array) -> Array:
    """Frames (K, 2), spread over the recording, that lie a moment apart and still see the same.

    How far and by what angle a camera moved is the same whatever its axes are called, so poses (N, 4, 4) may be asked.
    """
    pairs = []
    for first in np.unique(np.linspace(0, max(len(times) - 2, 0), PAIRS).astype(int)):
        last = int(np.searchsorted(times, times[first] + APART, side="right"))
        following = np.arange(first + 1, max(last, first + 2))
        steps = inverse(poses[first]) @ poses[following[following < len(times)]]
        if len(steps):
            still = np.broadcast_to(np.eye(3), (len(steps), 3, 3))
            near = geodesic_angle(still, steps[:, :3, :3]) < TURNS_AT_MOST
            near &= np.linalg.norm(steps[:, :3, 3], axis=1) < MOVES_AT_MOST
            pairs.append((first, first + 1 + int(np.flatnonzero(near).max(initial=0))))
    return np.array(pairs or [(0, 0)])


def probed_depth(recording: Recording, index: int, lens: Intrinsics) -> Array:
    """Depth (H, W) of a frame as that pinhole sees it."""
    return straightened(recording.depth(index), recording.depth_lenses[index], lens, smooth=False)


def _up(recording: Recording, up: Up, depths: dict[int, Array], lens: Intrinsics, poses: Array) -> Array:
    if up not in ("auto", "measured"):
        return (-1.0 if up.startswith("-") else 1.0) * np.eye(3)["xyz".index(up[-1])]
    if up == "auto" and recording.up is not None:
        return recording.up
    chosen = sorted(depths)
    found = measured_up([depths[k] for k in chosen], lens, poses[chosen, :3, :3])
    if found is None:
        raise CaptureError(
            f"{recording.name}: nothing in it tells which way is up (no floor, no table). Film some floor, or say --up."
        )
    return found
