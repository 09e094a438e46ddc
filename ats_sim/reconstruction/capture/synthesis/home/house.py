"""Made-up homes: from a seed to a layout that can be rendered, walked and lived in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ats_sim.errors import CaptureError
from ats_sim.reconstruction.capture.synthesis.home.artwork import make_artwork
from ats_sim.reconstruction.capture.synthesis.home.atlas import Atlas, atlas_mesh, pack, paint_albedo
from ats_sim.reconstruction.capture.synthesis.home.floor_plan import FloorPlan, draw_plan
from ats_sim.reconstruction.capture.synthesis.home.furnish import Furnisher, shifted
from ats_sim.reconstruction.capture.synthesis.home.layout import Affordance, HomeLayout, Lamp
from ats_sim.reconstruction.capture.synthesis.home.materials import Material, make_materials
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid
from ats_sim.reconstruction.capture.synthesis.home.occupancy import CAT_TRUNK, Trunk, animal_grid, person_grid
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch
from ats_sim.reconstruction.capture.synthesis.home.piece import Placed
from ats_sim.reconstruction.capture.synthesis.home.shell import shell_patches

TEXTURE_SIDE = 2048
_ATTEMPTS = 40
_NEEDED = {"couch", "bowl", "window", "bed", "hide"}
_NEEDED_PIECES = {"couch", "bed", "bowl"}


@dataclass(frozen=True, eq=False)
class _Blueprint:
    plan: FloorPlan
    placed: tuple[Placed, ...]
    materials: dict[str, Material]


@lru_cache(maxsize=2)
def build_home(
    seed: int, *, rooms: int | None = None, day: int | None = None, moves: int = 0, trunk: Trunk = CAT_TRUNK
) -> HomeLayout:
    """The home of a seed, as it stands on a day, with the ways and places for an animal of some size.

    ``day`` None is the day of the walkthrough; on any other, ``moves`` small things stand a little elsewhere.
    Raises CaptureError where the seed allows no home in which an animal can live.
    """
    blueprint = _draw(seed, rooms)
    placed = list(blueprint.placed)
    if day is not None and moves:
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng([seed, 2, day, attempt])
            candidate = shifted(blueprint.plan, placed, rng, moves)
            if _usable(blueprint.plan, candidate):
                placed = candidate
                break
    return _lay_out(blueprint, placed, seed, trunk)


@lru_cache(maxsize=4)
def _draw(seed: int, rooms: int | None) -> _Blueprint:
    count = rooms if rooms is not None else int(np.random.default_rng([seed, 4]).choice([2, 3, 3, 4]))
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, 0, attempt])
        plan = draw_plan(rng, count)
        placed = Furnisher(plan, rng).furnish()
        if _usable(plan, placed):
            looks = np.random.default_rng([seed, 1])
            return _Blueprint(plan, tuple(placed), {**make_materials(looks), **make_artwork(looks)})
    raise CaptureError(f"Seed {seed} gives no home that can be lived in after {_ATTEMPTS} attempts; take another seed.")


def _usable(plan: FloorPlan, placed: list[Placed]) -> bool:
    """Whether every kind of spot can be reached, and every room entered by animal and person."""
    # For every animal a seed means the same home: one that a cat can live in.
    nav, walk = animal_grid(plan, placed, CAT_TRUNK), person_grid(plan, placed)
    spots = _reachable(placed, nav, CAT_TRUNK)
    rooms = all(
        sum(_share(grid, room.bounds) for grid in (nav, walk)) > 0.25 and _share(walk, room.bounds) > 0.08
        for room in plan.rooms
    )
    doors = all(bool(grid.is_free(door)) for grid in (nav, walk) for door in plan.doors)
    furnished = {piece.piece.name for piece in placed} >= _NEEDED_PIECES
    return {spot.kind for spot in spots} == _NEEDED and furnished and rooms and doors


def _share(grid: NavGrid, bounds: tuple[float, float, float, float]) -> float:
    low, high = grid.to_cell(bounds[:2]), grid.to_cell(bounds[2:])
    return float(grid.free[low[0] : high[0] + 1, low[1] : high[1] + 1].mean())


def _reachable(placed: list[Placed], nav: NavGrid, trunk: Trunk) -> tuple[Affordance, ...]:
    spots = [
        spot
        for piece in placed
        for spot in piece.affordances()
        if spot.kind != "hide" or trunk.height <= piece.piece.headroom
    ]
    return tuple(spot for spot in spots if bool(nav.is_free(spot.approach)))


def _lay_out(blueprint: _Blueprint, placed: list[Placed], seed: int, trunk: Trunk) -> HomeLayout:
    patches: list[Patch] = shell_patches(blueprint.plan)
    for piece in placed:
        patches += piece.patches()
    atlas: Atlas = pack(patches, TEXTURE_SIDE)
    texture = paint_albedo(patches, atlas, blueprint.materials, np.random.default_rng([seed, 3]))
    nav = animal_grid(blueprint.plan, placed, trunk)
    return HomeLayout(
        mesh=atlas_mesh(patches, atlas, texture),
        affordances=_reachable(placed, nav, trunk),
        nav=nav,
        walk=person_grid(blueprint.plan, placed),
        rooms=blueprint.plan.rooms,
        windows=blueprint.plan.windows,
        lamps=_lamps(placed),
        doors=blueprint.plan.doors,
        patches=tuple(patches),
        atlas=atlas,
    )


def _lamps(placed: list[Placed]) -> tuple[Lamp, ...]:
    lamps = []
    for piece in placed:
        if piece.piece.lamp is not None:
            x, y = piece.to_world(piece.piece.lamp[:2])
            lamps.append(Lamp(np.array([x, y, piece.piece.lamp[2] + piece.z])))
    return tuple(lamps)
