"""Sliding: a short step that meets something is bent along it; a tight spot never becomes a tighter one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ats_sim.floor_maps import FlatMap

SLIDES = 3  # tries to bend a step
Disc = tuple[float, float, float]
"""x, y and radius (m) of something that may not be walked into."""


@dataclass(frozen=True, eq=False)
class Slide:
    """A body of a radius among what it has to respect."""

    room: FlatMap
    """Metres to the home."""
    obstacles: Sequence[Disc]
    """Whoever else is about."""
    radius: float
    """Of the body, metres."""

    def clearance(self, x: float, y: float) -> float:
        """Metres around the axis, to the home and to everything else."""
        nearest = self.room.at(x, y)
        for ox, oy, radius in self.obstacles:
            nearest = min(nearest, math.hypot(x - ox, y - oy) - radius)
        return nearest

    def outward(self, x: float, y: float) -> tuple[float, float]:
        """Unit direction that gains room, away from whatever is nearest; (0, 0) where there is none."""
        for ox, oy, radius in self.obstacles:
            apart = math.hypot(x - ox, y - oy)
            if apart > 1e-6 and apart - radius < self.room.at(x, y):
                return (x - ox) / apart, (y - oy) / apart
        return self.room.slope(x, y)

    def step(self, x: float, y: float, dx: float, dy: float) -> tuple[float, float] | None:
        """Where a short piece of the walk ends, bent along what is in the way, or None if there is no way on.

        A body that starts in a tight spot may stay as tight as it is, never tighter.
        """
        to_x, to_y = x + dx, y + dy
        free = self.clearance(to_x, to_y)
        if free >= self.radius:
            return to_x, to_y
        needed, length = min(self.radius, self.clearance(x, y)), math.hypot(dx, dy)
        for _ in range(SLIDES):
            lacking = needed - free
            if lacking <= 1e-9:
                return to_x, to_y
            nx, ny = self.outward(to_x, to_y)
            to_x, to_y = to_x + nx * (lacking + 1e-4), to_y + ny * (lacking + 1e-4)
            reach = math.hypot(to_x - x, to_y - y)
            if reach > length:
                to_x, to_y = x + (to_x - x) * length / reach, y + (to_y - y) * length / reach
            free = self.clearance(to_x, to_y)
        return (to_x, to_y) if needed - free <= 1e-9 else None
