"""Individuals: a species' body plan, grown into a skinned mesh with a coat and a face.

The rest pose stands; all joint frames are parallel to the root's at rest, so pitch is about +y and yaw about +z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.capture.synthesis.animal.body_plan import BodyKind, BodyPlan
from ats_sim.reconstruction.capture.synthesis.animal.cat import CAT
from ats_sim.reconstruction.capture.synthesis.animal.dog import DOG
from ats_sim.reconstruction.capture.synthesis.animal.face import with_face
from ats_sim.reconstruction.capture.synthesis.animal.rabbit import RABBIT
from ats_sim.reconstruction.limbs import Limb, limb_mesh
from ats_sim.skeleton import PAWS, QUADRUPED_NAMES, QUADRUPED_PARENTS, Skeleton

PLANS: dict[BodyKind, BodyPlan] = {plan.kind: plan for plan in (CAT, DOG, RABBIT)}
FEET = tuple(paw.removesuffix("_paw") for paw in PAWS)
_FACES = 7400


@dataclass(frozen=True, eq=False)
class Body:
    """An animal's rigged body and where its feet touch the ground."""

    plan: BodyPlan
    """Its species."""
    skinned: SkinnedMesh
    """Rest mesh with vertex colours, skin weights and skeleton."""
    scale: float
    """Its size against the plan's."""
    pads: Array
    """(4, 3) point of each paw that touches the ground, in the paw joint's frame; order of FEET."""

    @property
    def stand_height(self) -> float:
        """Height of the root above the floor in the rest pose, metres."""
        return self.plan.stand_height * self.scale

    @property
    def skeleton(self) -> Skeleton:
        """The joint tree."""
        return self.skinned.skeleton


def make_body(kind: BodyKind, rng: np.random.Generator) -> Body:
    """Draw one individual: size, build and coat vary a little.

    Raises:
        ConfigError: If the species is unknown.
    """
    if kind not in PLANS:
        raise ConfigError(f"body kind {kind!r} is not modelled; use one of {', '.join(PLANS)}")
    plan = PLANS[kind]
    scale = float(rng.uniform(*plan.scale))
    girth = float(rng.uniform(*plan.girth))
    skeleton = body_skeleton(plan, scale)
    limbs = [_scaled(limb, scale, girth) for limb in plan.limbs]
    voxel, blend = plan.voxel * scale, plan.blend * scale
    shape = limb_mesh(skeleton, limbs, voxel=voxel, blend=blend, faces=_FACES, softness=plan.softness)
    skinned = with_face(shape, plan.face, scale, plan.draw_coat(rng))
    pads = np.array([plan.front_pad, plan.front_pad, plan.hind_pad, plan.hind_pad]) * scale
    return Body(plan=plan, skinned=skinned, scale=scale, pads=pads)


def body_skeleton(plan: BodyPlan, scale: float = 1.0) -> Skeleton:
    """The 26-joint quadruped tree with a species' bone lengths; identity rest rotations."""
    places = {"root": np.zeros(3)} | {name: np.array(place) for name, place in plan.midline.items()}
    for name, place in plan.left.items():
        places[f"left_{name}"] = np.array(place)
        places[f"right_{name}"] = np.array(place) * [1, -1, 1]
    rest = np.tile(np.eye(4), (len(QUADRUPED_NAMES), 1, 1))
    for joint, (name, parent) in enumerate(zip(QUADRUPED_NAMES, QUADRUPED_PARENTS, strict=True)):
        if parent >= 0:
            rest[joint, :3, 3] = (places[name] - places[QUADRUPED_NAMES[parent]]) * scale
    return Skeleton(QUADRUPED_NAMES, np.array(QUADRUPED_PARENTS), rest)


def _scaled(limb: Limb, scale: float, girth: float) -> Limb:
    # Only the belly and chest gain weight: a fat head or fat paws would be another animal.
    width = scale * (girth if limb.joint in ("root", "spine1", "spine2") else 1.0)
    return replace(
        limb,
        start=(limb.start[0] * scale, limb.start[1] * scale, limb.start[2] * scale),
        end=(limb.end[0] * scale, limb.end[1] * scale, limb.end[2] * scale),
        radius_start=limb.radius_start * width,
        radius_end=limb.radius_end * width,
    )
