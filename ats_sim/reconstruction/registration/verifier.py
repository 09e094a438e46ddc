"""Is a registration right? Surface against surface, surface against known free space, colour against colour.

The thresholds come from `benchmarks/verifier_calibration.py`: true and wrong placements of videos in synthesized homes,
videos of other homes among them. What passes the first set was right in at least 999 of 1000 cases; what fails the
second was right in at most 1 of 200; what lies between needs a look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import transform_points
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

Decision = Literal["accept", "review", "reject"]

ON_SURFACE = 0.08
FEWEST_SEEN = 0.15
LEAST_SURFACE, HOPEFUL_SURFACE = 0.75, 0.60
MOST_VIOLATION, HOPEFUL_VIOLATION = 0.25, 0.40
LEAST_COLOR, HOPEFUL_COLOR = 0.4, 0.25
LEAST_MARGIN = 0.05


@dataclass(frozen=True)
class Verdict:
    """How well a video's depth and colour fit the map."""

    surface: float
    """Share of the points in seen space that lie within 8 cm of a surface."""
    violation: float
    """Share of the points in seen space that lie where the map saw nothing."""
    color: float
    """Correlation of log colours with the map's, each video's own gain removed; 0 where too few points."""
    seen: float
    """Share of the points that fall into space the map has seen."""

    @property
    def score(self) -> float:
        """One number to rank hypotheses by."""
        return (self.surface - self.violation + 0.5 * self.color) * min(1.0, self.seen / 0.5)

    @property
    def decision(self) -> Decision:
        """accept, review (used by nothing, but worth a look) or reject."""
        if not self.reason:
            return "accept"
        hopeful = (
            self.seen >= FEWEST_SEEN
            and self.surface >= HOPEFUL_SURFACE
            and self.violation <= HOPEFUL_VIOLATION
            and self.color >= HOPEFUL_COLOR
        )
        return "review" if hopeful else "reject"

    @property
    def reason(self) -> str:
        """Why it is not to be trusted; empty if it is."""
        if self.seen < FEWEST_SEEN:
            return f"only {self.seen:.0%} of its surfaces lie in space that the map has seen"
        if self.surface < LEAST_SURFACE:
            return f"only {self.surface:.0%} of its surfaces fit the map (want {LEAST_SURFACE:.0%})"
        if self.violation > MOST_VIOLATION:
            return f"{self.violation:.0%} of its surfaces stand in known free space (at most {MOST_VIOLATION:.0%})"
        if self.color < LEAST_COLOR:
            return f"its colours do not fit the map (correlation {self.color:.2f}, want {LEAST_COLOR:.2f})"
        return ""


def verify(volume: TsdfVolume, points: Array, colors: Array, T_world_camera: Array) -> Verdict:
    """Judge poses (N,4,4) by camera-frame points (N,P,3; NaN = none) with colours (N,P,3) uint8."""
    world = transform_points(T_world_camera, points).reshape(-1, 3)
    known = np.isfinite(world[:, 0])
    world, shade = world[known], colors.reshape(-1, 3)[known]
    if not len(world):
        return Verdict(0.0, 1.0, 0.0, 0.0)
    distance, _, seen = volume.sample(world)
    near = seen & (np.abs(distance) < ON_SURFACE)
    free = volume.free(world)
    total = max(int((near | free | seen).sum()), 1)
    return Verdict(
        float(near.sum() / total),
        float(free.sum() / total),
        _color_correlation(volume, world[near], shade[near]),
        float(total / len(world)),
    )


def surface_share(volume: TsdfVolume, points: Array, T_world_camera: Array) -> tuple[Array, Array]:
    """Per frame (N,): share of points in seen space that lie on a surface, and share of points in seen space."""
    world = transform_points(T_world_camera, points)
    known = np.isfinite(world[..., 0])
    distance, _, seen = volume.sample(np.where(known[..., None], world, -1e6).reshape(-1, 3))
    near = (seen & (np.abs(distance) < ON_SURFACE)).reshape(known.shape)
    seen = seen.reshape(known.shape)
    return near.sum(1) / np.maximum(seen.sum(1), 1), seen.sum(1) / np.maximum(known.sum(1), 1)


def _color_correlation(volume: TsdfVolume, world: Array, shade: Array) -> float:
    cell = np.rint((world - volume.origin) / volume.voxel_size).astype(int)
    cell = np.clip(cell, 0, np.array(volume.shape) - 1)
    mapped = volume.color[tuple(cell.T)]
    lit = (mapped.min(axis=1) > 3) & (shade.min(axis=1) > 3) & (mapped.max(axis=1) < 252) & (shade.max(axis=1) < 252)
    if lit.sum() < 50:
        return 0.0
    first, second = np.log(mapped[lit].astype(np.float64)), np.log(shade[lit].astype(np.float64))
    first, second = first - first.mean(0), second - second.mean(0)
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale > 1e-9 else 0.0
