"""Cameras that move with the field: a rigid motion per video, a small one per frame, held by the device's motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, skew

SIGMA_POSITION, SIGMA_ROTATION = 0.01, 0.005
"""Expected error of the motion between neighbouring frames, metres and radians."""


class Poses(nn.Module):
    """T_world_camera of every frame: exp(video) about the video's middle, times the registered camera, times
    exp(frame). Twists are (rotation, translation)."""

    start: Tensor
    recording: Tensor
    middle: Tensor
    free: Tensor
    relative: Tensor
    pairs: Tensor

    def __init__(self, T_world_camera: Array, recording: Array, fixed: Sequence[bool] | Array) -> None:
        super().__init__()
        held = np.asarray(fixed, bool)
        count = len(held)
        middle = np.zeros((count, 3))
        for r in range(count):
            own = T_world_camera[recording == r]
            middle[r] = own[:, :3, 3].mean(axis=0) if len(own) else 0.0
        following = np.flatnonzero((recording[1:] == recording[:-1]) & ~held[recording[1:]])
        step = inverse(T_world_camera[following + 1]) @ T_world_camera[following]
        adjoint = np.zeros((len(step), 6, 6))
        adjoint[:, :3, :3] = adjoint[:, 3:, 3:] = step[:, :3, :3]
        adjoint[:, 3:, :3] = skew(step[:, :3, 3]) @ step[:, :3, :3]
        self.video = nn.Parameter(torch.zeros(count, 6))
        self.frame = nn.Parameter(torch.zeros(len(T_world_camera), 6))
        self.register_buffer("start", torch.as_tensor(T_world_camera, dtype=torch.float32))
        self.register_buffer("recording", torch.as_tensor(recording))
        self.register_buffer("middle", torch.as_tensor(middle, dtype=torch.float32))
        self.register_buffer("free", torch.as_tensor(~held, dtype=torch.float32))
        self.register_buffer("relative", torch.as_tensor(adjoint, dtype=torch.float32))
        self.register_buffer("pairs", torch.as_tensor(following))

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations (N, 3, 3) and positions (N, 3) of frames (N,)."""
        recording = self.recording[frame]
        free = self.free[recording][:, None]
        whole, own = self.video[recording] * free, self.frame[frame] * free
        start = self.start[frame]
        local = start[:, :3, :3] @ rotation_of(own[:, :3])
        place = start[:, :3, 3] + (start[:, :3, :3] @ own[:, 3:, None])[..., 0]
        turn, middle = rotation_of(whole[:, :3]), self.middle[recording]
        return turn @ local, (turn @ (place - middle)[..., None])[..., 0] + middle + whole[:, 3:]

    def prior(self) -> Tensor:
        """Mean squared departure from the device's motion between neighbouring frames, in its expected errors."""
        if not len(self.pairs):
            return self.frame.sum() * 0.0
        own = self.frame * self.free[self.recording][:, None]
        # exp(-b) R^-1 exp(a) R to first order, R being the step from frame a to b.
        moved = (self.relative @ own[self.pairs][..., None])[..., 0]
        change = own[self.pairs + 1] - moved
        return (change[:, :3] / SIGMA_ROTATION).square().sum(1).mean() + (change[:, 3:] / SIGMA_POSITION).square().sum(
            1
        ).mean()

    @torch.no_grad()
    def cameras(self) -> Array:
        """All T_world_camera (F, 4, 4) float64."""
        rotation, position = self(torch.arange(len(self.start), device=self.start.device))
        out = np.tile(np.eye(4), (len(rotation), 1, 1))
        u, _, vt = np.linalg.svd(rotation.double().cpu().numpy())
        out[:, :3, :3], out[:, :3, 3] = u @ vt, position.double().cpu().numpy()
        return out


def rotation_of(vector: Tensor) -> Tensor:
    """Rotations (N, 3, 3) of axis-angle vectors (N, 3), smooth through zero."""
    square = vector.square().sum(-1)
    small = square < 1e-8
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    sine = torch.where(small, 1.0 - square / 6.0, angle.sin() / angle)[:, None, None]
    cosine = torch.where(small, 0.5 - square / 24.0, (1.0 - angle.cos()) / safe)[:, None, None]
    x, y, z = vector.unbind(-1)
    nothing = torch.zeros_like(x)
    cross = torch.stack([nothing, -z, y, z, nothing, -x, -y, x, nothing], dim=-1).reshape(-1, 3, 3)
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + sine * cross + cosine * (cross @ cross)
