"""The agent's pose at every moment: what was fitted, and a network of time that refines it (Agent-to-Sim, section 3.1).

A network of time, rather than numbers per frame, also speaks for moments that nobody saw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.geometry import quaternion_from_matrix
from ats_sim.reconstruction.agent.field.dual_quaternions import (
    matrix,
    of_rotation_vector,
    product,
    rotated,
    rotation_vector,
)

SLOWEST, FASTEST = 1.0 / 64.0, 4.0
"""Frequencies (Hz) of the waves that time is told by."""
HIDDEN = 128
CODE = 16


@dataclass(frozen=True, eq=False)
class Placed:
    """Poses of F frames."""

    turn: Tensor
    """(F, 4) root rotations."""
    place: Tensor
    """(F, 3) root positions."""
    joints: Tensor
    """(F, J, 3) axis-angle; the root's are zero."""


@dataclass(frozen=True, eq=False)
class FittedMotion:
    """The fitted frames of all videos, one after the other."""

    video: Array
    """(K,) int64, which video."""
    time: Array
    """(K,) seconds of the video's own clock."""
    T_world_root: Array
    """(K, 4, 4)."""
    joint_rotations: Array
    """(K, J, 3)."""


class Articulation(nn.Module):
    """Root and joints of K frames."""

    turn: Tensor
    place: Tensor
    joints: Tensor
    told: Tensor
    video: Tensor
    before: Tensor
    after: Tensor
    spacing: Tensor

    def __init__(self, motion: FittedMotion) -> None:
        super().__init__()
        count, joints = motion.joint_rotations.shape[:2]
        floats = {
            "turn": quaternion_from_matrix(motion.T_world_root[:, :3, :3]),
            "place": motion.T_world_root[:, :3, 3],
            "joints": motion.joint_rotations,
            "told": _waves(motion.time),
        }
        for name, value in floats.items():
            self.register_buffer(name, torch.as_tensor(np.asarray(value), dtype=torch.float32))
        self.register_buffer("video", torch.as_tensor(motion.video))
        for name, index in zip(("before", "after"), _neighbours(motion.video), strict=True):
            self.register_buffer(name, torch.as_tensor(index))
        step = np.diff(motion.time, prepend=motion.time[0])
        self.register_buffer("spacing", torch.as_tensor(np.maximum(step, 1e-3), dtype=torch.float32))
        self.codes = nn.Parameter(0.1 * torch.randn(int(motion.video.max()) + 1, CODE))
        width = self.told.shape[1] + CODE
        self.hidden = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        self.out = nn.Linear(HIDDEN, 6 + 3 * joints)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, frames: Tensor) -> Placed:
        """Poses of frames (F,)."""
        change = self.out(self.hidden(torch.cat([self.told[frames], self.codes[self.video[frames]]], dim=-1)))
        bent = change[:, 6:].reshape(len(frames), -1, 3)
        joints = self.joints[frames] + torch.cat([torch.zeros_like(bent[:, :1]), bent[:, 1:]], dim=1)
        turn = product(self.turn[frames], of_rotation_vector(change[:, :3]))
        return Placed(turn, self.place[frames] + 0.1 * rotated(self.turn[frames], change[:, 3:6]), joints)

    def unrest(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """At frames (F,) that have neighbours: mean squared joint angles, their change, and the change of the root's
        velocity, each per 0.1 s."""
        first, here, last = (self(index) for index in (self.before[frames], frames, self.after[frames]))
        step = self.spacing[frames][:, None] / 0.1
        both = ((self.before[frames] != frames) & (self.after[frames] != frames)).float()
        bent = here.joints.square().sum((1, 2)).mean()
        turning = ((here.joints - first.joints).square().sum((1, 2)) / step[:, 0]).mul(both).mean()
        jerk = (last.place - 2.0 * here.place + first.place) / step
        return bent, turning, jerk.square().sum(-1).mul(both).mean()

    @torch.no_grad()
    def poses(self) -> tuple[Array, Array]:
        """All K root poses (K, 4, 4) and joint rotations (K, J, 3), axis-angle of at most half a turn."""
        placed = self(torch.arange(len(self.place), device=self.place.device))
        turn = placed.turn / placed.turn.norm(dim=-1, keepdim=True)
        roots = np.tile(np.eye(4), (len(turn), 1, 1))
        roots[:, :3, :3] = matrix(turn.double()).cpu().numpy()
        roots[:, :3, 3] = placed.place.cpu().numpy()
        return roots, rotation_vector(of_rotation_vector(placed.joints)).cpu().numpy().astype(np.float64)


def _waves(time: Array) -> Array:
    """(K, C) sines and cosines of times (K,)."""
    octaves = np.arange(round(np.log2(FASTEST / SLOWEST)) + 1)
    phase = 2 * np.pi * SLOWEST * 2.0**octaves * time[:, None]
    return np.concatenate([np.sin(phase), np.cos(phase)], axis=1)


def _neighbours(video: Array) -> tuple[Array, Array]:
    """The frame before and after each (K,) in the same video; itself where there is none."""
    index = np.arange(len(video))
    before, after = np.maximum(index - 1, 0), np.minimum(index + 1, len(video) - 1)
    return np.where(video[before] == video, before, index), np.where(video[after] == video, after, index)
