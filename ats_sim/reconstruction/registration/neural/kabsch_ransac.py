"""The rigid motion between matched points of which many are wrong: sampling, scoring, reweighted refinement.

With the vertical known in both frames, two matches fix a motion (a turn about it and a shift) and far fewer samples are
needed; without, three do (Kabsch 1976, proper rotations by Umeyama 1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import project_to_so3, rigid, yaw_matrix

SAMPLES = 256
DRAWS = 8
"""Samples drawn for each one scored: most cannot be right, which is seen from their distances alone."""
INLIER = 0.25
SHRINK = (1.0, 0.7, 0.5, 0.5)
FEWEST = 4
SHORTEST = 0.3
"""Matches closer together than this (metres) say little about a turn."""


@dataclass(frozen=True, eq=False)
class RigidFit:
    """A motion with the matches that agree."""

    transform: Array
    """(4, 4) that maps the first points onto the second."""
    inliers: Array
    """(n,) bool."""
    share: float
    """Weight of the inliers over all weight."""


def kabsch(source: Array, target: Array, weights: Array) -> Array:
    """Motions (...,4,4) that map source (...,n,3) onto target (...,n,3) in the weighted (...,n) least squares."""
    share = weights / np.maximum(weights.sum(-1, keepdims=True), 1e-12)
    middle, goal = ((share[..., None] * p).sum(-2, keepdims=True) for p in (source, target))
    spread = np.swapaxes((target - goal) * share[..., None], -1, -2) @ (source - middle)
    turn = project_to_so3(spread)
    return rigid(turn, (goal - middle @ np.swapaxes(turn, -1, -2))[..., 0, :])


def upright(source: Array, target: Array, weights: Array) -> Array:
    """As :func:`kabsch`, turning about z only: both frames have z up."""
    share = weights / np.maximum(weights.sum(-1, keepdims=True), 1e-12)
    middle, goal = ((share[..., None] * p).sum(-2, keepdims=True) for p in (source, target))
    a, b = source - middle, target - goal
    sine = (share * (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])).sum(-1)
    cosine = (share * (a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1])).sum(-1)
    turn = yaw_matrix(np.arctan2(sine, cosine))
    return rigid(turn, (goal - middle @ np.swapaxes(turn, -1, -2))[..., 0, :])


def fit_rigid(
    source: Array,
    target: Array,
    weights: Array,
    *,
    rng: np.random.Generator,
    level: bool = False,
    samples: int = SAMPLES,
    inlier: float = INLIER,
) -> RigidFit | None:
    """The motion that the most weight of matches (n,3), (n,3), (n,) agrees with, within `inlier` metres.

    `level` says that both frames have z up; None where no sample was usable or fewer than 4 matches agree.
    """
    solve, size = (upright, 2) if level else (kabsch, 3)
    if len(source) < FEWEST or not weights.sum() > 0:
        return None
    chosen = rng.choice(len(source), size=(DRAWS * samples, size), p=weights / weights.sum())
    chosen = chosen[_usable(source[chosen], target[chosen], inlier, level)][:samples]
    if not len(chosen):
        return None
    motions = solve(source[chosen], target[chosen], np.ones(chosen.shape))
    best = int(np.argmax((_closeness(motions, source, target, inlier) * weights).sum(1)))
    motion, agreeing = motions[best], np.zeros(len(source), dtype=bool)
    for shrink in SHRINK:
        distance = np.linalg.norm(source @ motion[:3, :3].T + motion[:3, 3] - target, axis=1)
        agreeing = distance < inlier * shrink
        if agreeing.sum() < FEWEST:
            break
        pull = weights * agreeing / (1.0 + (distance / (0.4 * inlier)) ** 2)
        motion = solve(source, target, pull)
    distance = np.linalg.norm(source @ motion[:3, :3].T + motion[:3, 3] - target, axis=1)
    agreeing = distance < inlier
    if agreeing.sum() < FEWEST:
        return None
    return RigidFit(motion, agreeing, float(weights[agreeing].sum() / weights.sum()))


def _usable(source: Array, target: Array, inlier: float, level: bool) -> Array:
    """Samples (s,k,3) whose points lie apart, and as far (and, level, as high) from each other in both frames."""
    good = np.ones(len(source), dtype=bool)
    for i in range(source.shape[1]):
        for j in range(i):
            before, after = source[:, i] - source[:, j], target[:, i] - target[:, j]
            if level:
                good &= np.abs(before[:, 2] - after[:, 2]) < 1.5 * inlier
                before, after = before[:, :2], after[:, :2]
            first, second = np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1)
            good &= (first > SHORTEST) & (np.abs(first - second) < 1.5 * inlier)
    return good


def _closeness(motions: Array, source: Array, target: Array, inlier: float) -> Array:
    """(s,n): 1 where a match agrees exactly, falling to 0 at the threshold."""
    moved = source @ np.swapaxes(motions[:, :3, :3], 1, 2) + motions[:, None, :3, 3]
    squared = ((moved - target) ** 2).sum(-1)
    return np.asarray(np.maximum(0.0, 1.0 - squared / inlier**2))
