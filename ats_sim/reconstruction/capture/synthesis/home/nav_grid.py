"""Where a body fits on the floor, and the shortest way through."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError

_STEPS = [(dx, dy, float(np.hypot(dx, dy))) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]


@dataclass(frozen=True)
class NavGrid:
    """Free floor cells of a home.

    ``origin`` (2,) is the world position of the centre of cell [0, 0], ``cell`` its side in metres, ``free`` (X, Y)
    is True where the middle of a trunk may be.
    """

    origin: Array
    cell: float
    free: Array

    def to_cell(self, xy: ArrayLike) -> Array:
        """Cells (..., 2) int that hold world points (..., 2), clipped to the grid."""
        index = np.rint((np.asarray(xy, float) - self.origin) / self.cell).astype(int)
        return np.clip(index, 0, np.array(self.free.shape) - 1)

    def to_world(self, cells: ArrayLike) -> Array:
        """World positions (..., 2) of cell centres (..., 2)."""
        return self.origin + np.asarray(cells) * self.cell

    def is_free(self, xy: ArrayLike) -> Array:
        """Whether world points (..., 2) lie in free cells; outside the grid is not free."""
        index = np.rint((np.asarray(xy, float) - self.origin) / self.cell).astype(int)
        inside = ((index >= 0) & (index < np.array(self.free.shape))).all(-1)
        clipped = np.clip(index, 0, np.array(self.free.shape) - 1)
        return inside & self.free[clipped[..., 0], clipped[..., 1]]

    def nearest_free(self, xy: ArrayLike) -> Array:
        """The point itself where it is free, else the centre of the closest free cell, (2,)."""
        point = np.asarray(xy, float)
        if self.is_free(point):
            return point
        cells = np.argwhere(self.free)
        if len(cells) == 0:
            raise CaptureError("The floor plan has no free cell; ask for a home with more space.")
        centres = self.to_world(cells)
        nearest: Array = centres[np.argmin(((centres - point) ** 2).sum(-1))]
        return nearest

    def segment_free(self, start: ArrayLike, end: ArrayLike) -> bool:
        """Whether the straight way between two world points stays in free cells."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        count = max(2, int(np.ceil(np.linalg.norm(b - a) / (self.cell / 6))) + 1)
        return bool(self.is_free(a + (b - a) * np.linspace(0, 1, count)[:, None]).all())

    def clearance(self) -> Array:
        """Distance in metres from each cell (X, Y) to the closest cell that is not free."""
        padded = np.pad(self.free, 1)
        distance: Array = distance_transform_edt(padded)[1:-1, 1:-1] * self.cell
        return distance

    def sample(self, rng: np.random.Generator) -> Array:
        """A random free cell's centre, (2,)."""
        cells = np.argwhere(self.free)
        return self.to_world(cells[rng.integers(len(cells))])

    def plan(self, start_xy: ArrayLike, goal_xy: ArrayLike) -> Array:
        """Waypoints (K, 2), K >= 2, of a short way whose straight pieces stay in free cells.

        Ends that are not free are moved to the closest free point. Raises CaptureError where no way exists.
        """
        start, goal = self.nearest_free(start_xy), self.nearest_free(goal_xy)
        if self.segment_free(start, goal):
            return np.stack([start, goal])
        cells = self._search(tuple(self.to_cell(start)), tuple(self.to_cell(goal)))
        way = np.concatenate([start[None], self.to_world(cells), goal[None]])
        return self._pull_taut(way)

    def _search(self, start: tuple[int, ...], goal: tuple[int, ...]) -> Array:
        cost = {start: 0.0}
        parent: dict[tuple[int, ...], tuple[int, ...]] = {}
        queue = [(0.0, start)]
        done: set[tuple[int, ...]] = set()
        while queue:
            _, here = heapq.heappop(queue)
            if here == goal:
                return _unwind(parent, goal)
            if here in done:
                continue
            done.add(here)
            for there, step in self._neighbours(here):
                total = cost[here] + step
                if total < cost.get(there, np.inf):
                    cost[there], parent[there] = total, here
                    heapq.heappush(queue, (total + float(np.hypot(there[0] - goal[0], there[1] - goal[1])), there))
        raise CaptureError(f"No way on the floor from cell {start} to cell {goal}.")

    def _neighbours(self, here: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], float]]:
        x, y = here
        width, depth = self.free.shape
        for dx, dy, step in _STEPS:
            nx, ny = x + dx, y + dy
            if not (0 <= nx < width and 0 <= ny < depth and self.free[nx, ny]):
                continue
            if dx and dy and not (self.free[x, ny] and self.free[nx, y]):
                continue  # a diagonal step would cut the corner of something solid
            yield (nx, ny), step

    def _pull_taut(self, way: Array) -> Array:
        kept = [0]
        while kept[-1] < len(way) - 1:
            here = kept[-1]
            ahead = next(
                (k for k in range(len(way) - 1, here + 1, -1) if self.segment_free(way[here], way[k])), here + 1
            )
            kept.append(ahead)
        return way[kept]


def _unwind(parent: dict[tuple[int, ...], tuple[int, ...]], goal: tuple[int, ...]) -> Array:
    cells = [goal]
    while cells[-1] in parent:
        cells.append(parent[cells[-1]])
    return np.array(cells[::-1])
