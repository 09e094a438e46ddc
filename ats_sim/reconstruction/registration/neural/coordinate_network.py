"""Which point of the home every cell of a picture shows: a mixture of Laplace distributions around anchor points."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.neural.encoder import Encoder

SCALES = (math.log(0.02), math.log(2.0))


class CoordinateNetwork(nn.Module):
    """Fully convolutional; one output per cell of 4 pixels."""

    anchors: Tensor

    def __init__(self, channels: int, width: int, blocks: int, anchors: Array) -> None:
        super().__init__()
        self.encoder = Encoder(channels, width, blocks)
        self.register_buffer("anchors", torch.as_tensor(anchors, dtype=torch.float32))
        wide = 4 * width
        self.head = nn.Sequential(
            nn.Conv2d(self.encoder.fine_width + self.encoder.coarse_width, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, 5 * len(anchors), 1),
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Per cell and anchor: log probability (B,K,h,w), world coordinate (B,K,3,h,w), log scale (B,K,h,w)."""
        fine, coarse = self.encoder(picture)
        coarse = functional.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        out = self.head(torch.cat([fine, coarse], dim=1))
        batch, count = len(out), len(self.anchors)
        out = out.view(batch, count, 5, *out.shape[2:])
        point = self.anchors[None, :, :, None, None] + out[:, :, 1:4]
        return torch.log_softmax(out[:, :, 0], dim=1), point, (out[:, :, 4] - 0.7).clamp(*SCALES)


def mixture_loss(log_probability: Tensor, point: Tensor, log_scale: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean negative log likelihood of true coordinates (B,3,h,w) over valid cells (B,h,w), up to a constant."""
    distance = (point - target[:, None]).square().sum(2).add(1e-6).sqrt()
    log_likelihood = torch.logsumexp(log_probability - 3 * log_scale - distance * torch.exp(-log_scale), dim=1)
    return -(log_likelihood * valid).sum() / valid.sum().clamp(min=1)
