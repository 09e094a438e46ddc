"""A sampler that sees the map: around the walker, and along each path it considers, as the policy's does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation, denoise
from ats_sim.models.conditions import LevelEmbedding, ResidualMLP
from ats_sim.models.diffusion import precondition
from ats_sim.models.encoders import CODE
from benchmarks.pedestrian_maps import FAR, DistanceField
from benchmarks.pedestrian_nets import SIZE, Encoder, Known, expected_way, fitted, places, signals
from benchmarks.pedestrian_tracks import HIDDEN, Frames, Windows
from benchmarks.pedestrian_training import Batch, Effort, noised, optimise, path_loss

AHEAD, BESIDE = np.linspace(-0.25, 1.5, 9), np.linspace(-0.75, 0.75, 9)
AROUND = np.stack(np.meshgrid(AHEAD, BESIDE, indexing="ij"), -1).reshape(-1, 2)
"""Where the walker looks, relative to its expected way."""
SPOT = 3
HIDE = 0.25
MAPPED_SHARE = 0.6
"""Of a batch comes from places with a map."""
GUARD = 0.3
"""Metres that guidance keeps from obstacles."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The obstacles around N walkers, whose worlds may be mirrored and stretched."""

    fields: Sequence[DistanceField]
    which: Array
    """(N,) which field; -1 where there is no map."""
    seen: Array
    """(N, 8, 2)."""
    by: Array
    """(N, 1, 2) what was multiplied with."""

    @classmethod
    def of(cls, windows: Windows, field: DistanceField) -> Self:
        """One place as it is."""
        return cls([field], np.zeros(len(windows), int), windows.seen, np.ones((len(windows), 1, 2)))

    def distances(self, relative: Array) -> Array:
        """Metres to obstacles (N, P) at relative places (N, P, 2) in the walkers' frames."""
        world, distance = self._world(relative), np.full(relative.shape[:2], FAR)
        for number, field in enumerate(self.fields):
            here = self.which == number
            distance[here] = field.look_up(world[here])
        return distance * np.abs(self.by[..., 0])

    def away(self, relative: Array) -> Array:
        """Unit steps (N, P, 2) off the nearest obstacle, in the walkers' frames; 0 where there is no map."""
        world, away = self._world(relative), np.zeros(relative.shape)
        for number, field in enumerate(self.fields):
            here = self.which == number
            away[here] = field.away(world[here])
        return Frames.of(self.seen).turned(away * np.sign(self.by))

    def _world(self, relative: Array) -> Array:
        return places(relative[:, None], self.seen)[:, 0] / self.by

    def spots(self, relative: Array) -> Tensor:
        """What is seen at places (N, P, 2): (N, 3 P)."""
        distance = self.distances(relative)[..., None]
        near = np.exp(-np.clip(distance, 0.0, FAR)) * (distance < FAR)
        seen = np.concatenate([np.clip(distance, -1.0, FAR) / FAR - 1.0, self.away(relative) * near], -1)
        return torch.from_numpy(seen.reshape(len(seen), -1).astype(np.float32))

    def around(self) -> Tensor:
        """What is seen around (N, 81)."""
        distance = self.distances(np.broadcast_to(AROUND, (len(self.seen), *AROUND.shape)))
        return torch.from_numpy((np.clip(distance, -1.0, FAR) / FAR - 1.0).astype(np.float32))

    def repeated(self, count: int) -> "Ground":
        """Each walker so many times."""
        which, seen, by = (a.repeat(count, 0) for a in (self.which, self.seen, self.by))
        return Ground(self.fields, which, seen, by)


