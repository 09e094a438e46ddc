"""Soft furniture: couches, armchairs, beds, poufs, cushions, window seats."""

from __future__ import annotations

import numpy as np

from ats_sim.reconstruction.capture.synthesis.home.patch import Patch, bar, box, cushion, moved, quad
from ats_sim.reconstruction.capture.synthesis.home.piece import Piece, Spot

BEHIND = np.pi / 2
AHEAD = -np.pi / 2


def couch(rng: np.random.Generator) -> Piece:
    """A couch with two or three seats; a cat lies on any of them."""
    seats = int(rng.integers(2, 4))
    seat_width, arm, depth, seat_height = rng.uniform(0.62, 0.7), 0.18, 0.88, 0.42
    width = seats * seat_width + 2 * arm
    patches = cushion((0, 0.02, 0.06), (width - 0.04, depth - 0.06, 0.24), "couch", radius=0.04)
    patches += cushion((0, depth / 2 - 0.12, 0.2), (width - 0.06, 0.24, 0.62), "couch", radius=0.09)
    for side in (-1, 1):
        patches += cushion((side * (width - arm) / 2, 0, 0.06), (arm, depth, 0.54), "couch", radius=0.07)
    for k in range(seats):
        x = (k - (seats - 1) / 2) * seat_width
        patches += cushion((x, -0.12, 0.28), (seat_width - 0.01, 0.64, 0.13), "couch", radius=0.05, puff=0.015)
        patches += cushion((x, 0.17, 0.40), (seat_width - 0.03, 0.18, 0.40), "couch", radius=0.08)
    left, right = -(width / 2 - arm - 0.2), width / 2 - arm - 0.2
    patches += _leaning_cushion(left, 0.03, seat_height, "cushion_a", 0.25)
    if seats == 3:
        patches += _leaning_cushion(right, 0.03, seat_height, "cushion_b", -0.2)
    patches += _throw(right - 0.05, depth, seat_height)
    spots = tuple(
        Spot("couch", ((k - (seats - 1) / 2) * seat_width, -0.15, seat_height), (float(x), -depth / 2 - 0.32), AHEAD)
        for k, x in enumerate(np.linspace(-(seats - 1) / 2, (seats - 1) / 2, seats) * seat_width)
        if k != 0 or seats == 2
    )
    return Piece("couch", tuple(patches), (width, depth), height=0.82, clearance=0.7, spots=spots)


def _leaning_cushion(x: float, y: float, z: float, material: str, turn: float) -> list[Patch]:
    flat = cushion((0, 0, 0), (0.42, 0.42, 0.13), material, radius=0.06, puff=0.03)
    tilt = 1.1
    matrix = np.eye(4)
    matrix[:3, :3] = [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]
    matrix[:3, 3] = [0, 0, 0.19]
    return moved([patch.moved(matrix) for patch in flat], (x, y, z), turn)


def _throw(x: float, depth: float, z: float) -> list[Patch]:
    top = quad((x - 0.2, depth / 2 - 0.03, 0.835), (0.42, 0, 0), (0, -0.2, 0), "blanket")
    fall = quad((x - 0.2, depth / 2 - 0.225, 0.835), (0.42, 0, 0), (0, -0.17, 0.0 - 0.36), "blanket")
    seat = quad((x - 0.2, depth / 2 - 0.395, z + 0.045), (0.42, 0, 0), (0, -0.4, -0.012), "blanket")
    return [top, fall, seat]


