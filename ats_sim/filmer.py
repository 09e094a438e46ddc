"""The one who filmed, as an observer: as tall, as quick, through the same lens. The animal learned from that person."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ats_sim.errors import ConfigError
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.likeness import SLACK, likeness_of
from ats_sim.observer import LOWEST_EYES, ObserverOptions


@dataclass(frozen=True)
class Filmer:
    """Whoever held the camera in a home's videos."""

    eye_height: float
    """Metres above the floor at which the camera usually was."""
    lowest: float
    """Metres above the floor that it was seldom below."""
    speed: float
    """m/s that were seldom exceeded."""
    yaw_rate: float
    """rad/s that were seldom exceeded."""
    field_of_view: float | None
    """Radians from the top to the bottom of the pictures; None where the home does not say."""

    @classmethod
    def of(cls, home: Home) -> Self:
        """Learn them from a home's recordings; raises ConfigError where it has none."""
        habits = likeness_of(home)
        if habits is None:
            raise ConfigError(f"observer='filmer': {home.name} has no recordings that tell who filmed; leave it out")
        heights = np.concatenate([one.T_world_camera[one.valid, 2, 3] for one in home.recordings])
        fields = [2.0 * math.atan(0.5 * one.lens.height / one.lens.fl_y) for one in home.recordings if one.lens]
        return cls(
            eye_height=float(np.median(heights)),
            lowest=max(habits.height[0], LOWEST_EYES),
            speed=habits.speed - SLACK,
            yaw_rate=habits.turn - SLACK,
            field_of_view=float(np.median(fields)) if fields else None,
        )

    def body(self, options: ObserverOptions) -> ObserverOptions:
        """An observer with their build, no faster than they were and no faster than the options let it be."""
        speed = min(self.speed, options.speed)
        return replace(
            options,
            speed=speed,
            run_speed=self.speed,
            crouch_speed=min(options.crouch_speed, speed),
            yaw_rate=min(self.yaw_rate, options.yaw_rate),
            eye_height=self.eye_height,
            crouch_height=min(self.lowest, self.eye_height),
        )

    def eyes(self, usual: Intrinsics) -> Intrinsics:
        """Their lens on pictures of another camera's size; that camera's where the home does not say."""
        if self.field_of_view is None:
            return usual
        return Intrinsics.from_fov(self.field_of_view, usual.width, usual.height)
