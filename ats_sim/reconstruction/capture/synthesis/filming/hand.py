"""The hand that holds a phone: slow sway, tremor, and the bounce of steps."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, look_at, rigid


class Hand:
    """Adds the unsteadiness of one person to where a camera should be."""

    def __init__(self, rng: np.random.Generator, *, steadiness: float = 1.0):
        self._rng = rng
        self._spread = steadiness
        self._sway = np.zeros(6)
        self._phase = float(rng.uniform(0, 2 * np.pi))
        self._roll = float(rng.normal(0, 0.03))

    def hold(self, eye: Array, target: Array, speed: float, dt: float) -> Array:
        """Camera pose (4, 4) for an eye (3,) that looks at a target (3,) while its owner walks with ``speed``."""
        keep = np.exp(-dt / 0.5)
        self._sway = keep * self._sway + np.sqrt(1 - keep**2) * self._rng.standard_normal(6)
        self._phase += 2 * np.pi * 1.8 * dt * min(1.0, speed / 0.6)
        bounce = 0.012 * min(speed / 0.8, 1.3) * np.array([0.0, 0.0, np.sin(self._phase)])
        shift = bounce + 0.008 * self._spread * self._sway[:3]
        turn = self._sway[3:] * self._spread * np.deg2rad([0.8, 1.0, 0.7])
        turn[0] += np.deg2rad(0.5) * min(speed, 1.0) * np.sin(self._phase)
        turn[2] += self._roll
        pose = look_at(eye + shift, target)
        return np.asarray(pose @ rigid(exp_so3(turn), np.zeros(3)))
