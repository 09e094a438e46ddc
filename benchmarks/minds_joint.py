"""One network that draws path and body together, in one stage and without a goal, as MDM draws motion: only there to be
beaten (the paper's "hierarchical -> 1-stage")."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation, denoise, falling_levels
from ats_sim.models.batches import Batch
from ats_sim.models.conditions import CONDITION, SCENE, Condition, LevelEmbedding, masked, tensor_of
from ats_sim.models.control_unet import GuidedUNet
from ats_sim.models.diffusion import clean_loss, corrupt, precondition
from ats_sim.models.encoders import CODE, HALF_SPAN, MAP_CHANNELS, HistoryEncoder, SceneEncoder, look_up
from ats_sim.models.statistics import PATH_FLOOR, InputStatistics
from ats_sim.perception import FUTURE, Perception, pack_motion, unpack_motion
from benchmarks.minds_futures import Case, Futures
from benchmarks.minds_truth import Likeness

WIDTH = 88
"""Channels of its finest level: as many parameters as ours has in path, body and their guides together."""
LEVELS = falling_levels(5, 1.7)
"""Of its few calls; our goal and path take as many each."""


class JointDenoiser(nn.Module):
    """Scene, observer and past to 5.6 s of motion: position, and change of the pose since now, frame by frame."""

    mean: Tensor
    std: Tensor

    def __init__(self, paths: Array, normalisation: Normalisation, statistics: InputStatistics, dropout: float) -> None:
        """Paths (W, 56, 3), ego frame, are those of training; poses are made unit-sized as ours are."""
        super().__init__()
        spread = np.maximum(paths.std(0), PATH_FLOOR)
        self.register_buffer("mean", tensor_of(np.concatenate([paths.mean(0), normalisation.pose_mean], axis=-1)))
        self.register_buffer("std", tensor_of(np.concatenate([spread, normalisation.pose_std], axis=-1)))
        size = self.mean.shape[-1]
        self.scene = SceneEncoder(tensor_of(statistics.patch_mean), tensor_of(statistics.patch_std), dropout)
        self.history = HistoryEncoder(tensor_of(statistics.past_mean), tensor_of(statistics.past_std), dropout)
        self.level = LevelEmbedding()
        self.condition = Condition(3 * CODE + CODE)
        self.unet = GuidedUNet(2 * size + MAP_CHANNELS, size, CONDITION, WIDTH)

    def forward(
        self,
        noisy: Tensor,
        level: Tensor,
        scene_code: Tensor,
        scene_map: Tensor,
        observer_code: Tensor,
        past_code: Tensor,
        current: Tensor,
        keep: Tensor,
    ) -> Tensor:
        """Clean motion (B, 56, D) from noisy motion, unit-sized; level (B, 1), current (B, D - 3) the pose now."""
        place = (noisy * self.std + self.mean)[..., :3]
        there = look_up(scene_map, place) * keep[:, None, SCENE : SCENE + 1]
        codes = masked(keep, scene_code, observer_code, past_code)
        condition = self.condition(torch.cat([codes, self.level(level)], dim=-1))
        signal = torch.cat([noisy, current.unsqueeze(1).expand(-1, FUTURE, -1), place / HALF_SPAN, there], dim=-1)
        return precondition(self.unet(signal, condition, None), noisy, level)

    def loss(self, batch: Batch) -> Tensor:
        """Squared error of the clean motion, poses out of sight left out."""
        given = {name: torch.from_numpy(value) for name, value in batch.inputs.items()}
        past, level = given["past"], torch.from_numpy(batch.level["pose"])
        path = (given["path"] - self.mean[:, :3]) / self.std[:, :3]
        clean = torch.cat([path, torch.from_numpy(batch.clean["pose"])], dim=-1)
        noisy = corrupt(clean, torch.randn_like(clean), level)
        codes = (*self.scene(given["scene_patch"]), *self.history(given["observer_past"], past))
        predicted = self(noisy, level[:, None], *codes, given["current"], given["keep"])
        # Out of sight the path is likely, the pose unknown.
        known = torch.ones_like(clean)
        known[..., 3:] = torch.from_numpy(batch.seen)[..., None]
        return clean_loss(predicted * known, clean * known, level)


class JointPredictor:
    """Draws from a trained `JointDenoiser`; goal and path cannot be given to it."""

    def __init__(self, networks: JointDenoiser, likeness: Likeness) -> None:
        self._networks, self._likeness = networks.eval(), likeness

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        """See `Predictor`."""
        if goal is not None or path is not None:
            return None
        start = np.random.default_rng(seed).standard_normal((count, *self._networks.mean.shape), np.float32)
        with torch.no_grad():
            motion = self._motion(case.perception, start)
        places, rotations, joints = unpack_motion(motion)
        T = case.perception.T_world_ego
        paths = places @ T[:3, :3].T + T[:3, 3]
        turns = self._likeness.roots(T[:3, :3] @ rotations)
        return Futures(paths[:, -1], paths, turns, self._likeness.limbs(joints))

    def _motion(self, known: Perception, start: Array) -> Array:
        """Packed motion (N, 56, D), ego frame."""
        networks, count = self._networks, len(start)
        past = tensor_of(pack_motion(known.past_path, known.past_rotations, known.past_joints))[None]
        codes = (
            *networks.scene(tensor_of(known.scene_patch)[None]),
            *networks.history(tensor_of(known.observer_past)[None], past),
        )
        rows = [code.expand(count, *code.shape[1:]) for code in codes]
        current, keep = past[:, -1, 3:].expand(count, -1), torch.ones(count, 4)

        def clean(x: Array, level: float) -> Array:
            return networks(torch.from_numpy(x), torch.full((count, 1), level), *rows, current, keep).numpy()

        motion = torch.from_numpy(denoise(clean, start, LEVELS)) * networks.std + networks.mean
        motion[..., 3:] += current.unsqueeze(1)
        return motion.numpy()
