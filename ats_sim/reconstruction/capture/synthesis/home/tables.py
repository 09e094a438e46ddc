"""Hard furniture: tables, chairs, shelves, cupboards, a kitchen."""

from __future__ import annotations

import numpy as np

from ats_sim.reconstruction.capture.synthesis.home.artwork import BOOK_ROWS
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch, bar, box, lathe, quad
from ats_sim.reconstruction.capture.synthesis.home.piece import Piece, Rect, Spot


def _legs(w: float, d: float, h: float, thick: float, material: str) -> tuple[list[Patch], tuple[Rect, ...]]:
    patches: list[Patch] = []
    rects = []
    for x in (-(w - thick) / 2, (w - thick) / 2):
        for y in (-(d - thick) / 2, (d - thick) / 2):
            patches += box((x, y, 0), (thick, thick, h), material, faces="xXyY")
            rects.append((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2))
    return patches, tuple(rects)


def _mug(x: float, y: float, z: float, material: str) -> list[Patch]:
    return [lathe((x, y, z), [(0.035, 0), (0.04, 0.09), (0.034, 0.09), (0.03, 0.02)], material, sides=10)]


def coffee_table(rng: np.random.Generator) -> Piece:
    """A low table with a mug and magazines."""
    w, d, h = float(rng.uniform(0.9, 1.15)), float(rng.uniform(0.5, 0.6)), 0.44
    patches, rects = _legs(w, d, h - 0.04, 0.06, "wood")
    patches += box((0, 0, h - 0.04), (w, d, 0.04), "wood", faces="xXyYZz")
    patches += _mug(0.2, 0.1, h, "blue_glaze")
    patches += [quad((-0.35, 0.16, h + 0.012), (0.26, 0.05, 0), (0.03, -0.2, 0), f"painting{int(rng.integers(6))}")]
    patches += box((-0.05, -0.12, h), (0.16, 0.23, 0.03), "cushion_b")
    return Piece("coffee_table", tuple(patches), (w, d), solids=rects, headroom=h - 0.04, height=h)


def dining_table(rng: np.random.Generator) -> Piece:
    """A table to eat at; under it an animal can hide."""
    w, d, h = float(rng.uniform(1.2, 1.5)), 0.82, 0.74
    patches, rects = _legs(w, d, h - 0.04, 0.07, "pale_wood")
    patches += box((0, 0, h - 0.04), (w, d, 0.04), "pale_wood", faces="xXyYZz")
    patches += box((0, 0, h - 0.11), (w - 0.16, d - 0.16, 0.07), "pale_wood", faces="xXyY")
    patches += [quad((-0.3, 0.2, h + 0.003), (0.6, 0, 0), (0, -0.4, 0), "rug_b")]
    bowl = [(0.05, 0), (0.12, 0.05), (0.15, 0.09), (0.13, 0.08), (0.0, 0.03)]
    patches += [lathe((0, 0, h + 0.004), bowl, "blue_glaze", sides=14)]
    patches += [
        lathe((x, 0.02 * k, h + 0.03), _ball(0.04), m) for k, (x, m) in enumerate([(-0.05, "clay"), (0.05, "leaf")])
    ]
    patches += _mug(w / 2 - 0.25, -0.2, h, "clay")
    spot = Spot("hide", (0.0, 0.05, 0.0), (0.0, -d / 2 - 0.38), float(np.pi / 2))
    return Piece("dining_table", tuple(patches), (w, d), solids=rects, headroom=h - 0.11, height=h, spots=(spot,))


def _ball(radius: float) -> list[tuple[float, float]]:
    angle = np.linspace(0, np.pi, 7)
    return [(float(radius * np.sin(a)), float(radius * (1 - np.cos(a)))) for a in angle]


def chair(rng: np.random.Generator) -> Piece:
    """A wooden chair; its back stands towards +y."""
    w, h = 0.42, 0.45
    patches, rects = _legs(w, w, h, 0.04, "wood")
    patches += box((0, 0, h), (w, w, 0.03), "wood", faces="xXyYZz")
    patches += box((0, -0.01, h + 0.03), (w - 0.05, w - 0.06, 0.025), "cushion_a", faces="xXyYZ")
    for x in (-w / 2 + 0.02, w / 2 - 0.02):
        patches += box((x, w / 2 - 0.02, h + 0.03), (0.04, 0.04, 0.44), "wood")
    for z in (0.62, 0.75, 0.85):
        patches += box((0, w / 2 - 0.02, z), (w - 0.08, 0.02, 0.06), "wood", faces="yYZz")
    return Piece("chair", tuple(patches), (w, w), solids=rects, headroom=h, movable=True, height=0.92)


