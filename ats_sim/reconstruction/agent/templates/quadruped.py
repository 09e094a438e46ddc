"""A generic quadruped that the fit bends into the recorded animal.

Proportions lie between those of cats, foxes and small dogs; nothing here knows a particular animal. Sizes adapt by one
scale per joint, which stretches that joint's limb and the offsets of its children.
"""

from __future__ import annotations

import numpy as np

from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.template import JointPriors, Template
from ats_sim.reconstruction.agent.templates.quadruped_postures import QUADRUPED_POSTURES
from ats_sim.reconstruction.limbs import Limb, limb_mesh, mirrored
from ats_sim.skeleton import QUADRUPED_NAMES, QUADRUPED_PARENTS, Skeleton

Point = tuple[float, float, float]

STAND_HEIGHT = 0.205
"""Height of the unscaled template's root above the ground it stands on, metres."""

_MIDLINE: dict[str, Point] = {
    "spine1": (0.045, 0.0, 0.0),
    "spine2": (0.100, 0.0, 0.004),
    "spine3": (0.150, 0.0, 0.012),
    "head": (0.218, 0.0, 0.080),
    "tail1": (-0.150, 0.0, 0.020),
    "tail2": (-0.197, 0.0, 0.005),
    "tail3": (-0.244, 0.0, -0.010),
    "tail4": (-0.291, 0.0, -0.020),
    "tail5": (-0.338, 0.0, -0.026),
}
_LEFT: dict[str, Point] = {
    "shoulder": (0.125, 0.032, 0.035),
    "upper_arm": (0.155, 0.038, -0.028),
    "forearm": (0.110, 0.040, -0.085),
    "front_paw": (0.125, 0.040, -0.165),
    "thigh": (-0.120, 0.038, 0.004),
    "shank": (-0.080, 0.042, -0.080),
    "hock": (-0.150, 0.042, -0.130),
    "hind_paw": (-0.135, 0.042, -0.185),
}


def quadruped_skeleton() -> Skeleton:
    """The 26-joint tree of the unscaled template; identity rest rotations."""
    places = {"root": np.zeros(3)} | {name: np.array(place) for name, place in _MIDLINE.items()}
    for name, place in _LEFT.items():
        places[f"left_{name}"] = np.array(place)
        places[f"right_{name}"] = np.array(place) * [1, -1, 1]
    rest = np.tile(np.eye(4), (len(QUADRUPED_NAMES), 1, 1))
    for joint, parent in enumerate(QUADRUPED_PARENTS):
        if parent >= 0:
            rest[joint, :3, 3] = places[QUADRUPED_NAMES[joint]] - places[QUADRUPED_NAMES[parent]]
    return Skeleton(QUADRUPED_NAMES, np.array(QUADRUPED_PARENTS), rest)


def quadruped_limbs() -> list[Limb]:
    """Round cones of the unscaled template, in their joints' frames."""
    middle = [
        Limb("root", (-0.125, 0.0, -0.002), (0.045, 0.0, -0.010), 0.048, 0.052),
        Limb("spine1", (0.0, 0.0, -0.010), (0.055, 0.0, -0.012), 0.052, 0.053),
        Limb("spine2", (0.0, 0.0, -0.014), (0.050, 0.0, -0.010), 0.053, 0.050),
        Limb("spine3", (-0.010, 0.0, -0.015), (0.025, 0.0, 0.000), 0.048, 0.042),
        Limb("spine3", (0.010, 0.0, 0.010), (0.065, 0.0, 0.062), 0.040, 0.032),
        Limb("head", (0.005, 0.0, 0.008), (0.030, 0.0, 0.002), 0.038, 0.034),
        Limb("head", (0.030, 0.0, -0.004), (0.070, 0.0, -0.014), 0.026, 0.015),
    ]
    tail = [
        Limb(f"tail{k}", (0.0, 0.0, 0.0), (-0.047, 0.0, -0.010), 0.019 - 0.002 * k, 0.017 - 0.002 * k)
        for k in range(1, 6)
    ]
    left = [
        Limb("left_shoulder", (0.0, 0.0, 0.0), (0.030, 0.006, -0.063), 0.030, 0.029),
        Limb("left_upper_arm", (0.0, 0.0, 0.0), (-0.045, 0.002, -0.057), 0.028, 0.020),
        Limb("left_forearm", (0.0, 0.0, 0.0), (0.015, 0.0, -0.080), 0.019, 0.013),
        Limb("left_front_paw", (0.0, 0.0, 0.0), (0.016, 0.0, -0.026), 0.013, 0.014),
        Limb("left_thigh", (0.0, 0.0, 0.0), (0.040, 0.004, -0.084), 0.042, 0.026),
        Limb("left_shank", (0.0, 0.0, 0.0), (-0.070, 0.0, -0.050), 0.024, 0.015),
        Limb("left_hock", (0.0, 0.0, 0.0), (0.015, 0.0, -0.055), 0.014, 0.012),
        Limb("left_hind_paw", (0.0, 0.0, 0.0), (0.024, 0.0, -0.006), 0.013, 0.014),
        Limb("head", (-0.005, 0.020, 0.035), (-0.008, 0.026, 0.062), 0.013, 0.006),
    ]
    return [*middle, *tail, *left, *[mirrored(limb) for limb in left]]


def quadruped_template(faces: int = 1500) -> SkinnedMesh:
    """The unscaled template, skinned; about half as many vertices as `faces`."""
    return limb_mesh(quadruped_skeleton(), quadruped_limbs(), voxel=0.010, blend=0.016, faces=faces)


def quadruped() -> Template:
    """The template as the fit takes it, for animals from a kitten to a retriever."""
    mesh = quadruped_template()
    return Template(
        mesh,
        JointPriors.alike(mesh.skeleton.num_joints),
        sizes=(0.6, 0.75, 0.9, 1.1, 1.35, 1.65),
        postures=QUADRUPED_POSTURES,
    )
