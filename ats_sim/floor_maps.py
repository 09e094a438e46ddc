"""Where a standing body fits and what it stands on, as two flat maps per floor height.

A person's body is a column: the map of its room is the smallest distance over the column's heights at every floor
point. Reading a map costs a microsecond where sampling the distance field along a column costs fifty, and as the
smallest of interpolated distances is never less than the interpolated smallest, the map errs on the careful side.
"""

import math
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.remembered import remembered
from ats_sim.volume import OUTSIDE_DISTANCE, PerceptionVolume

STEP_UP = 0.25
"""Metres that a person steps up without thinking: a stair, a mattress, a cat's bed."""
STEP_DOWN = 0.6
"""Metres that a person steps down; where the ground is deeper still, they glide down step by step."""
LEVEL = 0.05
"""Floor heights are told apart in steps of this, metres."""
EVEN = 0.06
"""Bumps below this, metres, are the scan's: the floor counts as even."""


@dataclass(frozen=True, eq=False)
class FlatMap:
    """A quantity (X, Y) at every floor point, bilinear in between."""

    values: Array
    """(X, Y) float64."""
    low: tuple[float, float]
    """Floor point of cell [0, 0], metres."""
    cell: float
    """Edge of a cell, metres."""
    outside: float
    """What the map says beyond its edge."""

    def at(self, x: float, y: float) -> float:
        """The value at one floor point."""
        u, v = (x - self.low[0]) / self.cell, (y - self.low[1]) / self.cell
        last_u, last_v = self.values.shape[0] - 1, self.values.shape[1] - 1
        if not (0.0 <= u <= last_u and 0.0 <= v <= last_v):
            return self.outside
        i, j = min(int(u), last_u - 1), min(int(v), last_v - 1)
        u, v = u - i, v - j
        (a, b), (c, d) = self.values[i : i + 2, j : j + 2].tolist()
        near: float = a + (b - a) * v
        far: float = c + (d - c) * v
        return near + (far - near) * u

    def sample(self, xy: Array) -> Array:
        """Values (...) at floor points (..., 2)."""
        grid = (np.asarray(xy, dtype=np.float64) - self.low) / self.cell
        last = np.array(self.values.shape) - 1
        inside = np.asarray(((grid >= 0.0) & (grid <= last)).all(-1))
        corner = np.clip(np.where(inside[..., None], grid, 0.0).astype(np.int64), 0, last - 1)
        u, v = np.moveaxis(grid - corner, -1, 0)
        i, j = corner[..., 0], corner[..., 1]
        near = self.values[i, j] * (1.0 - v) + self.values[i, j + 1] * v
        far = self.values[i + 1, j] * (1.0 - v) + self.values[i + 1, j + 1] * v
        return np.where(inside, near * (1.0 - u) + far * u, self.outside)

    def slope(self, x: float, y: float) -> tuple[float, float]:
        """Unit direction in which the value grows fastest, or (0, 0) where it is flat."""
        step = self.cell
        across = self.at(x + step, y) - self.at(x - step, y)
        along = self.at(x, y + step) - self.at(x, y - step)
        length = math.hypot(across, along)
        return (across / length, along / length) if length > 1e-9 else (0.0, 0.0)


class FloorMaps:
    """The maps of one home, each drawn when first asked for."""

    def __init__(self, volume: PerceptionVolume) -> None:
        """Draw nothing yet."""
        self._distance = np.asarray(volume.sdf, dtype=np.float32)
        self._low = (float(volume.sdf_origin[0]), float(volume.sdf_origin[1]))
        self._bottom, self._cell = float(volume.sdf_origin[2]), volume.sdf_voxel_size
        self._rooms: dict[tuple[int, int, int], FlatMap] = {}
        self._grounds: dict[int, FlatMap] = {}

    def room(self, floor: float, low: float, high: float) -> FlatMap:
        """Metres of free space around a body's axis between two heights above a floor height."""
        key = (round(floor / LEVEL), round(low / LEVEL), round(high / LEVEL))
        if key not in self._rooms:
            bottom = key[0] * LEVEL
            slices = self._slices(bottom + key[1] * LEVEL, bottom + key[2] * LEVEL)
            self._rooms[key] = self._map(slices.min(-1).astype(np.float64), OUTSIDE_DISTANCE)
        return self._rooms[key]

    def ground(self, floor: float) -> FlatMap:
        """Height of what carries a body that comes from a floor height: up to a step higher, or anything below."""
        key = round(floor / LEVEL)
        if key not in self._grounds:
            self._grounds[key] = self._map(self._ground(key * LEVEL), key * LEVEL)
        return self._grounds[key]

    def _ground(self, floor: float) -> Array:
        """(X, Y) height at which a ray falling from a step above the floor meets something solid."""
        column = self._slices(floor - STEP_DOWN, floor + STEP_UP)
        heights = self._heights(floor - STEP_DOWN, floor + STEP_UP)
        above, below = column[..., 1:], column[..., :-1]
        enters = (above > 0.0) & (below <= 0.0)
        last = enters.shape[-1] - 1 - np.argmax(enters[..., ::-1], axis=-1)
        share = np.take_along_axis(below / (below - above - 1e-9), last[..., None], -1)[..., 0]
        found = heights[last] + np.clip(share, 0.0, 1.0) * self._cell
        # Solid all the way up is a wall, free all the way down is a drop: neither says where one would stand.
        ground = np.where(enters.any(-1), found, np.where(column[..., -1] > 0.0, floor - STEP_DOWN, floor))
        return np.where(np.abs(ground - floor) < EVEN, floor, ground).astype(np.float64)

    def _slices(self, low: float, high: float) -> Array:
        """Distances (X, Y, K) at the grid's heights from `low` to `high`, at least two of them."""
        first, last = self._span(low, high)
        return self._distance[:, :, first : last + 1]

    def _heights(self, low: float, high: float) -> Array:
        first, last = self._span(low, high)
        return self._bottom + self._cell * np.arange(first, last + 1)

    def _span(self, low: float, high: float) -> tuple[int, int]:
        top = self._distance.shape[2] - 1
        first = min(max(math.floor((low - self._bottom) / self._cell + 0.5), 0), top - 1)
        return first, min(max(math.floor((high - self._bottom) / self._cell + 0.5), first + 1), top)

    def _map(self, values: Array, outside: float) -> FlatMap:
        return FlatMap(values, self._low, self._cell, outside)


@remembered
def floor_maps(volume: PerceptionVolume) -> FloorMaps:
    """The maps of a home, made once."""
    return FloorMaps(volume)
