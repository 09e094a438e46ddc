"""A generic human that the fit bends into the recorded person.

Heights and lengths are those of Drillis and Contini (Body Segment Parameters, 1966; as drawn in Winter, Biomechanics
and Motor Control of Human Movement, figure 4.1), in shares of the stature. Thicknesses are our own, of somebody slim:
skin that is too thin is pulled out to the points, skin that is too thick hides them.
"""

from __future__ import annotations

import numpy as np

from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.template import JointPriors, Template
from ats_sim.reconstruction.limbs import Limb, limb_mesh, mirrored
from ats_sim.skeleton import Skeleton

Point = tuple[float, float, float]

STATURE = 1.70
"""Height of the unscaled template, metres."""
ROOT = 0.550
"""Height of the root, in the middle of the pelvis, over the stature."""
STAND_HEIGHT = ROOT * STATURE
"""Height of the unscaled template's root above the ground it stands on, metres."""
UPPER_ARM, FOREARM, HAND = 0.186, 0.146, 0.108
"""Lengths over the stature."""
ARMS_OUT = np.radians(12.0)
"""How far the hanging arms are held off the trunk, so that they do not melt into it."""

HUMAN_NAMES: tuple[str, ...] = (
    "root", "spine1", "spine2", "spine3", "head",
    "left_shoulder", "left_upper_arm", "left_forearm", "left_hand",
    "right_shoulder", "right_upper_arm", "right_forearm", "right_hand",
    "left_thigh", "left_shank", "left_foot",
    "right_thigh", "right_shank", "right_foot",
)  # fmt: skip
HUMAN_PARENTS: tuple[int, ...] = (
    -1, 0, 1, 2, 3,
    3, 5, 6, 7,
    3, 9, 10, 11,
    0, 13, 14,
    0, 16, 17,
)  # fmt: skip

_MIDLINE: dict[str, float] = {"root": ROOT, "spine1": 0.600, "spine2": 0.670, "spine3": 0.745, "head": 0.870}
"""Heights over the stature; a head turns at the height of the chin."""
_LEFT: dict[str, tuple[float, float]] = {
    "shoulder": (0.030, 0.800),
    "upper_arm": (0.129, 0.818),
    "thigh": (0.052, 0.530),
    "shank": (0.052, 0.285),
    "foot": (0.052, 0.039),
}
"""Distance from the midline and height, over the stature."""

_STIFFNESS: dict[str, Point] = {
    "spine": (3.0, 1.5, 3.0),
    "head": (2.0, 1.0, 1.0),
    "shoulder": (4.0, 4.0, 4.0),
    "upper_arm": (1.5, 1.0, 3.0),
    "forearm": (8.0, 1.0, 6.0),
    "hand": (3.0, 3.0, 6.0),
    "thigh": (3.0, 1.0, 4.0),
    "shank": (10.0, 1.0, 10.0),
    "foot": (4.0, 2.0, 4.0),
}
"""By what the joint's name ends with: a standing body's bones are upright, so x spreads, y bends and z twists."""


def human_skeleton() -> Skeleton:
    """The root and the 18 joints of the unscaled template; identity rest rotations."""
    places = {name: np.array([0.0, 0.0, height]) for name, height in _MIDLINE.items()}
    for name, (side, height) in _LEFT.items():
        places[f"left_{name}"] = np.array([0.0, side, height])
    hanging = np.array([0.0, np.sin(ARMS_OUT), -np.cos(ARMS_OUT)])
    places["left_forearm"] = places["left_upper_arm"] + UPPER_ARM * hanging
    places["left_hand"] = places["left_forearm"] + FOREARM * hanging
    for name in [name for name in places if name.startswith("left_")]:
        places[name.replace("left_", "right_")] = places[name] * [1, -1, 1]
    rest = np.tile(np.eye(4), (len(HUMAN_NAMES), 1, 1))
    for joint, parent in enumerate(HUMAN_PARENTS):
        if parent >= 0:
            rest[joint, :3, 3] = STATURE * (places[HUMAN_NAMES[joint]] - places[HUMAN_NAMES[parent]])
    return Skeleton(HUMAN_NAMES, np.array(HUMAN_PARENTS), rest)


def human_limbs() -> list[Limb]:
    """Round cones of the unscaled template, in their joints' frames, metres."""
    middle = [
        Limb("root", (0.0, -0.065, -0.020), (0.0, 0.065, -0.020), 0.105, 0.105),
        Limb("spine1", (0.0, -0.045, 0.010), (0.0, 0.045, 0.010), 0.100, 0.100),
        Limb("spine2", (0.0, -0.055, 0.020), (0.0, 0.055, 0.020), 0.105, 0.105),
        Limb("spine3", (0.0, -0.075, 0.030), (0.0, 0.075, 0.030), 0.108, 0.108),
        Limb("spine3", (0.0, 0.0, 0.090), (0.010, 0.0, 0.230), 0.070, 0.055),
        Limb("head", (0.0, 0.0, 0.125), (0.010, 0.0, 0.060), 0.096, 0.078),
        Limb("head", (0.040, 0.0, 0.040), (0.070, 0.0, 0.065), 0.045, 0.035),
    ]
    upper, fore, hand = (_hanging(share * STATURE) for share in (UPPER_ARM, FOREARM, HAND))
    tip = (hand[0], hand[1] * 0.86, hand[2] * 0.86)
    left = [
        Limb("left_shoulder", (0.0, 0.010, 0.010), (0.0, 0.150, 0.010), 0.070, 0.052),
        Limb("left_upper_arm", (0.0, 0.0, -0.012), upper, 0.052, 0.040),
        Limb("left_forearm", (0.0, 0.0, 0.0), fore, 0.041, 0.028),
        Limb("left_hand", (0.0, 0.0, 0.0), tip, 0.030, 0.026),
        Limb("left_thigh", (0.0, 0.0, 0.0), (0.0, 0.0, -0.400), 0.085, 0.056),
        Limb("left_shank", (0.0, 0.0, 0.0), (-0.015, 0.0, -0.130), 0.055, 0.056),
        Limb("left_shank", (-0.015, 0.0, -0.130), (0.0, 0.0, -0.400), 0.056, 0.036),
        Limb("left_foot", (-0.030, 0.0, -0.0263), (0.160, 0.010, -0.0383), 0.040, 0.028),
    ]
    return [*middle, *left, *[mirrored(limb) for limb in left]]


def human_template(faces: int = 2000) -> SkinnedMesh:
    """The unscaled template, skinned; about half as many vertices as `faces`."""
    return limb_mesh(human_skeleton(), human_limbs(), voxel=0.018, blend=0.024, faces=faces, softness=0.024)


def human() -> Template:
    """The template as the fit takes it, from a child of a metre to an adult of two."""
    stiffness = np.ones((len(HUMAN_NAMES), 3))
    one_way = np.zeros(len(HUMAN_NAMES))
    for joint, name in enumerate(HUMAN_NAMES):
        stiffness[joint] = next((cost for part, cost in _STIFFNESS.items() if part in name), (1.0, 1.0, 1.0))
        # About y a shank turns back where its heel goes up, a forearm forward where its hand does.
        one_way[joint] = name.endswith("shank") - 1.0 * name.endswith("forearm")
    sizes = (0.55, 0.68, 0.82, 0.94, 1.06, 1.20)
    return Template(human_template(), JointPriors(stiffness, one_way), sizes, grain=2.0, seat=0.30)


def _hanging(length: float) -> Point:
    """The end of a bone of so many metres in a hanging left arm."""
    return 0.0, length * float(np.sin(ARMS_OUT)), -length * float(np.cos(ARMS_OUT))
