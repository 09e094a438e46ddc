"""Rooms, doors and windows of a made-up home, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.home.layout import Room, Window

THICKNESS = 0.12
CEILING = 2.5
DOOR_HEIGHT = 2.05
REVEAL = 0.18


@dataclass(frozen=True)
class Opening:
    """A hole in a wall: from ``start`` to ``end`` along it, from ``low`` to ``high`` above the floor, metres."""

    kind: Literal["door", "window"]
    start: float
    end: float
    low: float
    high: float


@dataclass(frozen=True)
class Wall:
    """One inner face of a room. In its own frame x runs from left to right for somebody inside who looks at it, y
    points out of the room, the origin lies on the floor at its left end."""

    origin: Array
    yaw: float
    length: float
    openings: list[Opening] = field(default_factory=list)

    def to_world(self, x: float, y: float = 0.0) -> Array:
        """World floor position (2,) of a point in the wall's frame."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.origin + np.array([c * x - s * y, s * x + c * y])

    def along(self, point: Array) -> float:
        """How far along the wall a world point (2,) lies."""
        return float((point - self.origin) @ [np.cos(self.yaw), np.sin(self.yaw)])


@dataclass(frozen=True)
class FloorPlan:
    """Rooms with their four walls each; ``doors`` (D, 2) are the middles of the openings between rooms."""

    rooms: tuple[Room, ...]
    walls: dict[str, list[Wall]]
    doors: Array
    windows: tuple[Window, ...]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) around all rooms."""
        low = np.min([room.bounds[:2] for room in self.rooms], axis=0)
        high = np.max([room.bounds[2:] for room in self.rooms], axis=0)
        return (*low, *high)


def draw_plan(rng: np.random.Generator, rooms: int) -> FloorPlan:
    """A rectangular home of 2 to 4 rooms, every room reachable, each with a window."""
    parts = _divide(rng, rooms)
    walls = {room.name: _walls(room) for room in parts}
    doors = _cut_doors(rng, parts, walls)
    windows = _cut_windows(rng, parts, walls)
    return FloorPlan(parts, walls, doors, windows)


def _divide(rng: np.random.Generator, count: int) -> tuple[Room, ...]:
    left, right = rng.uniform(4.3, 4.9), rng.uniform(3.3, 3.8)
    x0, x1, x2, x3 = 0.0, left, left + THICKNESS, left + THICKNESS + right
    if count == 2:
        depth = rng.uniform(4.4, 5.0)
        bounds = {"living": (x0, 0.0, x1, depth), "bedroom": (x2, 0.0, x3, depth)}
    else:
        depth, share = rng.uniform(6.3, 6.9) + 0.6 * (count == 4), rng.uniform(0.46, 0.52)
        low, high = depth * share, depth * share + THICKNESS
        bounds = {
            "living": (x0, 0.0, x1, depth if count == 3 else low + 0.5),
            "kitchen": (x2, 0.0, x3, low),
            "bedroom": (x2, high, x3, depth),
        }
        if count == 4:
            bounds["study"] = (x0, high + 0.5, x1, depth + 0.4)
    if rng.random() < 0.5:
        bounds = {name: (x3 - b[2], b[1], x3 - b[0], b[3]) for name, b in bounds.items()}
    return tuple(Room(name, tuple(map(float, b))) for name, b in bounds.items())  # type: ignore[arg-type]


def _walls(room: Room) -> list[Wall]:
    x0, y0, x1, y1 = room.bounds
    corners = [
        ((x0, y1), 0.0, x1 - x0),
        ((x1, y1), -np.pi / 2, y1 - y0),
        ((x1, y0), np.pi, x1 - x0),
        ((x0, y0), np.pi / 2, y1 - y0),
    ]
    return [Wall(np.array(origin), float(yaw), length) for origin, yaw, length in corners]


def _cut_doors(rng: np.random.Generator, rooms: tuple[Room, ...], walls: dict[str, list[Wall]]) -> Array:
    middles = []
    for i, first in enumerate(rooms):
        for second in rooms[i + 1 :]:
            wide = {first.name, second.name} == {"living", "kitchen"}
            span = _shared(first, second)
            if span is None or np.linalg.norm(span[1] - span[0]) < 1.5:
                continue
            width = 1.4 if wide else 0.9
            length = float(np.linalg.norm(span[1] - span[0]))
            middle = span[0] + (span[1] - span[0]) / length * rng.uniform(width / 2 + 0.25, length - width / 2 - 0.25)
            for room in (first, second):
                wall = min(walls[room.name], key=lambda w: _distance(w, middle))
                at = wall.along(middle)
                wall.openings.append(Opening("door", at - width / 2, at + width / 2, 0.0, DOOR_HEIGHT))
            middles.append(middle)
    return np.array(middles)


def _shared(a: Room, b: Room) -> tuple[Array, Array] | None:
    """The line in the middle of the wall between two rooms."""
    ax0, ay0, ax1, ay1 = a.bounds
    bx0, by0, bx1, by1 = b.bounds
    low, high = max(ay0, by0), min(ay1, by1)
    for x, other in ((ax1, bx0), (bx1, ax0)):
        if abs(other - x - THICKNESS) < 1e-6 and high > low:
            return np.array([x + THICKNESS / 2, low]), np.array([x + THICKNESS / 2, high])
    low, high = max(ax0, bx0), min(ax1, bx1)
    for y, other in ((ay1, by0), (by1, ay0)):
        if abs(other - y - THICKNESS) < 1e-6 and high > low:
            return np.array([low, y + THICKNESS / 2]), np.array([high, y + THICKNESS / 2])
    return None


def _distance(wall: Wall, point: Array) -> float:
    outward = np.array([-np.sin(wall.yaw), np.cos(wall.yaw)])
    return abs(float((point - wall.origin) @ outward) - THICKNESS / 2)


def _cut_windows(rng: np.random.Generator, rooms: tuple[Room, ...], walls: dict[str, list[Wall]]) -> tuple[Window, ...]:
    windows = []
    for room in rooms:
        outer = [wall for wall in walls[room.name] if not wall.openings and _is_outer(wall, rooms)]
        rng.shuffle(outer)  # type: ignore[arg-type]
        for wall in outer[: 2 if room.name == "living" else 1]:
            width = float(min(rng.uniform(1.2, 1.7), wall.length - 1.4))
            start = float(rng.uniform(0.6, wall.length - width - 0.6))
            low, high = float(rng.uniform(0.78, 0.9)), float(rng.uniform(1.95, 2.15))
            wall.openings.append(Opening("window", start, start + width, low, high))
            middle = wall.to_world(start + width / 2, REVEAL / 2)
            inward = np.array([np.sin(wall.yaw), -np.cos(wall.yaw)])
            windows.append(Window(np.array([*middle, (low + high) / 2]), inward, width, high - low))
    return tuple(windows)


def _is_outer(wall: Wall, rooms: tuple[Room, ...]) -> bool:
    probes = [wall.to_world(x, 2 * THICKNESS) for x in np.linspace(0.1, wall.length - 0.1, 20)]
    return not any(
        room.bounds[0] < p[0] < room.bounds[2] and room.bounds[1] < p[1] < room.bounds[3]
        for p in probes
        for room in rooms
    )
