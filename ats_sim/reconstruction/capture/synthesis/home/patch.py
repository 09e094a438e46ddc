"""Textured surface patches: what every wall, shelf and cushion of a made-up home is built from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ats_sim.arrays import Array
from ats_sim.geometry import rigid, transform_points, yaw_matrix


@dataclass(frozen=True, eq=False)
class Patch:
    """A grid of points (R, C, 3), wrapped with a material. Rows run down the picture, columns to its right; the
    outside is where the cross product (down the rows) x (along the columns) points."""

    grid: Array
    material: str

    @property
    def size(self) -> tuple[float, float]:
        """Mean length in metres along the columns and down the rows."""
        across = np.linalg.norm(np.diff(self.grid, axis=1), axis=-1).sum(1).max()
        down = np.linalg.norm(np.diff(self.grid, axis=0), axis=-1).sum(0).max()
        return float(across), float(down)

    def moved(self, transform: Array) -> Patch:
        """The patch under a rigid transform (4, 4)."""
        points = transform_points(transform, self.grid.reshape(-1, 3))
        return replace(self, grid=points.reshape(self.grid.shape))


def moved(patches: Iterable[Patch], xyz: ArrayLike = (0, 0, 0), yaw: float = 0.0) -> list[Patch]:
    """Patches turned about z and then shifted."""
    transform = rigid(yaw_matrix(yaw), np.asarray(xyz, float))
    return [patch.moved(transform) for patch in patches]


def quad(
    origin: ArrayLike, across: ArrayLike, down: ArrayLike, material: str, split: tuple[int, int] = (1, 1)
) -> Patch:
    """A flat piece from one corner along two edges, in ``split`` = (columns, rows) cells."""
    o, a, d = (np.asarray(v, float) for v in (origin, across, down))
    s, t = np.linspace(0, 1, split[0] + 1), np.linspace(0, 1, split[1] + 1)
    return Patch(o + s[None, :, None] * a + t[:, None, None] * d, material)


def box(
    center: Sequence[float], size: Sequence[float], material: str, *, faces: str = "xXyYZ", top: str | None = None
) -> list[Patch]:
    """A box standing at ``center`` (its z is the underside); ``faces`` names the sides that exist (z = underside),
    ``top`` is another material for the upper side."""
    w, d, h = size
    x, y, z = center
    x0, x1, y0, y1, z0, z1 = x - w / 2, x + w / 2, y - d / 2, y + d / 2, z, z + h
    sides = {
        "x": ((x0, y1, z1), (0, -d, 0), (0, 0, -h)),
        "X": ((x1, y0, z1), (0, d, 0), (0, 0, -h)),
        "y": ((x0, y0, z1), (w, 0, 0), (0, 0, -h)),
        "Y": ((x1, y1, z1), (-w, 0, 0), (0, 0, -h)),
        "Z": ((x0, y1, z1), (w, 0, 0), (0, -d, 0)),
        "z": ((x0, y0, z0), (w, 0, 0), (0, d, 0)),
    }
    return [quad(*sides[f], top if f == "Z" and top else material) for f in faces]


def cushion(
    center: Sequence[float], size: Sequence[float], material: str, *, radius: float, puff: float = 0.0
) -> list[Patch]:
    """A box with round edges of ``radius``, swollen by ``puff`` metres in the middle of its upper side."""
    half = np.asarray(size, float) / 2
    radius = min(radius, float(half.min()) * 0.98)
    patches = []
    for flat in box((0, 0, -half[2]), size, material):
        across, down = flat.grid[0, 1] - flat.grid[0, 0], flat.grid[1, 0] - flat.grid[0, 0]
        s, t = (_rounded_steps(float(np.linalg.norm(edge)), radius) for edge in (across, down))
        grid = flat.grid[0, 0] + s[None, :, None] * across + t[:, None, None] * down
        inner = np.clip(grid, radius - half, half - radius)
        outward = grid - inner
        round_grid = inner + radius * outward / np.maximum(np.linalg.norm(outward, axis=-1, keepdims=True), 1e-9)
        swell = np.prod(1 - np.clip(np.abs(round_grid[..., :2]) / half[:2], 0, 1) ** 2, axis=-1)
        round_grid[..., 2] += puff * swell * (round_grid[..., 2] > 0)
        patches.append(Patch(round_grid + np.asarray(center, float) + [0, 0, half[2]], material))
    return patches


def _rounded_steps(length: float, radius: float) -> Array:
    edge = radius / length
    return np.unique(np.clip([0, 0.3 * edge, edge, 0.5, 1 - edge, 1 - 0.3 * edge, 1], 0, 1))


def lathe(center: Sequence[float], profile: Sequence[tuple[float, float]], material: str, *, sides: int = 12) -> Patch:
    """A surface of revolution about the vertical through ``center``; ``profile`` lists (radius, height) upwards."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    radius, height = np.array(profile, float)[::-1].T
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    flat = radius[:, None, None] * ring[None]
    up = np.broadcast_to(height[:, None, None], (*flat.shape[:2], 1))
    return Patch(np.concatenate([flat, up], -1) + np.asarray(center, float), material)


def bar(start: Sequence[float], end: Sequence[float], radius: float, material: str, *, sides: int = 7) -> Patch:
    """A round bar between two points, without caps."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    axis = (b - a) / np.linalg.norm(b - a)
    side = np.cross(axis, [1.0, 0, 0] if abs(axis[0]) < 0.9 else [0, 1.0, 0])
    side /= np.linalg.norm(side)
    angle = np.linspace(0, 2 * np.pi, sides + 1)[:, None]
    ring = radius * (np.cos(angle) * side + np.sin(angle) * np.cross(axis, side))
    return Patch(np.stack([b + ring, a + ring]), material)


def leaf(base: ArrayLike, tip: ArrayLike, width: float, material: str, *, droop: float = 0.3) -> Patch:
    """A bent leaf from base to tip."""
    a, b = np.asarray(base, float), np.asarray(tip, float)
    along = np.linspace(0, 1, 5)[:, None]
    spine = a + along * (b - a) + np.array([0, 0, 1.0]) * droop * np.linalg.norm(b - a) * 4 * along * (1 - along)
    flat = np.cross(b - a, [0, 0, 1.0])
    flat = flat / max(np.linalg.norm(flat), 1e-6) * width / 2
    shape = np.array([0.25, 0.85, 1.0, 0.65, 0.03])[:, None]
    return Patch(np.stack([spine - shape * flat, spine + shape * flat], axis=1), material)


def triangles(grid_shape: tuple[int, int]) -> Array:
    """Vertex indices (F, 3) of the two triangles in every cell of an (R, C) grid."""
    rows, columns = grid_shape
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    first, second = np.stack([a, d, c], -1), np.stack([a, c, b], -1)
    return np.stack([first, second], -2).reshape(-1, 3)
