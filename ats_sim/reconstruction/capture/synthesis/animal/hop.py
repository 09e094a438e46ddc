"""A hop onto furniture or down: push off, ballistic flight, absorb the landing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

GRAVITY = 9.81
CLEARANCE = 0.07
"""How far the root's arc rises above the higher of take-off and landing, metres."""
STRETCH = 0.012
"""How far a cat's root is above its standing height when its paws leave the ground, metres."""
PUSH_TIME = 0.13
PUSH_SHARE = 0.10
ABSORB_SHARE = 0.14
MAX_DIP = 0.045
"""How far a cat's trunk sinks below its standing height when it lands, metres."""


@dataclass(frozen=True)
class HopState:
    """The root and the flight at one instant."""

    root: Array
    """(3,) world."""
    pitch: float
    """Pitch of the root, positive nose down."""
    front: float
    """How far the front paws are on their way from take-off (0) over tucked (0.5) to landed (1)."""
    hind: float
    """The same for the hind paws."""
    done: bool
    """Whether the landing is over."""


class Hop:
    """The whole course of one hop between two standing root positions (3,), world frame."""

    def __init__(
        self, crouched: Array, standing: Array, landing: Array, dip: float = MAX_DIP, stretch: float = STRETCH
    ) -> None:
        """Leaves the ground with the legs stretched that much beyond standing; the landing is `dip` metres deep."""
        step = landing[:2] - standing[:2]
        # Legs that stretch far at the take-off reach for the ground as far before the landing.
        self._p0 = crouched
        self._p1 = np.array([*(crouched[:2] + PUSH_SHARE * step), standing[2] + stretch])
        self._p2 = np.array([*(landing[:2] - ABSORB_SHARE * step), landing[2] + (stretch - 2.0 * STRETCH)])
        self._p3 = landing
        apex = max(self._p1[2], self._p2[2]) + CLEARANCE
        rise = float(np.sqrt(2.0 * (apex - self._p1[2]) / GRAVITY))
        fall = float(np.sqrt(2.0 * (apex - self._p2[2]) / GRAVITY))
        self.flight_time = rise + fall
        across = (self._p2[:2] - self._p1[:2]) / self.flight_time
        self._v1 = np.array([*across, GRAVITY * rise])
        self._v2 = np.array([*across, -GRAVITY * fall])
        # A cubic that starts at speed v and ends at rest overshoots by 4/27 of v times its duration.
        self.absorb_time = float(np.clip(6.75 * dip / (GRAVITY * fall), 0.14, 0.30))
        self.duration = PUSH_TIME + self.flight_time + self.absorb_time

    def at(self, time: float) -> HopState:
        """State `time` seconds after the push began."""
        flight = time - PUSH_TIME
        if flight < 0.0:
            root = _cubic(time / PUSH_TIME, PUSH_TIME, self._p0, np.zeros(3), self._p1, self._v1)
            velocity = self._v1
        elif flight <= self.flight_time:
            root = self._p1 + self._v1 * flight - np.array([0.0, 0.0, 0.5 * GRAVITY * flight**2])
            velocity = self._v1 - np.array([0.0, 0.0, GRAVITY * flight])
        else:
            share = min((flight - self.flight_time) / self.absorb_time, 1.0)
            root = _cubic(share, self.absorb_time, self._p2, self._v2, self._p3, np.zeros(3))
            velocity = self._v2 * (1.0 - share)
        slope = np.arctan2(velocity[2], np.hypot(velocity[0], velocity[1]) + 0.6)
        front = _smooth((flight + 0.10) / (self.flight_time + 0.10))
        hind = _smooth((flight - 0.00) / (self.flight_time + 0.10))
        return HopState(root, float(np.clip(-0.5 * slope, -0.5, 0.25)), front, hind, time >= self.duration)


def _cubic(share: float, duration: float, start: Array, velocity: Array, end: Array, end_velocity: Array) -> Array:
    """Hermite cubic (3,) at a share in [0, 1] of its duration."""
    s = min(max(share, 0.0), 1.0)
    bend = duration * ((s**3 - 2 * s**2 + s) * velocity + (s**3 - s**2) * end_velocity)
    result: Array = (2 * s**3 - 3 * s**2 + 1) * start + (3 * s**2 - 2 * s**3) * end + bend
    return result


def _smooth(share: float) -> float:
    s = min(max(share, 0.0), 1.0)
    return s * s * (3.0 - 2.0 * s)
