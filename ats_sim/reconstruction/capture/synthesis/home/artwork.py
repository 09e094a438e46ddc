"""One-off pictures stretched over a patch: paintings, rows of books, cupboard fronts, a clock, a screen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.home.materials import Material, hsv
from ats_sim.reconstruction.capture.synthesis.home.noise import cloudy, smooth, tinted

PAINTINGS = 6
BOOK_ROWS = 5


def landscape(rng: np.random.Generator) -> Array:
    """Sky, a sun, ridges that get darker towards the viewer, and a lake or a meadow."""
    h, w = 144, 200
    y, x = np.mgrid[:h, :w]
    hue = rng.uniform()
    top, low = hsv(hue, 0.5, 0.75), hsv(hue + 0.4, 0.35, 0.95)
    share = (y / h)[..., None]
    picture = top * (1 - share) + low * share
    cx, cy = rng.uniform(0.2, 0.8) * w, rng.uniform(0.15, 0.4) * h
    picture[np.hypot(x - cx, y - cy) < 13] = hsv(0.13, 0.35, 1.0)
    for ridge in range(4):
        line = h * (0.42 + 0.14 * ridge) + 13 * smooth(rng, (1, w), (0, 14 - 2.5 * ridge))[0]
        picture[y > line[None]] = hsv(hue + 0.35 + 0.05 * ridge, 0.45, 0.62 - 0.13 * ridge)
    return tinted(picture, 0.06 * cloudy(rng, (h, w), 12))


def blocks(rng: np.random.Generator) -> Array:
    """Rectangles of strong colour between black bars."""
    h, w = 160, 160
    picture = np.ones((h, w, 3)) * [0.93, 0.91, 0.86]
    xs = np.sort(rng.integers(10, w - 10, 4))
    ys = np.sort(rng.integers(10, h - 10, 4))
    for x0, x1 in zip([0, *xs], [*xs, w], strict=True):
        for y0, y1 in zip([0, *ys], [*ys, h], strict=True):
            if rng.random() < 0.45:
                picture[y0:y1, x0:x1] = hsv(rng.choice([0.0, 0.13, 0.6]), 0.85, 0.85)
    for x in xs:
        picture[:, x - 2 : x + 3] = 0.08
    for y in ys:
        picture[y - 2 : y + 3] = 0.08
    return tinted(picture, 0.03 * cloudy(rng, (h, w)))


def circles(rng: np.random.Generator) -> Array:
    """Overlapping discs and rings on a quiet ground."""
    h, w = 180, 140
    y, x = np.mgrid[:h, :w]
    picture = np.ones((h, w, 3)) * hsv(rng.uniform(), 0.15, 0.9)
    for _ in range(9):
        radius = np.hypot(x - rng.uniform(0, w), y - rng.uniform(0, h))
        size = rng.uniform(10, 45)
        inside = radius < size if rng.random() < 0.6 else np.abs(radius - size) < 4
        picture[inside] = 0.25 * picture[inside] + 0.75 * hsv(rng.uniform(), 0.6, rng.uniform(0.3, 0.95))
    return tinted(picture, 0.04 * cloudy(rng, (h, w)))


def portrait(rng: np.random.Generator) -> Array:
    """A cat's head with ears and eyes before a coloured ground."""
    h, w = 180, 140
    y, x = np.mgrid[:h, :w]
    picture = np.ones((h, w, 3)) * hsv(rng.uniform(), 0.4, 0.7)
    coat = hsv(rng.uniform(0.03, 0.12), 0.5, rng.uniform(0.3, 0.8))
    for side in (-1, 1):
        ear = (y > 38) & (np.abs(x - 70 - side * 30) < (y - 38) * 0.45) & (y < 90)
        picture[ear] = coat * 0.8
    picture[np.hypot((x - 70) / 46, (y - 105) / 42) < 1] = coat
    picture[np.hypot((x - 70) / 60, (y - 185) / 45) < 1] = coat * 0.9
    for side in (-1, 1):
        picture[np.hypot((x - 70 - side * 19) / 9, (y - 98) / 10) < 1] = hsv(0.25, 0.7, 0.9)
        picture[np.hypot((x - 70 - side * 19) / 3, (y - 98) / 8) < 1] = 0.05
    picture[np.hypot((x - 70) / 7, (y - 118) / 4) < 1] = [0.8, 0.4, 0.4]
    return tinted(picture, 0.07 * cloudy(rng, (h, w), 16))


def framed(picture: Array, color: Array) -> Array:
    """A picture with a frame and a pale margin painted around it."""
    margin = np.pad(picture, ((10, 10), (10, 10), (0, 0)), constant_values=0.95)
    margin[:2], margin[-2:], margin[:, :2], margin[:, -2:] = 0.7, 0.7, 0.7, 0.7
    frame = np.ones((margin.shape[0] + 16, margin.shape[1] + 16, 3)) * color
    frame[8:-8, 8:-8] = margin
    return frame


