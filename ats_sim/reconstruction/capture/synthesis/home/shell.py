"""The shell of a home: floors, walls with their openings, skirting, ceiling, window frames, curtains."""

from __future__ import annotations

from ats_sim.reconstruction.capture.synthesis.home.floor_plan import (
    CEILING,
    REVEAL,
    THICKNESS,
    FloorPlan,
    Opening,
    Wall,
)
from ats_sim.reconstruction.capture.synthesis.home.layout import Room
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch, box, moved, quad
from ats_sim.reconstruction.capture.synthesis.home.small_things import curtain

_FLOORS = {"living": "planks", "kitchen": "floor_tiles", "bedroom": "carpet", "study": "planks"}
_WALLS = {"living": "paint0", "kitchen": "paint1", "bedroom": "paint2", "study": "paint3"}
_SKIRTING = 0.07


def shell_patches(plan: FloorPlan) -> list[Patch]:
    """All surfaces of the empty home."""
    patches: list[Patch] = []
    for room in plan.rooms:
        patches += _slabs(room)
        for number, wall in enumerate(plan.walls[room.name]):
            accent = number == 2 and room.name in ("living", "bedroom")
            flat = _wall(wall, "wallpaper" if accent else _WALLS[room.name])
            patches += moved(flat, (*wall.origin, 0.0), wall.yaw)
    for number, room in enumerate(plan.rooms[1:], start=1):
        for wall in plan.walls[room.name]:
            patches += moved(_thresholds(wall, plan, number), (*wall.origin, 0.0), wall.yaw)
    return patches


def _slabs(room: Room) -> list[Patch]:
    x0, y0, x1, y1 = room.bounds
    w, d = x1 - x0, y1 - y0
    split = (int(w) + 1, int(d) + 1)
    floor = quad((x0, y1, 0), (w, 0, 0), (0, -d, 0), _FLOORS[room.name], split)
    return [floor, quad((x0, y0, CEILING), (w, 0, 0), (0, d, 0), "ceiling", split)]


def _wall(wall: Wall, material: str) -> list[Patch]:
    patches: list[Patch] = []
    here = 0.0
    for hole in sorted(wall.openings, key=lambda o: o.start):
        patches += _pane(here, hole.start, 0, CEILING, material) + _skirting(here, hole.start)
        patches += _pane(hole.start, hole.end, hole.high, CEILING, material)
        if hole.kind == "window":
            patches += _pane(hole.start, hole.end, 0, hole.low, material) + _skirting(hole.start, hole.end)
            patches += _tunnel(hole, REVEAL, "trim") + _window_frame(hole) + _curtains(hole, wall)
        here = hole.end
    return patches + _pane(here, wall.length, 0, CEILING, material) + _skirting(here, wall.length)


def _thresholds(wall: Wall, plan: FloorPlan, number: int) -> list[Patch]:
    """Door linings, made once per door: by the wall whose neighbour comes earlier in the list of rooms."""
    patches: list[Patch] = []
    for hole in wall.openings:
        if hole.kind != "door":
            continue
        x, y = wall.to_world((hole.start + hole.end) / 2, THICKNESS + 0.1)
        earlier = plan.rooms[:number]
        if any(r.bounds[0] < x < r.bounds[2] and r.bounds[1] < y < r.bounds[3] for r in earlier):
            patches += _tunnel(hole, THICKNESS, "trim", floor="dark_wood") + _door_frame(hole)
    return patches


def _pane(x0: float, x1: float, z0: float, z1: float, material: str) -> list[Patch]:
    if x1 - x0 < 1e-6:
        return []
    split = (int(x1 - x0) + 1, int(z1 - z0) + 1)
    return [quad((x0, 0, z1), (x1 - x0, 0, 0), (0, 0, z0 - z1), material, split)]


def _skirting(x0: float, x1: float) -> list[Patch]:
    if x1 - x0 < 1e-6:
        return []
    return box(((x0 + x1) / 2, -0.007, 0), (x1 - x0, 0.014, _SKIRTING), "trim", faces="xXyZ")


def _tunnel(hole: Opening, depth: float, material: str, floor: str | None = None) -> list[Patch]:
    """The four sides of a hole through a wall of some depth."""
    width, tall = hole.end - hole.start, hole.high - hole.low
    return [
        quad((hole.start, 0, hole.high), (0, depth, 0), (0, 0, -tall), material),
        quad((hole.end, depth, hole.high), (0, -depth, 0), (0, 0, -tall), material),
        quad((hole.start, 0, hole.high), (width, 0, 0), (0, depth, 0), material),
        quad((hole.start, depth, hole.low), (width, 0, 0), (0, -depth, 0), floor or material),
    ]


def _window_frame(hole: Opening) -> list[Patch]:
    middle, width, tall = (hole.start + hole.end) / 2, hole.end - hole.start, hole.high - hole.low
    y, bars = REVEAL - 0.04, []
    for x in (hole.start + 0.025, middle, hole.end - 0.025):
        bars += box((x, y, hole.low), (0.05, 0.05, tall), "white", faces="xXy")
    for z in (hole.low, hole.high - 0.05, hole.low + 0.68 * tall):
        bars += box((middle, y, z), (width, 0.045, 0.05), "white", faces="yZz")
    sill = box((middle, -0.06, hole.low - 0.03), (width + 0.1, 0.14, 0.03), "white", faces="xXyZz")
    return bars + sill


def _curtains(hole: Opening, wall: Wall) -> list[Patch]:
    patches: list[Patch] = []
    rail = hole.high + 0.12
    for x in (hole.start - 0.18, hole.end + 0.18):
        if 0.2 < x < wall.length - 0.2:
            patches += moved(curtain(0.42, rail, 0.62), (x, 0, 0))
    middle = (hole.start + hole.end) / 2
    return patches + box((middle, -0.06, rail), (hole.end - hole.start + 0.5, 0.02, 0.02), "metal")


def _door_frame(hole: Opening) -> list[Patch]:
    """Narrow boards around the hole, on both faces of the wall."""
    boards: list[Patch] = []
    middle, width = (hole.start + hole.end) / 2, hole.end - hole.start
    for y in (-0.006, THICKNESS + 0.006):
        for x in (hole.start - 0.035, hole.end + 0.035):
            boards += box((x, y, 0), (0.07, 0.012, hole.high + 0.07), "trim", faces="xXyY")
        boards += box((middle, y, hole.high), (width, 0.012, 0.07), "trim", faces="yYz")
    return boards
