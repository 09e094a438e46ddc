"""Floor grids: where an animal's trunk and where a person fits between walls and furniture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, label

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.home.floor_plan import THICKNESS, FloorPlan
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid
from ats_sim.reconstruction.capture.synthesis.home.piece import Placed

ANIMAL_CELL = 0.06
PERSON_RADIUS, PERSON_CELL = 0.22, 0.10


@dataclass(frozen=True)
class Trunk:
    """The room that an animal needs on its way."""

    radius: float
    """From the middle of the trunk to whatever it must not touch, metres."""
    height: float
    """Of the back or the carried head, metres."""


CAT_TRUNK = Trunk(radius=0.13, height=0.30)


def animal_grid(plan: FloorPlan, placed: Iterable[Placed], trunk: Trunk) -> NavGrid:
    """Where the middle of an animal's trunk may be; under tables that are high enough it passes between the legs."""
    return _grid(plan, [q for p in placed for q in p.solids(trunk.height)], ANIMAL_CELL, trunk.radius)


def person_grid(plan: FloorPlan, placed: Iterable[Placed]) -> NavGrid:
    """Where a person may stand."""
    return _grid(plan, [p.footprint() for p in placed if not p.piece.walkable], PERSON_CELL, PERSON_RADIUS)


def _grid(plan: FloorPlan, obstacles: list[Array], cell: float, radius: float) -> NavGrid:
    x0, y0, x1, y1 = plan.bounds
    origin = np.array([x0 + cell / 2, y0 + cell / 2])
    shape = (int((x1 - x0) / cell), int((y1 - y0) / cell))
    centres = origin + np.moveaxis(np.mgrid[: shape[0], : shape[1]], 0, -1) * cell
    floor = np.zeros(shape, bool)
    for room in plan.rooms:
        floor |= _inside(centres, np.array(room.bounds))
    for walls in plan.walls.values():
        for wall in walls:
            for hole in wall.openings:
                if hole.kind == "door":
                    a, b = wall.to_world(hole.start, -0.05), wall.to_world(hole.end, THICKNESS + 0.05)
                    floor |= _inside(centres, np.concatenate([np.minimum(a, b), np.maximum(a, b)]))
    for corners in obstacles:
        floor &= ~_inside_quad(centres, corners, cell / 2)
    distance = distance_transform_edt(np.pad(floor, 1))[1:-1, 1:-1] * cell
    return NavGrid(origin, cell, _largest(distance > radius))


def _inside(points: Array, bounds: Array) -> Array:
    return np.asarray(((points > bounds[:2]) & (points < bounds[2:])).all(-1))


def _inside_quad(points: Array, corners: Array, margin: float) -> Array:
    """Whether points lie in a rectangle (4, 2) with any heading; thin legs are grown so that no cell misses them."""
    inside = np.ones(points.shape[:-1], bool)
    for here, there in ((corners[0], corners[1]), (corners[0], corners[3])):
        length = np.linalg.norm(there - here)
        along = (points - here) @ (there - here) / length
        inside &= (along > -margin) & (along < length + margin)
    return inside


def _largest(free: Array) -> Array:
    parts, count = label(free)
    if count == 0:
        return free
    return np.asarray(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))
