"""What is asked of every mind - its futures at a moment of a held-out video - and how far they are from the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle
from ats_sim.models import metrics
from ats_sim.models.recordings import Recording
from ats_sim.perception import FUTURE, Perception
from benchmarks.minds_truth import Moment, Motion


@dataclass(frozen=True, eq=False)
class Case:
    """One moment: what was known, and what then happened."""

    recording: Recording
    """The video's reconstruction."""
    now: int
    """The moment's frame of it."""
    perception: Perception
    """What a mind knows, from the reconstruction, in the ego frame."""
    truth: Motion
    """The 56 frames that followed."""
    found: Motion | None
    """The same 56 frames as they were reconstructed, the body as the true animal's; None where it was out of sight."""
    moment: Moment
    """The living animal; only the oracle may look at it."""

    @property
    def path(self) -> Array:
        """(56, 3) where the root really went."""
        return np.asarray(self.truth.T_world_root[:, :3, 3])


@dataclass(frozen=True, eq=False)
class Futures:
    """N futures of one moment, home frame, the body as the true animal's."""

    goals: Array
    """(N, 3) where it means to be in 5.6 s."""
    paths: Array
    """(N, 56, 3)."""
    rotations: Array | None = None
    """(N, 56, 3, 3) of the root; None where only places are foreseen."""
    limbs: Array | None = None
    """(N, 56, J, 3, 3) relative to the parents."""


Scores = dict[str, float | None]
"""Errors by name; None where there is nothing to compare with."""


class Predictor(Protocol):
    """Whatever foresees an animal."""

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        """So many futures of a case; with a true goal (3,) or path (56, 3) given, or None where it takes none."""


def window_scores(predictor: Predictor, case: Case, seed: tuple[int, ...], samples: int, trials: int) -> Scores:
    """A predictor's errors at one moment, means over `trials` trials of `samples` futures: end to end, then with the
    true goal and with the true path given where it takes them."""
    shape = (1, trials, samples)
    free = predictor.draw(case, (*seed, 0), samples * trials)
    assert free is not None, "every predictor foresees something"
    goals, paths = metrics.goal_errors(free.goals, case.path[-1]), metrics.path_errors(free.paths, case.path)
    ends = metrics.goal_errors(free.paths[:, -1], case.path[-1])
    scores = {
        "goal_minade": _best(goals, shape),
        "path_minade": _best(paths, shape),
        **_body_scores(free, case, shape),
        "goal_energy": _energy(free.goals, case.path[-1], trials),
        "path_energy": _energy(free.paths, case.path, trials) / FUTURE**0.5,
        "goal_mean": float(goals.mean()),
        "path_mean": float(paths.mean()),
        "miss": metrics.miss_rate(ends.reshape(shape)),
    }
    with_goal = predictor.draw(case, (*seed, 1), samples * trials, goal=case.path[-1])
    if with_goal is not None:
        scores["given_goal_path_minade"] = _best(metrics.path_errors(with_goal.paths, case.path), shape)
    with_path = predictor.draw(case, (*seed, 2), samples * trials, path=case.path)
    if with_path is not None:
        scores |= {f"given_path_{name}": value for name, value in _body_scores(with_path, case, shape).items()}
    return scores


def _body_scores(futures: Futures, case: Case, shape: tuple[int, int, int]) -> Scores:
    """Best angles (rad) of the root and, in the mean over joints 1.., of the limbs, against what was and ("found")
    against what was reconstructed of it; nothing where no body is foreseen."""
    if futures.rotations is None or futures.limbs is None:
        return {}
    scores: Scores = {}
    for prefix, real in (("", case.truth), ("found_", case.found)):
        turns = bends = None
        if real is not None:
            turns = _best(metrics.orientation_errors(futures.rotations, real.T_world_root[:, :3, :3]), shape)
            bends = _best(np.array([geodesic_angle(own, real.limbs)[:, 1:].mean() for own in futures.limbs]), shape)
        scores |= {f"{prefix}orientation_minade": turns, f"{prefix}joints_minade": bends}
    return scores


def _best(errors: Array, shape: tuple[int, int, int]) -> float:
    """Best of K, in the mean over trials, of errors (L K,)."""
    return metrics.best_of(errors.reshape(shape))[0]


def _energy(values: Array, truth: Array, trials: int) -> float:
    """Energy score of values (L K, ...), each trial by itself."""
    each = values.reshape(trials, -1, *truth.shape)
    return metrics.energy_score(each, np.broadcast_to(truth, (trials, *truth.shape)))
