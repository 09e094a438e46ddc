"""How well do a few denoising calls draw from what they should? Held against distributions known in closed form.

    python -m benchmarks.samplers

The best possible prediction of the clean signal is known for mixtures of Gaussians, so what is left is the error of the
loop alone. Compared are the policy's loop, which takes the prediction as linear in the noise level, and the usual one,
which holds it constant from call to call; each with even levels and with levels that crowd at low noise.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tyro

from ats_sim.arrays import Array
from ats_sim.denoising import Denoiser, denoise, falling_levels


@dataclass(frozen=True)
class Samplers:
    """How much is drawn."""

    samples: int = 20000
    """Draws per case."""
    seed: int = 0
    """Of the noise."""


@dataclass(frozen=True)
class Mixture:
    """Gaussians of one width: unit-sized data, before and after a guide has settled most of it."""

    means: tuple[float, ...]
    weights: tuple[float, ...]
    width: float

    def quantiles(self, count: int) -> Array:
        """Sorted samples, all but exact."""
        rng = np.random.default_rng(1)
        which = rng.choice(len(self.means), count, p=self.weights)
        return np.sort(np.array(self.means)[which] + self.width * rng.standard_normal(count))

    def best(self, noisy: Array, level: float) -> Array:
        """The expected clean signal of (1 - s) x_0 + s n."""
        share, means = 1.0 - level, np.array(self.means)
        variance = (share * self.width) ** 2 + level**2
        off = noisy[:, None] - share * means
        likely = np.array(self.weights) * np.exp(-0.5 * (off**2 - (off**2).min(1, keepdims=True)) / variance)
        likely /= likely.sum(1, keepdims=True)
        return np.asarray((likely * (means + share * self.width**2 / variance * off)).sum(1))


CASES = {
    "normal, width 1": Mixture((0.0,), (1.0,), 1.0),
    "normal, width 0.3": Mixture((0.0,), (1.0,), 0.3),
    "normal, width 0.1": Mixture((0.5,), (1.0,), 0.1),
    "two modes": Mixture((-1.0, 1.0), (0.5, 0.5), 0.3),
    "three to one": Mixture((-0.6, 1.6), (0.75, 0.25), 0.15),
}
CALLS = (2, 3, 4, 6, 8)
Loop = Callable[[Denoiser, Array, tuple[float, ...]], Array]


def holding(denoiser: Denoiser, start: Array, levels: tuple[float, ...]) -> Array:
    """The usual loop: each prediction is held until the next call."""
    signal = start
    for level, following in zip(levels[:-1], levels[1:], strict=True):
        clean = denoiser(signal, level)
        signal = clean + (following / level) * (signal - clean)
    return signal


def even_levels(calls: int) -> tuple[float, ...]:
    """Levels from 1 to 0 in equal steps."""
    return tuple(1.0 - i / calls for i in range(calls + 1))


def main(options: Samplers) -> dict[str, Any]:
    """Per loop, levels and number of calls: spread over the true spread, and mean distance of quantiles over it."""
    noise = np.random.default_rng(options.seed).standard_normal(options.samples)
    loops: dict[str, tuple[Loop, Callable[[int], tuple[float, ...]]]] = {
        "holding, even": (holding, even_levels),
        "holding, falling": (holding, falling_levels),
        "linear, even": (denoise, even_levels),
        "linear, falling (ours)": (denoise, falling_levels),
        "linear, falling less (ours)": (denoise, partial(falling_levels, crowding=1.7)),
    }
    table: dict[str, Any] = {}
    for name, (loop, levels) in loops.items():
        for calls in CALLS:
            row = {}
            for case, mixture in CASES.items():
                drawn, true = np.sort(loop(mixture.best, noise, levels(calls))), mixture.quantiles(options.samples)
                row[case] = [round(float(drawn.std() / true.std()), 2), round(_distance(drawn, true), 3)]
            mean = round(float(np.mean([distance for _, distance in row.values()])), 3)
            table[f"{name}, {calls} calls"] = {"mean distance": mean} | row
    return table


def _distance(drawn: Array, true: Array) -> float:
    return float(np.abs(drawn - true).mean() / true.std())


if __name__ == "__main__":
    for line, values in main(tyro.cli(Samplers)).items():
        print(f"{line:34s} {json.dumps(values)}")
