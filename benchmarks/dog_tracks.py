"""A real dog's joints, 27 of them 60 times a second, as windows of what was and what came, 30 times a second.

The clips are CC BY-NC by origin: for development only, and no part of any package.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import yaw_matrix
from ats_sim.perception import FUTURE, PAST

RATE = 30
"""Frames a second that are kept: at the policy's ten a trot would be two frames a stride."""
PELVIS, NECK = 0, 3
TOES = (10, 19, 15, 23)
HELD_OUT = ("run02", "walk01", "walk03", "walk05")
"""Clips to test on: a fifth of the time, walking and running."""


@dataclass(frozen=True, eq=False)
class Moves:
    """N windows of 8 frames past and 56 to come (1.9 s), in the frame of the pelvis now: x along the back to the neck,
    z up from the ground."""

    path: Array
    """(N, 64, 3) metres: the pelvis."""
    pose: Array
    """(N, 64, 78) metres: the other joints, seen from the pelvis."""

    def __len__(self) -> int:
        return len(self.path)

    @classmethod
    def joined(cls, parts: list["Moves"]) -> Self:
        """One after the other."""
        return cls(np.concatenate([p.path for p in parts]), np.concatenate([p.pose for p in parts]))

    def joints(self) -> Array:
        """All joints to come (N, 56, 27, 3)."""
        return placed(self.pose[:, PAST:], self.path[:, PAST:])


def placed(pose: Array, path: Array) -> Array:
    """Joints (N, T, 27, 3) of poses (N, T, 78) on a path (N, T, 3), pelvis first."""
    rest = pose.reshape(*pose.shape[:2], -1, 3) + path[:, :, None]
    return np.concatenate([path[:, :, None], rest], axis=2)


def read_clip(path: Path) -> Array:
    """Joints (T, 27, 3) of a clip, metres, z up."""
    rows = np.loadtxt([line.rstrip().rstrip(",") for line in path.read_text().splitlines()], delimiter=",")
    joints = rows.reshape(len(rows), -1, 3)[:: 60 // RATE]
    return joints[..., [2, 0, 1]]


def cut(joints: Array, stride: int) -> Moves:
    """Windows of a clip (T, 27, 3), every `stride` frames."""
    starts = range(0, len(joints) - PAST - FUTURE + 1, stride)
    return Moves.joined([_window(joints[s : s + PAST + FUTURE]) for s in starts])


def _window(joints: Array) -> Moves:
    now = joints[PAST - 1]
    ahead = now[NECK] - now[PELVIS]
    here = (joints - now[PELVIS] * [1.0, 1.0, 0.0]) @ yaw_matrix(float(np.arctan2(ahead[1], ahead[0])))
    rest = (here[:, 1:] - here[:, :1]).reshape(len(joints), -1)
    return Moves(here[None, :, PELVIS], rest[None])


def read_moves(folder: Path, *, held_out: bool, stride: int) -> Moves:
    """Windows of all clips that are held out, or of all that are not."""
    clips = sorted(folder.glob("dog_*_joint_pos.txt"))
    chosen = [p for p in clips if (p.name.split("_")[1] in HELD_OUT) == held_out]
    clips_joints = [read_clip(p) for p in chosen]
    return Moves.joined([cut(joints, stride) for joints in clips_joints if len(joints) >= PAST + FUTURE])
