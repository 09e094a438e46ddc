"""A tracked head that the observer follows: a headset's, or the camera of a page that draws the home itself.

The picture turns with the head at once; the observer turns after it at its own top speed, one action a step, so that
the animal sees whoever wears the headset and a log of the walk holds actions like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.observer import MAX_PITCH, PITCH, YAW, Observer, X, Y
from ats_sim.play.controls import STEP

LEAN = 0.05
"""Metres that a head may be away from over the feet before the body steps after it."""


@dataclass(frozen=True)
class Head:
    """What a head and the stick beside it ask for."""

    yaw: float
    """Where it looks, rad left of the world's x axis."""
    pitch: float
    """Where it looks, rad above the horizon."""
    forward: float = 0.0
    """Share of the top speed in the direction of `yaw`, -1 to 1."""
    left: float = 0.0
    """The same to its left."""
    roamed: tuple[float, float] = (0.0, 0.0)
    """Metres that it was carried through the real room, along the world's x and y, summed up."""
    is_crouched: bool = False
    """Whether its body crouches."""


class Follower:
    """Turns where a head is into the observer's actions."""

    def __init__(self) -> None:
        self.head: Head | None = None
        """What is followed; None while there is nothing."""
        self.followed = np.zeros(2)
        """(2,) metres of `roamed` that the observer has walked after, world axes."""
        self._is_stepping = False

    def action(self, observer: Observer) -> Array:
        """(4,) the next step's action: turn to where the head looks; walk by the stick, or else to below the head."""
        head, options = self.head, observer.options
        if head is None:
            return np.zeros(4)
        yaw, pitch = float(observer.pose[YAW]), float(observer.pose[PITCH])
        to_left = (head.yaw - yaw + np.pi) % (2.0 * np.pi) - np.pi
        turn = float(np.clip(to_left / (options.yaw_rate * STEP), -1.0, 1.0))
        upwards = float(np.clip(head.pitch, -MAX_PITCH, MAX_PITCH)) - pitch
        look = float(np.clip(upwards / (options.pitch_rate * STEP), -1.0, 1.0))
        stride = options.speed_of(observer.stance) * STEP
        walk = _turned(np.array([head.forward, head.left]), head.yaw) * stride
        lean = np.array(head.roamed) - self.followed
        self._is_stepping = not walk.any() and float(np.hypot(*lean)) > LEAN
        # The observer turns before it walks, so shares are along the direction that it will have.
        shares = _turned(lean if self._is_stepping else walk, -(yaw + turn * options.yaw_rate * STEP)) / stride
        return np.array([*(shares / max(1.0, float(np.hypot(*shares)))), turn, look])

    def note(self, observer: Observer) -> None:
        """The step was made: if it was one after the head, it counts as far as walls let it come."""
        if self._is_stepping:
            self.followed = self.followed + (observer.pose - observer.last_pose)[[X, Y]]


def _turned(vector: Array, angle: float) -> Array:
    """A vector (2,) turned to the left."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([cosine * vector[0] - sine * vector[1], sine * vector[0] + cosine * vector[1]])
