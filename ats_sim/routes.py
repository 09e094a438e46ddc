"""Ways through a home: how an animal that was sent somewhere gets there, around walls and over furniture.

A mind plans 5.6 s ahead and knows nothing of doors it does not see. So a place beyond the next wall is reached by
stages: shortest ways over everything that carries the animal (Dijkstra from the goal), of which the mind is told the
farthest stage that lies straight ahead. What it makes of the way there stays its own.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.footing import Footing
from ats_sim.remembered import remembered
from ats_sim.sweep import ways_are_free

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

STEP = 2  # voxels between two places of the map
LEVELS = 3  # surfaces above each other that are told apart
CLIMB, DROP = 0.6, 0.9  # metres that an animal jumps up and down
EFFORT = 1.5  # metres of walking that a metre up or down counts for
AHEAD = 2.5  # metres of way to the stage that the mind is told of
LEAST = 0.6  # metres to a stage even where the way bends at once
MARGIN = 0.03  # metres of free space along a straight stage
STANDING = 0.2  # metres between a root and the ground, where nothing better is known
HIGHEST = 2.0  # metres; nobody stands above
REMEMBERED = 16  # goals
NEIGHBOURS = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]


class Routes:
    """The ways of one home for one body."""

    def __init__(self, footing: Footing) -> None:
        """Find every place that carries the body."""
        self._footing = footing
        volume, legs = footing.volume, footing.legs
        self._height = STANDING if legs is None else legs.clearance - float(legs.home[:, 2].mean())
        self._cell, self._low = STEP * volume.sdf_voxel_size, volume.sdf_origin
        self._levels = self._carrying()
        nodes = np.isfinite(self._levels)
        self._index = np.full(nodes.shape, -1)
        self._index[nodes] = np.arange(int(nodes.sum()))
        where = np.argwhere(nodes)
        self.places = np.column_stack([self._low[:2] + where[:, :2] * self._cell, self._levels[nodes] + self._height])
        """(N, 3) roots of bodies that stand at every place, metres."""
        self._graph = self._edges()
        self._ways = lru_cache(REMEMBERED)(self._ways_to)

    def stage(self, here: Array, goal: Array) -> Array:
        """The place (3,) that a body with its root at `here` (3,) is to make for on its way to a goal (3,).

        The goal itself where nothing is in between, or where no way is known.
        """
        if self._is_straight(here, goal):
            return goal
        start, end = self._nearest(here), self._nearest(goal)
        if start is None or end is None:
            return goal
        following = self._ways(end)
        best, way, last = None, 0.0, here
        while start != end and following[start] >= 0 and way < AHEAD:
            start = int(following[start])
            place = self.places[start]
            way += math.dist(last, place)
            last = place
            if best is None or way < LEAST or self._is_straight(here, place):
                best = place
        if best is None:
            return goal
        return goal if start == end and self._is_straight(here, self.places[end]) else best

    def _is_straight(self, here: Array, there: Array) -> bool:
        return bool(ways_are_free(self._footing.volume, here[None], there[None], MARGIN)[0])

    def _carrying(self) -> Array:
        """(X, Y, LEVELS) heights of surfaces above which a root has room, the lowest first; infinite where none is."""
        volume = self._footing.volume
        field = volume.sdf[::STEP, ::STEP].astype(np.float64)
        heights = self._low[2] + volume.sdf_voxel_size * np.arange(field.shape[2])
        below, above = field[..., :-1], field[..., 1:]
        enters = (below <= 0.0) & (above > 0.0) & (heights[:-1] < HIGHEST)
        surface = heights[:-1] + volume.sdf_voxel_size * below / (below - above - 1e-9)
        x, y = (self._low[i] + self._cell * np.arange(field.shape[i]) for i in (0, 1))
        i, j, k = np.nonzero(enters)
        roots = np.column_stack([x[i], y[j], surface[i, j, k] + self._height])
        enters[i, j, k] = volume.sample_sdf(roots) >= self._footing.margin
        return np.sort(np.where(enters, surface, np.inf), axis=-1)[..., :LEVELS]

    def _edges(self) -> "csr_matrix":
        """Costs of steps between neighbouring places, in metres."""
        from scipy.sparse import csr_matrix  # a fifth of a second that only those pay who send an animal somewhere

        rows, columns, costs = [], [], []
        levels, index = self._levels, self._index
        for dx, dy in NEIGHBOURS:
            here = tuple(slice(max(-d, 0), n - max(d, 0)) for d, n in zip((dx, dy), levels.shape, strict=False))
            there = tuple(slice(max(d, 0), n - max(-d, 0)) for d, n in zip((dx, dy), levels.shape, strict=False))
            for first in range(LEVELS):
                for second in range(LEVELS):
                    start, end = index[here][..., first], index[there][..., second]
                    rise = np.where(
                        (start >= 0) & (end >= 0), np.nan_to_num(levels[there][..., second], posinf=99.0), 99.0
                    ) - np.nan_to_num(levels[here][..., first], posinf=0.0)
                    ok = (start >= 0) & (end >= 0) & (rise <= CLIMB) & (rise >= -DROP)
                    rows.append(start[ok])
                    columns.append(end[ok])
                    costs.append(self._cell * math.hypot(dx, dy) + EFFORT * np.abs(rise[ok]))
        count = len(self.places)
        entries = (np.concatenate(costs), (np.concatenate(rows), np.concatenate(columns)))
        return csr_matrix(entries, shape=(count, count))

    def _ways_to(self, goal: int) -> Array:
        """(N,) the next place on the shortest way from every place to a goal; negative where there is none."""
        from scipy.sparse.csgraph import dijkstra

        _, following = dijkstra(self._graph.T.tocsr(), indices=goal, return_predecessors=True)
        return np.asarray(following)

    def _nearest(self, root: Array) -> int | None:
        """The place nearest to a root (3,), within half a metre."""
        if not len(self.places):
            return None
        gaps = ((self.places - root) ** 2).sum(1)
        nearest = int(gaps.argmin())
        return nearest if gaps[nearest] < 0.25 else None


@remembered
def routes_of(footing: Footing) -> Routes:
    """The ways of a home, mapped when the first animal is sent somewhere."""
    return Routes(footing)
