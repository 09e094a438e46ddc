"""A 1-D U-Net steered by a second one: the guide branch reads the guide and feeds every block of the main branch.

As in ATS section 3.3: two U-Nets of the same shape, one takes the noisy signal, the other the guide (the goal, or the
path); the guide's activations are injected densely through zero-initialised projections, so that training starts from
the unguided network. Unlike there, the guide branch knows nothing of the noise level: one pass serves all calls.

Sequences are (B, T, C): a convolution is then one matrix product over all frames of all rows, for which CPUs are made;
as many short convolutions as there are rows take twice the time and more (benchmarks/RESULTS.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ats_sim.denoising import GUIDE_NAMES
from ats_sim.perception import FUTURE

BLOCKS = 6
"""Blocks of a U-Net, each of which a guide feeds."""
GROUPS = 8
"""Channels are normalised in so many groups."""
EPSILON = 1e-5


def block_shapes(width: int, frames: int) -> tuple[tuple[int, int], ...]:
    """Length and channels of what leaves each block: levels of widths 1, 2, 2, the finest of two frames a step."""
    wide = 2 * width
    fine, coarse, middle = (frames // 2, width), (frames // 4, wide), (frames // 8, wide)
    return fine, coarse, middle, middle, coarse, fine


def guide_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of what a guide of that width feeds into the blocks."""
    return dict(zip(GUIDE_NAMES, block_shapes(width, FUTURE), strict=True))


class GuideUNet(nn.Module):
    """Maps a guide sequence and a condition vector to what is added to the blocks of a `GuidedUNet`."""

    def __init__(self, channels: int, condition: int, width: int) -> None:
        super().__init__()
        self.unet = _UNet(channels, condition, width)
        self.inject = nn.ModuleList(_zeroed(_Pointwise(size, size)) for _, size in block_shapes(width, 8))

    def forward(self, guide: Tensor, condition: Tensor) -> tuple[Tensor, ...]:
        """Guide (B, T, G) and condition (B, D) to six activations (B, T', C); T is a multiple of 8."""
        activations = self.unet(guide, condition, None)
        return tuple(project(activation) for project, activation in zip(self.inject, activations, strict=True))


class GuidedUNet(nn.Module):
    """Maps a noisy sequence, a condition vector and a guide's activations to a sequence."""

    def __init__(self, channels: int, out_channels: int, condition: int, width: int) -> None:
        super().__init__()
        self.unet = _UNet(channels, condition, width)
        self.out = _Doubling(width, out_channels)

    def forward(self, signal: Tensor, condition: Tensor, injected: Sequence[Tensor] | None) -> Tensor:
        """Signal (B, T, C), condition (B, D), six activations (B, T', C') or none to (B, T, O)."""
        doubled: Tensor = self.out(self.unet(signal, condition, injected)[-1])
        return doubled


