"""Pictures of the closed loop's report: heat maps on the floor plan and small plots, all inside the page."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from ats_sim.arrays import Array
from ats_sim.volume import PerceptionVolume

COLORS = ("#2e4057", "#d1495b", "#00798c", "#edae49")
KNEE = 0.25
"""Height above the floor (m) at which the floor plan is cut."""
WARM = np.array([[255, 243, 214], [252, 186, 92], [214, 73, 60], [92, 14, 60]], dtype=np.float64)
PIXELS = 6
WIDTH, HEIGHT, LEFT, BELOW = 330, 190, 44, 34


def png_source(picture: Array) -> str:
    """A picture (H, W, 3) uint8 as a data URI."""
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def heat_map(volume: PerceptionVolume, points: Array, cell: float = 0.2) -> Array:
    """Where points (N, 2 or 3) lie, over the home's floor plan: (H, W, 3) uint8, +y up.

    Colours go by the share of all points per cell, on a logarithmic scale from one in 3,000 to a tenth, so that maps of
    long and short lives compare.
    """
    low, high = volume.bounds
    size = np.ceil((high - low)[:2] / cell).astype(int) + 1
    cells = ((points[:, :2] - low[:2]) / cell).astype(int)
    inside = ((cells >= 0) & (cells < size)).all(1)
    counts = np.zeros(size)
    np.add.at(counts, (cells[inside, 0], cells[inside, 1]), 1.0 / max(len(points), 1))
    picture = _floor_plan(volume, size, cell)
    heat = np.clip((np.log10(np.maximum(counts, 1e-9)) + 3.5) / 2.5, 0.0, 1.0) * (len(WARM) - 1)
    step = np.minimum(heat.astype(int), len(WARM) - 2)
    colored = WARM[step] + (heat - step)[..., None] * (WARM[step + 1] - WARM[step])
    picture[counts > 0] = colored[counts > 0]
    turned = np.swapaxes(picture, 0, 1)[::-1].astype(np.uint8)
    return np.repeat(np.repeat(turned, PIXELS, axis=0), PIXELS, axis=1)


def quantiles_svg(name: str, unit: str, samples: Mapping[str, Array]) -> str:
    """Values (y) over the share of time below them (x), one curve per named sample."""
    share = np.linspace(0.0, 0.99, 100)
    curves = {label: np.quantile(values, share) for label, values in samples.items() if len(values)}
    top = max((float(values.max()) for values in curves.values()), default=1.0) or 1.0
    lines = {label: (share, values) for label, values in curves.items()}
    return plot_svg(name, "share of time", unit, lines, (0.0, 1.0), (0.0, top))


def plot_svg(
    title: str,
    x_name: str,
    y_name: str,
    lines: Mapping[str, tuple[Array, Array]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> str:
    """A small plot with a legend; `lines` are named (x, y) pairs of (N,) arrays in data units."""
    (x0, x1), (y0, y1) = x_range, y_range
    parts = [_frame(title, x_name, y_name, x_range, y_range)]
    if y0 < 0.0 < y1:
        zero = HEIGHT - BELOW + y0 / (y1 - y0) * (HEIGHT - BELOW - 24)
        parts.append(f'<path d="M{LEFT} {zero:.1f}H{WIDTH - 8}" stroke="#bbb" stroke-dasharray="3 3"/>')
    for index, (label, (x, y)) in enumerate(lines.items()):
        across = LEFT + (np.asarray(x) - x0) / (x1 - x0) * (WIDTH - LEFT - 8)
        up = HEIGHT - BELOW - (np.asarray(y) - y0) / (y1 - y0) * (HEIGHT - BELOW - 24)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
        color = COLORS[index % len(COLORS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + 8}" y="{36 + 13 * index}" font-size="11" fill="{color}">{escape(label)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" style="width:{WIDTH}px;max-width:100%">{"".join(parts)}</svg>'


def _frame(title: str, x_name: str, y_name: str, x_range: Sequence[float], y_range: Sequence[float]) -> str:
    floor = HEIGHT - BELOW
    words = [
        (LEFT, 14, f"{title} ({y_name})", "start", 12),
        (WIDTH - 8, HEIGHT - 6, x_name, "end", 11),
        (LEFT - 4, 28, f"{y_range[1]:.2g}", "end", 10),
        (LEFT - 4, floor, f"{y_range[0]:.2g}", "end", 10),
        (LEFT, floor + 14, f"{x_range[0]:.2g}", "start", 10),
        (WIDTH - 8, floor + 14, f"{x_range[1]:.2g}", "end", 10),
    ]
    axes = f'<path d="M{LEFT} 20V{floor}H{WIDTH - 8}" fill="none" stroke="#888"/>'
    return axes + "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="#444">{escape(text)}</text>'
        for x, y, text, anchor, size in words
    )


def _floor_plan(volume: PerceptionVolume, size: Array, cell: float) -> Array:
    """(X, Y, 3) light grey where an animal has room, darker where something stands, white where nothing is known."""
    low = volume.bounds[0]
    x, y = np.meshgrid(*(low[axis] + cell * (np.arange(size[axis]) + 0.5) for axis in (0, 1)), indexing="ij")
    free = volume.sample_sdf(np.stack([x, y, np.full_like(x, KNEE)], axis=-1)) > 0.0
    known = volume.inside_floor_plan(np.stack([x, y], axis=-1))
    shade = np.where(free, 232.0, np.where(known, 186.0, 255.0))
    return np.repeat(shade[..., None], 3, axis=-1)
