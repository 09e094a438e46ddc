"""The three denoisers of ATS, goal -> path -> pose, with their guides and the encoders they share.

Every network predicts from a noisy signal (the clean one, or its noise: see `recipes`), a noise level, the codes of the
conditions, and `keep`, four switches (scene, observer, past, guide) that hide a condition by multiplying it with zero.
Each submodule's `forward` is one exported graph: the argument names are the graph's input names.
"""

import torch
from torch import Tensor, nn

from ats_sim.denoising import Normalisation
from ats_sim.models.coded import CodedPathDenoiser, CodedPoseDenoiser, PathCode, PoseCode
from ats_sim.models.conditions import (
    CONDITION,
    GUIDE,
    SCENE,
    Condition,
    LevelEmbedding,
    ResidualMLP,
    bodily,
    masked,
    places_and_speeds,
    tensor_of,
    wished,
)
from ats_sim.models.config import Prediction
from ats_sim.models.control_unet import GuidedUNet, GuideUNet, guide_shapes
from ats_sim.models.curves import Curves
from ats_sim.models.encoders import CODE, HALF_SPAN, MAP_CHANNELS, HistoryEncoder, SceneEncoder, look_up
from ats_sim.models.recipes import RECIPES, Recipe
from ats_sim.models.statistics import InputStatistics
from ats_sim.perception import FUTURE


class Behaviour(nn.Module):
    """All networks of one policy."""

    def __init__(
        self,
        normalisation: Normalisation,
        statistics: InputStatistics,
        *,
        path_width: int,
        pose_width: int,
        dropout: float = 0.0,
        prediction: Prediction = "clean",
        controlled: bool = True,
    ) -> None:
        super().__init__()
        self.recipe = RECIPES[prediction]()
        """What the three denoisers predict."""
        self.controlled = controlled
        """Whether goal and path guide by networks of their own (else by one code each, see `coded`)."""
        self.scene = SceneEncoder(tensor_of(statistics.patch_mean), tensor_of(statistics.patch_std), dropout)
        self.history = HistoryEncoder(tensor_of(statistics.past_mean), tensor_of(statistics.past_std), dropout)
        self.goal = GoalDenoiser(normalisation, self.recipe, dropout)
        self.path_guide = PathGuide(path_width) if controlled else PathCode()
        self.path = (PathDenoiser if controlled else CodedPathDenoiser)(normalisation, self.recipe, path_width, dropout)
        self.pose_guide = PoseGuide(pose_width) if controlled else PoseCode()
        self.pose = (PoseDenoiser if controlled else CodedPoseDenoiser)(normalisation, pose_width)


class GoalDenoiser(nn.Module):
    """Where will it be in 5.6 s? A residual MLP that looks the scene up at the place it considers."""

    mean: Tensor
    std: Tensor

    def __init__(self, normalisation: Normalisation, recipe: Recipe, dropout: float = 0.0, width: int = 256) -> None:
        super().__init__()
        self.recipe = recipe
        self.register_buffer("mean", tensor_of(normalisation.goal_mean))
        self.register_buffer("std", tensor_of(normalisation.goal_std))
        self.level = LevelEmbedding()
        self.net = ResidualMLP(3 + 3 + MAP_CHANNELS + 3 * CODE + CODE, 3, width, dropout)

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        scene_code: Tensor,
        scene_map: Tensor,
        observer_code: Tensor,
        past_code: Tensor,
        keep: Tensor,
    ) -> Tensor:
        """Goals (B, 3), or their noise, from noisy ones, both unit-sized; level (B, 1), codes (B, 64), keep (B, 4)."""
        place = noisy * self.std + self.mean
        there = look_up(scene_map, place.unsqueeze(1)).squeeze(1) * keep[:, SCENE : SCENE + 1]
        codes = masked(keep, scene_code, observer_code, past_code)
        features = [noisy, place / HALF_SPAN, there, codes, self.level(level)]
        return self.recipe.prediction(self.net(torch.cat(features, dim=-1)), noisy, level)