def armchair(rng: np.random.Generator) -> Piece:
    """An armchair on short legs."""
    w, d = 0.78, 0.8
    patches = cushion((0, -0.02, 0.12), (w - 0.24, d - 0.1, 0.30), "armchair", radius=0.06, puff=0.02)
    patches += cushion((0, d / 2 - 0.13, 0.12), (w - 0.1, 0.22, 0.76), "armchair", radius=0.09)
    for side in (-1, 1):
        patches += cushion((side * (w / 2 - 0.08), -0.02, 0.12), (0.15, d - 0.1, 0.46), "armchair", radius=0.07)
        patches += [bar((side * 0.3, y, 0), (side * 0.3, y, 0.13), 0.02, "dark_wood") for y in (-0.3, 0.3)]
    spots = (Spot("couch", (0, -0.08, 0.435), (0, -d / 2 - 0.32), AHEAD),)
    return Piece("armchair", tuple(patches), (w, d), height=0.9, clearance=0.5, spots=spots)


def bed(rng: np.random.Generator) -> Piece:
    """A bed whose head stands at the wall."""
    w, d = float(rng.uniform(1.3, 1.6)), 2.05
    patches = box((0, 0, 0.08), (w + 0.06, d, 0.2), "wood", faces="xXyYZ")
    patches += [
        p for x in (-1, 1) for y in (-1, 1) for p in box((x * w / 2.3, y * d / 2.3, 0), (0.08, 0.08, 0.08), "wood")
    ]
    patches += box((0, d / 2 - 0.03, 0.08), (w + 0.1, 0.06, 0.85), "wood")
    patches += cushion((0, -0.02, 0.26), (w - 0.02, d - 0.1, 0.2), "linen", radius=0.06)
    patches += cushion((0, -0.28, 0.40), (w + 0.05, d - 0.62, 0.09), "blanket", radius=0.04, puff=0.02)
    patches += cushion((0, 0.32, 0.43), (w + 0.05, 0.28, 0.09), "linen", radius=0.04)
    for side in (-1, 1):
        patches += cushion(
            (side * w / 4, d / 2 - 0.27, 0.46), (w / 2 - 0.12, 0.38, 0.13), "linen", radius=0.06, puff=0.03
        )
    spots = tuple(
        Spot("bed", (side * w / 4, -0.35, 0.505), (side * (w / 2 + 0.34), -0.35), np.pi if side > 0 else 0.0)
        for side in (-1, 1)
    ) + (Spot("bed", (0.0, -0.6, 0.505), (0.0, -d / 2 - 0.34), BEHIND),)
    solid = (-w / 2 - 0.03, -d / 2, w / 2 + 0.03, d / 2)
    return Piece("bed", tuple(patches), (w + 0.1, d), solids=(solid,), height=0.93, clearance=0.5, spots=spots)


def window_seat(rng: np.random.Generator) -> Piece:
    """A chest with a cushion below a window: where a cat looks out."""
    w, d, h = 1.1, 0.42, 0.40
    patches = box((0, 0, 0), (w, d, h), "pale_wood", faces="xXyYZ")
    patches += [quad((-w / 2 + 0.02, -d / 2 - 0.004, h - 0.03), (w - 0.04, 0, 0), (0, 0, -h + 0.06), "drawers")]
    patches += cushion((0, 0, h), (w - 0.04, d - 0.03, 0.07), "cushion_b", radius=0.03, puff=0.01)
    spots = tuple(Spot("window", (x, 0.0, h + 0.075), (x, -d / 2 - 0.32), BEHIND) for x in (-0.25, 0.25))
    return Piece("window_seat", tuple(patches), (w, d), height=h + 0.07, clearance=0.6, spots=spots)


def pouf(rng: np.random.Generator) -> Piece:
    """A soft footstool."""
    patches = cushion((0, 0, 0), (0.46, 0.46, 0.36), "armchair", radius=0.12, puff=0.02)
    return Piece("pouf", tuple(patches), (0.46, 0.46), movable=True, height=0.38)


def floor_cushion(rng: np.random.Generator) -> Piece:
    """A big cushion on the floor."""
    patches = cushion((0, 0, 0), (0.62, 0.5, 0.15), "cushion_a", radius=0.07, puff=0.04)
    return Piece("floor_cushion", tuple(patches), (0.62, 0.5), movable=True, height=0.2)
