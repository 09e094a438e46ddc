"""Three feature planes (x-y, x-z, y-z): detail at a fraction of a dense grid's memory and time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

AXES = ((0, 1), (0, 2), (1, 2))


class TriPlanes(nn.Module):
    """Features of points: those of each plane, and the product of all three, which tells apart what only one plane
    would confuse (two walls at the same height)."""

    lower: Tensor
    extent: Tensor

    def __init__(self, lower: Tensor, upper: Tensor, cell: float, channels: int) -> None:
        super().__init__()
        self.register_buffer("lower", lower.float())
        self.register_buffer("extent", (upper - lower).float())
        sizes = [max(2, int(torch.ceil(side / cell - 1e-3)) + 1) for side in upper - lower]
        self.planes = nn.ParameterList(
            nn.Parameter(0.1 * torch.randn(1, channels, sizes[b], sizes[a])) for a, b in AXES
        )
        self.channels = 4 * channels

    def forward(self, points: Tensor) -> Tensor:
        """Features (N, 4 C) at world points (N, 3)."""
        place = 2.0 * (points - self.lower) / self.extent - 1.0
        found = []
        for plane, (a, b) in zip(self.planes, AXES, strict=True):
            where = place[:, (a, b)][None, None]
            found.append(F.grid_sample(plane, where, padding_mode="border", align_corners=True)[0, :, 0].T)
        # Around 0.1 in size each: the product is brought back to that.
        return torch.cat([*found, 100.0 * found[0] * found[1] * found[2]], dim=-1)
