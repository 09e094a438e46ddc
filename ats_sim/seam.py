"""The seam between a running motion and a new plan.

A plan starts near, not exactly at, the pose from which it was drawn. The difference, and the rate at which it still
grows, are carried along and settle like a damped spring, so that neither place nor speed jumps.
"""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, log_so3
from ats_sim.plan import Plan

FADE = 2.0  # frames; time constant with which the difference to a new plan fades


@dataclass(frozen=True, eq=False)
class Seam:
    """What the agent carries from its old motion into a new plan: an offset and the rate at which it still grows."""

    place: Array
    """(2, 3) offset (m) and rate (m per frame) of the root's place."""
    turn: Array
    """(2, 3) rotation vector and rate of the root's turn, world frame."""
    joints: Array
    """(2, J, 3) offsets and rates of the joint rotations."""

    @classmethod
    def none(cls, num_joints: int) -> "Seam":
        """No difference at all."""
        return cls(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, num_joints, 3)))

    @classmethod
    def between(cls, roots: Array, joints: Array, plan: Plan) -> "Seam":
        """Compare the last two poses with where the plan would have come from."""
        place, rotation = roots[-1, :3, 3], roots[-1, :3, :3]
        stride = plan.path[1] - plan.path[0]
        turning = log_so3(plan.root_rotations[1] @ plan.root_rotations[0].T)
        bending = plan.joint_rotations[1] - plan.joint_rotations[0]
        began = exp_so3(-turning) @ plan.root_rotations[0]
        return cls(
            np.stack([place - (plan.path[0] - stride), place - roots[-2, :3, 3] - stride]),
            np.stack([log_so3(rotation @ began.T), log_so3(rotation @ roots[-2, :3, :3].T) - turning]),
            np.stack([joints[-1] - (plan.joint_rotations[0] - bending), joints[-1] - joints[-2] - bending]),
        )

    def after(self, frames: Array) -> tuple[Array, Array, Array]:
        """Offsets left after numbers of frames (K,): of the place (K, 3), the turn (K, 3) and the joints (K, J, 3)."""
        return _faded(self.place, frames), _faded(self.turn, frames), _faded(self.joints, frames)


def _faded(start: Array, frames: Array) -> Array:
    """Critically damped decay, (K, ...), of an offset and its rate, (2, ...)."""
    offset, rate = start
    frames = np.asarray(frames, dtype=np.float64).reshape(-1, *[1] * offset.ndim)
    return np.asarray((offset + (rate + offset / FADE) * frames) * np.exp(-frames / FADE))
