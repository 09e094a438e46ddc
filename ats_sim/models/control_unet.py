"""A 1-D U-Net steered by a second one: the guide branch reads the guide and feeds every block of the main branch.

As in ATS section 3.3: two U-Nets of the same shape, one takes the noisy signal, the other the guide (the goal, or the
path); the guide's activations are injected densely through zero-initialised projections, so that training starts from
the unguided network. Unlike there, the guide branch knows nothing of the noise level: one pass serves all calls.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

BLOCKS = 6
"""Blocks of a U-Net, each of which a guide feeds."""


def block_shapes(width: int, frames: int) -> tuple[tuple[int, int], ...]:
    """Channels and length of what leaves each block: levels of widths 1, 2, 2, the finest of two frames a step."""
    wide = 2 * width
    fine, coarse, middle = (width, frames // 2), (wide, frames // 4), (wide, frames // 8)
    return fine, coarse, middle, middle, coarse, fine


class GuideUNet(nn.Module):
    """Maps a guide sequence and a condition vector to what is added to the blocks of a `GuidedUNet`."""

    def __init__(self, channels: int, condition: int, width: int) -> None:
        super().__init__()
        self.unet = _UNet(channels, condition, width)
        self.inject = nn.ModuleList(_zeroed(nn.Conv1d(size, size, 1)) for size, _ in block_shapes(width, 8))

    def forward(self, guide: Tensor, condition: Tensor) -> tuple[Tensor, ...]:
        """Guide (B, T, G) and condition (B, D) to six activations (B, C, T'); T is a multiple of 8."""
        activations = self.unet(guide.transpose(1, 2), condition, None)
        return tuple(project(activation) for project, activation in zip(self.inject, activations, strict=True))


class GuidedUNet(nn.Module):
    """Maps a noisy sequence, a condition vector and a guide's activations to a sequence."""

    def __init__(self, channels: int, out_channels: int, condition: int, width: int) -> None:
        super().__init__()
        self.unet = _UNet(channels, condition, width)
        self.out = nn.ConvTranspose1d(width, out_channels, 4, 2, 1)

    def forward(self, signal: Tensor, condition: Tensor, injected: Sequence[Tensor]) -> Tensor:
        """Signal (B, T, C), condition (B, D), six activations (B, C', T') to (B, T, O)."""
        return self.out(self.unet(signal.transpose(1, 2), condition, injected)[-1]).transpose(1, 2)


class _UNet(nn.Module):
    """Three levels (T/2, T/4, T/8) of widths 1, 2, 2, one residual block each, two in the middle.

    Motion at 10 Hz changes little from frame to frame: two frames go in and come out as one step, at half the cost.
    """

    def __init__(self, channels: int, condition: int, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.enter = nn.Conv1d(channels, width, 4, 2, 1)
        self.blocks = nn.ModuleList(
            [
                _Block(width, width, condition),
                _Block(width, wide, condition),
                _Block(wide, wide, condition),
                _Block(wide, wide, condition),
                _Block(2 * wide, wide, condition),
                _Block(wide + width, width, condition),
            ]
        )
        self.down = nn.ModuleList([nn.Conv1d(width, width, 3, 2, 1), nn.Conv1d(wide, wide, 3, 2, 1)])
        self.up = nn.ModuleList([nn.ConvTranspose1d(wide, wide, 4, 2, 1), nn.ConvTranspose1d(wide, wide, 4, 2, 1)])

    def forward(self, x: Tensor, condition: Tensor, injected: Sequence[Tensor] | None) -> list[Tensor]:
        """Sequence (B, C, T) to the outputs of all six blocks; the last is (B, width, T/2)."""
        activations: list[Tensor] = []

        def block(index: int, value: Tensor) -> Tensor:
            result = self.blocks[index](value, condition)
            if injected is not None:
                result = result + injected[index]
            activations.append(result)
            return result

        fine = block(0, self.enter(x))
        coarse = block(1, self.down[0](fine))
        middle = block(3, block(2, self.down[1](coarse)))
        coarse = block(4, torch.cat([self.up[0](middle), coarse], dim=1))
        block(5, torch.cat([self.up[1](coarse), fine], dim=1))
        return activations


class _Block(nn.Module):
    """Two convolutions around a scale and shift by the condition; the second starts at zero."""

    def __init__(self, channels: int, out: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, out, 3, padding=1)
        self.norm = nn.GroupNorm(8, out, affine=False)
        self.modulate = _zeroed(nn.Linear(condition, 2 * out))
        self.second = _zeroed(nn.Conv1d(out, out, 3, padding=1))
        self.skip = nn.Conv1d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Sequence (B, C, T) to (B, out, T)."""
        scale, shift = self.modulate(condition).unsqueeze(-1).chunk(2, dim=1)
        hidden = nn.functional.silu(self.norm(self.first(x)) * (1.0 + scale) + shift)
        return self.skip(x) + self.second(hidden)


def _zeroed(layer: nn.Linear | nn.Conv1d) -> nn.Module:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
