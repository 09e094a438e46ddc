"""A small fully-convolutional descriptor: two levels of unit vectors, nearly blind to light by its input already.

Its input is the logarithm of the picture with local mean and contrast removed, which exposure, white balance, gamma
and slow shading hardly change; what they do change (noise, clipping), training by augmentation must make up for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

FINE_STRIDE = 2
COARSE_STRIDE = 8
DARK = 0.03
LEAST_CONTRAST = 0.08
LEAK = 0.1


def light_free(pictures: Tensor) -> Tensor:
    """Channels (B,6,H,W) of pictures (B,3,H,W) in 0..1: log colours normalised over 40 pixels, and over the whole."""
    logs = torch.log(pictures + DARK)
    pooled = functional.avg_pool2d(logs, COARSE_STRIDE)
    squared = functional.avg_pool2d(logs * logs, COARSE_STRIDE)
    local, local_square = (
        functional.interpolate(
            functional.avg_pool2d(part, 5, stride=1, padding=2, count_include_pad=False),
            size=pictures.shape[-2:],
            mode="bilinear",
            align_corners=False,
        )
        for part in (pooled, squared)
    )
    near = (logs - local) / ((local_square - local * local).clamp_min(0.0).sqrt() + LEAST_CONTRAST)
    mean = pooled.mean((2, 3), keepdim=True)
    spread = (squared.mean((2, 3), keepdim=True) - mean * mean).clamp_min(0.0).sqrt()
    return torch.cat([near, (logs - mean) / (spread + LEAST_CONTRAST)], dim=1)


class DescriptorNet(nn.Module):
    """Pictures (B,3,H,W) in 0..1, sides multiples of 8, to unit vectors: coarse (B,C,H/8,W/8), fine (B,C,H/2,W/2)."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.channels = channels
        # Kernels of four with stride two stay centred: cell i covers pixels 2i and 2i+1 alike.
        self.stem = nn.Conv2d(6, 16, 3, padding=1)
        self.stride_2 = nn.ModuleList([nn.Conv2d(16, 24, 4, stride=2, padding=1), nn.Conv2d(24, 24, 3, padding=1)])
        self.stride_4 = nn.ModuleList([nn.Conv2d(24, 32, 4, stride=2, padding=1), nn.Conv2d(32, 32, 3, padding=1)])
        self.stride_8 = nn.ModuleList(
            [
                nn.Conv2d(32, 48, 4, stride=2, padding=1),
                nn.Conv2d(48, 48, 3, padding=1),
                nn.Conv2d(48, 48, 3, padding=2, dilation=2),
            ]
        )
        self.coarse_head = nn.Conv2d(48, channels, 1)
        self.lateral = nn.ModuleList([nn.Conv2d(24, 32, 1), nn.Conv2d(32, 32, 1), nn.Conv2d(48, 32, 1)])
        self.fine_head = nn.Conv2d(32, channels, 3, padding=1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse and fine descriptors."""
        x = functional.leaky_relu(self.stem(light_free(pictures)), LEAK)
        stages = []
        for stage in (self.stride_2, self.stride_4, self.stride_8):
            for i, layer in enumerate(stage):
                y = functional.leaky_relu(layer(x), LEAK)
                x = y if i == 0 else x + y
            stages.append(x)
        coarse = functional.normalize(self.coarse_head(stages[2]), dim=1)
        merged = self.lateral[2](stages[2])
        for stage_x, lateral in ((stages[1], self.lateral[1]), (stages[0], self.lateral[0])):
            bigger = functional.interpolate(merged, scale_factor=2, mode="bilinear", align_corners=False)
            merged = lateral(stage_x) + bigger
        fine = functional.normalize(self.fine_head(functional.leaky_relu(merged, LEAK)), dim=1)
        return coarse, fine
