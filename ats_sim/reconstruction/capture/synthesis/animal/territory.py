"""What the animal knows of its home: the places it uses and the ways between them, worked out once per layout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.reconstruction.capture.synthesis.animal.body_plan import BodyPlan
from ats_sim.reconstruction.capture.synthesis.home.layout import Affordance
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid

_WALL_WARINESS = 0.6
"""Extra cost of a way that hugs the walls, as a share of its length."""
_COMFORT = 0.25
"""Distance to obstacles from which on there is no extra cost, metres."""


CAT_BOWL_DISTANCE = 0.33
"""From a home's bowl to where a cat's root is when it eats, metres."""
STEP_HEIGHT = 0.03
"""Surfaces higher than this above the floor are hopped onto, metres."""


class Habitat(Protocol):
    """The part of a home's layout that an animal needs."""

    @property
    def affordances(self) -> tuple[Affordance, ...]:
        """Places to be."""

    @property
    def nav(self) -> NavGrid:
        """Where a trunk fits."""

    @property
    def floor_height(self) -> float:
        """World z of the floor."""


@dataclass(frozen=True, eq=False)
class Place:
    """An affordance with the tree of shortest ways to it."""

    index: int
    """Position in the territory's list."""
    spot: Affordance
    """What is there."""
    distance: Array
    """(X, Y) metres of way from each cell to the approach; inf where there is none."""
    towards: Array
    """(X * Y,) flat index of the next cell on the way to the approach; -9999 where there is none."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Place:
        # Places are told apart by identity; a copied mind must know them again.
        return self

    @property
    def name(self) -> str:
        """Unique, readable."""
        return f"{self.spot.kind}{self.index}"

    @property
    def height(self) -> float:
        """Height of the surface."""
        return float(self.spot.position[2])

    def open(self, floor: float) -> bool:
        """Whether one can run from here in any direction: on the floor and not in a hiding place."""
        return self.height - floor < STEP_HEIGHT and self.spot.kind != "hide"


class Territory:
    """Immutable and shared by all copies of a mind."""

    def __init__(self, layout: Habitat, plan: BodyPlan) -> None:
        """For an animal of that plan; raises CaptureError where it has no affordance that it can reach."""
        self.nav: NavGrid = layout.nav
        self.floor = float(layout.floor_height)
        self._shape = layout.nav.free.shape
        graph = _ways(layout.nav)
        places = [_place(i, spot, layout.nav, graph) for i, spot in enumerate(_haunts(layout, plan))]
        self.places = tuple(place for place in places if np.isfinite(place.distance).sum() > 10)
        if not self.places:
            raise CaptureError("The home has no affordance that can be reached; check the layout's nav grid.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Territory:
        return self

    def distance_to(self, place: Place, xy: Array) -> float:
        """Metres of way from a point (2,) to a place's approach."""
        cell = self.nav.to_cell(self.nav.nearest_free(xy))
        return float(place.distance[cell[0], cell[1]])

    def way_to(self, place: Place, xy: Array) -> Array:
        """Waypoints (K, 2) from a point (2,) to a place's approach, the start included.

        Raises CaptureError where there is no way.
        """
        start = np.asarray(xy, dtype=np.float64)
        cell = self.nav.to_cell(self.nav.nearest_free(start))
        flat = int(np.ravel_multi_index((int(cell[0]), int(cell[1])), self._shape))
        if not np.isfinite(place.distance.flat[flat]):
            raise CaptureError(f"No way from {start.round(2).tolist()} to {place.name} at {place.spot.approach}.")
        cells = [flat]
        while (flat := int(place.towards[flat])) >= 0:
            cells.append(flat)
        way = self.nav.to_world(np.stack(np.unravel_index(cells, self._shape), axis=-1))
        return _rounded(np.concatenate([start[None], way[1:], np.asarray(place.spot.approach, dtype=np.float64)[None]]))


def _haunts(layout: Habitat, plan: BodyPlan) -> list[Affordance]:
    """The places that the animal uses; it stands as far from its bowl as its neck is long."""
    spots = []
    for spot in layout.affordances:
        if spot.kind == "bowl":
            back = (plan.bowl_distance - CAT_BOWL_DISTANCE) * np.array([np.cos(spot.yaw), np.sin(spot.yaw)])
            position = np.array([*(spot.position[:2] - back), spot.position[2]])
            spot = replace(spot, position=position, approach=spot.approach - back)
        if spot.kind in plan.haunts:
            spots.append(spot)
    return spots


def _rounded(way: Array) -> Array:
    """Resample to 0.1 m and average neighbours: removes the grid's staircase, hardly leaves its cells."""
    step = np.hypot(*np.diff(way, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    if along[-1] < 0.15:
        return way[[0, -1]]
    count = max(2, int(np.ceil(along[-1] / 0.1)) + 1)
    query = np.linspace(0.0, along[-1], count)
    fine = np.stack([np.interp(query, along, way[:, k]) for k in range(2)], axis=-1)
    for _ in range(4):
        fine[1:-1] = 0.25 * fine[:-2] + 0.5 * fine[1:-1] + 0.25 * fine[2:]
    return fine


def _ways(nav: NavGrid) -> Any:
    index = np.arange(nav.free.size).reshape(nav.free.shape)
    clearance = nav.clearance()
    cost = 1.0 + _WALL_WARINESS * np.clip(1.0 - clearance / _COMFORT, 0.0, 1.0)
    rows, columns, lengths = [], [], []
    for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
        here, there = _shifted(index.shape, dx, dy)
        open_way = nav.free[here] & nav.free[there]
        if dx and dy:
            # Both cells beside a diagonal must be free: no cutting of solid corners.
            beside, other = _beside(index.shape, dy)
            open_way &= nav.free[beside] & nav.free[other]
        rows.append(index[here][open_way])
        columns.append(index[there][open_way])
        lengths.append((0.5 * (cost[here] + cost[there]) * np.hypot(dx, dy) * nav.cell)[open_way])
    row, column, length = np.concatenate(rows), np.concatenate(columns), np.concatenate(lengths)
    return coo_array((length, (row, column)), shape=(index.size, index.size)).tocsr()


def _shifted(shape: tuple[int, ...], dx: int, dy: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    width, depth = shape
    if dy >= 0:
        return (slice(0, width - dx), slice(0, depth - dy)), (slice(dx, width), slice(dy, depth))
    return (slice(0, width - dx), slice(-dy, depth)), (slice(dx, width), slice(0, depth + dy))


def _beside(shape: tuple[int, ...], dy: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    width, depth = shape
    low, high = slice(0, depth - 1), slice(1, depth)
    if dy > 0:
        return (slice(1, width), low), (slice(0, width - 1), high)
    return (slice(1, width), high), (slice(0, width - 1), low)


def _place(index: int, spot: Affordance, nav: NavGrid, graph: Any) -> Place:
    cell = nav.to_cell(nav.nearest_free(spot.approach))
    source = int(np.ravel_multi_index((int(cell[0]), int(cell[1])), nav.free.shape))
    distance, towards = dijkstra(graph, directed=False, indices=source, return_predecessors=True)
    return Place(index, spot, distance.reshape(nav.free.shape), towards)
