"""How smooth the estimated motion is beside the true one.

What is estimated frame by frame trembles, what is smoothed too much glides: both show in the ratio of the estimate's
root mean square acceleration and jerk to the truth's at the same moments, which is 1 for the true motion. Neither tells
how far the motion is off. Differences are taken within unbroken stretches alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, log_so3

Changes = tuple[Array, Array]
"""Sizes of all accelerations and of all jerks."""


def place_changes(places: Array, step: float) -> Changes:
    """Of points (N, 3) in metres, `step` seconds apart: accelerations (N - 2,) in m/s² and jerks (N - 3,) in m/s³."""
    return _changes(np.diff(places, axis=0) / step, step)


def turn_changes(rotations: Array, step: float) -> Changes:
    """Of the joints 1.. of rotations (N, J, 3), axis-angle: angular accelerations in rad/s² and jerks in rad/s³.

    They are differences of the turning rates in the joint's own frame, which no constant offset of a joint changes: a
    fitted rest pose may differ from the true one.
    """
    frames = exp_so3(rotations[:, 1:])
    return _changes(log_so3(np.swapaxes(frames[:-1], -1, -2) @ frames[1:]) / step, step)


def coherence_scores(name: str, estimated: Sequence[Changes], true: Sequence[Changes]) -> dict[str, float | None]:
    """Ratios over all stretches; None where the truth has nothing to compare with."""
    return {
        f"{name}_{what}_ratio": _ratio([part[kind] for part in estimated], [part[kind] for part in true])
        for kind, what in enumerate(("acceleration", "jerk"))
    }


def _changes(rates: Array, step: float) -> Changes:
    acceleration = np.diff(rates, axis=0) / step
    jerk = np.diff(acceleration, axis=0) / step
    return np.linalg.norm(acceleration, axis=-1).ravel(), np.linalg.norm(jerk, axis=-1).ravel()


def _ratio(estimated: Sequence[Array], true: Sequence[Array]) -> float | None:
    squares = [float(np.sum(np.concatenate([*parts, np.zeros(0)]) ** 2)) for parts in (estimated, true)]
    # What is left of a truth that keeps still is the rounding of its file.
    return float(np.sqrt(squares[0] / squares[1])) if squares[1] > 1e-12 else None
