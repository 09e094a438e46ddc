"""What pulls a camera until surface points look, in its picture, as they are remembered.

The residual of point j in frame i is F_i(pi(inv(T_i) X_j)) - D_j, over all channels of one pyramid level (after
PixSfM, Lindenberger et al. 2021: one robust reference descriptor a point). The Jacobian is analytic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.registration.features.maps import FeatureMap

NEAREST = 0.1
LOST = 3.0
"""A point that left the picture costs as much as one this many sigmas off, so that leaving does not pay."""


@dataclass(frozen=True, eq=False)
class FeatureTerm:
    """Surface points with their descriptors against N frames' feature maps; a pose term of the trajectory."""

    intrinsics: Intrinsics
    """The video's camera."""
    maps: Sequence[FeatureMap]
    """N maps of one level."""
    points: Sequence[Array]
    """N arrays (M_i, 3): the world points that frame i sees."""
    references: Sequence[Array]
    """N arrays (M_i, C): what they look like."""
    sigma: float = 0.35
    """Expected length of a residual; the tails are cut by a Cauchy weight."""
    strength: float = 60.0
    """How many independent points a full picture counts for: neighbours share their errors."""
    exposure: bool = False
    """Fit a gain and an offset per frame and channel first: for raw intensities."""

    def linearize(self, T_world_camera: Array) -> tuple[Array, Array]:
        """Hessian blocks (N,6,6) and gradients (N,6)."""
        count = len(T_world_camera)
        blocks, slopes = np.zeros((count, 6, 6)), np.zeros((count, 6))
        for i, T in enumerate(T_world_camera):
            if not len(self.points[i]):
                continue
            local, pixels, ahead = self._projected(i, T)
            value, slope, inside = self.maps[i].read(pixels)
            residual, gain = self._residual(i, value, inside & ahead)
            weight = np.where(inside & ahead, 1.0 / (1.0 + _square(residual) / self.sigma**2), 0.0)
            weight *= self._share(i) / self.sigma**2
            # Channels are summed before the slopes are carried on to the camera: two numbers a point, not C.
            x, y = slope * gain
            xx, xy, yy = (weight * _dot(a, b) for a, b in ((x, x), (x, y), (y, y)))
            across, down = _pixel_motion(self.intrinsics, local)
            both = np.concatenate([across, down])
            felt = np.concatenate(
                [xx[:, None] * across + xy[:, None] * down, xy[:, None] * across + yy[:, None] * down]
            )
            blocks[i] = both.T @ felt
            slopes[i] = both.T @ np.concatenate([weight * _dot(x, residual), weight * _dot(y, residual)])
        return blocks, slopes

    def cost(self, T_world_camera: Array) -> float:
        """The robust cost whose Gauss-Newton step :meth:`linearize` gives."""
        total = 0.0
        for i, T in enumerate(T_world_camera):
            if len(self.points[i]):
                _, pixels, ahead = self._projected(i, T)
                value, inside = self.maps[i].values_at(pixels)
                residual, _ = self._residual(i, value, inside & ahead)
                square = np.where(inside & ahead, _square(residual) / self.sigma**2, LOST**2)
                total += 0.5 * self._share(i) * float(np.log1p(square).sum())
        return total

    def _share(self, i: int) -> float:
        """Weight of one point of frame i."""
        return min(1.0, self.strength / len(self.points[i]))

    def _projected(self, i: int, T: Array) -> tuple[Array, Array, Array]:
        """Points of frame i in its camera (M,3), their pixels (M,2), and whether they lie ahead of it (M,)."""
        camera = self.intrinsics
        local = (self.points[i] - T[:3, 3]) @ T[:3, :3]
        ahead = local[:, 2] > NEAREST
        local[:, 2] = np.maximum(local[:, 2], NEAREST)
        return local, local[:, :2] / local[:, 2:] * [camera.fl_x, camera.fl_y] + [camera.cx, camera.cy], ahead

    def _residual(self, i: int, value: Array, inside: Array) -> tuple[Array, Array]:
        """Residuals (M,C) of what is read, and what its channels were multiplied by (C,)."""
        gain = np.ones(value.shape[1], dtype=value.dtype)
        if not self.exposure:
            return value - self.references[i], gain
        gain, offset = _exposure(value, self.references[i], inside)
        return value * gain + offset - self.references[i], gain


def _pixel_motion(camera: Intrinsics, local: Array) -> tuple[Array, Array]:
    """How a point's pixel (x and y: (M,6) each) moves when the camera turns by w and moves by v: the point goes by
    local x w - v."""
    z = local[:, 2]
    x, y = local[:, 0] / z, local[:, 1] / z
    zero = np.zeros_like(x)
    across = camera.fl_x * np.stack([x * y, -1.0 - x * x, y, -1.0 / z, zero, x / z], axis=1)
    down = camera.fl_y * np.stack([1.0 + y * y, -x * y, -x, zero, -1.0 / z, y / z], axis=1)
    return across, down


def _dot(a: Array, b: Array) -> Array:
    """Row by row, (M,C) and (M,C)."""
    return np.asarray(np.einsum("mc,mc->m", a, b))


def _square(a: Array) -> Array:
    return _dot(a, a)


def _exposure(value: Array, reference: Array, use: Array) -> tuple[Array, Array]:
    """Gain and offset per channel that bring values (M,C) nearest to references (M,C), robustly; 1 and 0 where there
    is nothing to fit. The gain stays within a factor of eight."""
    gain, offset = np.ones(value.shape[1]), np.zeros(value.shape[1])
    if use.sum() < 8:
        return gain, offset
    seen, wanted = value[use].astype(np.float64), reference[use].astype(np.float64)
    weight = np.ones_like(seen)
    for _ in range(3):
        total = weight.sum(0)
        middle, aim = (weight * seen).sum(0) / total, (weight * wanted).sum(0) / total
        spread = (weight * (seen - middle) ** 2).sum(0)
        gain = (weight * (seen - middle) * (wanted - aim)).sum(0) / np.maximum(spread, 1e-9)
        gain = np.where(spread > 1e-6, np.clip(gain, 0.125, 8.0), 1.0)
        offset = aim - gain * middle
        off = seen * gain + offset - wanted
        scale = 1.5 * np.median(np.abs(off), axis=0) + 1e-3
        weight = 1.0 / (1.0 + (off / scale) ** 2)
    return gain, offset
