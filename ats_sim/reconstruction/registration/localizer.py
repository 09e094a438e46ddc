"""One picture's camera from keypoints matched to 3D points: P3P in LO-RANSAC, then refinement (poselib)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import poselib

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, rigid

FEWEST = 6


@dataclass(frozen=True, eq=False)
class Localization:
    """A camera with the matches that agree with it."""

    T_world_camera: Array
    """(4, 4)."""
    inliers: Array
    """(n,) bool over the matches given."""

    @property
    def support(self) -> int:
        """How many matches agree."""
        return int(self.inliers.sum())


def locate(
    pixels: Array, points: Array, intrinsics: Intrinsics, *, seed: int = 0, pixel_error: float | None = None
) -> Localization | None:
    """Camera that sees world `points` (n,3) at `pixels` (n,2), or None where fewer than 6 matches agree.

    `pixel_error` is the largest reprojection error of a match that agrees, by default 0.8 % of the focal length.
    """
    if len(pixels) < FEWEST:
        return None
    camera = {
        "model": "PINHOLE",
        "width": intrinsics.width,
        "height": intrinsics.height,
        "params": [intrinsics.fl_x, intrinsics.fl_y, intrinsics.cx, intrinsics.cy],
    }
    limit = pixel_error if pixel_error is not None else 0.008 * intrinsics.fl_x
    pose, info = poselib.estimate_absolute_pose(
        np.ascontiguousarray(pixels, dtype=np.float64),
        np.ascontiguousarray(points, dtype=np.float64),
        camera,
        {"max_reproj_error": limit, "max_iterations": 5000, "min_iterations": 200, "seed": seed},
        {},
    )
    inliers = np.asarray(info["inliers"], dtype=bool)
    if inliers.sum() < FEWEST:
        return None
    return Localization(inverse(rigid(np.asarray(pose.R), np.asarray(pose.t))), inliers)
