"""What the fit starts from: a body that is only roughly right, and how one agent differs from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.posture import STANDING, Posture

TWIST_BEND_SPREAD = (4.0, 1.0, 4.0)
"""Legs and trunks bend about the axis that points left, and seldom about the other two."""


@dataclass(frozen=True, eq=False)
class Shape:
    """How one agent differs from the template."""

    log_scales: Array
    """(J,) natural logarithm of each joint's scale; the template's size times exp of it."""
    log_girths: Array
    """(J,) the same of each limb's thickness across its bone, on top of its scale."""
    offsets: Array
    """(V,) metres that each vertex lies outside the scaled template, along its normal."""


@dataclass(frozen=True, eq=False)
class JointPriors:
    """How a body's joints like to turn. Joint frames are parallel to the root's at rest: x forward, y left, z up."""

    stiffness: Array
    """(J, 3) what a squared turn about each axis of each joint costs, relative to easy bending."""
    one_way: Array
    """(J,) 1 or -1 for hinges that bend that way about y and no other (knees 1, elbows -1), else 0."""

    @classmethod
    def alike(cls, joints: int, stiffness: tuple[float, float, float] = TWIST_BEND_SPREAD) -> JointPriors:
        """The same for so many joints, none of them a hinge."""
        return cls(np.tile(stiffness, (joints, 1)), np.zeros(joints))


@dataclass(frozen=True, eq=False)
class Template:
    """A body that the fit bends and stretches into the recorded one, and what is usual for its kind."""

    mesh: SkinnedMesh
    """At rest, standing; joint frames are parallel to the root's."""
    joints: JointPriors
    """How it likes to hold itself."""
    sizes: tuple[float, ...]
    """Overall scales that are tried before anything else is known, rising."""
    grain: float = 1.0
    """How much coarser its surface may be fused than a cat's."""
    postures: tuple[Posture, ...] = (STANDING,)
    """How it may hold itself; the first is standing."""
    symmetric: bool = True
    """Whether what is seen of one side holds for the other."""
    seat: float = 0.0
    """Metres between the root and the surface below it, under which the agent sits there with its feet on the floor."""


def neutral_shape(template: SkinnedMesh, scale: float = 1.0) -> Shape:
    """The template itself, scaled as a whole."""
    joints = template.skeleton.num_joints
    return Shape(np.full(joints, np.log(scale)), np.zeros(joints), np.zeros(len(template.mesh.vertices)))
