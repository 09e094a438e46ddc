"""What plans want of the frames to come, before the home has its say; for many bodies at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, rigid
from ats_sim.perception import FUTURE
from ats_sim.plan import Plan
from ats_sim.seam import Seam
from ats_sim.skeleton import Skeleton

JUMP = 0.1  # metres that a plan's height varies within `JUMP_FRAMES` each way when it means to leave the ground
JUMP_FRAMES = 4


@dataclass(frozen=True, eq=False)
class Wanted:
    """K frames of N bodies."""

    places: Array
    """(N, K, 3) root positions."""
    rotations: Array
    """(N, K, 3, 3) root rotations."""
    joints: Array
    """(N, K, J, 3) joint rotations."""
    bodies: Array
    """(N, K, J, 4, 4) transforms of all joints of bodies whose roots are at the origin."""
    strides: Array
    """(N, K) metres that the plans move into each frame; none into their first."""
    airborne: Array
    """(N, K) whether the plans mean to leave the ground around each frame."""

    @classmethod
    def of(cls, skeleton: Skeleton, plans: Sequence[Plan], seam: Seam, first: int, count: int) -> "Wanted":
        """Frames `first` to `first + count` of N plans, with what is left of the motions before them.

        Beyond its end a plan stands still.
        """
        frames = np.minimum(np.arange(first, first + count), FUTURE - 1)
        shift, turn, bend = seam.after(np.arange(first + 1, first + count + 1))
        paths = np.array([plan.path for plan in plans], dtype=np.float64)
        joints = _wrapped(np.array([plan.joint_rotations[frames] for plan in plans]) + bend)
        joints[:, :, 0] = 0.0
        rotations = exp_so3(turn) @ np.array([plan.root_rotations[frames] for plan in plans], dtype=np.float64)
        bodies = skeleton.forward_kinematics(rigid(rotations, np.zeros(3)), joints)
        strides, airborne = _strides(paths, frames), _airborne(paths, frames)
        return cls(paths[:, frames] + shift, rotations, joints, bodies, strides, airborne)

    @property
    def poses(self) -> Array:
        """(N, K, J, 3) joint positions about the roots."""
        return np.asarray(self.bodies[..., :3, 3])


def _strides(paths: Array, frames: Array) -> Array:
    ways = paths[:, frames] - paths[:, np.maximum(frames - 1, 0)]
    return np.sqrt((ways * ways).sum(-1))


def _airborne(paths: Array, frames: Array) -> Array:
    around = frames[:, None] + np.arange(-JUMP_FRAMES, JUMP_FRAMES + 1)
    heights = paths[:, np.clip(around, 0, FUTURE - 1), 2]
    return np.asarray(np.ptp(heights, axis=-1) > JUMP)


def _wrapped(vectors: Array) -> Array:
    """The same rotations as axis-angle vectors (..., 3) of length at most pi."""
    angle = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    turns = np.rint(angle / (2.0 * np.pi))
    safe = np.where(angle > 0.0, angle, 1.0)
    return np.asarray(vectors * (1.0 - 2.0 * np.pi * turns / safe))
