"""Where the feet are: planted pads stay where they are, swinging pads fly to where the body will be.

Walk is the lateral sequence (left hind, left front, right hind, right front), trot moves diagonal pairs; between them
cadence, duty and phase lags change with speed. A standing animal whose paws lie wrong steps them into place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

WALK_LAGS = np.array([0.25, 0.75, 0.0, 0.5])
TROT_LAGS = np.array([0.5, 1.0, 0.0, 0.5])
TURN_SPEED = 0.28
"""Metres per second of stepping that one radian per second of turning is worth."""
MOVING = 0.04
MISPLACED = 0.018
"""A resting paw further than this from its place is stepped, metres."""


@dataclass(frozen=True)
class Cadence:
    """Timing of the legs at one speed."""

    frequency: float
    """Strides per second."""
    duty: float
    """Share of the stride that a paw is planted."""
    lags: Array
    """(4,) touch-down times as shares of the stride."""
    lift: float
    """Height of a swinging paw, metres."""


def cadence(speed: float) -> Cadence:
    """Timing at a stepping speed (m/s)."""
    trot = float(np.clip((speed - 0.75) / 0.35, 0.0, 1.0))
    walking = Cadence(1.15 + 0.95 * speed, 0.70 - 0.14 * min(speed, 0.8), WALK_LAGS, 0.024 + 0.012 * min(speed, 0.8))
    if trot <= 0.0:
        return walking
    frequency = (1.0 - trot) * walking.frequency + trot * (1.45 + 0.85 * speed)
    duty = (1.0 - trot) * walking.duty + trot * float(np.clip(0.50 - 0.06 * speed, 0.36, 0.5))
    lags = (1.0 - trot) * WALK_LAGS + trot * TROT_LAGS
    return Cadence(frequency, duty, lags, (1.0 - trot) * walking.lift + trot * 0.042)


@dataclass(frozen=True)
class BodyMotion:
    """The trunk's path over the ground, as the feet need to know it."""

    position: Array
    """(2,) world."""
    yaw: float
    """Heading."""
    velocity: Array
    """(2,) world, m/s."""
    turn_rate: float
    """Yaw rate, rad/s."""
    ground: float
    """Height of the surface."""

    @property
    def stepping_speed(self) -> float:
        """Speed that the legs must serve, turning included."""
        return float(np.hypot(*self.velocity)) + TURN_SPEED * abs(self.turn_rate)

    def footprints(self, neutral: Array, ahead: Array) -> Array:
        """Where pads (4, 3) of a standing body would be `ahead` (4,) seconds from now, (4, 3) world."""
        yaw = self.yaw + self.turn_rate * ahead
        # Along the arc the chord points halfway between the two headings.
        middle = 0.5 * self.turn_rate * ahead
        cosine, sine = np.cos(middle), np.sin(middle)
        step_x = (cosine * self.velocity[0] - sine * self.velocity[1]) * ahead
        step_y = (sine * self.velocity[0] + cosine * self.velocity[1]) * ahead
        cosine, sine = np.cos(yaw), np.sin(yaw)
        prints = np.empty((4, 3))
        prints[:, 0] = self.position[0] + step_x + cosine * neutral[:, 0] - sine * neutral[:, 1]
        prints[:, 1] = self.position[1] + step_y + sine * neutral[:, 0] + cosine * neutral[:, 1]
        prints[:, 2] = self.ground
        return prints


class Footing:
    """State of four feet."""

    def __init__(self, motion: BodyMotion, neutral: Array) -> None:
        self.phase = 0.0
        self.swinging = np.zeros(4, dtype=bool)
        self.progress = np.zeros(4)
        """(4,) share of the swing that is done, 0 for planted paws."""
        self.place(motion, neutral)

    def place(self, motion: BodyMotion, neutral: Array) -> None:
        """Plant all pads under the body at once."""
        self.pads = motion.footprints(neutral, np.zeros(4))
        self._lift_off = self.pads.copy()
        self.swinging[:] = False
        self.progress[:] = 0.0

    def advance(self, dt: float, motion: BodyMotion, neutral: Array) -> None:
        """Step the feet: `neutral` (4, 3) are the pads under a body at rest in its heading frame."""
        timing = cadence(motion.stepping_speed)
        moving = motion.stepping_speed > MOVING
        prints = motion.footprints(neutral, np.zeros(4))
        error = np.hypot(*(self.pads - prints)[:, :2].T)
        if not (moving or self.swinging.any() or (error > MISPLACED).any()):
            return
        frequency = timing.frequency if moving else 1.7 + float(np.clip(12.0 * (error.max() - 0.03), 0.0, 0.9))
        before = (self.phase - timing.lags) % 1.0
        self.phase = (self.phase + frequency * dt) % 1.0
        now = (self.phase - timing.lags) % 1.0
        landed = self.swinging & ((now < before) | (now < timing.duty))
        wanted = (now >= timing.duty) & (moving | (error > 0.5 * MISPLACED)) & ~self.swinging
        self._land(landed, motion, neutral, timing, now)
        self._lift_off[wanted] = self.pads[wanted]
        self.swinging |= wanted
        self._swing(motion, neutral, timing, frequency, now)

    def _targets(self, motion: BodyMotion, neutral: Array, timing: Cadence, until_landing: Array) -> Array:
        stance = timing.duty / timing.frequency
        return motion.footprints(neutral, until_landing + 0.5 * stance)

    def _land(self, landed: Array, motion: BodyMotion, neutral: Array, timing: Cadence, now: Array) -> None:
        if not landed.any():
            return
        targets = self._targets(motion, neutral, timing, -now / timing.frequency)
        self.pads[landed] = targets[landed]
        self.swinging[landed] = False
        self.progress[landed] = 0.0

    def _swing(self, motion: BodyMotion, neutral: Array, timing: Cadence, frequency: float, now: Array) -> None:
        air = self.swinging
        if not air.any():
            return
        share = np.clip((now - timing.duty) / (1.0 - timing.duty), 0.0, 1.0)
        targets = self._targets(motion, neutral, timing, (1.0 - now) / frequency)
        eased = share * share * (3.0 - 2.0 * share)
        flight = self._lift_off + (targets - self._lift_off) * eased[:, None]
        flight[:, 2] += timing.lift * np.sin(np.pi * share)
        self.pads[air] = flight[air]
        self.progress[air] = np.maximum(share[air], 1e-3)
