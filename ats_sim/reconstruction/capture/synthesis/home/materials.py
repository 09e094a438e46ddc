"""Materials that repeat without a seam: floors, walls, wood, cloth, leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.home.noise import cloudy, smooth, tinted

SIZE = 256


@dataclass(frozen=True, eq=False)
class Material:
    """Colours ``picture`` (H, W, 3) in 0..1 (sRGB) that cover ``period`` metres, or, where ``period`` is None, are
    stretched over the whole patch."""

    picture: Array
    period: float | None = None


def hsv(hue: float, saturation: float, value: float) -> Array:
    """RGB in 0..1 of a hue (turns), saturation and value."""
    offsets = (np.array([5.0, 3.0, 1.0]) + hue * 6) % 6
    return np.asarray(value - value * saturation * np.clip(np.minimum(offsets, 4 - offsets), 0, 1))


def planks(rng: np.random.Generator, color: Array, *, rows: int = 8, period: float = 1.4) -> Material:
    """A wooden floor: boards with their own tone, grain along them and dark seams."""
    n = 2 * SIZE
    grain = smooth(rng, (n, n), (0.9, 26)) * 0.07 + smooth(rng, (n, n), (3.0, 60)) * 0.07
    height = n // rows
    tone, seam = np.zeros((n, n)), np.zeros((n, n))
    for row in range(rows):
        rows_here = slice(row * height, (row + 1) * height)
        cut, other = np.sort(rng.integers(0, n, 2))
        columns = np.arange(n)
        tone[rows_here] = np.where((columns >= cut) & (columns < other), rng.normal(0, 0.1), rng.normal(0, 0.1))
        seam[row * height : row * height + 2] = -0.45
        seam[rows_here, cut : cut + 2] = seam[rows_here, other : other + 2] = -0.4
        grain[rows_here] = np.roll(grain[rows_here], int(rng.integers(n)), axis=1)
    return Material(tinted(color, grain + tone + seam), period)


def floor_tiles(rng: np.random.Generator, color: Array, second: Array, *, across: int = 4) -> Material:
    """Square tiles with grout, a little marbling and every other tile perhaps of a second colour."""
    n = 2 * SIZE
    step = n // across
    board = np.add.outer(np.arange(n) // step, np.arange(n) // step) % 2
    base = np.where(board[..., None] == 0, color, second)
    tone = np.kron(rng.normal(0, 0.04, (across, across)), np.ones((step, step)))
    veins = -0.16 * np.exp(-((cloudy(rng, (n, n), 40) * 4) ** 2)) + 0.03 * cloudy(rng, (n, n), 12)
    grout = np.minimum.outer(np.arange(n) % step, np.arange(n) % step) < 4
    picture = tinted(base, tone + veins)
    picture[grout] = np.array([0.55, 0.53, 0.5]) * (1 + 0.08 * smooth(rng, (n, n), 1.0)[grout, None])
    return Material(np.clip(picture, 0, 1), 1.6)


def carpet(rng: np.random.Generator, color: Array) -> Material:
    """A looped carpet: strong fine mottling over soft patches."""
    n = 2 * SIZE
    return Material(tinted(color, 0.13 * smooth(rng, (n, n), 1.3) + 0.07 * cloudy(rng, (n, n), 48)), 1.2)


def paint(rng: np.random.Generator, color: Array) -> Material:
    """Painted plaster: roller marks and faint stains."""
    n = 2 * SIZE
    stains = 0.022 * cloudy(rng, (n, n), 60) + 0.022 * smooth(rng, (n, n), 1.4)
    specks = -0.22 * (smooth(rng, (n, n), 1.6) > 3.3)
    return Material(tinted(color, stains + specks), 2.4)


def wallpaper(rng: np.random.Generator, color: Array, ink: Array) -> Material:
    """Wallpaper: one motif of leaves or rings, repeated with half an offset, on paper."""
    n = 2 * SIZE
    step = n // 4
    y, x = np.mgrid[:n, :n]
    x = (x + (y // step % 2) * step // 2) % step
    u, v = x / step - 0.5, (y % step) / step - 0.5
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    petals = int(rng.integers(3, 7))
    edge = 0.30 + 0.12 * np.cos(petals * angle)
    motif = np.clip(1 - np.abs(radius - edge) / 0.035, 0, 1) + (radius < 0.08)
    if rng.random() < 0.4:
        motif = motif + 0.6 * (np.abs(u) < 0.02)
    share = np.clip(motif, 0, 1)[..., None] * 0.75
    return Material(tinted(np.asarray(color) * (1 - share) + np.asarray(ink) * share, 0.02 * cloudy(rng, (n, n))), 1.3)


def wood(rng: np.random.Generator, color: Array) -> Material:
    """Furniture wood: flowing grain along the rows, a few knots."""
    n = SIZE
    y, x = np.mgrid[:n, :n] / n * 2 * np.pi
    warp = 0.5 * cloudy(rng, (n, n), 50)
    rings = np.sin(9 * y + 1.6 * np.sin(x + rng.uniform(0, 6)) + 1.5 * warp)
    return Material(tinted(color, 0.07 * rings + 0.06 * smooth(rng, (n, n), (0.8, 14))), 0.9)


def cloth(rng: np.random.Generator, color: Array, second: Array) -> Material:
    """Upholstery: plain, striped, checked or dotted, always with a weave."""
    n = SIZE
    y, x = np.mgrid[:n, :n]
    style = rng.choice(["plain", "plain", "stripes", "checks", "dots"])
    share = np.zeros((n, n))
    if style == "stripes":
        share = (x % 64 < 22) * 0.8
    elif style == "checks":
        share = 0.45 * (x % 64 < 24) + 0.45 * (y % 64 < 24)
    elif style == "dots":
        share = 0.9 * (np.hypot(x % 64 - 32, y % 64 - 32) < 10)
    base = np.asarray(color) * (1 - share[..., None]) + np.asarray(second) * share[..., None]
    weave = 0.05 * np.sign(np.sin(x * np.pi / 2) * np.sin(y * np.pi / 2))
    return Material(tinted(base, weave + 0.07 * cloudy(rng, (n, n), 30) + 0.05 * smooth(rng, (n, n), 1.0)), 0.55)


def stone(rng: np.random.Generator, color: Array) -> Material:
    """A speckled worktop."""
    n = SIZE
    speckles = 0.5 * (smooth(rng, (n, n), 1.2) > 1.7) - 0.5 * (smooth(rng, (n, n), 1.4) > 1.6)
    return Material(tinted(color, 0.6 * speckles + 0.05 * cloudy(rng, (n, n))), 0.5)


def plain(rng: np.random.Generator, color: Array, *, grain: float = 0.04) -> Material:
    """Lacquer, plastic, metal, clay: one colour with little life."""
    return Material(tinted(color, grain * cloudy(rng, (SIZE // 2, SIZE // 2), 20)), 0.5)


def leaves(rng: np.random.Generator, color: Array) -> Material:
    """The face of one leaf: veins from a light mid-rib."""
    y, x = np.mgrid[:32, :32] / 31 - 0.5
    veins = 0.25 * (np.abs(x) < 0.04) + 0.12 * (np.sin((np.abs(x) * 1.2 + y) * 34) > 0.7)
    return Material(tinted(color, veins + 0.1 * cloudy(rng, (32, 32), 8)))


def weave_rug(rng: np.random.Generator, colors: Array) -> Material:
    """A patterned rug, stretched over its patch: frames around a field of diamonds and medallions."""
    h, w = 256, 384
    y, x = np.mgrid[:h, :w]
    edge = np.minimum(np.minimum(x, w - 1 - x), np.minimum(y, h - 1 - y))
    diamond = np.abs((x % 48) - 24) + np.abs((y % 48) - 24)
    index = np.select([diamond < 8, diamond < 15, diamond < 22], [2, 1, 3], 0)
    medallion = np.hypot((x - w / 2) / w, (y - h / 2) / h * 0.75)
    index = np.where(medallion < 0.20, (medallion * 60).astype(int) % 4, index)
    index = np.where(edge < 34, np.where((x // 12 + y // 12) % 2 == 0, 1, 2), index)
    index = np.where((edge < 8) | ((edge > 26) & (edge < 34)), 3, index)
    return Material(tinted(np.asarray(colors)[index], 0.09 * smooth(rng, (h, w), 0.9) + 0.06 * cloudy(rng, (h, w))))


def make_materials(rng: np.random.Generator) -> Mapping[str, Material]:
    """All repeating materials of one home, from a palette drawn at random; keys are the names patches use."""
    oak = hsv(rng.uniform(0.06, 0.10), rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.75))
    accents = [hsv(rng.uniform(), rng.uniform(0.35, 0.7), rng.uniform(0.35, 0.75)) for _ in range(6)]
    greys = [hsv(0.08, 0.08, value) for value in (0.25, 0.45, 0.85)]
    walls = [hsv(rng.uniform(), rng.uniform(0.04, 0.16), rng.uniform(0.80, 0.92)) for _ in range(4)]
    recipes: dict[str, Callable[[], Material]] = {
        "planks": lambda: planks(rng, oak),
        "floor_tiles": lambda: floor_tiles(rng, greys[2], accents[0] * 0.4 + 0.45),
        "carpet": lambda: carpet(rng, accents[1] * 0.5 + 0.25),
        **{f"paint{k}": (lambda k=k: paint(rng, walls[k])) for k in range(4)},  # type: ignore[misc]
        "wallpaper": lambda: wallpaper(rng, walls[0], accents[2] * 0.6 + 0.3),
        "ceiling": lambda: paint(rng, np.array([0.93, 0.93, 0.91])),
        "trim": lambda: plain(rng, np.array([0.90, 0.89, 0.86]), grain=0.015),
        "wood": lambda: wood(rng, oak * 0.8),
        "dark_wood": lambda: wood(rng, np.array([0.32, 0.20, 0.13])),
        "pale_wood": lambda: wood(rng, np.array([0.80, 0.68, 0.50])),
        "couch": lambda: cloth(rng, accents[3] * 0.75 + 0.1, accents[4]),
        "armchair": lambda: cloth(rng, accents[4], accents[0]),
        "blanket": lambda: cloth(rng, accents[5], walls[1]),
        "linen": lambda: cloth(rng, np.array([0.88, 0.87, 0.83]), accents[2]),
        "cushion_a": lambda: cloth(rng, accents[0], walls[0]),
        "cushion_b": lambda: cloth(rng, accents[2], accents[5]),
        "curtain": lambda: cloth(rng, accents[2] * 0.5 + 0.4, accents[2]),
        "rug": lambda: weave_rug(rng, np.stack([accents[1], accents[4], walls[2], greys[0]])),
        "rug_b": lambda: weave_rug(rng, np.stack([accents[5], walls[0], accents[3], greys[0]])),
        "stone": lambda: stone(rng, greys[0] * 1.2),
        "white": lambda: plain(rng, np.array([0.88, 0.88, 0.87]), grain=0.012),
        "metal": lambda: plain(rng, np.array([0.55, 0.56, 0.58])),
        "black": lambda: plain(rng, np.array([0.09, 0.09, 0.10])),
        "clay": lambda: plain(rng, np.array([0.70, 0.38, 0.25]), grain=0.07),
        "blue_glaze": lambda: plain(rng, np.array([0.20, 0.38, 0.66])),
        "kibble": lambda: stone(rng, np.array([0.45, 0.29, 0.16])),
        "lamp_shade": lambda: plain(rng, np.array([0.97, 0.92, 0.78])),
        "sisal": lambda: planks(rng, np.array([0.76, 0.66, 0.47]), rows=32, period=0.5),
        "cardboard": lambda: planks(rng, np.array([0.68, 0.53, 0.36]), rows=2, period=0.6),
        "soil": lambda: stone(rng, np.array([0.20, 0.14, 0.10])),
        "leaf": lambda: leaves(rng, np.array([0.22, 0.45, 0.18])),
        "leaf_b": lambda: leaves(rng, np.array([0.30, 0.48, 0.26])),
    }
    return {name: recipe() for name, recipe in recipes.items()}
