"""From keys and mouse to the observer's action."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.play.session import WALK_SHARE

RADIANS_PER_PIXEL = 0.004
STEP = 0.1


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
        self.yaw -= across * RADIANS_PER_PIXEL
        self.pitch -= down * RADIANS_PER_PIXEL

    def take(self) -> tuple[float, float]:
        """Yaw and pitch actions of the next step, in [-1, 1]; what does not fit is left for later steps."""
        turn = float(np.clip(self.yaw / (self.yaw_rate * STEP), -1.0, 1.0))
        look = float(np.clip(self.pitch / (self.pitch_rate * STEP), -1.0, 1.0))
        self.yaw -= turn * self.yaw_rate * STEP
        self.pitch -= look * self.pitch_rate * STEP
        return turn, look


def action_of(keys: Collection[str], mouse: MouseLook) -> Array:
    """(4,) action of the names of the keys held down (w a s d, up down left right, shift) and of the mouse."""

    def axis(plus: str, minus: str) -> float:
        return float(plus in keys) - float(minus in keys)

    speed = 1.0 if "shift" in keys else WALK_SHARE
    turn, look = mouse.take()
    return np.array(
        [
            speed * axis("w", "s"),
            speed * axis("a", "d"),
            np.clip(axis("left", "right") + turn, -1.0, 1.0),
            np.clip(axis("up", "down") + look, -1.0, 1.0),
        ]
    )
