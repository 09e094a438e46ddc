"""Training on pedestrians, a fold at a time: the losses are the product's, the pictures are mirrored and stretched."""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from ats_sim.models.diffusion import clean_loss, corrupt, draw_levels
from ats_sim.models.learner import learning_rate
from benchmarks.pedestrian_nets import Guesses, Known, Sampler, fitted, signals
from benchmarks.pedestrian_tracks import Windows

Net = TypeVar("Net", Sampler, Guesses)
BATCH, RATE, DECAY, EMA = 512, 2e-3, 1e-2, 0.998
ALL_HEADS = 0.05
"""Weight of the mean over all guesses beside the best: no guess is left where nobody goes."""


def augmented(windows: Windows, rng: np.random.Generator, stretch: float = 0.25) -> Windows:
    """The same windows in a left-handed world for half of them, larger or smaller by some."""
    flip = np.where(rng.random(len(windows)) < 0.5, -1.0, 1.0)
    size = np.exp(stretch * rng.standard_normal(len(windows)))
    by = np.stack([size, size * flip], -1)[:, None]
    others = windows.others * np.concatenate([by, by], -1)
    return Windows(windows.seen * by, windows.hidden * by, others, windows.present)


def tensors(known: Known, rows: Array | slice = slice(None)) -> tuple[Tensor, Tensor, Tensor]:
    """What the encoder takes."""
    own, others, present = (torch.from_numpy(a[rows]) for a in (known.own, known.others, known.present))
    return own, others, present


def trained(
    net: Net, windows: Windows, steps: int, seed: int, stretch: float = 0.25
) -> tuple[Net, Normalisation]:
    """Train, and put the moving average of the weights in."""
    rng = np.random.default_rng([seed, 1])
    torch.manual_seed(seed)
    normalisation = fitted(signals(windows))
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    average = [value.detach().clone() for value in net.parameters()]
    loss = guess_loss if isinstance(net, Guesses) else sampler_loss
    net.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, RATE)
        batch = augmented(windows.select(rng.integers(len(windows), size=BATCH)), rng, stretch)
        clean = torch.from_numpy(normalisation.encode("path", signals(batch), np.zeros(0)).astype(np.float32))
        code = net.encoder(*tensors(Known.of(batch.seen, batch.others, batch.present)))
        optimiser.zero_grad(set_to_none=True)
        value = loss(net, clean, code, normalisation, rng)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(net.parameters()), 1.0 - min(EMA, (1 + step) / (10 + step)))
    with torch.no_grad():
        for value, mean in zip(net.parameters(), average, strict=True):
            value.copy_(mean)
    return net.eval(), normalisation



def sampler_loss(
    net: Sampler, clean: Tensor, code: Tensor, normalisation: Normalisation, rng: np.random.Generator
) -> Tensor:
    """The product's, of coefficients and of places."""
    level = torch.from_numpy(draw_levels(rng, len(clean)))
    noise = torch.from_numpy(rng.standard_normal(clean.shape, np.float32))
    predicted = net(corrupt(clean, noise, level), level[:, None], code)
    return clean_loss(predicted, clean, level) + (drawn(predicted - clean, normalisation) ** 2).mean()


def guess_loss(
    net: Guesses, clean: Tensor, code: Tensor, normalisation: Normalisation, rng: np.random.Generator
) -> Tensor:
    """Mean distance of the best guess, and a little of all."""
    errors = drawn(net(code) - clean[:, None], normalisation).norm(dim=-1).mean(-1)
    return errors.amin(1).mean() + ALL_HEADS * errors.mean()


def drawn(coefficients: Tensor, normalisation: Normalisation) -> Tensor:
    """Differences of coefficients (..., 6, 2) as differences of places (..., 12, 2), in the spread of ways."""
    basis, std = (torch.tensor(a, dtype=torch.float32) for a in (normalisation.path_basis, normalisation.path_std))
    scale = torch.sqrt((std**2).sum() / basis.shape[0] / 2.0)
    return basis @ (coefficients * std) / scale
