"""The seam between a running motion and a new plan.

A plan starts near, not exactly at, the pose from which it was drawn. The difference, and the rate at which it still
grows, are carried along and settle like a damped spring, so that neither place nor speed jumps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.geometry import exp_so3, log_so3
from ats_sim.plan import Plan

FADE = 2.0  # frames; time constant with which the difference to a new plan fades


@dataclass(frozen=True, eq=False)
class Seam:
    """What an agent carries from its old motion into a new plan: an offset and the rate at which it still grows.

    That of N agents: then all arrays have a leading axis (N, 2, ...).
    """

    place: Array
    """(2, 3) offset (m) and rate (m per frame) of the root's place."""
    turn: Array
    """(2, 3) rotation vector and rate of the root's turn, world frame."""
    joints: Array
    """(2, J, 3) offsets and rates of the joint rotations."""

    @classmethod
    def none(cls, num_joints: int) -> "Seam":
        """No difference at all, of one agent."""
        return cls(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, num_joints, 3)))

    def state(self) -> dict[str, Array]:
        """All arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, stored: Mapping[str, Array], joints: int) -> "Seam":
        """Read back what `state` returned for one agent; KeyError or ArrayError where it is incomplete."""
        shapes = {"place": (2, 3), "turn": (2, 3), "joints": (2, joints, 3)}
        return cls(**{name: checked(f"seam_{name}", stored[name], shape) for name, shape in shapes.items()})

    @classmethod
    def together(cls, seams: Sequence["Seam"]) -> "Seam":
        """Those of N agents."""
        return cls(**{name: np.array([getattr(seam, name) for seam in seams]) for name in vars(seams[0])})

    def apart(self) -> list["Seam"]:
        """Each agent's own."""
        return [Seam(*parts) for parts in zip(self.place, self.turn, self.joints, strict=True)]

    @classmethod
    def between(cls, roots: Array, joints: Array, plans: Sequence[Plan]) -> "Seam":
        """Compare the last two poses of N agents, roots (N, 2, 4, 4) and joint rotations (N, 2, J, 3), with where their
        plans would have come from."""
        places, rotations = roots[..., :3, 3], roots[..., :3, :3]
        path = np.array([plan.path[:2] for plan in plans], dtype=np.float64)
        turns = np.array([plan.root_rotations[:2] for plan in plans], dtype=np.float64)
        bends = np.array([plan.joint_rotations[:2] for plan in plans], dtype=np.float64)
        stride, bending = path[:, 1] - path[:, 0], bends[:, 1] - bends[:, 0]
        turning = log_so3(turns[:, 1] @ _transposed(turns[:, 0]))
        began = exp_so3(-turning) @ turns[:, 0]
        off = log_so3(rotations[:, 1] @ _transposed(began))
        turned = log_so3(rotations[:, 1] @ _transposed(rotations[:, 0]))
        return cls(
            np.stack([places[:, 1] - (path[:, 0] - stride), places[:, 1] - places[:, 0] - stride], axis=1),
            np.stack([off, turned - turning], axis=1),
            np.stack([joints[:, 1] - (bends[:, 0] - bending), joints[:, 1] - joints[:, 0] - bending], axis=1),
        )

    def after(self, frames: Array) -> tuple[Array, Array, Array]:
        """Offsets of N agents left after numbers of frames (K,): of the places (N, K, 3), the turns (N, K, 3) and the
        joints (N, K, J, 3)."""
        return _faded(self.place, frames), _faded(self.turn, frames), _faded(self.joints, frames)


def _transposed(rotations: Array) -> Array:
    return np.swapaxes(rotations, -1, -2)


def _faded(start: Array, frames: Array) -> Array:
    """Critically damped decay, (N, K, ...), of offsets and their rates, (N, 2, ...)."""
    offset, rate = start[:, :1], start[:, 1:]
    frames = np.asarray(frames, dtype=np.float64).reshape(-1, *[1] * (start.ndim - 2))
    return np.asarray((offset + (rate + offset / FADE) * frames) * np.exp(-frames / FADE))
