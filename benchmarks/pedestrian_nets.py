"""What draws pedestrians' paths: the product's path diffusion in two dimensions, and twenty fixed guesses beside it.

Both read a walker's eight places and a set of others in the walker's own frame, and speak in coefficients of the
product's smooth curves. The sampler is made as the policy's stages are - clean prediction, preconditioned, drawn by
`ats_sim.denoising.denoise` - of the same parts.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation, denoise, path_basis
from ats_sim.models.conditions import LevelEmbedding, ResidualMLP
from ats_sim.models.diffusion import precondition
from ats_sim.models.encoders import CODE
from benchmarks.pedestrian_tracks import HIDDEN, SEEN, Frames, Windows

COEFFICIENTS = 6
"""Curves per axis; they draw the twelve places to a centimetre."""
SIZE = 2 * COEFFICIENTS
HEADS = 20
OWN = 2 * SEEN + 2 * (SEEN - 1)
OTHER = 6
STILL = 0.6
"""Metres that count as the least way of 4.8 s when lengths are taken relative to the walker's pace."""


@dataclass(frozen=True, eq=False)
class Known:
    """What a model may know of N windows, in each walker's frame; float32."""

    own: Array
    """(N, 30) places and steps over the expected way, and its logarithm in the place of the last coordinate's zero."""
    others: Array
    """(N, 12, 6) place, last step, both in metres; nearness and pace."""
    present: Array
    """(N, 12, 1)."""

    def tensors(self, rows: slice = slice(None)) -> tuple[Tensor, Tensor, Tensor]:
        """What the encoder takes."""
        own, others, present = (torch.from_numpy(a[rows]) for a in (self.own, self.others, self.present))
        return own, others, present

    @classmethod
    def of(cls, windows: Windows) -> "Known":
        """From what was seen."""
        seen, others, present = windows.seen, windows.others, windows.present
        frames, way = Frames.of(seen), expected_way(seen)[:, None, None]
        places = frames.enter(seen) / way
        steps = np.diff(places, axis=1) * HIDDEN
        own = np.concatenate([places.reshape(len(seen), -1), steps.reshape(len(seen), -1)], axis=1)
        own[:, 2 * SEEN - 1] = np.log(way[:, 0, 0])
        place, step = frames.enter(others[..., :2]), frames.turned(others[..., 2:])
        near = np.exp(-np.linalg.norm(place, axis=-1, keepdims=True) / 2.0)
        closing = np.sum(place * step, axis=-1, keepdims=True) / (1.0 + np.sum(place**2, axis=-1, keepdims=True))
        them = np.concatenate([place / 4.0, step * 2.0, near, closing], axis=-1)
        return cls(*(a.astype(np.float32) for a in (own, them * present[..., None], present[..., None])))


def expected_way(seen: Array) -> Array:
    """How far (N,) the walker would come in 4.8 s at its pace of the last 2.8 s, metres, and a little if it stood."""
    pace = np.linalg.norm(np.diff(seen, axis=1), axis=-1).mean(1)
    return np.sqrt((HIDDEN * pace) ** 2 + STILL**2)


def signals(windows: Windows) -> Array:
    """Hidden places (N, 12, 2) in the walker's frame, over the expected way."""
    return Frames.of(windows.seen).enter(windows.hidden) / expected_way(windows.seen)[:, None, None]


def places(relative: Array, seen: Array) -> Array:
    """Undo `signals` for K paths each (N, K, 12, 2)."""
    return Frames.of(seen).leave(relative * expected_way(seen)[:, None, None, None])


def fitted(relative: Array) -> Normalisation:
    """Curves and spreads of relative paths (N, 12, 2) of the training windows."""
    basis = path_basis(HIDDEN, COEFFICIENTS)
    coefficients = basis.T @ relative
    none = np.zeros((HIDDEN, 0))
    return Normalisation(
        goal_mean=relative[:, -1].mean(0),
        goal_std=relative[:, -1].std(0),
        path_basis=basis,
        path_mean=coefficients.mean(0),
        path_std=coefficients.std(0),
        pose_mean=none,
        pose_std=none,
    )


class Encoder(nn.Module):
    """The walker's own past and a set of others, as a code (B, 128): each of the others is seen by the same layers in
    the light of the own past, and what any of them says most loudly counts."""

    def __init__(self, others: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.own = nn.Sequential(
            nn.Linear(OWN, 128), nn.SiLU(), nn.Dropout(dropout), nn.Linear(128, CODE), nn.LayerNorm(CODE)
        )
        self.each = nn.Sequential(nn.Linear(OTHER + CODE, 128), nn.SiLU(), nn.Linear(128, CODE))
        self.others = others

    def forward(self, own: Tensor, others: Tensor, present: Tensor) -> Tensor:
        code: Tensor = self.own(own)
        if not self.others:
            return torch.cat([code, torch.zeros_like(code)], dim=-1)
        pairs = torch.cat([others, code.unsqueeze(1).expand(-1, others.shape[1], -1)], dim=-1)
        said = torch.relu(self.each(pairs)) * present
        return torch.cat([code, said.amax(1)], dim=-1)


class Sampler(nn.Module):
    """Predicts clean coefficients (B, 6, 2) from noisy ones."""

    def __init__(self, others: bool = True, width: int = 256, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = Encoder(others, dropout)
        self.level = LevelEmbedding()
        self.net = ResidualMLP(SIZE + 3 * CODE, SIZE, width, dropout)

    def forward(self, noisy: Tensor, level: Tensor, code: Tensor) -> Tensor:
        """Level (B, 1), code (B, 128) from the encoder."""
        raw = self.net(torch.cat([noisy.flatten(1), code, self.level(level)], dim=-1))
        return precondition(raw, noisy.flatten(1), level).reshape(noisy.shape)

    def draw(self, start: Tensor, code: Tensor, levels: tuple[float, ...]) -> Tensor:
        """Walk K starts each (B, K, 6, 2), noisy by `levels[0]`, to clean signals with the product's loop: all it asks
        of its arrays is arithmetic, so that gradients find their way back to the starts."""
        codes = code.repeat_interleave(start.shape[1], 0)

        def denoiser(noisy: Tensor, level: float) -> Tensor:
            return cast(Tensor, self(noisy, torch.full((len(noisy), 1), level), codes))

        clean = cast(Any, denoise)(denoiser, start.flatten(0, 1), levels)
        return cast(Tensor, clean).reshape(start.shape)


class Guesses(nn.Module):
    """Twenty guesses at once (B, 20, 6, 2), of which training rewards the best: winner takes all."""

    def __init__(self, others: bool = True, width: int = 256, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = Encoder(others, dropout)
        self.net = ResidualMLP(2 * CODE, HEADS * SIZE, width, dropout)
        nn.init.normal_(self.net.leave.bias, std=0.5)

    def forward(self, own: Tensor, others: Tensor, present: Tensor) -> Tensor:
        """From what is known."""
        heads: Tensor = self.net(self.encoder(own, others, present))
        return heads.reshape(-1, HEADS, COEFFICIENTS, 2)
