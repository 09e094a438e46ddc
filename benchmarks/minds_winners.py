"""Sixteen guesses at once: heads of which only the nearest to what happened is taught (winner takes all). No body, no
chance, and by its loss nothing but the best of sixteen: only there to be beaten."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from ats_sim.geometry import transform_points
from ats_sim.models.batches import Batch
from ats_sim.models.conditions import ResidualMLP, masked, tensor_of
from ats_sim.models.encoders import CODE, HistoryEncoder, SceneEncoder
from ats_sim.models.statistics import InputStatistics
from ats_sim.perception import pack_motion
from benchmarks.minds_futures import Case, Futures

HEADS = 16
LOSERS = 0.05
"""Share of the loss that all heads bear alike: without it some never win, and so never learn."""


class Winners(nn.Module):
    """Codes of scene, observer and past to sixteen paths."""

    basis: Tensor
    mean: Tensor
    std: Tensor
    spread: Tensor

    def __init__(self, normalisation: Normalisation, statistics: InputStatistics, dropout: float) -> None:
        super().__init__()
        self.register_buffer("basis", tensor_of(normalisation.path_basis))
        self.register_buffer("mean", tensor_of(normalisation.path_mean))
        self.register_buffer("std", tensor_of(normalisation.path_std))
        self.scene = SceneEncoder(tensor_of(statistics.patch_mean), tensor_of(statistics.patch_std), dropout)
        self.history = HistoryEncoder(tensor_of(statistics.past_mean), tensor_of(statistics.past_std), dropout)
        self.heads = ResidualMLP(3 * CODE, HEADS * self.mean.numel(), 512, dropout)
        # Heads that start alike would stay alike.
        self.offsets = nn.Parameter(torch.randn(HEADS, *self.mean.shape))

    def forward(self, scene_patch: Tensor, observer_past: Tensor, past: Tensor, keep: Tensor) -> Tensor:
        """Paths (B, 16, 56, 3), metres, ego frame."""
        scene_code, _ = self.scene(scene_patch)
        codes = masked(keep, scene_code, *self.history(observer_past, past))
        raw = self.heads(codes).reshape(-1, HEADS, *self.mean.shape) + self.offsets
        return self.basis @ (raw * self.std + self.mean)

    def loss(self, batch: Batch) -> Tensor:
        """See `winner_loss`."""
        given = {name: torch.from_numpy(value) for name, value in batch.inputs.items()}
        paths = self(given["scene_patch"], given["observer_past"], given["past"], given["keep"])
        return winner_loss(paths, given["path"])


def winner_loss(paths: Tensor, truth: Tensor) -> Tensor:
    """Mean distance of the nearest of H paths (B, H, T, 3) to the true one (B, T, 3), and a little of all others'."""
    away = torch.sqrt(((paths - truth[:, None]) ** 2).sum(-1) + 1e-6).mean(-1)
    return (1.0 - LOSERS) * away.min(1).values.mean() + LOSERS * away.mean()


class WinnersPredictor:
    """The sixteen guesses, each as likely as the others; more than sixteen futures are the same again."""

    def __init__(self, networks: Winners) -> None:
        self._networks = networks.eval()

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        """See `Predictor`."""
        if goal is not None or path is not None:
            return None
        known = case.perception
        past = pack_motion(known.past_path, known.past_rotations, known.past_joints)
        seen = (tensor_of(value)[None] for value in (known.scene_patch, known.observer_past, past))
        with torch.no_grad():
            guesses = self._networks(*seen, torch.ones(1, 4))[0].numpy().astype(np.float64)
        paths = transform_points(known.T_world_ego, guesses)[np.arange(count) % HEADS]
        return Futures(paths[:, -1], paths)
