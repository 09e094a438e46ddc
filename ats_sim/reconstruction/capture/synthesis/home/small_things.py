"""Small things that make a home lived-in: rugs, plants, lamps, bowls, boxes, pictures, curtains."""

from __future__ import annotations

import numpy as np

from ats_sim.reconstruction.capture.synthesis.home.artwork import PAINTINGS
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch, bar, box, cushion, lathe, leaf, quad
from ats_sim.reconstruction.capture.synthesis.home.piece import Piece, Spot


def rug(rng: np.random.Generator) -> Piece:
    """A patterned rug."""
    w, d = float(rng.uniform(1.7, 2.2)), float(rng.uniform(1.2, 1.5))
    material = rng.choice(["rug", "rug_b"])
    patches = [quad((-w / 2, d / 2, 0.008), (w, 0, 0), (0, -d, 0), str(material), (4, 3))]
    patches += box((0, 0, 0), (w, d, 0.008), "linen", faces="xXyY")
    return Piece("rug", tuple(patches), (w, d), solids=(), walkable=True, height=0.01)


def plant(rng: np.random.Generator) -> Piece:
    """A potted plant with bent leaves."""
    tall = float(rng.uniform(0.6, 1.2))
    pot = [(0.11, 0), (0.15, 0.26), (0.165, 0.26), (0.165, 0.3), (0.14, 0.3), (0.13, 0.25), (0.0, 0.25)]
    patches = [
        lathe((0, 0, 0), pot, "clay", sides=14),
        bar((0, 0, 0.24), (0, 0, 0.28 + tall * 0.5), 0.012, "dark_wood"),
    ]
    for k in range(16):
        angle = k * 2.4 + rng.uniform(-0.3, 0.3)
        base_z = 0.27 + tall * 0.5 * (k / 15)
        reach = tall * rng.uniform(0.25, 0.42)
        tip = (reach * np.cos(angle), reach * np.sin(angle), base_z + tall * rng.uniform(0.1, 0.5))
        material = "leaf" if k % 3 else "leaf_b"
        patches.append(leaf((0, 0, base_z), tip, 0.35 * reach + 0.04, material, droop=rng.uniform(0.1, 0.25)))
    return Piece("plant", tuple(patches), (0.42, 0.42), solids=((-0.15, -0.15, 0.15, 0.15),), height=0.3 + tall)


def floor_lamp(rng: np.random.Generator) -> Piece:
    """A standing lamp with a paper shade."""
    patches = [
        lathe((0, 0, 0), [(0.15, 0), (0.15, 0.02), (0.02, 0.03)], "metal"),
        bar((0, 0, 0.02), (0, 0, 1.45), 0.012, "metal"),
    ]
    patches += [lathe((0, 0, 1.35), [(0.2, 0), (0.13, 0.3)], "lamp_shade", sides=16)]
    return Piece(
        "floor_lamp", tuple(patches), (0.4, 0.4), solids=((-0.15, -0.15, 0.15, 0.15),), height=1.7, lamp=(0, 0, 1.75)
    )


def feeding_place(rng: np.random.Generator) -> Piece:
    """A mat with a bowl of kibble and one of water; the animal stands before it."""
    patches = [quad((-0.24, 0.13, 0.006), (0.48, 0, 0), (0, -0.26, 0), "cushion_b")]
    bowl = [(0.075, 0.006), (0.085, 0.045), (0.07, 0.045), (0.055, 0.02), (0.0, 0.02)]
    for x, filling in ((-0.11, "kibble"), (0.11, "blue_glaze")):
        patches.append(lathe((x, 0.02, 0), bowl, "metal", sides=14))
        patches.append(lathe((x, 0.02, 0), [(0.064, 0.032), (0.0, 0.036)], filling, sides=14))
    spot = Spot("bowl", (-0.11, -0.31, 0.0), (-0.11, -0.31), float(np.pi / 2))
    solid = (-0.2, -0.07, 0.2, 0.11)
    return Piece("bowl", tuple(patches), (0.48, 0.26), solids=(solid,), height=0.05, clearance=0.5, spots=(spot,))


def cardboard_box(rng: np.random.Generator) -> Piece:
    """An open cardboard box on its side: a cat's hiding place."""
    w, d, h = 0.46, 0.62, 0.40
    patches = box((0, 0, 0), (w, d, h), "cardboard", faces="xXYZ")
    inner = 0.012
    patches += [
        quad((-w / 2 + inner, -d / 2, h - inner), (0, d - inner, 0), (0, 0, -h + 2 * inner), "cardboard"),
        quad((w / 2 - inner, d / 2 - inner, h - inner), (0, inner - d, 0), (0, 0, -h + 2 * inner), "cardboard"),
        quad((-w / 2 + inner, d / 2 - inner, h - inner), (w - 2 * inner, 0, 0), (0, 0, 2 * inner - h), "cardboard"),
        quad((-w / 2 + inner, -d / 2, h - inner), (w - 2 * inner, 0, 0), (0, d - inner, 0), "cardboard"),
        quad((-w / 2 + inner, d / 2 - inner, inner), (w - 2 * inner, 0, 0), (0, inner - d, 0), "blanket"),
        quad((-w / 2, -d / 2, h), (w, 0, 0), (0, -0.16, -0.05), "cardboard"),
    ]
    spot = Spot("hide", (0.0, 0.02, inner), (0.0, -d / 2 - 0.36), float(-np.pi / 2))
    return Piece(
        "box", tuple(patches), (w, d), headroom=h - inner, height=h, clearance=0.5, movable=True, spots=(spot,)
    )


