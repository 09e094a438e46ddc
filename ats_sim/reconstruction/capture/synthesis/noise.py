"""Noise that repeats without a seam, the grain of every procedural material."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ats_sim.arrays import Array


def smooth(rng: np.random.Generator, shape: tuple[int, int], sigma: float | tuple[float, float]) -> Array:
    """Seamless noise of unit spread, blurred by ``sigma`` pixels (rows, columns)."""
    field = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return np.asarray((field - field.mean()) / (field.std() + 1e-9))


def cloudy(rng: np.random.Generator, shape: tuple[int, int], largest: float = 32.0) -> Array:
    """Seamless noise with detail on all scales up to ``largest`` pixels, about -2..2."""
    total = np.zeros(shape)
    weight, sigma = 1.0, largest
    while sigma >= 0.7:
        total += weight * smooth(rng, shape, sigma)
        weight, sigma = weight * 0.6, sigma / 2.2
    return np.asarray(total / total.std())


def tinted(color: Array, change: Array) -> Array:
    """Colours (H, W, 3) in 0..1: a base colour (3,) or (H, W, 3) scaled by ``1 + change`` (H, W)."""
    return np.clip(np.asarray(color) * (1 + change[..., None]), 0, 1)
