"""The three denoisers of ATS, goal -> path -> pose, with the encoders they share.

Every network predicts the clean signal from a noisy one, a noise level, the codes of the conditions, and `keep`, four
switches (scene, observer, past, guide) that hide a condition by multiplying it with zero. Each submodule's `forward` is
one exported graph: the argument names are the graph's input names.
"""

import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from ats_sim.models.control_unet import ControlUNet
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
        self.path = PathDenoiser(normalisation, path_width, dropout)
        self.pose = PoseDenoiser(normalisation, pose_width)


class GoalDenoiser(nn.Module):
    """Where will it be in 5.6 s? A residual MLP that looks the scene up at the place it considers."""

    mean: Tensor
    std: Tensor

    def __init__(self, normalisation: Normalisation, dropout: float = 0.0, width: int = 192) -> None:
        super().__init__()
        self.register_buffer("mean", _tensor(normalisation.goal_mean))
        self.register_buffer("std", _tensor(normalisation.goal_std))
        self.level = _LevelEmbedding()
        self.net = _ResidualMLP(3 + 3 + MAP_CHANNELS + 3 * CODE + CODE, 3, width, dropout)

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
        self.condition = _Condition(3 * CODE + 3)
        self.unet = ControlUNet(6 + MAP_CHANNELS, 6, 3, CONDITION, width)
        self.direct = _ResidualMLP(3 * size + CONDITION, 3 * size, 192, dropout)

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
    ) -> Tensor:
        """Clean coefficients (B, K, 3) from noisy ones; goal (B, 3) in metres, the rest as in `GoalDenoiser`."""
        place = self.basis @ (noisy * self.std + self.mean)
        there = look_up(scene_map, place) * keep[:, None, SCENE : SCENE + 1]
        guided = keep[:, GUIDE : GUIDE + 1]
        wish = goal / HALF_SPAN * guided
        condition = self.condition(
            torch.cat([_masked(keep, scene_code, observer_code, past_code), wish], dim=-1), level
        )
        signal = torch.cat([self.basis @ noisy, place / HALF_SPAN, there], dim=-1)
        ahead = (goal.unsqueeze(1) - place) / HALF_SPAN * guided.unsqueeze(1)
        guide = torch.cat([wish.unsqueeze(1).expand(-1, FUTURE, -1), ahead], dim=-1)
        local = self.basis.T @ self.unet(signal, guide, condition)
        direct = self.direct(torch.cat([noisy.flatten(1), condition], dim=-1))
        return precondition(local + direct.reshape(noisy.shape), noisy, level)


class PoseDenoiser(nn.Module):
    """How does its body move along the path? Predicts the change of the pose since now."""

    def __init__(self, normalisation: Normalisation, width: int) -> None:
        super().__init__()
        size = normalisation.pose_mean.shape[1]
        self.condition = _Condition(2 * CODE)
        self.unet = ControlUNet(2 * size, 6, size, CONDITION, width)

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        observer_code: Tensor,
        past_code: Tensor,
        path: Tensor,
        current: Tensor,
        keep: Tensor,
    ) -> Tensor:
        """Clean poses (B, 56, D) from noisy ones; path (B, 56, 3) in metres, current (B, D) the pose now."""
        codes = torch.cat(
            [
                observer_code * keep[:, OBSERVER : OBSERVER + 1],
                past_code * keep[:, PAST_SWITCH : PAST_SWITCH + 1],
            ],
            dim=-1,
        )
        condition = self.condition(codes, level)
        before = nn.functional.pad(path[:, :-1], (0, 0, 1, 0))
        guide = torch.cat([path / HALF_SPAN, (path - before) * HZ], dim=-1) * keep[:, None, GUIDE : GUIDE + 1]
        signal = torch.cat([noisy, current.unsqueeze(1).expand(-1, FUTURE, -1)], dim=-1)
        # Not preconditioned: given the path a pose is nearly certain, and copied noise would show as trembling.
        return self.unet(signal, guide, condition)


class _LevelEmbedding(nn.Module):
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
    """Codes and noise level as the one vector that modulates a U-Net."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.level = _LevelEmbedding()
        self.mix = nn.Sequential(nn.Linear(width + CODE, CONDITION), nn.SiLU(), nn.Linear(CONDITION, CONDITION))

    def forward(self, codes: Tensor, level: Tensor) -> Tensor:
        return nn.functional.silu(self.mix(torch.cat([codes, self.level(level)], dim=-1)))


class _ResidualMLP(nn.Module):
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
    return torch.cat([scene_code * keep[:, 0:1], observer_code * keep[:, 1:2], past_code * keep[:, 2:3]], dim=-1)


def _tensor(array: Array) -> Tensor:
    return torch.tensor(array, dtype=torch.float32)
