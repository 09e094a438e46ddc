"""A 1-D U-Net steered by a second one: the control branch reads the guide and feeds every block of the main branch.

As in ATS section 3.3: two U-Nets of the same shape, one takes the noisy signal, the other the guide (the goal, or the
path); the guide's activations are injected densely through zero-initialised projections, so that training starts from
the unguided network.
"""

import torch
from torch import Tensor, nn


class ControlUNet(nn.Module):
    """Maps a noisy sequence, a guide sequence and a condition vector to a sequence."""

    def __init__(self, channels: int, guide_channels: int, out_channels: int, condition: int, width: int) -> None:
        super().__init__()
        self.main = _UNet(channels, condition, width)
        self.control = _UNet(guide_channels, condition, width)
        self.inject = nn.ModuleList(_zeroed(nn.Conv1d(size, size, 1)) for size in self.main.sizes)
        self.out = nn.Conv1d(width, out_channels, 1)

    def forward(self, signal: Tensor, guide: Tensor, condition: Tensor) -> Tensor:
        """Signal (B, T, C), guide (B, T, G), condition (B, D) to (B, T, O); T is a multiple of 4."""
        _, activations = self.control(guide.transpose(1, 2), condition, None)
        injected = [project(activation) for project, activation in zip(self.inject, activations, strict=True)]
        hidden, _ = self.main(signal.transpose(1, 2), condition, injected)
        return self.out(hidden).transpose(1, 2)


class _UNet(nn.Module):
    """Three levels (T, T/2, T/4) of widths 1, 2, 2, one residual block each, two in the middle."""

    def __init__(self, channels: int, condition: int, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.sizes = (width, wide, wide, wide, wide, width)
        self.enter = nn.Conv1d(channels, width, 3, padding=1)
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

    def forward(self, x: Tensor, condition: Tensor, injected: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Sequence (B, C, T) to (B, width, T) and the outputs of all six blocks."""
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
        fine = block(5, torch.cat([self.up[1](coarse), fine], dim=1))
        return fine, activations


class _Block(nn.Module):
    """Two convolutions around a scale and shift by the condition; the second starts at zero."""

    def __init__(self, channels: int, out: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, out, 3, padding=1)
        self.norm = nn.GroupNorm(8, out)
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
