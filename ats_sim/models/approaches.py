"""Windows in which somebody comes at the agent: few, and what a mind must learn most from.

A person who films mostly stands or follows. Where windows are drawn evenly, moments at which somebody comes nearer
weigh so little that a mind learns to overlook people. How often a window is drawn depends on the observer's past alone,
so it learns more about some questions, but no answer to them is favoured - as long as it knows the observer: where that
is hidden from it, windows must be drawn evenly, or it would expect to be run at.
"""

import numpy as np

from ats_sim.arrays import Array
from ats_sim.perception import HZ, PAST

NEAR = 2.7
"""Metres within which an agent cares."""
COMING, COME = 0.2, 0.6
"""m/s of approach from which somebody comes, and certainly does."""


def approach(observer_past: Array) -> Array:
    """How surely, 0 to 1, the observer comes at the agent: (W,) from positions (W, 8, 3) in the ego frame of now.

    The observer's own motion alone counts: an agent that walks up to somebody is not approached.
    """
    away = np.linalg.norm(observer_past[..., :2], axis=-1)
    speed = (away[:, 0] - away[:, -1]) * HZ / (PAST - 1)
    return np.clip((speed - COMING) / (COME - COMING), 0.0, 1.0) * (away[:, -1] < NEAR)


def draw_rows(observer_past: Array, emphasis: float, count: int, rng: np.random.Generator) -> Array:
    """Windows (count,) drawn at random, those with an approach `emphasis` times as often as others."""
    shares = np.cumsum(1.0 + (emphasis - 1.0) * approach(observer_past))
    return np.searchsorted(shares, rng.random(count) * shares[-1], side="right")
