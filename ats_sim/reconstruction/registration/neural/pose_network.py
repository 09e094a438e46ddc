"""The paper's localizer: picture in, camera out, and how wrong the camera is expected to be.

Yang et al. 2024 (eq. 5-6): a convolutional encoder regresses the pose; geodesic rotation loss plus squared translation
loss; a third head predicts that loss. Theirs stands on frozen DINOv2 features and regresses the world-to-camera
translation and a quaternion; here the encoder learns from the colours, and the camera's centre and two columns of its
rotation are regressed, both of which are easier to learn.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.neural.encoder import Encoder

ROTATION_WEIGHT, TRANSLATION_WEIGHT = 2.0, 1.0
"""Their weights are 2e-4 and 1e-4."""


class PoseNetwork(nn.Module):
    """Centre (B,3), rotation (B,3,3) and expected loss (B,) of pictures (B,C,h,w)."""

    middle: Tensor
    spread: Tensor

    def __init__(self, channels: int, width: int, blocks: int, centres: Array) -> None:
        super().__init__()
        self.encoder = Encoder(channels, width, blocks)
        wide = 4 * width
        self.squeeze = nn.Sequential(
            nn.Conv2d(wide, wide, 3, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)
        )
        self.head = nn.Sequential(nn.Linear(2 * wide, 2 * wide), nn.LeakyReLU(0.2), nn.Linear(2 * wide, 10))
        self.register_buffer("middle", torch.as_tensor(centres.mean(0), dtype=torch.float32))
        self.register_buffer("spread", torch.as_tensor(centres.std(0) + 0.1, dtype=torch.float32))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of a batch."""
        features = self.squeeze(self.encoder(picture)[1])
        out = self.head(torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1))
        return self.middle + self.spread * out[:, :3], rotation_of(out[:, 3:9]), torch.exp(out[:, 9].clamp(-8, 4))


def rotation_of(columns: Tensor) -> Tensor:
    """Rotations (B,3,3) from two columns (B,6) (Zhou et al. 2019)."""
    x = functional.normalize(columns[:, :3], dim=1)
    y = functional.normalize(columns[:, 3:] - (x * columns[:, 3:]).sum(1, keepdim=True) * x, dim=1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=2)


def pose_loss(centre: Tensor, rotation: Tensor, expected: Tensor, T_world_camera: Tensor) -> Tensor:
    """Geodesic angle and squared distance, and how far off the expected loss was."""
    trace = (rotation * T_world_camera[:, :3, :3]).sum((1, 2))
    # The derivative of the arc cosine is infinite at 1: stay just inside.
    angle = torch.acos(((trace - 1) / 2).clamp(-1 + 1e-6, 1 - 1e-6))
    away = (centre - T_world_camera[:, :3, 3]).square().mean(1)
    error = ROTATION_WEIGHT * angle + TRANSLATION_WEIGHT * away
    return (error + (expected - error.detach()).square()).mean()
