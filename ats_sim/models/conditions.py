"""What the denoisers of all stages are made of: conditions as one vector, noise levels, and a residual MLP."""

import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.models.encoders import CODE, HALF_SPAN
from ats_sim.perception import HZ

CONDITION = 128
SCENE, OBSERVER, PAST_SWITCH, GUIDE = range(4)
FREQUENCIES = 8


class LevelEmbedding(nn.Module):
    """A noise level (B, 1) as 64 numbers, through sines of rising frequency."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.pi * 2.0 ** torch.arange(FREQUENCIES) / 2.0)
        self.mix = nn.Sequential(nn.Linear(2 * FREQUENCIES + 1, CODE), nn.SiLU())

    def forward(self, level: Tensor) -> Tensor:
        angle = level * self.frequencies
        return self.mix(torch.cat([level, torch.sin(angle), torch.cos(angle)], dim=-1))


class Condition(nn.Module):
    """Everything a U-Net should know as the one vector that modulates it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Linear(width, CONDITION), nn.SiLU(), nn.Linear(CONDITION, CONDITION), nn.SiLU())

    def forward(self, known: Tensor) -> Tensor:
        mixed: Tensor = self.mix(known)
        return mixed


class ResidualMLP(nn.Module):
    """Three residual layers; the output starts at zero."""

    def __init__(self, width_in: int, width_out: int, width: int, dropout: float) -> None:
        super().__init__()
        self.enter = nn.Linear(width_in, width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, width)
            )
            for _ in range(3)
        )
        self.leave = nn.Linear(width, width_out)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.enter(x)
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        return self.leave(hidden)


def masked(keep: Tensor, scene_code: Tensor, observer_code: Tensor, past_code: Tensor) -> Tensor:
    """The three codes side by side (B, 192), the hidden ones zero."""
    return torch.cat([scene_code * keep[:, SCENE : SCENE + 1], bodily(keep, observer_code, past_code)], dim=-1)


def bodily(keep: Tensor, observer_code: Tensor, past_code: Tensor) -> Tensor:
    """The two codes that a body's motion depends on side by side (B, 128), the hidden ones zero."""
    seen, remembered = keep[:, OBSERVER : OBSERVER + 1], keep[:, PAST_SWITCH : PAST_SWITCH + 1]
    return torch.cat([observer_code * seen, past_code * remembered], dim=-1)


def places_and_speeds(path: Tensor, keep: Tensor) -> Tensor:
    """Paths (B, 56, 3) in half patches beside their speeds in m/s (B, 56, 6), zero where hidden."""
    before = nn.functional.pad(path[:, :-1], (0, 0, 1, 0))
    return torch.cat([path / HALF_SPAN, (path - before) * HZ], dim=-1) * keep[:, None, GUIDE : GUIDE + 1]


def wished(goal: Tensor, keep: Tensor) -> Tensor:
    """Goals (B, 3) in half patches, zero where hidden."""
    return goal / HALF_SPAN * keep[:, GUIDE : GUIDE + 1]


def tensor_of(array: Array) -> Tensor:
    """An array as the networks compute."""
    return torch.tensor(array, dtype=torch.float32)
