"""Plots and floor plans for the examples: a few lines of OpenCV instead of one more dependency."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from ats_sim.volume import PerceptionVolume

COLORS = ((46, 64, 87), (209, 73, 91), (0, 121, 140), (237, 174, 73), (95, 75, 182), (102, 161, 130))
"""RGB, one per line."""
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BELOW = 900, 540, 90, 50, 30, 60
FONT = cv2.FONT_HERSHEY_SIMPLEX
LEGEND = 24
"""Pixels of a line of the legend, which stands below the plot."""
PIXELS_PER_METRE = 70
KNEE = 0.25
"""Height (m) at which a floor plan is cut."""


def plot(
    path: Path,
    title: str,
    x_name: str,
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]],
    levels: Mapping[str, float] | None = None,
) -> None:
    """Draw named lines, pairs of x (N,) and y (N,), and named horizontal levels, into a PNG."""
    levels = levels or {}
    x_all = np.concatenate([np.asarray(x, dtype=float) for x, _ in lines.values()])
    y_all = np.concatenate(
        [*(np.asarray(y, dtype=float) for _, y in lines.values()), np.array([*levels.values(), 0.0])]
    )
    box = (*_span(x_all), *_span(y_all))
    picture = np.full((HEIGHT + LEGEND * (len(lines) + len(levels)), WIDTH, 3), 255, np.uint8)
    _axes(picture, title, x_name, box)
    entries: list[str] = []
    for name, (x, y) in lines.items():
        points = _pixels(np.asarray(x, dtype=float), np.asarray(y, dtype=float), box)
        color = COLORS[len(entries) % len(COLORS)]
        cv2.polylines(picture, [points], False, color, 2, cv2.LINE_AA)
        if len(points) == 1:
            cv2.circle(picture, points[0].tolist(), 4, color, -1, cv2.LINE_AA)
        entries.append(name)
    for name, value in levels.items():
        row = int(_pixels(np.zeros(1), np.array([value]), box)[0, 1])
        for start in range(LEFT, WIDTH - RIGHT, 16):
            cv2.line(picture, (start, row), (start + 8, row), COLORS[len(entries) % len(COLORS)], 2, cv2.LINE_AA)
        entries.append(f"{name}: {value:.3g}")
    for index, name in enumerate(entries):
        color, row = COLORS[index % len(COLORS)], HEIGHT + LEGEND * index
        cv2.line(picture, (LEFT, row), (LEFT + 30, row), color, 3, cv2.LINE_AA)
        cv2.putText(picture, name, (LEFT + 42, row + 5), FONT, 0.55, color, 1, cv2.LINE_AA)
    save(path, picture)


def floor_plan(volume: PerceptionVolume, paths: Sequence[tuple[np.ndarray, tuple[int, int, int], int]]) -> np.ndarray:
    """(H, W, 3) the home from above, +y up, with paths: points (N, 2 or 3) in metres, RGB colour, pixels wide."""
    low, high = volume.bounds
    columns, rows = np.ceil((high - low)[:2] * PIXELS_PER_METRE).astype(int)
    x = low[0] + (np.arange(columns) + 0.5) / PIXELS_PER_METRE
    y = high[1] - (np.arange(rows) + 0.5) / PIXELS_PER_METRE
    grid = np.stack([*np.meshgrid(x, y), np.full((rows, columns), KNEE)], axis=-1)
    free, known = volume.sample_sdf(grid) > 0.0, volume.inside_floor_plan(grid)
    picture = np.where(free, 236, np.where(known, 186, 255)).astype(np.uint8)[..., None].repeat(3, axis=-1)
    for points, color, width in paths:
        pixels = np.stack([points[:, 0] - low[0], high[1] - points[:, 1]], axis=1) * PIXELS_PER_METRE
        cv2.polylines(picture, [pixels.round().astype(np.int32)], False, color, width, cv2.LINE_AA)
    return np.ascontiguousarray(picture)


def save(path: Path, picture: np.ndarray) -> None:
    """Write a picture (H, W, 3) RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])


def _span(values: np.ndarray) -> tuple[float, float]:
    """From the least to the largest value; around a value that stands alone."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5 * abs(low) - 0.5, high + 0.5 * abs(high) + 0.5)


def _axes(picture: np.ndarray, title: str, x_name: str, box: tuple[float, float, float, float]) -> None:
    corner, end = (LEFT, HEIGHT - BELOW), (WIDTH - RIGHT, HEIGHT - BELOW)
    cv2.line(picture, corner, end, (120, 120, 120), 1)
    cv2.line(picture, (LEFT, TOP), corner, (120, 120, 120), 1)
    words = [
        (title, (LEFT, TOP - 18), 0.65),
        (x_name, (WIDTH // 2, HEIGHT - 14), 0.5),
        (f"{box[0]:.3g}", (LEFT - 6, HEIGHT - BELOW + 22), 0.5),
        (f"{box[1]:.3g}", (WIDTH - RIGHT - 50, HEIGHT - BELOW + 22), 0.5),
        (f"{box[2]:.3g}", (12, HEIGHT - BELOW), 0.5),
        (f"{box[3]:.3g}", (12, TOP + 8), 0.5),
    ]
    for text, place, size in words:
        cv2.putText(picture, text, place, FONT, size, (60, 60, 60), 1, cv2.LINE_AA)


def _pixels(x: np.ndarray, y: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """(N, 2) int32 pixels of data points."""
    across = LEFT + (x - box[0]) / (box[1] - box[0]) * (WIDTH - LEFT - RIGHT)
    up = HEIGHT - BELOW - (y - box[2]) / (box[3] - box[2]) * (HEIGHT - TOP - BELOW)
    return np.stack([across, up], axis=1).round().astype(np.int32)


if __name__ == "__main__":
    print("small_plot.py draws for the other examples; it does nothing on its own.")
