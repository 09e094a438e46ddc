"""Other light on the same picture: exposure, white balance, gamma, slow shading, noise, and things in the way."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ats_sim.arrays import Array


@dataclass(frozen=True)
class Augmentation:
    """How far pictures are changed in training."""

    stops: float = 2.0
    """Most exposure change up or down, factors of two of linear light."""
    warmth: float = 0.35
    """Most change of the logarithm of red against blue, either way: lamp light against a blue sky."""
    gamma: float = 0.25
    """Most change of the logarithm of the tone curve's exponent."""
    shading: float = 1.0
    """Most stops that slow shading brightens or darkens a part of the picture."""
    noise: float = 5.0
    """Most noise, steps of 8-bit values."""
    rectangles: int = 2
    """Most rectangles of plain colour that hide something."""


def relight(rgb: Array, rng: np.random.Generator, options: Augmentation) -> Array:
    """A picture (H,W,3) uint8 under other light."""
    height, width = rgb.shape[:2]
    light = (rgb.astype(np.float32) / 255.0) ** np.float32(2.2)
    warm = rng.uniform(-1.0, 1.0) * options.warmth
    tint = np.exp(np.array([0.5 * warm, rng.normal(0.0, 0.03), -0.5 * warm]))
    gain = 2.0 ** rng.uniform(-options.stops, options.stops) * tint
    coarse = rng.uniform(-options.shading, options.shading, size=(3, 4)).astype(np.float32)
    shade = np.exp2(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    light *= gain.astype(np.float32) * shade[..., None]
    # Cameras roll off before they clip.
    light = np.where(light < 0.75, light, 1.0 - 0.25 * np.exp(-(light - 0.75) / 0.25))
    exponent = float(np.exp(rng.uniform(-options.gamma, options.gamma))) / 2.2
    picture = 255.0 * light ** np.float32(exponent)
    picture += rng.standard_normal(rgb.shape, np.float32) * np.float32(rng.uniform(0.5, options.noise))
    picture = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(options.rectangles + 1))):
        h, w = (rng.uniform(0.08, 0.25, size=2) * (height, width)).astype(int)
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        picture[y : y + h, x : x + w] = rng.integers(0, 256, size=3)
    return picture
