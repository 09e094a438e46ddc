"""From ideal pictures to what a phone stores: exposure, white balance, gamma, blur and noise."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.rendering.color import linear_from_fraction, srgb_from_linear

_LINEAR = linear_from_fraction(np.arange(256) / 255)


@dataclass(frozen=True)
class Appearance:
    """How one video sees colours. Gains are factors on linear light, noise is in steps of 8-bit values."""

    exposure: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    blur: float = 0.0
    noise: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Plain numbers."""
        return asdict(self)


def draw_appearance(rng: np.random.Generator, *, varied: bool, noise: float) -> Appearance:
    """The camera settings of a day; unless ``varied`` only the noise differs from an ideal camera."""
    if not varied:
        return Appearance(noise=1.5 * noise, blur=0.3 * min(noise, 1.0))
    red, blue = rng.normal(1, 0.06, 2).clip(0.85, 1.15)
    return Appearance(
        exposure=float(np.exp(rng.normal(0, 0.16)).clip(0.7, 1.4)),
        white_balance=(float(red), 1.0, float(blue)),
        gamma=float(rng.uniform(0.88, 1.14)),
        blur=float(rng.uniform(0.2, 0.5)) * min(noise, 1.0),
        noise=float(rng.uniform(1.2, 2.8)) * noise,
    )


class CameraSensor:
    """Turns ideal pictures into stored ones; its automatic exposure wanders a little."""

    def __init__(self, appearance: Appearance, rng: np.random.Generator, *, wander: float = 0.02):
        self._appearance = appearance
        self._rng = rng
        self._wander = wander if appearance.noise > 0 else 0.0
        self._exposure = 0.0

    def develop(self, rgb: Array) -> Array:
        """The stored picture (H, W, 3) uint8 of an ideal one (H, W, 3) uint8."""
        import cv2

        look = self._appearance
        self._exposure = 0.95 * self._exposure + self._wander * float(self._rng.normal())
        gain = look.exposure * np.exp(self._exposure) * np.array(look.white_balance, np.float32)
        # A table per channel: gains, soft clipping and gamma depend on the stored 8-bit value alone.
        light = _LINEAR[:, None] * gain
        soft = np.where(light < 0.75, light, 0.75 + 0.25 * (1 - np.exp(-(light - 0.75) / 0.25)))
        table = srgb_from_linear(soft**look.gamma)
        picture = np.asarray(cv2.LUT(rgb, table.reshape(1, 256, 3)))
        if look.blur > 0:
            picture = cv2.GaussianBlur(picture, (3, 3), look.blur)
        if look.noise > 0:
            grain = self._rng.standard_normal(rgb.shape, np.float32) * np.float32(look.noise)
            picture = np.clip(picture + grain + 0.5, 0, 255).astype(np.uint8)
        return np.asarray(picture)
