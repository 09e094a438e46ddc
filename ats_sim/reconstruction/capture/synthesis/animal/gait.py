"""Where the feet are: planted pads stay where they are, swinging pads fly to where the body will be.

When a foot is due follows from the gait. A standing animal whose paws lie wrong steps them into place. All lengths and
speeds below are the cat's; they scale with the animal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.animal.cadence import Cadence, Gaits
from ats_sim.reconstruction.capture.synthesis.animal.similarity import Similarity

TURN_SPEED = 0.28
"""Metres per second of stepping that one radian per second of turning is worth."""
MOVING = 0.04
REACH = 0.13
"""A planted paw that trails further than this is lifted before its time, metres."""
MISPLACED = 0.018
"""A resting paw further than this from its place is stepped, metres."""

_PARTNER = np.array([1, 0, 3, 2])


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
    size: Similarity = Similarity()
    """Of the animal."""

    @property
    def stepping_speed(self) -> float:
        """Speed that the legs must serve, turning included."""
        return float(np.hypot(*self.velocity)) + self.size.length * TURN_SPEED * abs(self.turn_rate)

    @property
    def reach(self) -> float:
        """How far a planted paw may trail, metres; less in turns, where the trunk twists away from it as well."""
        turning = min(abs(self.turn_rate) * self.size.pace, 2.0)
        return self.size.length * (REACH - 0.02 * turning)

    def drift(self, neutral: Array) -> Array:
        """(4, 2) velocity of the places under the body where pads (4, 3) stand, world."""
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        x = cosine * neutral[:, 0] - sine * neutral[:, 1]
        y = sine * neutral[:, 0] + cosine * neutral[:, 1]
        return self.velocity + self.turn_rate * np.stack([-y, x], axis=-1)

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

    def __init__(self, gaits: Gaits, motion: BodyMotion, neutral: Array) -> None:
        self._gaits, self._size = gaits, gaits.size
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
        timing = self._gaits.cadence(motion.stepping_speed)
        moving = motion.stepping_speed > MOVING * self._size.pace
        offset = motion.footprints(neutral, np.zeros(4)) - self.pads
        error = np.hypot(offset[:, 0], offset[:, 1])
        if not (moving or self.swinging.any() or (error > self._size.length * MISPLACED).any()):
            return
        if not moving:
            hurry = min(max(12.0 * (float(error.max()) / self._size.length - 0.03), 0.0), 0.9)
            timing = replace(timing, frequency=(1.7 + hurry) / self._size.pace)
        self.phase = (self.phase + timing.frequency * dt) % 1.0
        now = (self.phase - timing.lags) % 1.0
        swing_time = (1.0 - timing.duty) / timing.frequency
        self.progress[self.swinging] += dt / swing_time
        late = np.clip((now - timing.duty) / (1.0 - timing.duty), 0.0, 0.5)
        half_stance = 0.5 * motion.stepping_speed * timing.duty / timing.frequency
        reach = min(motion.reach, max(self._size.length * 0.045, 1.2 * half_stance)) if moving else 0.0
        lifting = self._lifting(now >= timing.duty, reach, motion, neutral, offset, error)
        self._lift_off[lifting] = self.pads[lifting]
        self.progress[lifting] = late[lifting]
        self.swinging |= lifting
        self._swing(motion, neutral, timing, swing_time)

    def _lifting(
        self, due: Array, reach: float, motion: BodyMotion, neutral: Array, offset: Array, error: Array
    ) -> Array:
        """Which planted paws begin to swing: those whose time has come and that trail, and those beyond `reach`.

        A body that sets off has all paws under it, so some of them trail too far before the stride comes to them.
        A reach of 0 is that of a body at rest, whose misplaced paws alone are due.
        """
        if reach <= 0.0:
            return due & ~self.swinging & (error > 0.5 * self._size.length * MISPLACED)
        drift = motion.drift(neutral)
        trailing = (offset[:, :2] * drift).sum(axis=1) / np.maximum(np.hypot(drift[:, 0], drift[:, 1]), 1e-6)
        # Both paws of a girdle leave the ground together only where one of them could not hold on.
        far = (trailing > reach) & (~self.swinging[_PARTNER] | (trailing > motion.reach))
        lifting: Array = ~self.swinging & ((due & (trailing > 0.0)) | far)
        return lifting

    def _swing(self, motion: BodyMotion, neutral: Array, timing: Cadence, swing_time: float) -> None:
        if not self.swinging.any():
            return
        landed = self.swinging & (self.progress >= 1.0)
        share = np.clip(self.progress, 0.0, 1.0)
        stance = timing.duty / timing.frequency
        targets = motion.footprints(neutral, (1.0 - self.progress) * swing_time + 0.5 * stance)
        eased = share * share * (3.0 - 2.0 * share)
        flight = self._lift_off + (targets - self._lift_off) * eased[:, None]
        flight[:, 2] += timing.lift * np.sin(np.pi * share)
        self.pads[self.swinging] = flight[self.swinging]
        self.swinging &= ~landed
        self.progress[landed] = 0.0
