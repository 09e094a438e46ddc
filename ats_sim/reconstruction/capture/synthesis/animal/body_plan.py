"""What makes a species: everything about an animal's body that is a number, and nothing about one individual.

A species is a file of its own (`cat`, `dog`, `rabbit`) that fills in one `BodyPlan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ats_sim.reconstruction.capture.synthesis.animal.cadence import Gaits
from ats_sim.reconstruction.capture.synthesis.animal.coat import Coat
from ats_sim.reconstruction.capture.synthesis.animal.postures import Posture, PostureName
from ats_sim.reconstruction.capture.synthesis.animal.similarity import Similarity
from ats_sim.reconstruction.capture.synthesis.home.layout import AffordanceKind
from ats_sim.reconstruction.capture.synthesis.home.occupancy import Trunk
from ats_sim.reconstruction.limbs import Limb

BodyKind = Literal["cat", "dog", "rabbit"]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Face:
    """Eyes and nose; points in the frame of the head joint, metres."""

    eye: Point
    """Centre of the left eyeball."""
    eye_radius: float
    gaze: Point
    """Where the left eye looks, any length."""
    nose: Point
    """Middle of the nose leather."""
    nose_size: Point
    """Half axes of the nose leather."""


@dataclass(frozen=True)
class FootRoll:
    """How the feet roll while the body passes over them."""

    metatarsal_limits: tuple[float, float] = (-0.35, 0.55)
    """Pitch of the hind middle feet far ahead of and far behind where they stand, radians; positive lifts the heel."""
    metatarsal_gain: float = 4.0
    """Radians for each metre of a cat that the foot trails."""


@dataclass(frozen=True, eq=False)
class BodyPlan:
    """A species. Metres of an individual of scale 1, root frame: x forward, y left, z up."""

    kind: BodyKind
    stand_height: float
    """Height of the root above the floor in the rest pose."""
    scale: tuple[float, float]
    """Range of the individuals' sizes."""
    girth: tuple[float, float]
    """Range of how stout their trunks are."""
    midline: Mapping[str, Point]
    """Places of the joints in the plane of symmetry."""
    left: Mapping[str, Point]
    """Places of the left joints, named without their side."""
    front_pad: Point
    """Point of a front paw that touches the ground, in the paw joint's frame."""
    hind_pad: Point
    limbs: tuple[Limb, ...]
    """Flesh of the midline and both sides."""
    voxel: float
    """Size of the grid on which limbs melt together."""
    blend: float
    """Width over which they do."""
    softness: float
    """Width over which skin passes from joint to joint."""
    face: Face
    draw_coat: Callable[[np.random.Generator], Coat]
    """Draws one of the coats of the species."""
    tail_slope: float
    """Pitch of the tail's root below the horizon in the rest pose, radians."""
    gaits: Gaits
    postures: Mapping[PostureName, Posture]
    stretch: float
    """How far above its standing height the root is when the hind legs have pushed off to a jump."""
    tuck: float
    """Height of the root above the paws in the middle of a jump."""
    trunk: Trunk
    """Room the animal needs on its way."""
    bowl_distance: float
    """From the bowl to the root of the eating animal."""
    haunts: frozenset[AffordanceKind]
    """Kinds of places it uses."""
    grooming: float
    """Chance that a rest begins with licking the flank."""
    romping: float
    """Chance that a wakeful animal gallops through the home on its way to a place."""
    foot_roll: FootRoll = FootRoll()

    @property
    def similarity(self) -> Similarity:
        """Its size against the cat's, from which steps, speeds and turns follow."""
        return self.gaits.size


def bone(places: Mapping[str, Point], joint: str, child: str, radius: float, radius_end: float) -> Limb:
    """The limb of a left bone from one joint of `places` to the next."""
    return Limb(f"left_{joint}", (0.0, 0.0, 0.0), between(places[joint], places[child]), radius, radius_end)


def chain(points: list[Point], names: tuple[str, ...], radii: tuple[float, ...]) -> list[Limb]:
    """Limbs of n joints in a row through n + 1 points, with the radii at those points."""
    return [
        Limb(name, (0.0, 0.0, 0.0), between(points[i], points[i + 1]), radii[i], radii[i + 1])
        for i, name in enumerate(names)
    ]


def mirrored(limbs: list[Limb]) -> list[Limb]:
    """The limbs and their mirror images on the right."""

    def flip(point: Point) -> Point:
        return (point[0], -point[1], point[2])

    return limbs + [
        replace(limb, joint=limb.joint.replace("left_", "right_"), start=flip(limb.start), end=flip(limb.end))
        for limb in limbs
    ]


def between(start: Point, end: Point) -> Point:
    """The way from one point to the other."""
    return (end[0] - start[0], end[1] - start[1], end[2] - start[2])