class MapSampler(nn.Module):
    """The sampler of paths with a map beside what it knows; `keep` (B, 1) hides the map by multiplying it with zero."""

    def __init__(self, normalisation: Normalisation, width: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.normalisation = normalisation
        self.encoder = Encoder(dropout=dropout)
        self.level = LevelEmbedding()
        self.around = nn.Sequential(nn.Linear(len(AROUND), CODE), nn.SiLU(), nn.Dropout(dropout))
        self.net = ResidualMLP(SIZE + 4 * CODE + SPOT * HIDDEN, SIZE, width, dropout)

    def encode(self, known: tuple[Tensor, Tensor, Tensor], ground: Ground, keep: Tensor) -> Tensor:
        """All that does not change from call to call (B, 192)."""
        return torch.cat([self.encoder(*known), self.around(ground.around()) * keep], dim=-1)

    def forward(self, noisy: Tensor, level: Tensor, code: Tensor, ground: Ground, keep: Tensor) -> Tensor:
        """Clean coefficients (B, 6, 2), with a look at the map where the noisy ones lead."""
        leads = self.normalisation.decode("path", noisy.double().numpy(), np.zeros(0))
        features = [noisy.flatten(1), code, self.level(level), ground.spots(leads) * keep]
        return precondition(self.net(torch.cat(features, dim=-1)), noisy.flatten(1), level).reshape(noisy.shape)

    def draw(
        self, windows: Windows, ground: Ground, noise: Array, levels: tuple[float, ...], *, seeing: bool, guided: bool
    ) -> Array:
        """Paths (N, K, 12, 2) from noise (N, K, 6, 2), with the map or without; guided, each clean prediction is moved
        off obstacles before the loop goes on."""
        count = noise.shape[1]
        here = ground.repeated(count)
        keep = torch.full((len(here.seen), 1), float(seeing))

        def denoiser(noisy: Array, level: float) -> Array:
            signal = torch.from_numpy(noisy.astype(np.float32))
            clean = self(signal, torch.full((len(signal), 1), level), codes, here, keep).numpy().astype(float)
            return self.moved_off(clean, here) if guided else clean

        with torch.inference_mode():
            code = self.encode(Known.of(windows).tensors(), ground, keep[::count])
            codes = code.repeat_interleave(count, 0)
            signal = cast(Any, denoise)(denoiser, noise.reshape(-1, *noise.shape[2:]), levels).reshape(noise.shape)
        return places(self.normalisation.decode("path", signal, np.zeros(0)), windows.seen)

    def moved_off(self, clean: Array, ground: Ground, times: int = 3) -> Array:
        """Signals (B, 6, 2) whose places keep `GUARD` from obstacles as far as the curves allow: down the slope of the
        squared trespass, which is known in closed form."""
        for _ in range(times):
            leads = self.normalisation.decode("path", clean, np.zeros(0))
            step = np.maximum(GUARD - ground.distances(leads), 0.0)[..., None] * ground.away(leads)
            step = step / expected_way(ground.seen)[:, None, None]
            clean = self.normalisation.encode("path", leads + step, np.zeros(0))
        return clean


def trained_on_maps(
    windows: Windows, which: Array, fields: Sequence[DistanceField], effort: Effort, seed: int
) -> MapSampler:
    """As the plain sampler is, from windows of which some have a map (`which` (N,), -1 for none)."""
    rng = np.random.default_rng([seed, 2])
    torch.manual_seed(seed)
    net = MapSampler(fitted(signals(windows)))
    mapped = which >= 0
    weights = np.where(mapped, MAPPED_SHARE / mapped.sum(), (1.0 - MAPPED_SHARE) / (~mapped).sum())

    def loss(batch: Batch) -> Tensor:
        ground = Ground(fields, which[batch.rows], batch.windows.seen, batch.by)
        keep = torch.from_numpy(mapped[batch.rows] & (rng.random(len(batch.rows)) >= HIDE)).float()[:, None]
        noisy, level = noised(batch.clean, rng)
        predicted = net(noisy, level[:, None], net.encode(batch.given, ground, keep), ground, keep)
        return path_loss(predicted, batch.clean, level, net.normalisation)

    optimise(net, loss, windows, net.normalisation, effort, seed, weights)
    return net
