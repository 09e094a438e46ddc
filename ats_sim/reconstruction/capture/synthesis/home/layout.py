"""A made-up home as the animal, the observer and the renderer see it. World frame: z up, metres, floor at z = 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.capture.synthesis.home.atlas import Atlas
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch

__all__ = ["Affordance", "AffordanceKind", "HomeLayout", "Lamp", "NavGrid", "Room", "Window"]

AffordanceKind = Literal["couch", "bowl", "window", "bed", "hide"]


@dataclass(frozen=True)
class Affordance:
    """A spot in the home that an animal can use.

    ``position`` (3,) is the point on the supporting surface under the agent's root while it is there, ``approach``
    (2,) the free floor point from which it is reached, ``yaw`` the heading when resting there. A spot whose
    ``position[2]`` is well above the floor has to be jumped to.
    """

    kind: AffordanceKind
    position: Array
    approach: Array
    yaw: float


@dataclass(frozen=True)
class Room:
    """An axis-aligned room: ``bounds`` = (x0, y0, x1, y1) between the inner faces of its walls."""

    name: str
    bounds: tuple[float, float, float, float]

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the floor."""
        x0, y0, x1, y1 = self.bounds
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass(frozen=True)
class Window:
    """A hole in an outer wall that lets light in: ``center`` (3,), ``inward`` (2,) unit normal, size in metres."""

    center: Array
    inward: Array
    width: float
    height: float


@dataclass(frozen=True)
class Lamp:
    """A light bulb at ``position`` (3,)."""

    position: Array


@dataclass(frozen=True)
class HomeLayout:
    """Geometry, looks and use of one home on one day.

    ``nav`` holds the floor cells where the animal's trunk fits (also under tables), ``walk`` those where a person fits.
    The mesh carries uv and one texture, without light; ``doors`` (D, 2) are the middles of the openings.
    ``patches`` are the mesh's surfaces one by one, ``atlas`` says where each lies in the texture.
    """

    mesh: TriangleMesh
    affordances: tuple[Affordance, ...]
    nav: NavGrid
    walk: NavGrid
    rooms: tuple[Room, ...]
    windows: tuple[Window, ...]
    lamps: tuple[Lamp, ...]
    doors: Array
    patches: tuple[Patch, ...]
    atlas: Atlas
    floor_height: float = 0.0

    def of_kind(self, kind: AffordanceKind) -> tuple[Affordance, ...]:
        """All spots of one kind."""
        return tuple(spot for spot in self.affordances if spot.kind == kind)
