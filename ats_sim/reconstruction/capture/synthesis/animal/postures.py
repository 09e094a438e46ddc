"""What a cat does with its body when it is not on its way: sit, lie, loaf, sleep, eat, stretch.

A posture is a handful of numbers around which the legs are solved, so that any two can be blended.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import Literal

import numpy as np

from ats_sim.arrays import Array

PostureName = Literal["stand", "walk", "trot", "sit", "lie", "loaf", "sleep", "eat", "stretch", "crouch", "alert"]


@dataclass(frozen=True)
class Posture:
    """Lengths in metres of an unscaled cat, angles in radians; pitch is positive nose down."""

    height: float = 0.195
    """Height of the root above the ground."""
    pitch: float = 0.0
    """Pitch of the root."""
    roll: float = 0.0
    """Roll of the root, positive to the right."""
    spine: float = 0.0
    """Pitch of the front half of the spine against the root, over three joints."""
    head: float = 0.0
    """Pitch of the head against the horizon."""
    front_x: float = 0.0
    """Front pads ahead of where they stand."""
    front_y: float = 0.0
    """Front pads further out."""
    hind_x: float = 0.0
    """Hind pads ahead of where they stand."""
    hind_y: float = 0.0
    """Hind pads further out."""
    front_paw: float = 0.0
    """Pitch of the front paws against the ground."""
    metatarsal: float = 0.0
    """Pitch of the hind middle feet; -1.25 lays them on the ground."""
    tail_lift: float = 0.0
    """Pitch of the tail's root, positive up, against the horizon."""
    tail_curl: float = 0.0
    """Further lift of each following tail joint."""
    tail_wrap: float = 0.0
    """Yaw of each tail joint, to wrap the tail around the body."""

    def vector(self) -> Array:
        """All fields in order."""
        return np.array(astuple(self))

    @classmethod
    def from_vector(cls, vector: Array) -> Posture:
        """Read back what `vector` gave."""
        return cls(*(float(value) for value in vector))


_NAMES = tuple(entry.name for entry in fields(Posture))
HEIGHT, PITCH = _NAMES.index("height"), _NAMES.index("pitch")
_PADS = [_NAMES.index(name) for name in ("front_x", "front_y", "hind_x", "hind_y")]


def pad_offsets(vector: Array) -> Array:
    """(4, 2) shift of the pads against where they stand, in the heading frame of an unscaled cat."""
    front_x, front_y, hind_x, hind_y = vector[_PADS]
    return np.array([[front_x, front_y], [front_x, -front_y], [hind_x, hind_y], [hind_x, -hind_y]])


POSTURES: dict[PostureName, Posture] = {
    "stand": Posture(tail_lift=-0.55, tail_curl=0.12),
    "walk": Posture(height=0.188, head=0.05, tail_lift=-0.25, tail_curl=0.16),
    "trot": Posture(height=0.182, head=-0.05, spine=0.05, tail_lift=-0.35, tail_curl=0.10),
    "alert": Posture(height=0.198, head=-0.12, spine=-0.10, tail_lift=0.9, tail_curl=0.12),
    "sit": Posture(
        height=0.124, pitch=-0.60, spine=-0.18, head=0.02, hind_x=0.118, hind_y=0.014, front_y=-0.012,
        metatarsal=-1.22, tail_lift=-0.20, tail_curl=0.04, tail_wrap=0.42,
    ),
    "lie": Posture(
        height=0.081, pitch=-0.16, spine=-0.04, head=0.0, front_x=0.040, front_y=-0.004, hind_x=0.072, hind_y=0.020,
        front_paw=-0.20, metatarsal=-1.22, tail_lift=-0.28, tail_curl=0.06, tail_wrap=0.30,
    ),
    "loaf": Posture(
        height=0.083, spine=0.02, head=0.06, front_x=-0.030, front_y=-0.008, hind_x=0.052, hind_y=0.010,
        metatarsal=-1.22, tail_lift=-0.42, tail_curl=0.09, tail_wrap=0.50,
    ),
    "sleep": Posture(
        height=0.083, roll=0.10, spine=0.28, head=0.40, front_x=-0.010, front_y=-0.004, hind_x=0.060, hind_y=0.012,
        metatarsal=-1.22, tail_lift=-0.42, tail_curl=0.09, tail_wrap=0.60,
    ),
    "eat": Posture(
        height=0.160, pitch=0.19, spine=0.48, head=0.75, front_x=0.010, front_y=0.006, tail_lift=-0.30, tail_curl=0.08,
    ),
    "stretch": Posture(
        height=0.165, pitch=0.36, spine=-0.05, head=-0.25, front_x=0.080, hind_x=-0.010, front_paw=-0.10,
        metatarsal=0.10, tail_lift=0.95, tail_curl=0.10,
    ),
    "crouch": Posture(
        height=0.135, pitch=-0.10, spine=-0.05, head=-0.35, hind_x=0.015, metatarsal=-0.35, tail_lift=-0.2,
        tail_curl=0.05,
    ),
}  # fmt: skip

POSTURE_VECTORS: dict[PostureName, Array] = {name: posture.vector() for name, posture in POSTURES.items()}
