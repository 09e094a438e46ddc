"""How a camera moved within its own video: the device's odometry, or frame-to-frame RGB-D keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, geodesic_angle, inverse
from ats_sim.reconstruction.registration.keypoints import FrameKeypoints, mutual_matches
from ats_sim.reconstruction.registration.localizer import locate

FASTEST_MOVE = 4.0
FASTEST_TURN = np.radians(360.0)
FEWEST_MATCHES = 10
LEAPS = (1, 2, 3)
SURE_MATCHES = 100
DEVICE_SIGMA = (0.001, float(np.radians(0.03)))
"""Expected error of a device's step, metres and radians. Trusted this much, cameras come out better even where the
device drifts ten times as much as phones do (benchmarks/RESULTS.md)."""

PHONE_DRIFT = 0.006
"""Share of a stretch of way that a phone's tracking is off by, registration's own errors included."""
STRETCH = 2.0
"""Metres over which drift is told from those errors."""


@dataclass(frozen=True, eq=False)
class Odometry:
    """Poses that are right relative to each other within a segment, in a frame of their own."""

    T_odometry_camera: Array
    """(N, 4, 4)."""
    segment: Array
    """(N,) int, rising; where it changes, the track was lost in between."""
    sigma_position: Array
    """(N-1,) expected error of each step, metres."""
    sigma_rotation: Array
    """(N-1,) expected error of each step, radians."""
    gravity: bool
    """Whether z of its frame is up."""

    def part(self, frames: Array) -> Odometry:
        """The track of chosen frames (K,) alone, rising; errors of the steps between them add up as variances."""
        position = np.concatenate([[0.0], np.cumsum(self.sigma_position**2)])[frames]
        rotation = np.concatenate([[0.0], np.cumsum(self.sigma_rotation**2)])[frames]
        return Odometry(
            self.T_odometry_camera[frames],
            self.segment[frames],
            np.sqrt(np.diff(position)),
            np.sqrt(np.diff(rotation)),
            self.gravity,
        )


def device_odometry(T_odometry_camera: Array, times: Array) -> Odometry:
    """The device's poses (N,4,4), cut where they jump faster than a hand moves (4 m/s or 360 deg/s)."""
    steps = inverse(T_odometry_camera[:-1]) @ T_odometry_camera[1:]
    elapsed = np.maximum(np.diff(times), 1e-3)
    angle = geodesic_angle(np.eye(3), steps[:, :3, :3])
    jump = (np.linalg.norm(steps[:, :3, 3], axis=1) > np.maximum(FASTEST_MOVE * elapsed, 0.3)) | (
        angle > np.maximum(FASTEST_TURN * elapsed, np.radians(20.0))
    )
    return Odometry(
        np.asarray(T_odometry_camera),
        np.concatenate([[0], np.cumsum(jump)]),
        np.full(len(steps), DEVICE_SIGMA[0]),
        np.full(len(steps), DEVICE_SIGMA[1]),
        gravity=True,
    )


def drift_beside(T_world_camera: Array, odometry: Odometry) -> float:
    """Share of the way by which a track departs over a stretch of it from where registration puts its cameras (N,4,4),
    the median over stretches; 0 for tracks without any."""
    T_odometry_camera = odometry.T_odometry_camera
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(T_odometry_camera[:, :3, 3], axis=0), axis=1))])
    last = np.searchsorted(way, way + STRETCH)
    first = np.flatnonzero(last < len(way))
    last = last[first]
    together = odometry.segment[first] == odometry.segment[last]
    first, last = first[together], last[together]
    if not len(first):
        return 0.0
    told, found = (inverse(T[first]) @ T[last] for T in (T_odometry_camera, T_world_camera))
    off = np.linalg.norm((inverse(told) @ found)[:, :3, 3], axis=1)
    return float(np.median(off / (way[last] - way[first])))


def visual_odometry(frames: Sequence[FrameKeypoints], intrinsics: Intrinsics, *, seed: int = 0) -> Odometry:
    """Chain relative poses between neighbours (or, where that fails, up to three frames apart) from keypoints with
    depth; each new frame hangs on the earlier one it shares most matches with. Few matches make a vague step."""
    poses = np.tile(np.eye(4), (len(frames), 1, 1))
    segment = np.zeros(len(frames), dtype=np.int64)
    vagueness = np.ones(max(len(frames) - 1, 0))
    for i in range(1, len(frames)):
        step = _best_step(frames, i, segment, intrinsics, seed)
        segment[i] = segment[i - 1] + (step is None)
        if step is not None:
            earlier, relative, support = step
            poses[i] = poses[earlier] @ relative
            vagueness[i - 1] = np.sqrt(SURE_MATCHES / min(support, SURE_MATCHES))
    return Odometry(poses, segment, 0.01 * vagueness, np.radians(0.3) * vagueness, gravity=False)


def relative_pose(
    earlier: FrameKeypoints, later: FrameKeypoints, intrinsics: Intrinsics, *, seed: int = 0
) -> tuple[Array, int] | None:
    """T_earlier_later (4,4) and the number of agreeing matches, or None where too few agree."""
    pairs = mutual_matches(later.descriptors, earlier.descriptors)
    pairs = pairs[earlier.depth[pairs[:, 1]] > 0]
    found = locate(
        later.pixels[pairs[:, 0]],
        earlier.points[pairs[:, 1]],
        intrinsics,
        seed=seed,
        pixel_error=0.006 * intrinsics.fl_x,
    )
    if found is None or found.support < FEWEST_MATCHES:
        return None
    return found.T_world_camera, found.support


def _best_step(
    frames: Sequence[FrameKeypoints], i: int, segment: Array, intrinsics: Intrinsics, seed: int
) -> tuple[int, Array, int] | None:
    best: tuple[int, Array, int] | None = None
    for leap in LEAPS:
        if i - leap < 0 or segment[i - leap] != segment[i - 1]:
            break
        found = relative_pose(frames[i - leap], frames[i], intrinsics, seed=seed)
        if found is not None and (best is None or found[1] > best[2]):
            best = (i - leap, *found)
        if best is not None and best[2] >= 40:
            break
    return best