def bookshelf(rng: np.random.Generator) -> Piece:
    """A shelf full of books, a vase and a box or two."""
    w, d, h = float(rng.uniform(0.8, 1.1)), 0.30, float(rng.uniform(1.5, 2.0))
    boards = 5
    patches = box((-w / 2 + 0.015, 0, 0), (0.03, d, h), "wood", faces="xXyZ")
    patches += box((w / 2 - 0.015, 0, 0), (0.03, d, h), "wood", faces="xXyZ")
    patches += [quad((-w / 2, d / 2 - 0.01, h), (w, 0, 0), (0, 0, -h), "dark_wood")]
    for k in range(boards + 1):
        z = 0.06 + k * (h - 0.1) / boards
        patches += box((0, 0, z), (w - 0.06, d, 0.025), "wood", faces="yZz")
        if k < boards:
            tall = (h - 0.1) / boards - 0.06
            depth = float(rng.uniform(-0.06, 0.0))
            material = f"books{int(rng.integers(BOOK_ROWS))}"
            patches += [quad((-w / 2 + 0.03, depth, z + 0.025 + tall), (w - 0.06, 0, 0), (0, 0, -tall), material)]
            patches += [
                quad((-w / 2 + 0.03, d / 2, z + 0.025 + tall), (w - 0.06, 0, 0), (0, depth - d / 2, 0), "dark_wood")
            ]
    vase = [(0.04, 0), (0.08, 0.07), (0.07, 0.14), (0.03, 0.2), (0.045, 0.24)]
    patches += [lathe((w * 0.2, 0, h - 0.015), vase, "blue_glaze")]
    return Piece("bookshelf", tuple(patches), (w, d), height=h, clearance=0.4)


def tv_bench(rng: np.random.Generator) -> Piece:
    """A low bench with a television."""
    w, d, h = 1.4, 0.38, 0.42
    patches = box((0, 0, 0.06), (w, d, h - 0.06), "dark_wood", faces="xXYZ")
    patches += [quad((-w / 2, -d / 2, h), (w, 0, 0), (0, 0, -h + 0.06), "wall_cupboard")]
    patches += box((0, 0, h), (0.3, 0.2, 0.05), "black")
    patches += box((0, 0.02, h + 0.05), (1.06, 0.05, 0.6), "black", faces="xXYZ")
    patches += [quad((-0.53, -0.006, h + 0.65), (1.06, 0, 0), (0, 0, -0.6), "screen")]
    patches += box((-0.58, -0.05, h), (0.14, 0.2, 0.2), "cardboard")
    return Piece("tv_bench", tuple(patches), (w, d), height=1.05, clearance=0.6)


def counter(rng: np.random.Generator) -> Piece:
    """A kitchen row: cupboards, an oven, worktop, sink with tap, things on it, wall cupboards above."""
    w, d, h = 2.1, 0.6, 0.9
    patches = box((0, 0, 0.08), (w, d, h - 0.12), "white", faces="xXY")
    patches += box((0, 0.03, 0), (w - 0.02, d - 0.06, 0.08), "black", faces="xXy")
    patches += [quad((-w / 2, -d / 2, h - 0.04), (w - 0.6, 0, 0), (0, 0, -h + 0.12), "kitchen_front")]
    patches += [quad((w / 2 - 0.6, -d / 2, h - 0.04), (0.6, 0, 0), (0, 0, -h + 0.12), "oven")]
    patches += box((0, -0.01, h - 0.04), (w + 0.02, d + 0.02, 0.04), "stone", faces="xXyYZz")
    patches += [quad((-0.75, 0.16, h + 0.002), (0.5, 0, 0), (0, -0.34, 0), "metal")]
    patches += [
        bar((-0.5, 0.22, h), (-0.5, 0.22, h + 0.25), 0.015, "metal"),
        bar((-0.5, 0.22, h + 0.25), (-0.5, 0.05, h + 0.22), 0.013, "metal"),
    ]
    patches += [quad((w / 2 - 0.57, 0.22, h + 0.003), (0.54, 0, 0), (0, -0.46, 0), "screen")]
    patches += [lathe((0.1, 0.12, h), [(0.06, 0), (0.06, 0.18), (0.055, 0.19), (0, 0.2)], "clay")]
    patches += box((0.32, 0.15, h), (0.16, 0.12, 0.24), "cushion_b")
    patches += _mug(-0.05, -0.1, h, "white")
    patches += [quad((-w / 2, d / 2 - 0.003, 1.42), (w, 0, 0), (0, 0, -0.52), "floor_tiles")]
    patches += box((-0.3, d / 2 - 0.17, 1.42), (w - 0.6, 0.34, 0.66), "white", faces="xXZz")
    patches += [quad((-w / 2, d / 2 - 0.342, 2.08), (w - 0.6, 0, 0), (0, 0, -0.66), "wall_cupboard")]
    patches += box((w / 2 - 0.3, d / 2 - 0.22, 1.55), (0.55, 0.44, 0.2), "metal")
    return Piece("counter", tuple(patches), (w, d), height=2.1, clearance=0.8)


