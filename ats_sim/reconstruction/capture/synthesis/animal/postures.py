"""What an animal does with its body when it is not on its way: sit, lie, loaf, sleep, eat, stretch.

A posture is a handful of numbers around which the legs are solved, so that any two can be blended.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from functools import cached_property
from typing import Literal

import numpy as np

from ats_sim.arrays import Array

PostureName = Literal[
    "stand", "walk", "trot", "sit", "lie", "loaf", "sleep", "eat", "stretch", "crouch", "alert", "groom"
]


@dataclass(frozen=True)
class Posture:
    """Lengths in metres of an individual of scale 1, angles in radians; pitch is positive nose down."""

    height: float
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
    spine_turn: float = 0.0
    """Yaw of the front half of the spine, positive to the left, over three joints."""
    head_turn: float = 0.0
    """Yaw of the head against the chest, positive to the left."""
    lick: float = 0.0
    """Amplitude of the head's nods."""

    @cached_property
    def vector(self) -> Array:
        """(17,) all fields in order."""
        return np.array(astuple(self))

    @classmethod
    def from_vector(cls, vector: Array) -> Posture:
        """Read back what `vector` gave."""
        return cls(*(float(value) for value in vector))


_NAMES = tuple(entry.name for entry in fields(Posture))
HEIGHT, PITCH = _NAMES.index("height"), _NAMES.index("pitch")
_PADS = [_NAMES.index(name) for name in ("front_x", "front_y", "hind_x", "hind_y")]


def pad_offsets(vector: Array) -> Array:
    """(4, 2) shift of the pads against where they stand, in the heading frame of an individual of scale 1."""
    front_x, front_y, hind_x, hind_y = vector[_PADS]
    return np.array([[front_x, front_y], [front_x, -front_y], [hind_x, hind_y], [hind_x, -hind_y]])
