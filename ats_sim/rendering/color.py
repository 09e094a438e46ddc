"""The sRGB transfer curve (IEC 61966-2-1): light is added in linear space, pictures are stored encoded.

Both ways are looked up in tables fine enough that no 8-bit result differs by more than the last rounding.
"""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array

_DECODE_STEPS = 255 * 16
_ENCODE_STEPS = 2**15


def linear_from_fraction(color: Array) -> Array:
    """Linear light 0..1 float32 of sRGB fractions 0..1, any shape."""
    return _LINEAR[np.asarray(color * _DECODE_STEPS + 0.5, dtype=np.int32)]


def srgb_from_linear(light: Array) -> Array:
    """sRGB uint8 of linear light, any shape; light outside 0..1 is clipped."""
    return _ENCODED[np.asarray(np.clip(light, 0.0, 1.0) * _ENCODE_STEPS + 0.5, dtype=np.int32)]


def _linear_table() -> Array:
    encoded = np.arange(_DECODE_STEPS + 1) / _DECODE_STEPS
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


def _encoded_table() -> Array:
    light = np.arange(_ENCODE_STEPS + 1) / _ENCODE_STEPS
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1.0 / 2.4) - 0.055)
    return np.asarray(np.round(encoded * 255.0).astype(np.uint8))


_LINEAR = _linear_table()
_ENCODED = _encoded_table()
