"""Drawing twenty paths: from independent noise, from noise spread out on purpose, or from guesses made noisy halfway."""

from collections.abc import Callable

import numpy as np
import torch

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation, denoise, falling_levels
from benchmarks.pedestrian_nets import COEFFICIENTS, HEADS, Guesses, Known, Sampler, places
from benchmarks.pedestrian_tracks import Windows
from benchmarks.pedestrian_training import tensors

CALLS, CROWDING = 4, 1.7
CHUNK = 1024


def guessed(net: Guesses, normalisation: Normalisation, windows: Windows) -> Array:
    """Signals (N, 20, 6, 2)."""
    known = Known.of(windows.seen, windows.others, windows.present)
    with torch.inference_mode():
        return np.concatenate(
            [
                net(net.encoder(*tensors(known, slice(i, i + CHUNK)))).double().numpy()
                for i in range(0, len(windows), CHUNK)
            ]
        )


def refined(net: Sampler, windows: Windows, start: Array, levels: tuple[float, ...]) -> Array:
    """Walk signals (N, K, 6, 2) at `levels[0]` to clean ones with the product's loop."""
    known = Known.of(windows.seen, windows.others, windows.present)
    parts = []
    with torch.inference_mode():
        for i in range(0, len(windows), CHUNK):
            some = start[i : i + CHUNK]
            count = some.shape[1]
            code = net.encoder(*tensors(known, slice(i, i + CHUNK))).repeat_interleave(count, 0)

            def denoiser(signal: Array, level: float, code: torch.Tensor = code) -> Array:
                noisy = torch.from_numpy(signal.astype(np.float32))
                return net(noisy, torch.full((len(noisy), 1), level), code).numpy()

            flat = some.reshape(-1, COEFFICIENTS, 2)
            parts.append(denoise(denoiser, flat, levels).reshape(some.shape))
    return np.concatenate(parts)


def paths(signal: Array, normalisation: Normalisation, windows: Windows) -> Array:
    """Places (N, K, 12, 2) in the world of signals (N, K, 6, 2)."""
    return places(normalisation.decode("path", signal, np.zeros(0)), windows.seen)
