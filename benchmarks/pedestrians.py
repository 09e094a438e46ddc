"""The policy's path diffusion on public ground: where will people walk, who were seen for 3.2 s, in the next 4.8 s?

    python -m benchmarks.pedestrians --data shared/data/eth_ucy [--folds hotel zara1] [--json scores.json]

ETH/UCY is where such models are compared: five folds, each tested on recordings of a place that was not trained on,
eight places seen, twelve to come, twenty paths each, of which the best counts. The best of twenty says how well twenty
points cover what may happen, not whether each of them may: so the energy score, the mean error of all paths and how
they accelerate stand beside it. What is measured here of the product: noise on straight lines and prediction of the
clean signal, preconditioned, in coefficients of smooth curves, drawn by four calls of `ats_sim.denoising.denoise`. The
network is a small residual one, like the policy's for goals, that reads the walker's past and a set of others.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from benchmarks import pedestrian_drawing as drawing
from benchmarks.pedestrian_nets import Guesses, Sampler
from benchmarks.pedestrian_scores import Scores, mean, scored
from benchmarks.pedestrian_tracks import (
    FOLDS,
    Windows,
    constant_velocity,
    fold_windows,
    noisy_velocity,
    other_windows,
)
from benchmarks.pedestrian_training import Effort, trained_guesses, trained_sampler, trained_starts

Table = dict[str, dict[str, Scores]]
"""Scores by row and fold."""


@dataclass(frozen=True)
class Trained:
    """What was learned from the other recordings."""

    sampler: Sampler
    guesses: Guesses
    starts: Guesses
    alone: Sampler | None
    """A sampler that does not see others."""
    normalisation: Normalisation


def main() -> None:
    """Train and score fold by fold, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", nargs="+", default=list(FOLDS), choices=list(FOLDS))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="train a sampler that does not see others, too")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table: Table = {}
    for fold in options.folds:
        nets = trained(other_windows(options.data, fold), options.steps, options.seed, alone=options.alone)
        windows = fold_windows(options.data, fold)
        for row, paths in predicted(nets, windows, options.seed).items():
            table.setdefault(row, {})[fold] = scored(paths, windows.hidden)
    print(shown(table))
    if options.json is not None:
        plain = {row: {fold: asdict(s) for fold, s in folds.items()} for row, folds in table.items()}
        options.json.write_text(json.dumps(plain, indent=1))


def trained(windows: Windows, steps: int, seed: int, *, alone: bool = False) -> Trained:
    """Everything that learns, from the windows of a fold."""
    sampler, normalisation = trained_sampler(windows, Effort(steps), seed)
    guesses = trained_guesses(windows, normalisation, Effort(2 * steps // 3), seed)
    gentle = Effort(steps // 6, batch=96, rate=1e-3, average=0.98)
    starts = trained_starts(sampler, guesses, windows, normalisation, gentle, seed)
    lonely = trained_sampler(windows, Effort(steps), seed, others=False)[0] if alone else None
    return Trained(sampler, guesses, starts, lonely, normalisation)


def predicted(nets: Trained, windows: Windows, seed: int) -> dict[str, Array]:
    """Paths (N, K, 12, 2) of every row."""
    rngs = iter(np.random.default_rng([seed, 3]).spawn(9))
    known = (windows, nets.normalisation)
    rows = {
        "constant velocity (K = 1)": constant_velocity(windows.seen),
        "constant velocity, noisy": noisy_velocity(windows.seen, 20, next(rngs)),
        "winner takes all": drawing.guessed(nets.guesses, *known),
        "sampler, 4 calls": drawing.independent(nets.sampler, *known, next(rngs)),
        "sampler, 2 calls": drawing.independent(nets.sampler, *known, next(rngs), 2),
        "sampler, spread starts": drawing.spread(nets.sampler, *known, next(rngs)),
        "sampler, learned starts": drawing.started(nets.sampler, nets.starts, *known),
    }
    if nets.alone is not None:
        rows["sampler, others unseen"] = drawing.independent(nets.alone, *known, next(rngs))
    return rows


def shown(table: Table) -> str:
    """Markdown: best of K by fold, then means over folds."""
    folds = list(next(iter(table.values())))
    head = [*folds, "mean", "mean ADE", "energy", "as they are", "acceleration"]
    lines = ["| | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for row, scores in table.items():
        each = [*scores.values(), mean(list(scores.values()))]
        cells = [f"{s.min_ade:.3f}/{s.min_fde:.3f}" for s in each]
        last = each[-1]
        cells += [f"{x:.3f}" for x in (last.mean_ade, last.energy, last.as_it_is)] + [f"{last.acceleration:.2f}"]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
