"""A depth sensor as phones have it: noise that grows with distance, holes at edges, flat angles and far away."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics

_RANGE = (4.5, 6.0)
_GRAZING = 0.12
_EDGE = 0.04


class DepthSensor:
    """Measures noise-free z-depth; ``strength`` scales all flaws, 0 gives the truth."""

    def __init__(self, intrinsics: Intrinsics, rng: np.random.Generator, strength: float):
        self._rays = intrinsics.rays().astype(np.float32)
        self._length = np.linalg.norm(self._rays, axis=-1)
        self._rng = rng
        self._strength = strength

    def measure(self, depth: Array) -> Array:
        """What the sensor reads (H, W) metres, 0 = unknown, of true depth (H, W), 0 = nothing there."""
        if self._strength <= 0:
            return depth
        import cv2

        shape = depth.shape
        spread = (0.0015 + 0.0022 * depth**2) * self._strength
        coarse = self._rng.standard_normal((shape[0] // 3 + 1, shape[1] // 3 + 1), np.float32)
        waves = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
        grain = self._rng.standard_normal(shape, np.float32)
        measured = depth + spread * (0.8 * waves + 0.6 * grain)
        measured[self._lost(depth)] = 0.0
        return np.asarray(np.maximum(measured, 0.0) * (depth > 0), np.float32)

    def _lost(self, depth: Array) -> Array:
        import cv2

        chance = self._rng.random(depth.shape, np.float32)
        kernel = np.ones((3, 3), np.uint8)
        jump = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
        facing = self._facing(depth)
        edge = (jump > _EDGE * np.maximum(depth, 0.3)) & (facing > 0.45) & (chance < 0.55 * self._strength)
        grazing = (facing < _GRAZING) & (chance < 0.85 * self._strength)
        far = chance < (depth - _RANGE[0]) / (_RANGE[1] - _RANGE[0])
        return np.asarray(edge | grazing | far | (chance < 0.002 * self._strength))

    def _facing(self, depth: Array) -> Array:
        """Cosine between the surface's normal and the view, from the depth's own slope."""
        points = self._rays * depth[..., None]
        padded = np.pad(points, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd")
        normal = _cross(padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1])
        scale = np.linalg.norm(normal, axis=-1) * self._length
        return np.asarray(np.abs((normal * self._rays).sum(-1)) / np.maximum(scale, 1e-9))


def _cross(a: Array, b: Array) -> Array:
    """The cross product; numpy's own takes three times as long on pictures."""
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.stack([x, y, z], -1)
