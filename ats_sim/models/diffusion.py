"""Noising of clean signals for training; the loop that undoes it is `ats_sim.denoising.denoise`."""

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array


def draw_levels(rng: np.random.Generator, count: int) -> Array:
    """Noise levels (count,) in (0, 1] float32, evenly spread over the batch so that every step sees all of them."""
    levels = (np.arange(count) + rng.random(count)) / count
    return rng.permutation(1.0 - levels).astype(np.float32)


def corrupt(clean: Tensor, noise: Tensor, level: Tensor) -> Tensor:
    """Points (1 - s) x_0 + s n on the straight lines between clean signals and noise; level is (B,)."""
    s = level.reshape(-1, *([1] * (clean.dim() - 1)))
    return (1.0 - s) * clean + s * noise


def clean_loss(predicted: Tensor, clean: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared error of the predicted clean signal, optionally weighted per element."""
    error = (predicted - clean) ** 2
    return torch.mean(error if weight is None else error * weight)
