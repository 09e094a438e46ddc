"""Walking along a way: a carrot ahead of the animal, bounded turns, room kept from the observer."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.animal.motor import MAX_TURN_RATE, SPRINT_SPEED
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid

LOOK_AHEAD = 0.28
STROLL_TURN_RATE = 2.0
BERTH = 0.60
"""Distance kept from the observer in passing, metres."""
_BRAKING = 3.5
"""Before bends, m/s²."""


class Steering:
    """Progress along one way (K, 2)."""

    def __init__(self, way: Array, speed: float) -> None:
        self._way, self._speed = way, speed
        self._next = 0
        step = np.hypot(*np.diff(way, axis=0).T)
        self._left = np.concatenate([np.cumsum(step[::-1])[::-1], [0.0]])
        # At the speeds of a walk or trot, the slowing in `turn_towards` is enough.
        self._limits = bend_speeds(way, 0.8 * MAX_TURN_RATE) if speed > SPRINT_SPEED else np.full(len(way), speed)

    @property
    def end(self) -> Array:
        """(2,) where the way ends."""
        end: Array = self._way[-1]
        return end

    def left(self, position: Array) -> float:
        """Metres still to go."""
        return float(self._left[self._next] + np.hypot(*(self._way[self._next] - position)))

    def drive(self, position: Array, yaw: float, nav: NavGrid, observer: Array | None) -> tuple[float, float]:
        """Speed (m/s) and turn rate (rad/s) now."""
        while self._next < len(self._way) - 1 and np.hypot(*(self._way[self._next] - position)) < LOOK_AHEAD:
            self._next += 1
        carrot = self._way[self._next]
        if observer is not None:
            carrot = _around(carrot, position, observer, nav)
        return turn_towards(carrot, position, yaw, self._pace(position))

    def _pace(self, position: Array) -> float:
        # A braking profile: what can still be stopped before the end, never slower than a creep.
        speed = min(self._speed, float(self._limits[self._next]))
        return min(speed, max(0.16, float(np.sqrt(2.0 * 0.9 * self.left(position)))))


def bend_speeds(way: Array, turn_rate: float) -> Array:
    """(K,) m/s along a way (K, 2) that its bends allow at a turn rate (rad/s), braking before them included."""
    step = np.hypot(*np.diff(way, axis=0).T)
    heading = np.unwrap(np.arctan2(*np.diff(way, axis=0).T[::-1]))
    turning = np.abs(np.diff(heading)) / np.maximum(0.5 * (step[1:] + step[:-1]), 1e-6)
    limits = np.full(len(way), np.inf)
    limits[1:-1] = np.maximum(turn_rate / np.maximum(turning, 1e-6), 0.5)
    for k in range(len(way) - 2, -1, -1):
        limits[k] = min(limits[k], float(np.sqrt(limits[k + 1] ** 2 + 2.0 * _BRAKING * step[k])))
    return limits


def turn_towards(target: Array, position: Array, yaw: float, speed: float) -> tuple[float, float]:
    """Speed and turn rate that lead to a point (2,); turns on the spot where it lies behind."""
    toward = target - position
    error = float((np.arctan2(toward[1], toward[0]) - yaw + np.pi) % (2.0 * np.pi) - np.pi)
    limit = MAX_TURN_RATE if speed > 1.0 else STROLL_TURN_RATE
    turn = float(np.clip(4.0 * error, -limit, limit))
    ease = float(np.clip(1.35 - abs(error), 0.0, 1.0))
    # Slower in bends: the chord to the carrot must not be overshot.
    return speed * ease, turn


def _around(carrot: Array, position: Array, observer: Array, nav: NavGrid) -> Array:
    away = carrot - observer[:2]
    distance = float(np.hypot(*away))
    if distance > BERTH or float(np.hypot(*(observer[:2] - position))) > 1.5:
        return carrot
    side = away / max(distance, 1e-3)
    moved: Array = observer[:2] + side * BERTH
    return moved if nav.segment_free(position, moved) else carrot
