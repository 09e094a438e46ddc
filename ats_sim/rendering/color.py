"""The sRGB transfer curve (IEC 61966-2-1): light is added in linear space, pictures are stored encoded."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array


def linear_from_srgb(color: Array) -> Array:
    """Linear light 0..1 float32 of sRGB uint8 values, any shape."""
    return _LINEAR[np.asarray(color, dtype=np.uint8)]


def srgb_from_linear(light: Array) -> Array:
    """sRGB uint8 of linear light, any shape; light outside 0..1 is clipped."""
    light = np.clip(light, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1.0 / 2.4) - 0.055)
    return np.asarray(np.round(encoded * 255.0).astype(np.uint8))


def _linear_table() -> Array:
    encoded = np.arange(256) / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


_LINEAR = _linear_table()
