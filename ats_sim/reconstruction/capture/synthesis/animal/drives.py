"""Moods: hunger, sleepiness, curiosity and fear, each in [0, 1], that drift at random and with what happens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

_NOISE = 0.035
"""Random drift of every mood, per square root of a second."""
_GAIN = {"hunger": 0.014, "sleepiness": 0.010}
_RELIEF = {
    "eat": ("hunger", 0.13),
    "lie": ("sleepiness", 0.05),
    "loaf": ("sleepiness", 0.05),
    "sleep": ("sleepiness", 0.09),
}


@dataclass(frozen=True)
class Encounter:
    """Where the observer is to the animal, and how it moves."""

    distance: float
    """Metres on the floor plane."""
    closing: float
    """Speed at which the two come nearer to each other, m/s."""
    speed: float
    """Speed of the observer, m/s."""

    @property
    def startle(self) -> float:
        """How alarming this is, from 0: coming close fast, looming over the animal, or merely being too close."""
        # An animal that walks up to a calm observer closes in as well: only the observer's own motion alarms.
        closing = min(self.closing, self.speed)
        rush = np.clip((2.1 - self.distance) / 0.8, 0.0, 1.0) * np.clip((closing - 0.45) / 0.4, 0.0, 1.0)
        loom = np.clip((0.55 - self.distance) / 0.25, 0.0, 1.0) * np.clip((self.speed - 0.15) / 0.3, 0.0, 1.0)
        crowd = 0.10 * np.clip((0.40 - self.distance) / 0.15, 0.0, 1.0)
        return float(rush + loom + crowd)

    @property
    def calm(self) -> float:
        """How inviting the observer is, in [0, 1]: near enough to matter and nearly still."""
        near = np.clip((4.5 - self.distance) / 1.5, 0.0, 1.0)
        return float(near * np.clip((0.45 - self.speed) / 0.3, 0.0, 1.0))


def encounter(position: Array, velocity: Array, observer: Array, observer_velocity: Array) -> Encounter:
    """Build from the animal's position and velocity (2,) and the observer's (3,), world frame."""
    toward = position - observer[:2]
    distance = float(np.hypot(*toward))
    closing = float((observer_velocity[:2] - velocity) @ toward) / max(distance, 1e-6)
    return Encounter(distance, closing, float(np.hypot(*observer_velocity[:2])))


class Drives:
    """The moods of one animal."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.hunger = float(rng.uniform(0.2, 0.7))
        self.sleepiness = float(rng.uniform(0.1, 0.6))
        self.curiosity = float(rng.uniform(0.3, 0.8))
        self.fear = float(rng.uniform(0.0, 0.15))
        self.nerve = float(rng.uniform(0.35, 0.65))
        """Fear from which on the animal runs; drawn anew after every flight."""

    def advance(self, dt: float, activity: str, meeting: Encounter, sheltered: bool, rng: np.random.Generator) -> None:
        """Drift for `dt` seconds of an activity."""
        noise = rng.normal(scale=_NOISE * np.sqrt(dt), size=3)
        relief = dict([_RELIEF[activity]]) if activity in _RELIEF else {}
        self.hunger = _bounded(self.hunger + dt * (_GAIN["hunger"] - relief.get("hunger", 0.0)) + noise[0])
        self.sleepiness = _bounded(
            self.sleepiness + dt * (_GAIN["sleepiness"] - relief.get("sleepiness", 0.0)) + noise[1]
        )
        self.curiosity = _bounded(self.curiosity + dt * 0.05 * (0.55 - self.curiosity) + noise[2])
        startle = meeting.startle * (0.3 if sheltered else 1.0)
        self.fear = _bounded(self.fear + dt * (3.0 * startle - 0.10 * self.fear - 0.02))

    def panic(self) -> bool:
        """Whether the animal runs now."""
        return self.fear > self.nerve

    def take_heart(self, rng: np.random.Generator) -> None:
        """The flight has begun: part of the fear is spent, the next fright must build up again."""
        self.fear *= 0.4
        self.nerve = float(rng.uniform(0.35, 0.65))


def _bounded(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))
