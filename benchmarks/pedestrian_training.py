"""Training on pedestrians: the product's losses, in worlds mirrored and stretched at random."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from ats_sim.models.diffusion import clean_loss, corrupt, draw_levels
from ats_sim.models.learner import learning_rate
from benchmarks.pedestrian_nets import Guesses, Known, Sampler, fitted, signals
from benchmarks.pedestrian_tracks import Windows

Given = tuple[Tensor, Tensor, Tensor]
ALL_HEADS = 0.05
"""Weight of the mean over all guesses beside the best: no guess is left where nobody goes."""
MIDDLE = (0.6, 0.185, 0.0)
"""Learned starts are that noisy, and come clean in two calls."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B windows, mirrored and stretched."""

    rows: Array
    """(B,) which they are."""
    by: Array
    """(B, 1, 2) what their coordinates were multiplied with."""
    windows: Windows
    clean: Tensor
    """(B, 6, 2) what is to be drawn."""
    given: Given
    """What may be known."""


Loss = Callable[[Batch], Tensor]


@dataclass(frozen=True)
class Effort:
    """How long is trained, and on how much at a time."""

    steps: int
    batch: int = 512
    rate: float = 2e-3
    stretch: float = 0.25
    """Worlds are larger or smaller by this share: one recording's clock is known to run too fast."""
    average: float = 0.998
    """Of the weights."""


def optimise(
    net: nn.Module,
    loss: Loss,
    windows: Windows,
    normalisation: Normalisation,
    effort: Effort,
    seed: int,
    weights: Array | None = None,
) -> None:
    """Train a network in place, and leave the moving average of its weights in it; windows are drawn by `weights`."""
    rng = np.random.default_rng([seed, 1])
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=effort.rate, weight_decay=1e-2)
    average = [value.detach().clone() for value in net.parameters()]
    net.train()
    for step in range(effort.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, effort.steps, effort.rate)
        batch = make_batch(windows, rng.choice(len(windows), effort.batch, p=weights), normalisation, effort, rng)
        optimiser.zero_grad(set_to_none=True)
        loss(batch).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(net.parameters()), 1.0 - min(effort.average, (1 + step) / (10 + step)))
    with torch.no_grad():
        for value, mean in zip(net.parameters(), average, strict=True):
            value.copy_(mean)
    net.eval()


def make_batch(
    windows: Windows, rows: Array, normalisation: Normalisation, effort: Effort, rng: np.random.Generator
) -> Batch:
    """Some windows, half of them in a left-handed world, all of them larger or smaller by some."""
    size = np.exp(effort.stretch * rng.standard_normal(len(rows)))
    by = np.stack([size, size * np.where(rng.random(len(rows)) < 0.5, -1.0, 1.0)], -1)[:, None]
    some = windows.select(rows)
    some = Windows(some.seen * by, some.hidden * by, some.others * np.concatenate([by, by], -1), some.present)
    clean = normalisation.encode("path", signals(some), np.zeros(0)).astype(np.float32)
    return Batch(rows, by, some, torch.from_numpy(clean), Known.of(some).tensors())


def trained_sampler(
    windows: Windows, effort: Effort, seed: int, *, others: bool = True, dropout: float = 0.1
) -> tuple[Sampler, Normalisation]:
    """The product's losses, of coefficients and of places."""
    normalisation, rng = fitted(signals(windows)), np.random.default_rng([seed, 2])
    torch.manual_seed(seed)
    net = Sampler(others, dropout=dropout)

    def loss(batch: Batch) -> Tensor:
        noisy, level = noised(batch.clean, rng)
        return path_loss(net(noisy, level[:, None], net.encoder(*batch.given)), batch.clean, level, normalisation)

    optimise(net, loss, windows, normalisation, effort, seed)
    return net, normalisation


def trained_guesses(
    windows: Windows, normalisation: Normalisation, effort: Effort, seed: int, *, dropout: float = 0.1
) -> Guesses:
    """Winner takes all."""
    torch.manual_seed(seed)
    net = Guesses(dropout=dropout)

    def loss(batch: Batch) -> Tensor:
        return best_loss(net(*batch.given), batch.clean, normalisation)

    optimise(net, loss, windows, normalisation, effort, seed)
    return net


def trained_starts(
    sampler: Sampler, guesses: Guesses, windows: Windows, normalisation: Normalisation, effort: Effort, seed: int
) -> Guesses:
    """Twenty places to start from in the middle of the noise: they begin as guesses and learn, through a sampler that
    stays as it is, where to start so that the best of what is drawn comes nearest (after the leapfrog of Mao et al.
    2023)."""
    sampler, starts = deepcopy(sampler).requires_grad_(False), deepcopy(guesses)

    def loss(batch: Batch) -> Tensor:
        paths = sampler.draw((1.0 - MIDDLE[0]) * starts(*batch.given), sampler.encoder(*batch.given), MIDDLE)
        return best_loss(paths, batch.clean, normalisation)

    optimise(starts, loss, windows, normalisation, effort, seed)
    return starts


def noised(clean: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Signals (B, 6, 2) on their way to noise, and how far (B,)."""
    level = torch.from_numpy(draw_levels(rng, len(clean)))
    return corrupt(clean, torch.from_numpy(rng.standard_normal(clean.shape, np.float32)), level), level


def path_loss(predicted: Tensor, clean: Tensor, level: Tensor, normalisation: Normalisation) -> Tensor:
    """The product's, of coefficients and of places."""
    return clean_loss(predicted, clean, level) + (drawn(predicted - clean, normalisation) ** 2).mean()


def best_loss(guesses: Tensor, clean: Tensor, normalisation: Normalisation) -> Tensor:
    """Mean distance of the best of guesses (B, K, 6, 2), taken as wholes, and a little of all."""
    errors = drawn(guesses - clean[:, None], normalisation).norm(dim=-1).mean(-1)
    return errors.amin(1).mean() + ALL_HEADS * errors.mean()


def drawn(coefficients: Tensor, normalisation: Normalisation) -> Tensor:
    """Differences of coefficients (..., 6, 2) as differences of places (..., 12, 2), in the spread of ways."""
    basis, std = single(normalisation.path_basis), single(normalisation.path_std)
    scale = torch.sqrt((std**2).sum() / basis.shape[0] / 2.0)
    return basis @ (coefficients * std) / scale


def single(array: Array) -> Tensor:
    """A tensor of single precision."""
    return torch.tensor(array, dtype=torch.float32)
