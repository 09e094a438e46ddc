"""A small furnished room for the animals' tests: a couch, a bench at a window, a low bed, a bowl and a hiding place."""

from dataclasses import dataclass

import numpy as np

from ats_sim.reconstruction.capture.synthesis.home.layout import Affordance, AffordanceKind
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid


@dataclass(frozen=True)
class TestRoom:
    """What a mind needs of a home's layout."""

    __test__ = False
    affordances: tuple[Affordance, ...]
    nav: NavGrid
    floor_height: float = 0.0


def _spot(
    kind: AffordanceKind, position: tuple[float, float, float], approach: tuple[float, float], yaw: float
) -> Affordance:
    return Affordance(kind, np.array(position), np.array(approach), yaw)


def make_room() -> TestRoom:
    """6 m x 5 m, origin in the middle."""
    origin, cell = np.array([-3.0, -2.5]), 0.1
    x, y = np.meshgrid(origin[0] + cell * np.arange(61), origin[1] + cell * np.arange(51), indexing="ij")
    couch = (np.abs(x - 2.3) < 0.6) & (np.abs(y) < 1.1)
    bed = (np.abs(x + 2.3) < 0.4) & (y > 1.7)
    bench = (np.abs(y + 2.2) < 0.35) & (np.abs(x) < 0.6)
    walls = (np.abs(x) > 2.95) | (np.abs(y) > 2.45) | ((np.abs(x) < 0.5) & (np.abs(y - 0.5) < 0.12))
    spots = (
        _spot("couch", (2.2, 0.5, 0.42), (1.5, 0.5), np.pi),
        _spot("couch", (2.2, -0.6, 0.42), (1.5, -0.6), np.pi),
        _spot("bowl", (-2.4, -1.6, 0.0), (-2.2, -1.6), np.pi),
        _spot("window", (0.0, -2.1, 0.5), (0.0, -1.6), -np.pi / 2),
        _spot("bed", (-2.3, 2.0, 0.1), (-1.7, 2.0), 0.0),
        _spot("hide", (1.8, 2.1, 0.0), (1.4, 2.0), -2.5),
    )
    return TestRoom(spots, NavGrid(origin, cell, ~(couch | bed | bench | walls)))
