"""Does the animal give way to somebody who comes nearer? One measure for recorded and for simulated life.

At a moment with the observer at `o`, `distance` <= 2.5 m from the animal at `p` (all on the floor plan):

- approach: the observer's own closing speed over the last 0.8 s, `(|o[-8] - p| - |o - p|) / 0.8`, m/s;
- retreat: the animal's own speed away over the next second, `(|p[+10] - o| - |p - o|) / 1.0`, m/s;
- momentum: the animal's own speed away over the last 0.8 s, `(|p - o| - |p[-8] - o|) / 0.8`, m/s, and likewise over the
  last 0.2 s.

Each holds the other body still, so that none contains the others by arithmetic. The **reaction** is the coefficient of
approach in a least squares fit of retreat on approach and both momenta with one intercept per 0.25 m of distance:
moments are compared at the same distance only, and an animal that is leaving anyway, followed by the camera, does not
react to the camera. (One momentum is not enough: among equal means over 0.8 s, a camera that lags behind comes nearer
where the animal left early and is slow by now.) Its unit is m/s of retreat per m/s of approach; > 0 gives way, < 0
comes to meet.

Beside it stands the **contrast**: retreat when approached (> 0.3 m/s) less retreat when not (within 0.1 m/s of 0),
matched by distance, over their pooled standard deviation (Cohen's d); it knows nothing of momentum. Intervals are
bootstrapped over whole videos or episodes, because moments of one video are not independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_track import Track
from ats_sim.perception import HZ

BEFORE, LATELY, AFTER = 8, 2, HZ
NEAR = 2.5
"""Metres within which somebody is met."""
BIN = 0.25
BINS = round(NEAR / BIN)
COMING, STILL = 0.3, 0.1
RESAMPLES = 1000
FEWEST_MOMENTS, FEWEST_APPROACHES = 50, 10
MIDDLE = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class Moments:
    """Meetings of one video or episode."""

    distance: Array
    """(M,) metres."""
    approach: Array
    """(M,) m/s."""
    retreat: Array
    """(M,) m/s."""
    momentum: Array
    """(M,) m/s over the last 0.8 s."""
    lately: Array
    """(M,) m/s over the last 0.2 s."""


@dataclass(frozen=True)
class Reaction:
    """How strongly an animal gives way."""

    slope: float
    """m/s of retreat per m/s of approach."""
    low: float
    """2.5th percentile of the bootstrap."""
    high: float
    """97.5th percentile of the bootstrap."""
    contrast: float
    """Cohen's d of retreat, approached against not, matched by distance; 0 where one of them never happened."""
    moments: int
    """Meetings that were used."""
    approached: int
    """Meetings among them with an approach of more than 0.3 m/s."""


def moments_of(tracks: Sequence[Track]) -> list[Moments]:
    """Meetings per track (videos keep their invalid stretches out by themselves)."""
    return [_joined([_meetings(piece) for piece in track.pieces(BEFORE + AFTER + 1)]) for track in tracks]


def reaction(groups: Sequence[Moments], rng: np.random.Generator) -> Reaction | None:
    """Fit the reaction to the meetings of several videos or episodes.

    Args:
        groups: Meetings per video or episode, the units of the bootstrap.
        rng: Draws the bootstrap.

    Returns:
        The reaction, or None where there are fewer than 50 meetings or 10 approaches.
    """
    everything = _joined(groups)
    approached = int((everything.approach > COMING).sum())
    if len(everything.distance) < FEWEST_MOMENTS or approached < FEWEST_APPROACHES:
        return None
    slopes = bootstrap(groups, rng)
    low, high = np.percentile(slopes, MIDDLE)
    return Reaction(
        slope=_slope(np.sum([_normal_equations(group) for group in groups], axis=0)),
        low=float(low),
        high=float(high),
        contrast=contrast(everything),
        moments=len(everything.distance),
        approached=approached,
    )


def bootstrap(groups: Sequence[Moments], rng: np.random.Generator) -> Array:
    """(1000,) slopes for groups drawn with replacement."""
    equations = np.array([_normal_equations(group) for group in groups])
    draws = rng.integers(len(groups), size=(RESAMPLES, len(groups)))
    return np.array([_slope(equations[draw].sum(0)) for draw in draws])