class PathGuide(nn.Module):
    """The goal, and the straight line to it, as what guides the path."""

    line: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("line", torch.arange(1, FUTURE + 1).reshape(1, -1, 1) / FUTURE)
        self.condition = Condition(3 * CODE + 3)
        self.unet = GuideUNet(6, CONDITION, width)
        self.activations = guide_shapes(width)
        """Name and shape of what it returns."""

    def forward(
        self, scene_code: Tensor, observer_code: Tensor, past_code: Tensor, goal: Tensor, keep: Tensor
    ) -> tuple[Tensor, ...]:
        """Six activations for `PathDenoiser` from codes (B, 64), goal (B, 3) in metres and keep (B, 4)."""
        wish = wished(goal, keep)
        condition = self.condition(torch.cat([masked(keep, scene_code, observer_code, past_code), wish], dim=-1))
        constant = wish.unsqueeze(1).expand(-1, FUTURE, -1)
        activations: tuple[Tensor, ...] = self.unet(torch.cat([constant, constant * self.line], dim=-1), condition)
        return activations


class PathDenoiser(nn.Module):
    """How does it get there? Works on coefficients of smooth curves, and looks the scene up along the noisy path."""

    def __init__(self, normalisation: Normalisation, recipe: Recipe, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.recipe = recipe
        self.curves = Curves(normalisation)
        self.level = LevelEmbedding()
        self.condition = Condition(3 * CODE + 3 + CODE)
        self.unet = GuidedUNet(9 + MAP_CHANNELS, 3, CONDITION, width)
        self.direct = ResidualMLP(3 * self.curves.size + CONDITION, 3 * self.curves.size, 256, dropout)

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        scene_code: Tensor,
        scene_map: Tensor,
        observer_code: Tensor,
        past_code: Tensor,
        goal: Tensor,
        centre: Tensor,
        spread: Tensor,
        keep: Tensor,
        guide_0: Tensor,
        guide_1: Tensor,
        guide_2: Tensor,
        guide_3: Tensor,
        guide_4: Tensor,
        guide_5: Tensor,
    ) -> Tensor:
        """Coefficients (B, K, 3), or their noise, from noisy ones; goal (B, 3) in metres, centre and spread (B, K, 3)
        those at the velocity of now, guides what `PathGuide` returned, the rest as in `GoalDenoiser`."""
        place = self.curves.places(noisy, centre, spread)
        there = look_up(scene_map, place) * keep[:, None, SCENE : SCENE + 1]
        wish = wished(goal, keep)
        known = [masked(keep, scene_code, observer_code, past_code), wish, self.level(level)]
        condition = self.condition(torch.cat(known, dim=-1))
        ahead = (goal.unsqueeze(1) - place) / HALF_SPAN * keep[:, None, GUIDE : GUIDE + 1]
        signal = torch.cat([self.curves.velocities(noisy), place / HALF_SPAN, ahead, there], dim=-1)
        local = self.unet(signal, condition, (guide_0, guide_1, guide_2, guide_3, guide_4, guide_5))
        direct = self.direct(torch.cat([noisy.flatten(1), condition], dim=-1))
        return self.recipe.prediction(self.curves.coefficients(local) + direct.reshape(noisy.shape), noisy, level)


class PoseGuide(nn.Module):
    """The path and its speed as what guides the body."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.condition = Condition(2 * CODE)
        self.unet = GuideUNet(6, CONDITION, width)
        self.activations = guide_shapes(width)
        """Name and shape of what it returns."""

    def forward(self, observer_code: Tensor, past_code: Tensor, path: Tensor, keep: Tensor) -> tuple[Tensor, ...]:
        """Six activations for `PoseDenoiser` from codes (B, 64), path (B, 56, 3) in metres and keep (B, 4)."""
        guide = places_and_speeds(path, keep)
        activations: tuple[Tensor, ...] = self.unet(guide, self.condition(bodily(keep, observer_code, past_code)))
        return activations


class PoseDenoiser(nn.Module):
    """How does its body move along the path? Predicts the change of the pose since now."""

    def __init__(self, normalisation: Normalisation, width: int) -> None:
        super().__init__()
        size = normalisation.pose_mean.shape[1]
        self.level = LevelEmbedding()
        self.condition = Condition(2 * CODE + CODE)
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
        guide_1: Tensor,
        guide_2: Tensor,
        guide_3: Tensor,
        guide_4: Tensor,
        guide_5: Tensor,
    ) -> Tensor:
        """Poses (B, 56, D), or their noise, from noisy ones; current (B, D) the pose now, guides what `PoseGuide`
        returned."""
        codes = bodily(keep, observer_code, past_code)
        condition = self.condition(torch.cat([codes, self.level(level)], dim=-1))
        signal = torch.cat([noisy, current.unsqueeze(1).expand(-1, FUTURE, -1)], dim=-1)
        # Not preconditioned: given the path a pose is nearly certain, and copied noise would show as trembling.
        return self.unet(signal, condition, (guide_0, guide_1, guide_2, guide_3, guide_4, guide_5))
