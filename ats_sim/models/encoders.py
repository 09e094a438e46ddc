"""What the agent knows, as codes of 64 numbers: the scene around it, the observer, its own past."""

import torch
from torch import Tensor, nn

from ats_sim.perception import HZ, PAST, PATCH_CELL, PATCH_SHAPE

CODE = 64
"""Length of each condition's code (ATS table 6)."""
MAP_CHANNELS = 16
"""Channels of the scene map that paths are looked up in."""
HALF_SPAN = 0.5 * PATCH_SHAPE[0] * PATCH_CELL
"""Half the edge of the scene patch, metres."""


class SceneEncoder(nn.Module):
    """A scene patch as one code, and as a map that answers "what is there?" for single points of a path.

    Columns of voxels are taken as the channels of a plan: what matters is where things stand on the floor, and flat
    convolutions cost a third of solid ones.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor, dropout: float = 0.0) -> None:
        """Channel statistics (C,) of the patches make the input unit-sized."""
        super().__init__()
        channels, height = len(mean), PATCH_SHAPE[2]
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1, 1).clone())
        self.register_buffer("std", std.reshape(1, -1, 1, 1, 1).clone())
        self.plan = nn.Sequential(nn.Conv2d(channels * height, 32, 1), nn.SiLU())
        self.to_map = nn.Conv2d(32, MAP_CHANNELS, 3, padding=1)
        self.to_code = nn.Sequential(
            nn.Conv2d(32, 48, 4, stride=4),
            nn.SiLU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(64 * 4 * 4, 128),
            nn.SiLU(),
            nn.Linear(128, CODE),
            nn.Dropout(dropout),
        )

    def forward(self, scene_patch: Tensor) -> tuple[Tensor, Tensor]:
        """Encode patches (B, C, 32, 32, 8) as codes (B, 64) and maps (B, 16, 32, 32)."""
        patch = (scene_patch - self.mean) / self.std
        plan = self.plan(patch.permute(0, 1, 4, 2, 3).flatten(1, 2))
        return self.to_code(plan), self.to_map(plan)


def look_up(scene_map: Tensor, points: Tensor) -> Tensor:
    """Read maps (B, C, 32, 32) at ego-frame points (B, T, 3), bilinear, zero outside; returns (B, T, C)."""
    grid = torch.stack([points[..., 1], points[..., 0]], dim=-1) / HALF_SPAN
    read = nn.functional.grid_sample(
        scene_map, grid.unsqueeze(1), mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return read.squeeze(2).transpose(1, 2)


class HistoryEncoder(nn.Module):
    """The last 0.8 s of the observer and of the agent itself, as one code each."""

    past_mean: Tensor
    past_std: Tensor

    def __init__(self, past_mean: Tensor, past_std: Tensor, dropout: float = 0.0) -> None:
        """Statistics (D,) of the packed past make the input unit-sized."""
        super().__init__()
        self.register_buffer("past_mean", past_mean.clone())
        self.register_buffer("past_std", past_std.clone())
        self.observer = _three_layers(PAST * 7 + (PAST - 1) * 4, dropout)
        self.past = _three_layers(PAST * len(past_mean) + (PAST - 1) * 3, dropout)

    def forward(self, observer_past: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Encode observers (B, 8, 3) and packed pasts (B, 8, D) as two codes (B, 64)."""
        distance = torch.sqrt((observer_past**2).sum(-1, keepdim=True) + 1e-4)
        direction = observer_past / distance
        squashed = torch.log1p(distance)
        seen = torch.cat([direction, direction * squashed, squashed], dim=-1).flatten(1)
        # Whoever comes nearer does so from any side: given as it is, that need not be learned for each.
        closing = _velocity(distance)
        observer = self.observer(torch.cat([seen, _velocity(observer_past), closing], dim=-1))
        own = ((past - self.past_mean) / self.past_std).flatten(1)
        return observer, self.past(torch.cat([own, _velocity(past[..., :3])], dim=-1))


def _velocity(positions: Tensor) -> Tensor:
    """Speeds (B, (T - 1) C) of (B, T, C) in m/s, clipped softly: a camera that lost track must not shout."""
    return torch.tanh((positions[:, 1:] - positions[:, :-1]) * (HZ / 3.0)).flatten(1)


def _three_layers(width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, 128),
        nn.SiLU(),
        nn.Dropout(dropout),
        nn.Linear(128, 128),
        nn.SiLU(),
        nn.Linear(128, CODE),
        nn.LayerNorm(CODE),
        nn.Dropout(dropout),
    )
