"""The three denoisers of ATS, goal -> path -> pose, with their guides and the encoders they share.

Every network predicts the clean signal from a noisy one, a noise level, the codes of the conditions, and `keep`, four
switches (scene, observer, past, guide) that hide a condition by multiplying it with zero. Each submodule's `forward` is
one exported graph: the argument names are the graph's input names.
"""

import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from ats_sim.models.control_unet import GuidedUNet, GuideUNet
from ats_sim.models.diffusion import precondition
from ats_sim.models.encoders import CODE, HALF_SPAN, MAP_CHANNELS, HistoryEncoder, SceneEncoder, look_up
from ats_sim.models.statistics import InputStatistics
from ats_sim.perception import FUTURE, HZ

CONDITION = 128
SCENE, OBSERVER, PAST_SWITCH, GUIDE = range(4)
FREQUENCIES = 8


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
    ) -> None:
        super().__init__()
        self.scene = SceneEncoder(_tensor(statistics.patch_mean), _tensor(statistics.patch_std), dropout)
        self.history = HistoryEncoder(_tensor(statistics.past_mean), _tensor(statistics.past_std), dropout)
        self.goal = GoalDenoiser(normalisation, dropout)
        self.path_guide = PathGuide(path_width)
        self.path = PathDenoiser(normalisation, path_width, dropout)
        self.pose_guide = PoseGuide(pose_width)
        self.pose = PoseDenoiser(normalisation, pose_width)


class GoalDenoiser(nn.Module):
    """Where will it be in 5.6 s? A residual MLP that looks the scene up at the place it considers."""

    mean: Tensor
    std: Tensor

    def __init__(self, normalisation: Normalisation, dropout: float = 0.0, width: int = 256) -> None:
        super().__init__()
        self.register_buffer("mean", _tensor(normalisation.goal_mean))
        self.register_buffer("std", _tensor(normalisation.goal_std))
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
        """Clean goals (B, 3) from noisy ones, both unit-sized; level (B, 1), codes (B, 64), keep (B, 4)."""
        place = noisy * self.std + self.mean
        there = look_up(scene_map, place.unsqueeze(1)).squeeze(1) * keep[:, SCENE : SCENE + 1]
        codes = _masked(keep, scene_code, observer_code, past_code)
        features = [noisy, place / HALF_SPAN, there, codes, self.level(level)]
        return precondition(self.net(torch.cat(features, dim=-1)), noisy, level)


class PathGuide(nn.Module):
    """The goal, and the straight line to it, as what guides the path."""

    line: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("line", torch.arange(1, FUTURE + 1).reshape(1, -1, 1) / FUTURE)
        self.condition = _Condition(3 * CODE + 3)
        self.unet = GuideUNet(6, CONDITION, width)

    def forward(
        self, scene_code: Tensor, observer_code: Tensor, past_code: Tensor, goal: Tensor, keep: Tensor
    ) -> tuple[Tensor, ...]:
        """Six activations for `PathDenoiser` from codes (B, 64), goal (B, 3) in metres and keep (B, 4)."""
        wish = _wish(goal, keep)
        condition = self.condition(torch.cat([_masked(keep, scene_code, observer_code, past_code), wish], dim=-1))
        constant = wish.unsqueeze(1).expand(-1, FUTURE, -1)
        activations: tuple[Tensor, ...] = self.unet(torch.cat([constant, constant * self.line], dim=-1), condition)
        return activations


