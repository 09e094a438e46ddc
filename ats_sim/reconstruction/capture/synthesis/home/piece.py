"""A piece of furniture: its surfaces, where it stands in the way, and what an animal can do with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.home.layout import Affordance, AffordanceKind
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch, moved

Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Spot:
    """An affordance in its piece's frame: ``position`` (3,) and ``approach`` (2,)."""

    kind: AffordanceKind
    position: tuple[float, float, float]
    approach: tuple[float, float]
    yaw: float = 0.0


@dataclass(frozen=True)
class Piece:
    """Furniture in its own frame: origin on the floor under its middle, front towards -y, back towards +y."""

    name: str
    patches: tuple[Patch, ...]
    size: tuple[float, float]
    """Width along x and depth along y, metres."""
    solids: tuple[Rect, ...] | None = None
    """What keeps an animal off the floor, (x0, y0, x1, y1); None means the whole footprint, () means nothing."""
    headroom: float = np.inf
    """Height of the free space between or in its solids, metres; no way and no place for taller animals."""
    walkable: bool = False
    """Whether a person can walk over it (a rug)."""
    movable: bool = False
    """Whether people shift it between days."""
    height: float = 1.0
    """Top of the piece, metres: high ones may not stand before a window."""
    clearance: float = 0.0
    """Free floor wanted in front, metres."""
    spots: tuple[Spot, ...] = ()
    lamp: tuple[float, float, float] | None = None
    """Where its bulb is."""


@dataclass(frozen=True)
class Placed:
    """A piece somewhere in the home: its middle at (x, y), lifted by z, turned by yaw."""

    piece: Piece
    x: float
    y: float
    yaw: float
    z: float = 0.0

    def patches(self) -> list[Patch]:
        """The surfaces in the world."""
        return moved(self.piece.patches, (self.x, self.y, self.z), self.yaw)

    def to_world(self, points: Array | Iterable[float]) -> Array:
        """World floor positions (..., 2) of points (..., 2) of the piece."""
        local = np.asarray(points, float)
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return local @ np.array([[c, s], [-s, c]]) + [self.x, self.y]

    def outline(self, grow: float = 0.0, front: float = 0.0) -> Rect:
        """World bounds of the footprint, grown on all sides and by ``front`` before the piece."""
        w, d = self.piece.size
        return self._bounds((-w / 2 - grow, -d / 2 - grow - front, w / 2 + grow, d / 2 + grow))

    def solids(self, height: float) -> list[Array]:
        """World corners (4, 2) of everything that keeps an animal of a height off the floor."""
        if self.piece.solids is None or height > self.piece.headroom:
            return [self.footprint()]
        return [self.to_world(_corners(rect)) for rect in self.piece.solids]

    def footprint(self) -> Array:
        """World corners (4, 2) of the whole piece."""
        w, d = self.piece.size
        return self.to_world(_corners((-w / 2, -d / 2, w / 2, d / 2)))

    def affordances(self) -> list[Affordance]:
        """The spots in the world."""
        found = []
        for spot in self.piece.spots:
            x, y = self.to_world(spot.position[:2])
            position = np.array([x, y, spot.position[2] + self.z])
            yaw = float(np.angle(np.exp(1j * (spot.yaw + self.yaw))))
            found.append(Affordance(spot.kind, position, self.to_world(spot.approach), yaw))
        return found

    def _bounds(self, rect: Rect) -> Rect:
        points = self.to_world(_corners(rect))
        return (*points.min(0), *points.max(0))


def _corners(rect: Rect) -> Array:
    x0, y0, x1, y1 = rect
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def overlap(a: Rect, b: Rect) -> bool:
    """Whether two axis-aligned rectangles share an area."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
