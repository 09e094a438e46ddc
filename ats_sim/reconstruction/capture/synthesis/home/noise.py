"""Noise that repeats without a seam, the grain of every procedural material."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, rfft2

from ats_sim.arrays import Array


def smooth(rng: np.random.Generator, shape: tuple[int, int], sigma: float | tuple[float, float]) -> Array:
    """Seamless noise (rows, columns) of unit spread, blurred by a Gaussian of ``sigma`` pixels (rows, columns)."""
    rows, columns = np.broadcast_to(sigma, 2)
    return _filtered(rng, shape, _gaussian(shape, float(rows), float(columns)))


def cloudy(rng: np.random.Generator, shape: tuple[int, int], largest: float = 32.0) -> Array:
    """Seamless noise (rows, columns) of unit spread, with detail on all scales up to ``largest`` pixels."""
    power = np.zeros((shape[0], shape[1] // 2 + 1))
    weight, sigma = 1.0, largest
    while sigma >= 0.7:
        octave = _gaussian(shape, sigma, sigma)
        power += weight**2 * octave**2 / (octave**2).sum()
        weight, sigma = weight * 0.6, sigma / 2.2
    return _filtered(rng, shape, np.sqrt(power))


def tinted(color: Array, change: Array) -> Array:
    """Colours (H, W, 3) in 0..1: a base colour (3,) or (H, W, 3) scaled by ``1 + change`` (H, W)."""
    return np.clip(np.asarray(color) * (1 + change[..., None]), 0, 1)


def _gaussian(shape: tuple[int, int], rows: float, columns: float) -> Array:
    """What a Gaussian blur does to every frequency of a real picture."""
    vertical = np.exp(-2 * (np.pi * rows * np.fft.fftfreq(shape[0])) ** 2)
    horizontal = np.exp(-2 * (np.pi * columns * np.fft.rfftfreq(shape[1])) ** 2)
    return np.outer(vertical, horizontal)


def _filtered(rng: np.random.Generator, shape: tuple[int, int], response: Array) -> Array:
    white = rng.standard_normal(shape, np.float32)
    field = irfft2(rfft2(white) * response.astype(np.float32), s=shape)
    return np.asarray((field - field.mean()) / (field.std() + 1e-9))
