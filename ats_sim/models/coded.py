"""Goal and path that guide by one code each: what `--ablate control` puts in the place of guide networks.

The code joins the other conditions in the one vector that modulates a U-Net; nothing tells its frames apart any more.
"""

import torch
from torch import Tensor, nn

from ats_sim.denoising import GUIDE_NAMES, Normalisation
from ats_sim.models.conditions import (
    CONDITION,
    SCENE,
    Condition,
    LevelEmbedding,
    ResidualMLP,
    bodily,
    masked,
    places_and_speeds,
    wished,
)
from ats_sim.models.control_unet import GuidedUNet
from ats_sim.models.curves import Curves
from ats_sim.models.encoders import CODE, HALF_SPAN, MAP_CHANNELS, look_up
from ats_sim.models.recipes import Recipe
from ats_sim.perception import FUTURE

ACTIVATIONS: dict[str, tuple[int, ...]] = {GUIDE_NAMES[0]: (CODE,)}
"""Name and shape of what either guide returns."""


class PathCode(nn.Module):
    """The goal as one code."""

    def __init__(self) -> None:
        super().__init__()
        self.activations = ACTIVATIONS
        self.encode = _encoder(3)

    def forward(self, goal: Tensor, keep: Tensor) -> tuple[Tensor, ...]:
        """A code (B, 64) for `CodedPathDenoiser` from goal (B, 3) in metres and keep (B, 4)."""
        return (self.encode(wished(goal, keep)),)


class PoseCode(nn.Module):
    """The path and its speed as one code."""

    def __init__(self) -> None:
        super().__init__()
        self.activations = ACTIVATIONS
        self.encode = _encoder(6 * FUTURE)

    def forward(self, path: Tensor, keep: Tensor) -> tuple[Tensor, ...]:
        """A code (B, 64) for `CodedPoseDenoiser` from path (B, 56, 3) in metres and keep (B, 4)."""
        return (self.encode(places_and_speeds(path, keep).flatten(1)),)


class CodedPathDenoiser(nn.Module):
    """`PathDenoiser` that knows its goal by a code only."""

    def __init__(self, normalisation: Normalisation, recipe: Recipe, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.recipe = recipe
        self.curves = Curves(normalisation)
        self.level = LevelEmbedding()
        self.condition = Condition(3 * CODE + CODE + CODE)
        self.unet = GuidedUNet(6 + MAP_CHANNELS, 3, CONDITION, width)
        self.direct = ResidualMLP(3 * self.curves.size + CONDITION, 3 * self.curves.size, 256, dropout)

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        scene_code: Tensor,
        scene_map: Tensor,
        observer_code: Tensor,
        past_code: Tensor,
        centre: Tensor,
        spread: Tensor,
        keep: Tensor,
        guide_0: Tensor,
    ) -> Tensor:
        """Coefficients (B, K, 3), or their noise, from noisy ones; guide_0 (B, 64) is what `PathCode` returned."""
        place = self.curves.places(noisy, centre, spread)
        there = look_up(scene_map, place) * keep[:, None, SCENE : SCENE + 1]
        known = [masked(keep, scene_code, observer_code, past_code), guide_0, self.level(level)]
        condition = self.condition(torch.cat(known, dim=-1))
        signal = torch.cat([self.curves.velocities(noisy), place / HALF_SPAN, there], dim=-1)
        local = self.curves.coefficients(self.unet(signal, condition, None))
        direct = self.direct(torch.cat([noisy.flatten(1), condition], dim=-1))
        return self.recipe.prediction(local + direct.reshape(noisy.shape), noisy, level)


class CodedPoseDenoiser(nn.Module):
    """`PoseDenoiser` that knows its path by a code only."""

    def __init__(self, normalisation: Normalisation, width: int) -> None:
        super().__init__()
        size = normalisation.pose_mean.shape[1]
        self.level = LevelEmbedding()
        self.condition = Condition(2 * CODE + CODE + CODE)
        self.unet = GuidedUNet(2 * size, size, CONDITION, width)

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        observer_code: Tensor,
        past_code: Tensor,
        current: Tensor,
        keep: Tensor,
        guide_0: Tensor,
    ) -> Tensor:
        """Poses (B, 56, D), or their noise, from noisy ones; guide_0 (B, 64) is what `PoseCode` returned."""
        codes = bodily(keep, observer_code, past_code)
        condition = self.condition(torch.cat([codes, guide_0, self.level(level)], dim=-1))
        signal = torch.cat([noisy, current.unsqueeze(1).expand(-1, FUTURE, -1)], dim=-1)
        return self.unet(signal, condition, None)


def _encoder(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, CODE))