def cat_tree(rng: np.random.Generator) -> Piece:
    """A scratching post with platforms."""
    patches = box((0, 0, 0), (0.5, 0.5, 0.05), "carpet") + [
        bar((0.1, 0.1, 0.05), (0.1, 0.1, 1.15), 0.05, "sisal", sides=10)
    ]
    patches += [bar((-0.14, -0.14, 0.05), (-0.14, -0.14, 0.5), 0.05, "sisal", sides=10)]
    patches += cushion((-0.1, -0.1, 0.5), (0.44, 0.44, 0.07), "carpet", radius=0.03)
    patches += cushion((0.06, 0.06, 1.15), (0.4, 0.4, 0.07), "carpet", radius=0.03)
    spot = Spot("window", (-0.1, -0.1, 0.57), (-0.1, -0.62), 0.0)
    return Piece("cat_tree", tuple(patches), (0.5, 0.5), height=1.25, clearance=0.4, spots=(spot,))


def side_table(rng: np.random.Generator) -> Piece:
    """A small round table with a reading lamp."""
    patches = [lathe((0, 0, 0), [(0.16, 0), (0.16, 0.02), (0.025, 0.04), (0.025, 0.5)], "dark_wood")]
    patches += [lathe((0, 0, 0.5), [(0.0, 0.0), (0.22, 0.0), (0.22, 0.03), (0.0, 0.03)], "dark_wood", sides=16)]
    patches += [lathe((0, 0, 0.53), [(0.07, 0), (0.03, 0.1), (0.02, 0.22)], "blue_glaze")]
    patches += [lathe((0, 0, 0.72), [(0.15, 0), (0.09, 0.18)], "lamp_shade", sides=14)]
    return Piece(
        "side_table", tuple(patches), (0.45, 0.45), solids=((-0.16, -0.16, 0.16, 0.16),), height=0.95, lamp=(0, 0, 0.95)
    )


def toys(rng: np.random.Generator) -> Piece:
    """A ball and a mouse lie about."""
    ball = [(0.035 * np.sin(a), 0.035 * (1 - np.cos(a))) for a in np.linspace(0, np.pi, 7)]
    patches = [lathe((0.1, 0.05, 0), ball, "clay", sides=10)]
    patches += cushion((-0.12, -0.04, 0), (0.09, 0.05, 0.04), "cushion_a", radius=0.019)
    return Piece("toys", tuple(patches), (0.3, 0.2), solids=(), walkable=True, movable=True, height=0.07)


def basket(rng: np.random.Generator) -> Piece:
    """A laundry basket."""
    profile = [(0.16, 0.0), (0.2, 0.42), (0.18, 0.42), (0.15, 0.2), (0.0, 0.3)]
    return Piece("basket", (lathe((0, 0, 0), profile, "sisal", sides=14),), (0.4, 0.4), movable=True, height=0.42)


def painting(rng: np.random.Generator, index: int) -> Piece:
    """A framed picture; hangs with its back at y = 0, its middle at z = 0."""
    h = float(rng.uniform(0.45, 0.7))
    w = h * {0: 1.35, 1: 1.0, 2: 0.8, 3: 0.8, 4: 1.35, 5: 0.8}[index % PAINTINGS]
    patches = [quad((-w / 2, -0.03, h / 2), (w, 0, 0), (0, 0, -h), f"painting{index % PAINTINGS}")]
    patches += box((0, -0.015, -h / 2), (w, 0.03, h), "dark_wood", faces="xXZz")
    return Piece("painting", tuple(patches), (w, 0.03), solids=(), walkable=True, height=h)


def wall_clock(rng: np.random.Generator) -> Piece:
    """A wall clock; hangs as a painting does."""
    return Piece(
        "clock",
        (quad((-0.15, -0.02, 0.15), (0.3, 0, 0), (0, 0, -0.3), "clock"),),
        (0.3, 0.03),
        solids=(),
        walkable=True,
    )


def curtain(width: float, top: float, bottom: float) -> list[Patch]:
    """A wavy curtain, its rail's middle at the origin, against a wall behind it (+y)."""
    across = np.linspace(-width / 2, width / 2, 17)
    wave = 0.03 * np.sin(np.arange(17) * 1.9) - 0.05
    rows = [np.stack([across, wave, np.full(17, z)], -1) for z in (top, bottom)]
    return [Patch(np.stack(rows), "curtain")]
