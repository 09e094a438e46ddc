"""How good K paths are: the best of them, all of them together, and whether they move as people do."""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.models.metrics import best_of, energy_score, path_errors

CHUNK = 1000


@dataclass(frozen=True)
class Scores:
    """Of one row and fold, metres."""

    min_ade: float
    min_fde: float
    mean_ade: float
    energy: float
    """Of places as one vector (24), as if more could be drawn."""
    as_it_is: float
    """The same of the K paths as the whole distribution: what a fixed set deserves."""
    acceleration: float
    """Mean length of second differences, over the truth's: 1 moves as people do, more trembles, less glides."""


def scored(paths: Array, truth: Array) -> Scores:
    """Scores of paths (N, K, 12, 2) against what was (N, 12, 2)."""
    errors = path_errors(paths, truth[:, None])
    ends = np.linalg.norm(paths[..., -1, :] - truth[:, None, -1], axis=-1)
    energy, count = chunked_energy(paths, truth), paths.shape[1]
    # Pairs of a path with itself are far from nothing: counted, they take 1/K off the mean distance between two.
    to_truth = float(np.linalg.norm((paths - truth[:, None]).reshape(len(paths), count, -1), axis=-1).mean())
    bend, true_bend = (np.linalg.norm(np.diff(p, 2, axis=-2), axis=-1).mean() for p in (paths, truth))
    return Scores(
        min_ade=best_of(errors[:, None])[0],
        min_fde=best_of(ends[:, None])[0],
        mean_ade=float(errors.mean()),
        energy=energy,
        as_it_is=energy + (to_truth - energy) / count,
        acceleration=float(bend / true_bend),
    )


def chunked_energy(paths: Array, truth: Array) -> float:
    """The product's energy score, a part of the windows at a time."""
    starts = range(0, len(paths), CHUNK)
    parts = [energy_score(paths[i : i + CHUNK], truth[i : i + CHUNK]) for i in starts]
    return float(np.average(parts, weights=[len(paths[i : i + CHUNK]) for i in starts]))


def mean(scores: list[Scores]) -> Scores:
    """Mean over folds, each counting once."""
    return Scores(*(float(np.mean([getattr(s, name) for s in scores])) for name in Scores.__dataclass_fields__))