def fridge(rng: np.random.Generator) -> Piece:
    """A tall fridge with a few notes on its door."""
    patches = box((0, 0, 0.03), (0.6, 0.62, 1.75), "white", faces="xXyYZ")
    patches += [bar((-0.25, -0.335, 1.1), (-0.25, -0.335, 1.5), 0.012, "metal")]
    for _ in range(4):
        x, z = rng.uniform(-0.1, 0.12), rng.uniform(0.9, 1.6)
        material = f"painting{int(rng.integers(6))}"
        patches += [quad((x, -0.314, z), (0.13, 0, 0), (0, 0, -0.16), material)]
    return Piece("fridge", tuple(patches), (0.6, 0.64), height=1.8, clearance=0.6)


def wardrobe(rng: np.random.Generator) -> Piece:
    """A wardrobe with a suitcase on top."""
    w, d, h = float(rng.uniform(1.2, 1.5)), 0.58, 1.95
    patches = box((0, 0, 0), (w, d, h), "pale_wood", faces="xXYZ")
    patches += [quad((-w / 2, -d / 2, h), (w, 0, 0), (0, 0, -h), "wardrobe_front")]
    patches += box((0.15, 0, h), (0.6, 0.4, 0.22), "cushion_b")
    return Piece("wardrobe", tuple(patches), (w, d), height=2.2, clearance=0.6)


def drawers(rng: np.random.Generator) -> Piece:
    """A chest of drawers with a clock and a photograph."""
    w, d, h = 0.8, 0.42, 0.82
    patches = box((0, 0, 0.06), (w, d, h - 0.06), "wood", faces="xXYZ")
    patches += [quad((-w / 2, -d / 2, h), (w, 0, 0), (0, 0, -h + 0.06), "drawers")]
    patches += [quad((-0.3, 0.06, h + 0.26), (0.2, 0.02, 0), (0, -0.02, -0.26), f"painting{int(rng.integers(6))}")]
    patches += [lathe((0.2, 0.02, h), [(0.07, 0), (0.09, 0.06), (0.05, 0.2), (0.06, 0.22)], "clay")]
    return Piece("drawers", tuple(patches), (w, d), height=1.1, clearance=0.4)


def desk(rng: np.random.Generator) -> Piece:
    """A desk with a screen, paper and a lamp."""
    w, d, h = 1.3, 0.65, 0.73
    patches, rects = _legs(w, d, h - 0.03, 0.05, "metal")
    patches += box((0, 0, h - 0.03), (w, d, 0.03), "wood", faces="xXyYZz")
    patches += box((0, 0.2, h + 0.12), (0.56, 0.03, 0.34), "black", faces="xXYZ")
    patches += [quad((-0.28, 0.183, h + 0.46), (0.56, 0, 0), (0, 0, -0.34), "painting0")]
    patches += [bar((0, 0.22, h), (0, 0.22, h + 0.2), 0.02, "metal")]
    patches += [quad((-0.55, 0.1, h + 0.003), (0.21, 0.03, 0), (0.03, -0.29, 0), "books1")]
    patches += box((0, -0.12, h), (0.42, 0.14, 0.02), "black")
    spot = Spot("hide", (0.0, 0.08, 0.0), (0.0, -d / 2 - 0.36), float(np.pi / 2))
    return Piece(
        "desk", tuple(patches), (w, d), solids=rects, headroom=h - 0.03, height=1.2, clearance=0.6, spots=(spot,)
    )
