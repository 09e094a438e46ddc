"""Dynamic similarity: how lengths, times and speeds of one animal follow from those of another.

Animals of alike build move alike at equal Froude numbers v² / (g l), l the height of the hip (Alexander & Jayes 1983,
"A dynamic similarity hypothesis for the gaits of quadrupedal mammals"): lengths grow with l, speeds and times with its
root, accelerations stay. All numbers of gait and mind are written for the cat, the animal of size 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

CAT_HIP_HEIGHT = 0.199
"""Metres above the floor, standing."""


@dataclass(frozen=True)
class Similarity:
    """An animal's size against the cat's."""

    length: float = 1.0
    """Height of its hip over the cat's."""

    @cached_property
    def pace(self) -> float:
        """Factor from the cat's speeds to the equal ones of this animal, and from its times to this animal's."""
        return float(self.length**0.5)


def similar_to_cat(hip_height: float) -> Similarity:
    """Of an animal whose hip is that high above the floor, metres."""
    return Similarity(hip_height / CAT_HIP_HEIGHT)
