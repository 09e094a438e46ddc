"""Noising of clean signals for training; the loop that undoes it is `ats_sim.denoising.denoise`."""

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array

MAX_WEIGHT = 100.0


def draw_levels(rng: np.random.Generator, count: int) -> Array:
    """Noise levels (count,) in (0, 1] float32, evenly spread over the batch so that every step sees all of them."""
    levels = (np.arange(count) + rng.random(count)) / count
    return rng.permutation(1.0 - levels).astype(np.float32)


def corrupt(clean: Tensor, noise: Tensor, level: Tensor) -> Tensor:
    """Points (1 - s) x_0 + s n on the straight lines between clean signals and noise; level is (B,)."""
    s = level.reshape(-1, *([1] * (clean.dim() - 1)))
    return (1.0 - s) * clean + s * noise


def precondition(raw: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
    """The clean signal from a network's raw output: what unit-sized data would most likely be, plus a correction.

    Without it a network must first learn to copy its input at low noise, and until then ignores it: all samples of one
    future look alike (preconditioning after Karras et al. 2022, here for straight lines). Level is (B, 1).
    """
    s = level.reshape(-1, *([1] * (noisy.dim() - 1)))
    power = (1.0 - s) ** 2 + s**2
    return (1.0 - s) / power * noisy + s * torch.rsqrt(power) * raw


def seen_loss(predicted: Tensor, clean: Tensor, seen: Tensor) -> Tensor:
    """Squared error of the predicted clean signal (B, T, D) where it was seen, (B, T) with 1 for seen and 0 for not."""
    error = torch.mean((predicted - clean) ** 2, dim=-1)
    return torch.sum(error * seen) / torch.clamp(torch.sum(seen), min=1.0)


def clean_loss(predicted: Tensor, clean: Tensor, level: Tensor) -> Tensor:
    """Squared error of the predicted clean signal (B, ...), weighted so that the raw outputs of all levels count alike
    (down to the level where the weight would only amplify rounding)."""
    power = (1.0 - level) ** 2 + level**2
    weight = torch.clamp(power / level**2, max=MAX_WEIGHT)
    return torch.mean(torch.mean((predicted - clean).flatten(1) ** 2, dim=1) * weight)