def books(rng: np.random.Generator) -> Array:
    """A row of book spines of uneven height before the dark of the shelf."""
    h, w = 96, 256
    picture = np.ones((h, w, 3)) * [0.10, 0.08, 0.07]
    x = 1
    while x < w - 10:
        thick = int(rng.integers(7, 19))
        if rng.random() < 0.07:
            x += thick
            continue
        top = int(rng.integers(4, 34))
        color = hsv(rng.uniform(), rng.uniform(0.1, 0.8), rng.uniform(0.25, 0.9))
        picture[top:, x : x + thick - 1] = color
        ink = hsv(rng.uniform(), 0.3, 0.95 if color.mean() < 0.5 else 0.15)
        start = top + int(rng.integers(6, 14))
        picture[start : start + int(rng.integers(12, 36)), x + thick // 2 - 1 : x + thick // 2 + 1] = ink
        picture[h - 14 : h - 11, x : x + thick - 1] = ink
        picture[top:, x] *= 0.6
        x += thick
    return picture


def cupboard(rng: np.random.Generator, color: Array, *, columns: int, rows: int) -> Array:
    """Fronts of drawers and doors with shadow gaps and handles."""
    h, w = 160, 256
    picture = tinted(np.ones((h, w, 3)) * color, 0.03 * cloudy(rng, (h, w)) + 0.03 * smooth(rng, (h, w), (20, 1)))
    for column in range(columns):
        for row in range(rows):
            x0, x1 = column * w // columns, (column + 1) * w // columns
            y0, y1 = row * h // rows, (row + 1) * h // rows
            picture[y0 : y0 + 3, x0:x1] *= 0.35
            picture[y0:y1, x0 : x0 + 2] *= 0.35
            picture[y0 + 12 : y1 - 10, x0 + 10 : x1 - 10] *= 0.94
            middle = (x0 + x1) // 2
            picture[y0 + 16 : y0 + 20, middle - 14 : middle + 14] = [0.35, 0.34, 0.33]
    return picture


def screen(rng: np.random.Generator) -> Array:
    """A dark television with a faint reflection of a window."""
    y, x = np.mgrid[:90, :160]
    glow = 0.10 * np.exp(-(((x - 45) / 22) ** 2) - ((y - 30) / 16) ** 2)
    return np.clip(
        np.ones((90, 160, 3)) * 0.05 + glow[..., None] * [0.8, 0.9, 1.0] + 0.01 * rng.random((90, 160, 1)), 0, 1
    )


def clock(rng: np.random.Generator) -> Array:
    """A round clock's face on a square of wall-white."""
    y, x = np.mgrid[:96, :96] - 47.5
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    picture = np.ones((96, 96, 3)) * 0.93
    picture[radius < 46] = hsv(rng.uniform(), 0.6, 0.4)
    picture[radius < 40] = 0.97
    picture[(radius < 38) & (radius > 31) & (np.abs(np.sin(6 * angle)) < 0.2)] = 0.1
    for length, turn in ((20, rng.uniform(0, 6.3)), (32, rng.uniform(0, 6.3))):
        across = np.abs(-x * np.sin(turn) + y * np.cos(turn))
        along = x * np.cos(turn) + y * np.sin(turn)
        picture[(across < 2) & (along > -5) & (along < length)] = 0.08
    return picture


def oven(rng: np.random.Generator) -> Array:
    """An oven's front: knobs, handle, dark window."""
    picture = np.ones((160, 160, 3)) * [0.80, 0.80, 0.81]
    picture[45:140, 18:142] = 0.10
    picture[52:132, 26:134] = [0.16, 0.14, 0.13]
    picture[36:41, 20:140] = 0.4
    y, x = np.mgrid[:160, :160]
    for k in range(5):
        picture[np.hypot(x - 25 - 27 * k, y - 18) < 7] = 0.15
    return tinted(picture, 0.03 * cloudy(rng, (160, 160)))


def make_artwork(rng: np.random.Generator) -> Mapping[str, Material]:
    """All one-off pictures of a home; keys are the names patches use."""
    painters = [landscape, blocks, circles, portrait, landscape, circles]
    frames = [np.array([0.10, 0.09, 0.09]), np.array([0.45, 0.30, 0.16]), np.array([0.85, 0.84, 0.80])]
    art = {f"painting{k}": framed(painter(rng), frames[k % 3]) for k, painter in enumerate(painters)}
    art |= {f"books{k}": books(rng) for k in range(BOOK_ROWS)}
    front = hsv(rng.uniform(), rng.uniform(0.05, 0.45), rng.uniform(0.55, 0.9))
    art["kitchen_front"] = cupboard(rng, front, columns=3, rows=2)
    art["wall_cupboard"] = cupboard(rng, front * 0.95, columns=3, rows=1)
    art["wardrobe_front"] = cupboard(rng, np.array([0.72, 0.62, 0.48]), columns=2, rows=1)
    art["drawers"] = cupboard(rng, np.array([0.55, 0.40, 0.27]), columns=1, rows=3)
    art["screen"], art["clock"], art["oven"] = screen(rng), clock(rng), oven(rng)
    return {name: Material(np.clip(picture, 0, 1)) for name, picture in art.items()}
