"""The picture encoder both localizers share: three halvings, residual blocks, and a code of the whole picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STRIDE = 4
"""Pixels per cell of the finer features."""


class Encoder(nn.Module):
    """Features of cells of 4 and of 8 pixels; the coarser ones know the whole picture."""

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_step(channels, width, 2), _step(width, 2 * width, 2))
        self.second = _step(2 * width, 4 * width, 2)
        self.blocks = nn.ModuleList([_Block(4 * width) for _ in range(blocks)])
        self.context = nn.Linear(8 * width, 4 * width)
        self.fine_width, self.coarse_width = 2 * width, 4 * width

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Fine (B, 2w, h/4, w/4) and coarse (B, 4w, h/8, w/8) features of a picture (B, C, h, w)."""
        fine = self.first(picture)
        coarse = self.second(fine)
        for index, block in enumerate(self.blocks):
            coarse = block(coarse)
            if index == 0:
                # A window or a sofa alone says little: every cell is told what else is in the picture.
                code = torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3))], dim=1)
                coarse = coarse + torch.relu(self.context(code))[:, :, None, None]
        return fine, coarse


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _step(width, width, 1), nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(features + self.body(features))


def _step(incoming: int, outgoing: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False), nn.BatchNorm2d(outgoing), nn.ReLU(inplace=True)
    )
