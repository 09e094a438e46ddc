"""A video as one camera with many eyes: all its matches together place it, where no single frame's would do.

The odometry says how the frames stand to each other, so that one motion of the whole explains every frame's matches.
Wrong matches disagree about that motion in as many ways as there are frames; right ones all say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import poselib

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, rigid, transform_points
from ats_sim.reconstruction.registration.neural.kabsch_ransac import fit_rigid

MOST_PER_FRAME = 150
RIG_SAMPLES = 512
FEWEST_AGREEING = 30


@dataclass(frozen=True, eq=False)
class Matches:
    """Cells of one picture and the points of the home they are thought to show."""

    pixels: Array
    """(n, 2)."""
    points_camera: Array
    """(n, 3), NaN where depth is unknown."""
    points_world: Array
    """(n, 3)."""
    weights: Array
    """(n,)."""

    @property
    def deep(self) -> Array:
        """(n,) bool, whether depth is known."""
        return np.isfinite(self.points_camera[:, 0])

    def only(self, chosen: Array) -> Matches:
        """Some of them, by index or mask."""
        return Matches(*(part[chosen] for part in (self.pixels, self.points_camera, self.points_world, self.weights)))

    def surest(self, count: int) -> Matches:
        """At most `count`, by weight."""
        return self.only(np.sort(np.argsort(-self.weights, kind="stable")[:count]))


def place_by_depth(
    matches: Sequence[Matches], T_odometry_camera: Array, *, level: bool, rng: np.random.Generator
) -> tuple[Array, float] | None:
    """T_world_odometry (4,4) and the share of matches that agree, from matches with depth of frames (N,4,4)."""
    kept = [m.only(m.deep).surest(MOST_PER_FRAME) for m in matches]
    source = np.concatenate(
        [transform_points(T, m.points_camera) for T, m in zip(T_odometry_camera, kept, strict=True)]
    )
    target, weights = (np.concatenate([getattr(m, name) for m in kept]) for name in ("points_world", "weights"))
    fit = fit_rigid(source, target, weights, rng=rng, level=level, samples=RIG_SAMPLES)
    return None if fit is None or fit.inliers.sum() < FEWEST_AGREEING else (fit.transform, fit.share)


def place_by_projection(
    matches: Sequence[Matches],
    T_odometry_camera: Array,
    intrinsics: Sequence[Intrinsics],
    *,
    pixel_error: float,
    seed: int,
) -> tuple[Array, float] | None:
    """As :func:`place_by_depth` without depth: the generalised absolute pose of the frames as a rig (poselib)."""
    kept = [m.surest(MOST_PER_FRAME) for m in matches]
    total = sum(len(m.weights) for m in kept)
    if total < FEWEST_AGREEING:
        return None
    eyes = []
    for T in inverse(T_odometry_camera):
        pose = poselib.CameraPose()
        pose.R, pose.t = T[:3, :3], T[:3, 3]
        eyes.append(pose)
    cameras = [
        {"model": "PINHOLE", "width": c.width, "height": c.height, "params": [c.fl_x, c.fl_y, c.cx, c.cy]}
        for c in intrinsics
    ]
    options = {"max_reproj_error": pixel_error, "max_iterations": 3000, "min_iterations": 300, "seed": seed}
    found, info = poselib.estimate_generalized_absolute_pose(
        [m.pixels for m in kept], [m.points_world for m in kept], eyes, cameras, options, {}
    )
    agreeing = np.concatenate([np.asarray(part, dtype=bool) for part in info["inliers"]])
    if agreeing.sum() < FEWEST_AGREEING:
        return None
    weights = np.concatenate([m.weights for m in kept])
    return inverse(rigid(np.asarray(found.R), np.asarray(found.t))), float(weights[agreeing].sum() / weights.sum())
