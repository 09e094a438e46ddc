"""The scene field: signed distance, colour and feature of a point (Agent-to-Sim equation 1, on grid and planes)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from ats_sim.reconstruction.scene.field.appearance import Appearance
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.grid import Grid, completed_color, completed_distance
from ats_sim.reconstruction.scene.field.planes import TriPlanes
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


@dataclass(frozen=True)
class FieldSize:
    """What a stored field is built from again."""

    truncation: float
    """Largest distance that is told, metres."""
    recordings: int
    """How many appearance codes."""
    features: int
    """Channels of the feature; 0 = none."""


class SceneField(nn.Module):
    """Distances from a grid and a relief on it, colours and features from planes."""

    def __init__(self, size: FieldSize, distance: Grid, base: Grid, config: FieldConfig) -> None:
        super().__init__()
        self.size, self.distance, self.base = size, distance, base
        self.relief_scale = config.relief
        lower = distance.origin
        self.planes = TriPlanes(lower, lower + distance.extent, config.plane_cell, config.plane_channels)
        width, inputs = config.hidden, self.planes.channels
        self.relief = nn.Sequential(nn.Linear(inputs, width), nn.ReLU())
        self.to_relief = nn.Linear(width, 1)
        self.color = nn.Sequential(
            nn.Linear(inputs + 3 + config.code_channels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.to_color = nn.Linear(width, 3)
        self.to_feature = nn.Linear(width, size.features) if size.features else None
        self.appearance = Appearance(size.recordings, config.code_channels)
        for last in (self.to_relief, self.to_color):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    @classmethod
    def from_volume(cls, volume: TsdfVolume, recordings: int, features: int, config: FieldConfig) -> Self:
        """A field that begins as a fused volume; its random weights follow from the config's seed."""
        size = FieldSize(volume.truncation, recordings, features)
        distance = Grid(completed_distance(volume)[None], volume.origin, volume.voxel_size, learned=True)
        base = Grid(completed_color(volume), volume.origin, volume.voxel_size, learned=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            return cls(size, distance, base, config).to(config.device)

    def embed(self, points: Tensor) -> Tensor:
        """Plane features (N, F) of world points (N, 3): what the other methods share."""
        return self.planes(points)

    def signed_distance(self, points: Tensor, embedded: Tensor | None = None) -> Tensor:
        """Signed distance (N,) in metres, > 0 in free space, of world points (N, 3)."""
        coarse = self.distance(points)[:, 0]
        if self.relief_scale == 0:
            return coarse
        embedded = self.embed(points) if embedded is None else embedded
        return coarse + self.relief_scale * torch.tanh(self.to_relief(self.relief(embedded))[:, 0])

    def radiance(self, points: Tensor, code: Tensor, embedded: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Colours (N, 3) in 0..1 and features (N, C), or None, of world points (N, 3) under codes (N, K)."""
        embedded = self.embed(points) if embedded is None else embedded
        base = self.base(points).clamp(0.02, 0.98)
        hidden = self.color(torch.cat([embedded, base, code], dim=-1))
        color = torch.sigmoid(torch.logit(base) + self.to_color(hidden))
        return self.appearance.developed(color, code), None if self.to_feature is None else self.to_feature(hidden)
