"""From keys and mouse to the observer's action."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

RADIANS_PER_PIXEL = 0.004
STEP = 0.1
MOST_AHEAD = 2.0 * np.pi
"""Radians that the mouse may be ahead of the observer's neck."""


@dataclass
class MouseLook:
    """Turns that the mouse asked for and the next steps will make: the observer turns at its own top speed."""

    yaw_rate: float
    """Top turning speed, rad/s."""
    pitch_rate: float
    """Top speed of looking up and down, rad/s."""
    yaw: float = 0.0
    """Radians still to turn left."""
    pitch: float = 0.0
    """Radians still to look up."""

    def move(self, across: float, down: float) -> None:
        """Note a mouse movement in pixels."""
        self.yaw = float(np.clip(self.yaw - across * RADIANS_PER_PIXEL, -MOST_AHEAD, MOST_AHEAD))
        self.pitch = float(np.clip(self.pitch - down * RADIANS_PER_PIXEL, -MOST_AHEAD, MOST_AHEAD))

    def take(self) -> tuple[float, float]:
        """Yaw and pitch actions of the next step, in [-1, 1]; what does not fit is left for later steps."""
        turn = float(np.clip(self.yaw / (self.yaw_rate * STEP), -1.0, 1.0))
        look = float(np.clip(self.pitch / (self.pitch_rate * STEP), -1.0, 1.0))
        self.yaw -= turn * self.yaw_rate * STEP
        self.pitch -= look * self.pitch_rate * STEP
        return turn, look

    def stop(self) -> None:
        """Forget turns that were not made yet."""
        self.yaw = self.pitch = 0.0


def action_of(keys: Collection[str], mouse: MouseLook) -> Array:
    """(4,) action of the names of the keys held down (w a s d, up down left right) and of the mouse."""

    def axis(plus: str, minus: str) -> float:
        return float(plus in keys) - float(minus in keys)

    turn, look = mouse.take()
    return np.array(
        [
            axis("w", "s"),
            axis("a", "d"),
            np.clip(axis("left", "right") + turn, -1.0, 1.0),
            np.clip(axis("up", "down") + look, -1.0, 1.0),
        ]
    )