def ratio_interval(data: Sequence[Moments], simulated: Sequence[Moments], rng: np.random.Generator) -> list[float]:
    """Middle 95 % of simulated over recorded slope when videos and episodes are drawn anew, both independently."""
    ratios = bootstrap(simulated, rng) / bootstrap(data, rng)
    return [float(value) for value in np.percentile(ratios, MIDDLE)]


def contrast(moments: Moments) -> float:
    """Cohen's d of retreat, approached against not approached, with distances weighted as when approached."""
    bins = _bins(moments)
    coming, still = moments.approach > COMING, np.abs(moments.approach) < STILL
    differences, spreads, weights = [], [], []
    for index in range(BINS):
        first, second = moments.retreat[coming & (bins == index)], moments.retreat[still & (bins == index)]
        if len(first) and len(second):
            differences.append(first.mean() - second.mean())
            spreads.append(0.5 * (first.var() + second.var()))
            weights.append(len(first))
    if not weights:
        return 0.0
    spread = np.sqrt(np.average(spreads, weights=weights))
    return float(np.average(differences, weights=weights) / max(spread, 1e-9))


def curve(moments: Sequence[Moments]) -> tuple[Array, Array, Array]:
    """For a picture: centres (B,) of approach bins, mean retreat (B,) at matched distances, and counts (B,)."""
    everything = _joined(moments)
    edges = np.arange(-0.9, 1.0, 0.2)
    bins = _bins(everything)
    level = np.array([everything.retreat[bins == i].mean() if (bins == i).any() else 0.0 for i in range(BINS)])
    rest = everything.retreat - level[bins]
    place = np.digitize(everything.approach, edges) - 1
    counts = np.array([(place == i).sum() for i in range(len(edges) - 1)])
    means = np.array([rest[place == i].mean() if counts[i] else 0.0 for i in range(len(edges) - 1)])
    return 0.5 * (edges[1:] + edges[:-1]), means, counts


def _meetings(piece: Track) -> Moments:
    """Meetings of one unbroken stretch of N frames: frames 8 to N - 11."""
    now = np.arange(BEFORE, len(piece.roots) - AFTER)
    animal, observer = piece.places[:, :2], piece.observer[:, :2]
    here, there = animal[now], observer[now]
    distance = np.linalg.norm(here - there, axis=1)
    gaps = {
        "approach": (np.linalg.norm(observer[now - BEFORE] - here, axis=1) - distance) * HZ / BEFORE,
        "retreat": (np.linalg.norm(animal[now + AFTER] - there, axis=1) - distance) * HZ / AFTER,
        "momentum": (distance - np.linalg.norm(animal[now - BEFORE] - there, axis=1)) * HZ / BEFORE,
        "lately": (distance - np.linalg.norm(animal[now - LATELY] - there, axis=1)) * HZ / LATELY,
    }
    # NaN, where nobody is known to watch, compares as not near.
    near = distance <= NEAR
    return Moments(distance[near], **{name: values[near] for name, values in gaps.items()})


def _normal_equations(moments: Moments) -> Array:
    """(B + 3, B + 4) X'X beside X'y for columns: one per distance bin, approach, both momenta. They add over groups."""
    design = np.zeros((len(moments.distance), BINS + 3))
    design[np.arange(len(design)), _bins(moments)] = 1.0
    design[:, BINS:] = np.stack([moments.approach, moments.momentum, moments.lately], axis=1)
    return np.asarray(design.T @ np.concatenate([design, moments.retreat[:, None]], axis=1))


def _slope(equations: Array) -> float:
    """The coefficient of approach; empty distance bins get no intercept."""
    return float(np.linalg.lstsq(equations[:, :-1], equations[:, -1], rcond=None)[0][BINS])


def _bins(moments: Moments) -> Array:
    return np.minimum((moments.distance / BIN).astype(np.int64), BINS - 1)


def _joined(groups: Sequence[Moments]) -> Moments:
    names = ("distance", "approach", "retreat", "momentum", "lately")
    return Moments(*(np.concatenate([np.zeros(0), *(getattr(group, name) for group in groups)]) for name in names))
