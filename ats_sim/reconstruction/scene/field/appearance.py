"""Each recording's light and camera as a code, and the annealed swapping of codes.

While training, a ray is given the code of a random recording with a chance that falls from 1 to 0.05 (Agent-to-Sim,
section 3.2): what all recordings share is learned first and by all codes, what is one recording's own comes last.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def swap_chance(step: int, steps: int, bounds: tuple[float, float], until: float) -> float:
    """Chance of a swap at a step: linear from the first bound to the second, reached after the share `until`."""
    first, last = bounds
    share = min(1.0, step / max(1.0, until * steps))
    return first + (last - first) * share


def swapped(recording: Tensor, count: int, chance: float, generator: torch.Generator) -> Tensor:
    """Recordings (N,) of rays, each replaced by one of all `count` with a chance."""
    drawn = torch.randint(count, recording.shape, generator=generator).to(recording)
    swap = (torch.rand(recording.shape, generator=generator) < chance).to(recording.device)
    return torch.where(swap, drawn, recording)


class Appearance(nn.Module):
    """A code per recording, and the gain and offset of colours that it stands for."""

    def __init__(self, recordings: int, channels: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(0.1 * torch.randn(recordings, channels))
        self.exposure = nn.Linear(channels, 6)
        nn.init.zeros_(self.exposure.weight)
        nn.init.zeros_(self.exposure.bias)

    def forward(self, recording: Tensor) -> Tensor:
        """Codes (N, C) of recordings (N,)."""
        return self.codes[recording]

    def developed(self, color: Tensor, code: Tensor) -> Tensor:
        """Colours (N, 3) as the recordings with codes (N, C) show them."""
        gain, offset = self.exposure(code).split(3, dim=-1)
        return color * torch.exp(gain) + offset