class PathDenoiser(nn.Module):
    """How does it get there? Works on coefficients of smooth curves, and looks the scene up along the noisy path."""

    basis: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, normalisation: Normalisation, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("basis", _tensor(normalisation.path_basis))
        self.register_buffer("mean", _tensor(normalisation.path_mean))
        self.register_buffer("std", _tensor(normalisation.path_std))
        size = normalisation.path_basis.shape[1]
        self.level = LevelEmbedding()
        self.condition = _Condition(3 * CODE + 3 + CODE)
        self.unet = GuidedUNet(9 + MAP_CHANNELS, 3, CONDITION, width)
        self.direct = ResidualMLP(3 * size + CONDITION, 3 * size, 256, dropout)

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        scene_code: Tensor,
        scene_map: Tensor,
        observer_code: Tensor,
        past_code: Tensor,
        goal: Tensor,
        keep: Tensor,
        guide_0: Tensor,
        guide_1: Tensor,
        guide_2: Tensor,
        guide_3: Tensor,
        guide_4: Tensor,
        guide_5: Tensor,
    ) -> Tensor:
        """Clean coefficients (B, K, 3) from noisy ones; goal (B, 3) in metres, guides are what `PathGuide` returned,
        the rest as in `GoalDenoiser`."""
        place = self.basis @ (noisy * self.std + self.mean)
        there = look_up(scene_map, place) * keep[:, None, SCENE : SCENE + 1]
        wish = _wish(goal, keep)
        known = [_masked(keep, scene_code, observer_code, past_code), wish, self.level(level)]
        condition = self.condition(torch.cat(known, dim=-1))
        ahead = (goal.unsqueeze(1) - place) / HALF_SPAN * keep[:, None, GUIDE : GUIDE + 1]
        signal = torch.cat([self.basis @ noisy, place / HALF_SPAN, ahead, there], dim=-1)
        local = self.basis.T @ self.unet(signal, condition, (guide_0, guide_1, guide_2, guide_3, guide_4, guide_5))
        direct = self.direct(torch.cat([noisy.flatten(1), condition], dim=-1))
        return precondition(local + direct.reshape(noisy.shape), noisy, level)


class PoseGuide(nn.Module):
    """The path and its speed as what guides the body."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.condition = _Condition(2 * CODE)
        self.unet = GuideUNet(6, CONDITION, width)

    def forward(self, observer_code: Tensor, past_code: Tensor, path: Tensor, keep: Tensor) -> tuple[Tensor, ...]:
        """Six activations for `PoseDenoiser` from codes (B, 64), path (B, 56, 3) in metres and keep (B, 4)."""
        before = nn.functional.pad(path[:, :-1], (0, 0, 1, 0))
        guide = torch.cat([path / HALF_SPAN, (path - before) * HZ], dim=-1) * keep[:, None, GUIDE : GUIDE + 1]
        activations: tuple[Tensor, ...] = self.unet(guide, self.condition(_bodily(keep, observer_code, past_code)))
        return activations


class PoseDenoiser(nn.Module):
    """How does its body move along the path? Predicts the change of the pose since now."""

    def __init__(self, normalisation: Normalisation, width: int) -> None:
        super().__init__()
        size = normalisation.pose_mean.shape[1]
        self.level = LevelEmbedding()
        self.condition = _Condition(2 * CODE + CODE)
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
        """Clean poses (B, 56, D) from noisy ones; current (B, D) the pose now, guides what `PoseGuide` returned."""
        codes = _bodily(keep, observer_code, past_code)
        condition = self.condition(torch.cat([codes, self.level(level)], dim=-1))
        signal = torch.cat([noisy, current.unsqueeze(1).expand(-1, FUTURE, -1)], dim=-1)
        # Not preconditioned: given the path a pose is nearly certain, and copied noise would show as trembling.
        return self.unet(signal, condition, (guide_0, guide_1, guide_2, guide_3, guide_4, guide_5))


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


class _Condition(nn.Module):
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


def _masked(keep: Tensor, scene_code: Tensor, observer_code: Tensor, past_code: Tensor) -> Tensor:
    """The three codes side by side (B, 192), the hidden ones zero."""
    return torch.cat([scene_code * keep[:, SCENE : SCENE + 1], _bodily(keep, observer_code, past_code)], dim=-1)


def _bodily(keep: Tensor, observer_code: Tensor, past_code: Tensor) -> Tensor:
    """The two codes that a body's motion depends on side by side (B, 128), the hidden ones zero."""
    seen, remembered = keep[:, OBSERVER : OBSERVER + 1], keep[:, PAST_SWITCH : PAST_SWITCH + 1]
    return torch.cat([observer_code * seen, past_code * remembered], dim=-1)


def _wish(goal: Tensor, keep: Tensor) -> Tensor:
    """Goals (B, 3) in half patches, zero where hidden."""
    return goal / HALF_SPAN * keep[:, GUIDE : GUIDE + 1]


def _tensor(array: Array) -> Tensor:
    return torch.tensor(array, dtype=torch.float32)