class _UNet(nn.Module):
    """Three levels (T/2, T/4, T/8) of widths 1, 2, 2, one residual block each, two in the middle.

    Motion at 10 Hz changes little from frame to frame: two frames go in and come out as one step, at half the cost.
    """

    def __init__(self, channels: int, condition: int, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.enter = _Halving(channels, width, 4)
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
        self.down = nn.ModuleList([_Halving(width, width, 3), _Halving(wide, wide, 3)])
        self.up = nn.ModuleList([_Doubling(wide, wide), _Doubling(wide, wide)])

    def forward(self, x: Tensor, condition: Tensor, injected: Sequence[Tensor] | None) -> list[Tensor]:
        """Sequence (B, T, C) to the outputs of all six blocks; the last is (B, T/2, width)."""
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
        coarse = block(4, torch.cat([self.up[0](middle), coarse], dim=-1))
        block(5, torch.cat([self.up[1](coarse), fine], dim=-1))
        return activations


class _Block(nn.Module):
    """Two convolutions around a scale and shift by the condition; the second starts at zero."""

    def __init__(self, channels: int, out: int, condition: int) -> None:
        super().__init__()
        self.first = _Threewise(channels, out)
        self.norm = _GroupNorm(out)
        self.modulate = _zeroed(nn.Linear(condition, 2 * out))
        self.second = _zeroed(_Threewise(out, out))
        self.skip = _Pointwise(channels, out) if channels != out else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Sequence (B, T, C) to (B, T, out)."""
        scale, shift = self.modulate(condition).unsqueeze(1).chunk(2, dim=-1)
        hidden = nn.functional.silu(self.norm(self.first(x), 1.0 + scale, shift))
        return self.skip(x) + self.second(hidden)


class _GroupNorm(nn.Module):
    """Channels of a group, over all frames, to mean 0 and deviation 1, then scaled and shifted: one pass for both."""

    share: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        size = channels // GROUPS
        same = torch.eye(GROUPS).repeat_interleave(size, 0).repeat_interleave(size, 1)
        self.register_buffer("share", same / size, persistent=False)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Sequence (B, T, C), scale and shift (B, 1, C) to (B, T, C)."""
        centred = x - (x.mean(1) @ self.share).unsqueeze(1)
        variance = (centred.square().mean(1) @ self.share).unsqueeze(1)
        return centred * (scale * torch.rsqrt(variance + EPSILON)) + shift


class _Pointwise(nn.Conv1d):
    """Every frame (B, T, C) by itself."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return _convolved(x, self)


class _Threewise(nn.Conv1d):
    """Every frame (B, T, C) with its two neighbours, zero beyond the ends."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 3)

    def forward(self, x: Tensor) -> Tensor:
        wide, frames = nn.functional.pad(x, (0, 0, 1, 1)), x.shape[1]
        taps = torch.cat([wide[:, :frames], x, wide[:, 2:]], dim=-1)
        return _convolved(taps, self)


class _Halving(nn.Conv1d):
    """Two frames to one (B, T/2, C'): a kernel of 3 or 4 from the frame before the two, zero beyond the ends."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__(channels, out, kernel)

    def forward(self, x: Tensor) -> Tensor:
        pairs = nn.functional.pad(x, (0, 0, 1, 1)).reshape(-1, x.shape[1] // 2 + 1, 2 * self.in_channels)
        rest = (self.kernel_size[0] - 2) * self.in_channels
        return _convolved(torch.cat([pairs[:, :-1], pairs[:, 1:, :rest]], dim=-1), self)


class _Doubling(nn.ConvTranspose1d):
    """One frame to two (B, 2 T, C'), each of which its two nearest give to: a transposed kernel of 4."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 4)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        wide = nn.functional.pad(x, (0, 0, 1, 1))
        neighbours = torch.cat([wide[:, :-1], wide[:, 1:]], dim=-1)
        # Between two frames lie the later half of the first and the earlier half of the second.
        taps = self.weight.permute(2, 1, 0)
        later, earlier = torch.cat([taps[2], taps[0]], dim=-1), torch.cat([taps[3], taps[1]], dim=-1)
        between = _product(neighbours, torch.cat([later, earlier]), torch.cat([_bias(self)] * 2))
        return between.reshape(-1, 2 * neighbours.shape[1], self.out_channels)[:, 1:-1]


def _convolved(taps: Tensor, layer: nn.Conv1d) -> Tensor:
    """What a layer makes of its frames, laid out as (B, T, taps x C)."""
    return _product(taps, layer.weight.transpose(1, 2).flatten(1), _bias(layer))


def _product(x: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
    """Frames (B, T, K) times a matrix (N, K), as one product over all rows of all sequences."""
    return nn.functional.linear(x.flatten(0, 1), matrix, bias).reshape(-1, x.shape[1], len(matrix))


def _bias(layer: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _zeroed(layer: nn.Linear | nn.Conv1d) -> nn.Module:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
