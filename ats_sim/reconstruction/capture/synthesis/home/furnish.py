"""Furniture finds its place: against walls, under windows, around tables, and shifts a little from day to day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ats_sim.reconstruction.capture.synthesis.home import seating, small_things, tables
from ats_sim.reconstruction.capture.synthesis.home.floor_plan import FloorPlan, Wall
from ats_sim.reconstruction.capture.synthesis.home.layout import Room
from ats_sim.reconstruction.capture.synthesis.home.piece import Piece, Placed, Rect, overlap

Maker = Callable[[np.random.Generator], Piece]
_WALL_GAP = 0.03
_TRIES = 80

_FIRST: dict[str, list[Maker]] = {
    "living": [seating.couch],
    "kitchen": [tables.counter, tables.fridge],
    "bedroom": [seating.bed],
    "study": [tables.desk],
}
_AT_WALLS: dict[str, list[Maker]] = {
    "living": [
        tables.tv_bench, tables.bookshelf, seating.armchair, small_things.cat_tree,
        small_things.floor_lamp, small_things.plant, tables.drawers, small_things.plant,
    ],
    "kitchen": [small_things.feeding_place, small_things.plant, small_things.basket],
    "bedroom": [
        tables.wardrobe, tables.drawers, small_things.side_table, small_things.cardboard_box,
        small_things.plant, small_things.basket,
    ],
    "study": [
        tables.bookshelf, tables.bookshelf, seating.armchair, small_things.floor_lamp, small_things.plant,
    ],
}  # fmt: skip


class Furnisher:
    """Places pieces one after the other where they fit, for one floor plan."""

    def __init__(self, plan: FloorPlan, rng: np.random.Generator):
        self.plan = plan
        self.rng = rng
        self.placed: list[Placed] = []
        self._keep_free: list[Rect] = [(*(door - 0.75), *(door + 0.75)) for door in plan.doors]

    def furnish(self) -> list[Placed]:
        """Furniture for every room."""
        for room in self.plan.rooms:
            self._under_window(room)
            makers = list(_AT_WALLS[room.name])
            if room.name == "living" and len(self.plan.rooms) == 2:
                makers.insert(1, small_things.feeding_place)
            for make in _FIRST[room.name]:
                self._at_wall(room, make(self.rng))
            self._groups(room)
            for make in makers:
                self._at_wall(room, make(self.rng))
            self._scatter(room)
            self._hang_pictures(room)
        return self.placed

    def _under_window(self, room: Room) -> None:
        if room.name == "kitchen":
            return
        for wall in self.plan.walls[room.name]:
            for hole in wall.openings:
                if hole.kind == "window":
                    middle = (hole.start + hole.end) / 2
                    self._try(room, _against(seating.window_seat(self.rng), wall, middle))
                    return

    def _at_wall(self, room: Room, piece: Piece) -> bool:
        for _ in range(_TRIES):
            wall = self.plan.walls[room.name][self.rng.integers(4)]
            half = piece.size[0] / 2 + _WALL_GAP
            if wall.length <= 2 * half:
                continue
            at = float(self.rng.uniform(half, wall.length - half))
            if self.rng.random() < 0.4 and piece.size[0] < 1.3:
                at = half + 0.05 if self.rng.random() < 0.5 else wall.length - half - 0.05
            if _hides_window(piece, wall, at):
                continue
            if self._try(room, _against(piece, wall, at)):
                return True
        return False

    def _groups(self, room: Room) -> None:
        if room.name == "living":
            self._couch_group(room)
        if room.name in ("living", "kitchen") and not any(p.piece.name == "dining_table" for p in self.placed):
            self._dining_group(room)
        if room.name == "study":
            self._desk_chair(room)

    def _scatter(self, room: Room) -> None:
        loose: dict[str, list[Maker]] = {
            "living": [seating.pouf, small_things.toys],
            "kitchen": [],
            "bedroom": [small_things.rug, seating.floor_cushion, small_things.toys],
            "study": [small_things.rug, small_things.cardboard_box],
        }
        for make in loose[room.name]:
            self._anywhere(room, make(self.rng))

    def _couch_group(self, room: Room) -> None:
        couch = next((p for p in self.placed if p.piece.name == "couch"), None)
        if couch is None:
            return
        for make, gap in ((tables.coffee_table, 0.68), (small_things.rug, 0.45)):
            piece = make(self.rng)
            reach = couch.piece.size[1] / 2 + gap + (piece.size[1] / 2 if gap > 0.5 else 0.35)
            x, y = couch.to_world((0.0, -reach))
            self._try(room, Placed(piece, float(x), float(y), couch.yaw), respect_front=False)

    def _dining_group(self, room: Room) -> None:
        table = self._anywhere(room, tables.dining_table(self.rng), margin=0.45)
        if table is None:
            return
        w, d = table.piece.size
        for x in (-w / 4, w / 4):
            for side in (-1, 1):
                if self.rng.random() < 0.85:
                    spot = table.to_world((x, side * (d / 2 + 0.16)))
                    yaw = table.yaw + (0.0 if side > 0 else np.pi) + self.rng.normal(0, 0.12)
                    chair = Placed(tables.chair(self.rng), float(spot[0]), float(spot[1]), float(yaw))
                    self._try(room, chair, beside=table)

    def _desk_chair(self, room: Room) -> None:
        desk = next((p for p in self.placed if p.piece.name == "desk"), None)
        if desk is not None:
            spot = desk.to_world((self.rng.uniform(0.1, 0.35), -desk.piece.size[1] / 2 - 0.25))
            yaw = desk.yaw + np.pi + self.rng.normal(0, 0.3)
            self._try(room, Placed(tables.chair(self.rng), float(spot[0]), float(spot[1]), yaw), respect_front=False)

    def _anywhere(self, room: Room, piece: Piece, margin: float = 0.1) -> Placed | None:
        x0, y0, x1, y1 = room.bounds
        for _ in range(_TRIES):
            x, y = self.rng.uniform((x0, y0), (x1, y1))
            turn = self.rng.integers(4) * np.pi / 2
            yaw = turn if piece.size[0] > 0.8 else turn + self.rng.normal(0, 0.3)
            candidate = Placed(piece, float(x), float(y), float(yaw))
            if self._try(room, candidate, margin=margin):
                return candidate
        return None

    def _hang_pictures(self, room: Room) -> None:
        number = 0
        for wall in self.plan.walls[room.name]:
            for at in np.arange(0.6, wall.length - 0.5, 1.25) + self.rng.uniform(-0.2, 0.2):
                piece = small_things.painting(self.rng, int(self.rng.integers(6)))
                if number == 2:
                    piece = small_things.wall_clock(self.rng)
                x0, x1 = at - piece.size[0] / 2 - 0.12, at + piece.size[0] / 2 + 0.12
                blocked = any(hole.start - 0.45 < x1 and x0 < hole.end + 0.45 for hole in wall.openings)
                spot = wall.to_world(at, 0.0)
                tall = any(_near(p, spot, 0.35) for p in self.placed if p.piece.height > 1.2)
                if not blocked and not tall and self.rng.random() < 0.75:
                    height = float(self.rng.uniform(1.45, 1.65))
                    self.placed.append(Placed(piece, float(spot[0]), float(spot[1]), wall.yaw, height))
                    number += 1

    def _try(
        self,
        room: Room,
        candidate: Placed,
        *,
        margin: float = 0.0,
        respect_front: bool = True,
        beside: Placed | None = None,
    ) -> bool:
        x0, y0, x1, y1 = room.bounds
        box = candidate.outline(margin)
        if box[0] < x0 or box[1] < y0 or box[2] > x1 or box[3] > y1:
            return False
        if candidate.piece.walkable:
            self.placed.append(candidate)
            return True
        reach = candidate.outline(margin, front=candidate.piece.clearance if respect_front else 0.0)
        if any(overlap(box, zone) for zone in self._keep_free):
            return False
        for other in self.placed:
            if other.piece.walkable or other is beside:
                continue
            front = other.piece.clearance if respect_front else 0.0
            if overlap(box, other.outline(0.04, front=front)) or overlap(reach, other.outline(0.0)):
                return False
        self.placed.append(candidate)
        return True


def _against(piece: Piece, wall: Wall, at: float) -> Placed:
    x, y = wall.to_world(at, -piece.size[1] / 2 - _WALL_GAP)
    return Placed(piece, float(x), float(y), wall.yaw)


def _hides_window(piece: Piece, wall: Wall, at: float) -> bool:
    x0, x1 = at - piece.size[0] / 2, at + piece.size[0] / 2
    return any(
        hole.start - 0.3 < x1 and x0 < hole.end + 0.3 and (hole.kind == "door" or piece.height > hole.low - 0.05)
        for hole in wall.openings
    )


def _near(placed: Placed, point: np.ndarray, margin: float) -> bool:
    x0, y0, x1, y1 = placed.outline(margin)
    return bool(x0 < point[0] < x1 and y0 < point[1] < y1)


def shifted(plan: FloorPlan, placed: list[Placed], rng: np.random.Generator, moves: int) -> list[Placed]:
    """The same furniture on another day: ``moves`` of the movable things stand a little elsewhere."""
    result = list(placed)
    movable = [k for k, p in enumerate(placed) if p.piece.movable]
    for k in rng.permutation(movable)[:moves]:
        old = result[k]
        others = [p for n, p in enumerate(result) if n != k and not p.piece.walkable]
        for _ in range(_TRIES):
            x, y = np.array([old.x, old.y]) + rng.uniform(-0.8, 0.8, 2)
            new = Placed(old.piece, float(x), float(y), old.yaw + float(rng.normal(0, 0.5)))
            if _stands_free(plan, new, others):
                result[k] = new
                break
    return result


def _stands_free(plan: FloorPlan, new: Placed, others: list[Placed]) -> bool:
    box = new.outline(0.03)
    inside = any(
        box[0] > r.bounds[0] and box[1] > r.bounds[1] and box[2] < r.bounds[2] and box[3] < r.bounds[3]
        for r in plan.rooms
    )
    doors = any(overlap(box, (*(door - 0.7), *(door + 0.7))) for door in plan.doors)
    blocked = any(overlap(box, other.outline(0.02, front=min(other.piece.clearance, 0.55))) for other in others)
    return inside and not doors and not blocked
