"""Drawing twenty paths of each walker: from independent noise, from noise spread on purpose, from learned starts."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation, falling_levels
from benchmarks.pedestrian_nets import COEFFICIENTS, SIZE, Guesses, Known, Sampler, places
from benchmarks.pedestrian_tracks import Windows
from benchmarks.pedestrian_training import MIDDLE, Given

CROWDING = 1.7
"""Of the levels, as the policy's for paths."""
CHUNK = 1024


def independent(
    sampler: Sampler, windows: Windows, normalisation: Normalisation, rng: np.random.Generator, calls: int = 4
) -> Array:
    """Twenty paths each (N, 20, 12, 2), every one by itself."""
    noise = rng.standard_normal((len(windows), 20, COEFFICIENTS, 2), np.float32)
    return _walked(sampler, windows, normalisation, noise, calls)


def spread(
    sampler: Sampler, windows: Windows, normalisation: Normalisation, rng: np.random.Generator, calls: int = 4
) -> Array:
    """Each path as before, but no two of the twenty alike: of their starts ten are at right angles to each other, and
    ten are opposite to these."""
    axes = np.linalg.qr(rng.standard_normal((len(windows), SIZE, SIZE)))[0][:, :10]
    length = np.sqrt(rng.chisquare(SIZE, (len(windows), 20, 1)))
    noise = (np.concatenate([axes, -axes], axis=1) * length).astype(np.float32)
    return _walked(sampler, windows, normalisation, noise.reshape(-1, 20, COEFFICIENTS, 2), calls)


def _walked(sampler: Sampler, windows: Windows, normalisation: Normalisation, noise: Array, calls: int) -> Array:
    levels = falling_levels(calls, CROWDING)

    def draw(given: Given, here: slice) -> Tensor:
        return sampler.draw(torch.from_numpy(noise[here]), sampler.encoder(*given), levels)

    return drawn_paths(draw, windows, normalisation)


def guessed(guesses: Guesses, windows: Windows, normalisation: Normalisation) -> Array:
    """The guesses themselves."""
    return drawn_paths(lambda given, here: guesses(*given), windows, normalisation)


def started(sampler: Sampler, starts: Guesses, windows: Windows, normalisation: Normalisation) -> Array:
    """From learned starts in the middle of the noise, by two calls."""

    def draw(given: Given, here: slice) -> Tensor:
        return sampler.draw((1.0 - MIDDLE[0]) * starts(*given), sampler.encoder(*given), MIDDLE)

    return drawn_paths(draw, windows, normalisation)


def drawn_paths(draw: Callable[[Given, slice], Tensor], windows: Windows, normalisation: Normalisation) -> Array:
    """Places (N, K, 12, 2) in the world of the signals that `draw` makes of what is known of some windows."""
    known = Known.of(windows)
    with torch.inference_mode():
        parts = [slice(i, i + CHUNK) for i in range(0, len(windows), CHUNK)]
        signal = np.concatenate([draw(known.tensors(here), here).double().numpy() for here in parts])
    return places(normalisation.decode("path", signal, np.zeros(0)), windows.seen)
