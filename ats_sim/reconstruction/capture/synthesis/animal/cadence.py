"""Gaits: when each foot stands in the stride and how the trunk rocks, by speed.

Speeds, times and lengths are the cat's; an animal of another size moves alike at the equal Froude number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.animal.similarity import Similarity


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


@dataclass(frozen=True)
class Line:
    """A number that grows with speed within bounds."""

    at_rest: float
    slope: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    def at(self, speed: float) -> float:
        """Its value."""
        return min(max(self.at_rest + self.slope * speed, self.low), self.high)


@dataclass(frozen=True)
class Rocking:
    """Swings of the trunk in the stride at full effort; they peak at the shares of the stride that are given."""

    beats: int
    """Swings per stride: two where left and right step in turn, one where both hind feet push off together."""
    pitch: float
    """Amplitude, radians, positive nose down."""
    pitch_phase: float
    """Radians by which the pitch is ahead of a sine."""
    roll: float = 0.0
    """Amplitude, radians, once a stride."""
    yaw: float = 0.0
    """Amplitude of the sideways bend of each spine joint, radians, once a stride."""
    bounce: float = 0.0
    """Amplitude of the height, metres."""
    bounce_phase: float = 0.0
    """Radians by which the height is behind a cosine."""
    flex: float = 0.0
    """Amplitude of the arching of the back, radians, most where the left hind foot lands."""

    def at(self, swing: float, effort: float) -> Array:
        """(5,) pitch, roll, sideways bend, height and arching at an angle of the stride, for a share of the effort."""
        return np.array(
            [
                self.pitch * effort * np.sin(self.beats * swing + self.pitch_phase),
                self.roll * effort * np.sin(swing + 0.4),
                self.yaw * effort * np.sin(swing),
                self.bounce * effort * np.cos(self.beats * swing - self.bounce_phase),
                self.flex * effort * np.cos(swing),
            ]
        )


@dataclass(frozen=True, eq=False)
class Gait:
    """One way of setting the feet."""

    frequency: Line
    duty: Line
    lift: Line
    lags: Array
    """(4,) touch-down times as shares of the stride; order of FEET."""
    rocking: Rocking

    def cadence(self, speed: float) -> Cadence:
        """Timing at a speed."""
        return Cadence(self.frequency.at(speed), self.duty.at(speed), self.lags, self.lift.at(speed))


@dataclass(frozen=True)
class Gaits:
    """The gaits of an animal, slowest first."""

    modes: tuple[Gait, ...]
    changes: tuple[tuple[float, float], ...]
    """(n - 1) speeds at which one gait begins to give way to the next, and the width of the change, m/s."""
    top_speed: float
    """Nothing moves the animal faster, m/s."""
    size: Similarity = Similarity()
    """Of the animal."""

    def cadence(self, speed: float) -> Cadence:
        """Timing at a stepping speed (m/s) of this animal."""
        unit = speed / self.size.pace
        timing = self.modes[0].cadence(unit)
        for mode, share in self._later(unit):
            other = mode.cadence(unit)
            timing = Cadence(
                (1.0 - share) * timing.frequency + share * other.frequency,
                (1.0 - share) * timing.duty + share * other.duty,
                (1.0 - share) * timing.lags + share * other.lags,
                (1.0 - share) * timing.lift + share * other.lift,
            )
        return Cadence(timing.frequency / self.size.pace, timing.duty, timing.lags, timing.lift * self.size.length)

    def rocking(self, speed: float, swing: float, effort: float) -> Array:
        """(5,) as of `Rocking.at`, at a stepping speed (m/s) of this animal."""
        rock = self.modes[0].rocking.at(swing, effort)
        for mode, share in self._later(speed / self.size.pace):
            rock = rock + share * (mode.rocking.at(swing, effort) - rock)
        scaled: Array = rock * [1.0, 1.0, 1.0, self.size.length, 1.0]
        return scaled

    def _later(self, unit: float) -> list[tuple[Gait, float]]:
        """The faster gaits that have a share in moving at a speed, and how far each has taken over."""
        shares = [float(np.clip((unit - start) / width, 0.0, 1.0)) for start, width in self.changes]
        return [(mode, share) for mode, share in zip(self.modes[1:], shares, strict=True) if share > 0.0]


_STEPPING = Rocking(beats=2, pitch=0.018, pitch_phase=0.6, roll=0.035, yaw=0.05, bounce=0.005)

WALK = Gait(
    frequency=Line(1.15, 0.95),
    duty=Line(0.70, -0.14, low=0.70 - 0.14 * 0.8),
    lift=Line(0.024, 0.012, high=0.024 + 0.012 * 0.8),
    lags=np.array([0.25, 0.75, 0.0, 0.5]),
    rocking=_STEPPING,
)
"""The lateral sequence: left hind, left front, right hind, right front."""

TROT = Gait(
    frequency=Line(1.45, 0.85),
    duty=Line(0.50, -0.06, low=0.36),
    lift=Line(0.042),
    lags=np.array([0.5, 1.0, 0.0, 0.5]),
    rocking=_STEPPING,
)
"""Diagonal pairs."""

GALLOP = Gait(
    frequency=Line(2.6, 0.35),
    duty=Line(0.31, -0.03, low=0.20),
    lift=Line(0.050),
    lags=np.array([0.50, 0.62, 0.0, 0.12]),
    rocking=Rocking(beats=1, pitch=0.05, pitch_phase=1.9, yaw=0.0, bounce=0.012, bounce_phase=2.8, flex=0.10),
)
"""Hind feet, then front feet, each a little after its partner; the back arches in between."""

HALF_BOUND = Gait(
    frequency=Line(1.75, 0.75),
    duty=Line(0.42, -0.09, low=0.20),
    lift=Line(0.032),
    lags=np.array([0.52, 0.62, 0.0, 0.0]),
    rocking=Rocking(beats=1, pitch=0.07, pitch_phase=1.9, bounce=0.012, bounce_phase=2.8, flex=0.14),
)
"""Hops: both hind feet push off together, the front feet land one after the other, the hind feet overtake them."""

QUADRUPED_GAITS = Gaits((WALK, TROT, GALLOP), ((0.75, 0.35), (2.9, 0.4)), top_speed=3.6)
