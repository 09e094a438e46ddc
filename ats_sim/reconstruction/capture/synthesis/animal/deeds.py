"""Deeds: the small things a plan is made of. Each turns the situation into a command until it is done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.animal.motor import Command, Motor
from ats_sim.reconstruction.capture.synthesis.animal.postures import PostureName
from ats_sim.reconstruction.capture.synthesis.animal.steering import Steering, turn_towards
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid

GazeMode = Literal["ahead", "observer", "around"]
ARRIVED = 0.05


@dataclass(frozen=True)
class Situation:
    """What a deed may look at."""

    dt: float
    """Length of this step, seconds."""
    motor: Motor
    """The body."""
    nav: NavGrid
    """The floor."""
    observer: Array
    """(3,) world."""
    observer_speed: float
    """m/s."""
    rng: np.random.Generator
    """The mind's only source of chance."""


class Deed(Protocol):
    """One thing to do."""

    @property
    def activity(self) -> str:
        """Name of what is being done."""

    def step(self, now: Situation) -> Command | None:
        """The command for this step, or None when the deed is done."""


@dataclass
class Travel:
    """Walk or trot along a way."""

    way: Array
    """(K, 2) waypoints."""
    speed: float
    """m/s of a cat; animals of other sizes go at the equal Froude number."""
    activity: str = "walk"
    posture: PostureName = "stand"
    slack: float = 6.0
    """Seconds beyond the expected time after which the deed gives up."""
    _steering: Steering | None = None

    def step(self, now: Situation) -> Command | None:
        """Follow the way around the observer."""
        if self._steering is None:
            speed = self.speed * now.motor.pace
            self._steering = Steering(self.way, speed)
            self.slack += 2.0 * self._steering.left(now.motor.position) / speed
        self.slack -= now.dt
        if self._steering.left(now.motor.position) < ARRIVED or self.slack < 0.0:
            return None
        speed, turn = self._steering.drive(now.motor.position, now.motor.yaw, now.nav, now.observer)
        return Command(speed, turn, self.posture)


@dataclass
class Approach:
    """Come up to the observer and stop at a polite distance."""

    stop_at: float
    speed: float
    slack: float = 12.0
    activity: str = "approach"

    def step(self, now: Situation) -> Command | None:
        """Walk straight at the observer while the floor allows it and it stays calm."""
        position = now.motor.position
        distance = float(np.hypot(*(now.observer[:2] - position)))
        self.slack -= now.dt
        ahead = position + (now.observer[:2] - position) * min(1.0, 0.35 / max(distance, 1e-6))
        blocked = not now.nav.segment_free(position, ahead)
        if distance < self.stop_at or self.slack < 0.0 or blocked or now.observer_speed > 0.7:
            return None
        pace = min(self.speed * now.motor.pace, max(0.15, float(np.sqrt(1.6 * (distance - self.stop_at)))))
        speed, turn = turn_towards(now.observer[:2], position, now.motor.yaw, pace)
        return Command(speed, turn, "alert", gaze=now.observer, tail_sway=0.14)


@dataclass
class Face:
    """Turn on the spot to a heading, or to a point."""

    yaw: float | None = None
    point: Array | None = None
    """(2,) world; the observer where both are None."""
    slack: float = 4.0
    activity: str = "turn"

    def step(self, now: Situation) -> Command | None:
        """Turn until the heading is right."""
        if self.yaw is None:
            point = now.observer[:2] if self.point is None else self.point
            toward = point - now.motor.position
            wanted = float(np.arctan2(toward[1], toward[0]))
        else:
            wanted = self.yaw
        error = float((wanted - now.motor.yaw + np.pi) % (2.0 * np.pi) - np.pi)
        self.slack -= now.dt
        if abs(error) < 0.10 or self.slack < 0.0:
            return None
        return Command(0.0, float(np.clip(3.5 * error, -2.0, 2.0)))


@dataclass
class Rise:
    """Get up and stand still."""

    slack: float = 2.0
    activity: str = "stand"

    def step(self, now: Situation) -> Command | None:
        """Wait until the body stands."""
        self.slack -= now.dt
        if now.motor.settled("stand") or self.slack < 0.0:
            return None
        return Command()


@dataclass
class Leap:
    """Hop to a surface."""

    target: Array
    """(3,) point on the surface."""
    activity: str = "hop_up"
    _begun: bool = False

    def step(self, now: Situation) -> Command | None:
        """Start the hop, then wait for its end."""
        if not self._begun:
            self._begun = True
            now.motor.hop(self.target)
        elif not now.motor.hopping:
            return None
        return Command(gaze=self.target)


@dataclass
class Dwell:
    """Stay in a posture for a while and look about."""

    posture: PostureName
    seconds: float
    gaze: GazeMode = "around"
    activity: str = ""
    tail_sway: float = 0.06
    _target: Array | None = None
    _glance: float = 0.0
    _command: Command = field(default_factory=Command)

    def __post_init__(self) -> None:
        self.activity = self.activity or self.posture

    def step(self, now: Situation) -> Command | None:
        """Hold the posture; glance somewhere else every second or two."""
        self.seconds -= now.dt
        self._glance -= now.dt
        if self.seconds < 0.0:
            return None
        if self._glance < 0.0:
            self._glance = float(now.rng.uniform(0.9, 2.4))
            self._target = self._choose(now)
        gaze = now.observer if self.gaze == "observer" else self._target
        return replace(self._command, posture=self.posture, gaze=gaze, tail_sway=self.tail_sway)

    def _choose(self, now: Situation) -> Array | None:
        if self.gaze == "ahead":
            return None
        body = now.motor
        near = float(np.hypot(*(now.observer[:2] - body.position))) < 3.5
        chance = float(now.rng.random())
        if near and chance < 0.4:
            return now.observer.copy()
        if chance < 0.6:
            return None
        bearing = body.yaw + float(now.rng.uniform(-1.2, 1.2))
        height = body.ground + float(now.rng.uniform(0.1, 0.9))
        return np.array([*(body.position + 2.0 * np.array([np.cos(bearing), np.sin(bearing)])), height])
