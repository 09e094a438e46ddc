"""Where a recording contradicts the map: something stood elsewhere then, and must not pull its cameras along.

An armchair that was pushed six centimetres fills the picture of whoever walks past it with a surface and a texture
that fit the map perfectly, six centimetres off. Along the registered track it betrays itself: the depth of many frames
agrees that the map's surface is not where it should be, there and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import transform_points
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

CELL = 0.1
"""Edge of a cell of space that is judged as a whole, metres."""
OFF = 0.025
"""Median distance from the map's surface that contradicts it, metres."""
FEWEST_FRAMES, FEWEST_POINTS = 3, 12
"""Evidence without which a cell is not judged."""
OFFSET = 1 << 20
AROUND = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class MovedPlaces:
    """Cells of space."""

    cells: Array
    """(M,) int64 keys, rising."""

    @classmethod
    def of(cls, volume: TsdfVolume, points: Array, T_world_camera: Array) -> Self:
        """Where depth points (N, P, 3), camera frame, NaN where there is none, of cameras (N, 4, 4) contradict a map;
        cells next to such a place count too, as the map has the thing there."""
        world = transform_points(T_world_camera, points)
        known = np.isfinite(world[..., 0])
        frame = np.broadcast_to(np.arange(len(points))[:, None], known.shape)[known]
        distance, _, seen = volume.sample(world[known])
        near = seen & (np.abs(distance) < 0.99 * volume.truncation)
        key, index = np.unique(_keys(_cells(world[known][near])), return_inverse=True)
        order = np.lexsort((distance[near], index))
        count = np.bincount(index, minlength=len(key))
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        median = distance[near][order][first + count // 2] if len(key) else np.zeros(0)
        frames = np.bincount(np.unique(np.stack([index, frame[near]]), axis=1)[0], minlength=len(key))
        wrong = (np.abs(median) > OFF) & (frames >= FEWEST_FRAMES) & (count >= FEWEST_POINTS)
        beside = _unkeyed(key[wrong])[:, None] + AROUND
        return cls(np.unique(_keys(beside.reshape(-1, 3))))

    def hold(self, points: Array) -> Array:
        """Which world points (..., 3) lie there; NaN do not."""
        known = np.isfinite(points[..., 0])
        keys = _keys(_cells(np.where(known[..., None], points, 0.0)))
        return np.asarray(known & np.isin(keys, self.cells))


def _cells(points: Array) -> Array:
    return np.floor(points / CELL).astype(np.int64)


def _keys(cells: Array) -> Array:
    x, y, z = np.moveaxis(cells + OFFSET, -1, 0)
    return np.asarray(((x << 21) | y) << 21 | z)


def _unkeyed(keys: Array) -> Array:
    low = (1 << 21) - 1
    return np.stack([keys >> 42, (keys >> 21) & low, keys & low], axis=-1) - OFFSET
