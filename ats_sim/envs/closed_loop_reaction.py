"""Does the animal care that somebody comes nearer? Two measures, the same for recorded and for simulated life.

A *moment* has the observer at `o`, 2.5 m or less from the animal at `p` (on the floor plan). Its approach is the
observer's own closing speed over the last 0.8 s, `(|o[-8] - p| - |o - p|) / 0.8`.

- **startle**: how much faster the animal is over the next 2 s (m/s) when somebody comes at it (approach above 0.6 m/s,
  in shares from 0.3 m/s on) than when nobody does; only moments at which it is not running already (0.6 m/s).
- **retreat**: its own speed away from where the observer stands over the next second, per m/s of approach.

Both are coefficients of a least squares fit with one intercept per 0.25 m of distance and with what the animal was
doing anyway: for startle its pace over the last 0.8 and 0.2 s, for retreat its speed away over the same. So moments are
compared at the same distance, and an animal that is leaving anyway, followed by the camera, does not react to the
camera. (One window of momentum is not enough: among equal means over 0.8 s, a camera that lags behind comes nearer
where the animal left early and is slow by now.) Intervals are bootstrapped over whole videos or episodes, because
moments of one video are not independent. `benchmarks/reaction_measure.py` tries both on animals whose true mind sees
or is blind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_track import Track
from ats_sim.perception import HZ

BEFORE, LATELY, SOON, AFTER = 8, 2, HZ, 2 * HZ
NEAR, BIN = 2.5, 0.25
BINS = round(NEAR / BIN)
COMING, COME = 0.3, 0.6
"""m/s of approach from which somebody comes, and certainly does."""
CALM = 0.6
"""m/s below which an animal is not running yet."""
RESAMPLES = 1000
FEWEST_MOMENTS, FEWEST_APPROACHES = 50, 10
MIDDLE = (2.5, 97.5)
NOTHING = 1e-9
"""m/s; a response that spreads less is always the same."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Meetings of one video or episode."""

    distance: Array
    """(M,) metres."""
    approach: Array
    """(M,) m/s."""
    away: Array
    """(M, 2) the animal's speed away over the last 0.8 and 0.2 s, m/s."""
    pace: Array
    """(M, 2) its speed over the last 0.8 and 0.2 s, m/s."""
    retreat: Array
    """(M,) its speed away over the next second, m/s."""
    hurry: Array
    """(M,) its speed over the next two seconds, m/s."""


@dataclass(frozen=True)
class Measure:
    """One way to see a reaction."""

    cause: Callable[[Moments], Array]
    """(M,) what may be reacted to."""
    habit: Callable[[Moments], Array]
    """(M, 2) what the animal was doing anyway."""
    response: Callable[[Moments], Array]
    """(M,) what it does next."""
    counts: Callable[[Moments], Array]
    """(M,) which moments count."""


MEASURES = {
    "startle": Measure(
        cause=lambda m: np.clip((m.approach - COMING) / (COME - COMING), 0.0, 1.0),
        habit=lambda m: m.pace,
        response=lambda m: m.hurry,
        counts=lambda m: m.pace[:, 1] < CALM,
    ),
    "retreat": Measure(
        cause=lambda m: m.approach,
        habit=lambda m: m.away,
        response=lambda m: m.retreat,
        counts=lambda m: np.ones(len(m.distance), dtype=bool),
    ),
}


@dataclass(frozen=True)
class Reaction:
    """How strongly an animal reacts by one measure."""

    size: float
    """The coefficient: m/s, or m/s per m/s."""
    low: float | None
    """2.5th percentile of the bootstrap; None where a single video or episode has all the meetings."""
    high: float | None
    """97.5th percentile of the bootstrap; None as above."""
    effect: float | None
    """Size over the standard deviation of the response (Cohen's d where the cause is there or not).

    None where that deviation is 0.
    """
    moments: int
    """Meetings that count."""
    approached: int
    """Meetings among them with somebody coming at more than 0.3 m/s."""

    @property
    def differs_from_zero(self) -> bool:
        """Whether the interval is known and leaves out 0."""
        return self.low is not None and self.high is not None and self.low * self.high > 0.0


def moments_of(tracks: Sequence[Track]) -> list[Moments]:
    """Meetings per track (videos keep their invalid stretches out by themselves)."""
    return [joined([_meetings(piece) for piece in track.pieces(BEFORE + AFTER + 1)]) for track in tracks]


def reaction(groups: Sequence[Moments], measure: Measure, rng: np.random.Generator) -> Reaction | None:
    """Fit the reaction to the meetings of several videos or episodes.

    Args:
        groups: Meetings per video or episode, the units of the bootstrap.
        measure: One of `MEASURES`.
        rng: Draws the bootstrap.

    Returns:
        The reaction, or None where there are fewer than 50 meetings or 10 approaches.
    """
    everything = joined(groups)
    counted = measure.counts(everything)
    approached = int((everything.approach[counted] > COMING).sum())
    if counted.sum() < FEWEST_MOMENTS or approached < FEWEST_APPROACHES:
        return None
    equations = np.array([_normal_equations(group, measure) for group in groups])
    size = _coefficient(equations.sum(0))
    low, high = (float(end) for end in np.percentile(bootstrap([groups], measure, rng)[0], MIDDLE))
    alone = sum(measure.counts(group).any() for group in groups) < 2
    spread = float(measure.response(everything)[counted].std())
    effect = size / spread if spread > NOTHING else None
    meetings = int(counted.sum())
    return Reaction(size, None if alone else low, None if alone else high, effect, meetings, approached)


def bootstrap(sides: Sequence[Sequence[Moments]], measure: Measure, rng: np.random.Generator) -> Array:
    """(S, 1000) sizes when groups are drawn with replacement, for S sides of equally many groups drawn together."""
    equations = np.array([[_normal_equations(group, measure) for group in side] for side in sides])
    count = equations.shape[1]
    draws = rng.integers(count, size=(RESAMPLES, count))
    return np.array([[_coefficient(side[draw].sum(0)) for draw in draws] for side in equations])


def curve(moments: Sequence[Moments], measure: Measure) -> tuple[Array, Array, Array]:
    """For a picture: centres (B,) of approach bins, mean response (B,) beyond distance and habit, and counts (B,)."""
    everything = joined(moments)
    kept = measure.counts(everything)
    known = np.concatenate([_distance_columns(everything), measure.habit(everything)], axis=1)[kept]
    response, approach = measure.response(everything)[kept], everything.approach[kept]
    rest = response - known @ np.linalg.lstsq(known, response, rcond=None)[0]
    edges = np.arange(-0.9, 1.0, 0.2)
    place = np.digitize(approach, edges) - 1
    counts = np.array([(place == i).sum() for i in range(len(edges) - 1)])
    means = np.array([rest[place == i].mean() if counts[i] else 0.0 for i in range(len(edges) - 1)])
    return 0.5 * (edges[1:] + edges[:-1]), means, counts


def joined(groups: Sequence[Moments]) -> Moments:
    """All meetings of some groups."""
    empty = Moments(*(np.zeros(shape) for shape in (0, 0, (0, 2), (0, 2), 0, 0)))
    return Moments(*(np.concatenate([getattr(group, name) for group in (empty, *groups)]) for name in vars(empty)))


def _meetings(piece: Track) -> Moments:
    """Meetings of one unbroken stretch of N frames: frames 8 to N - 21."""
    now = np.arange(BEFORE, len(piece.roots) - AFTER)
    animal, observer = piece.places[:, :2], piece.observer[:, :2]
    here, there = animal[now], observer[now]
    distance = _length(here - there)
    # NaN, where nobody is known to watch, compares as not near.
    near = distance <= NEAR
    walked = np.concatenate([[0.0], np.cumsum(_length(np.diff(animal, axis=0)))])
    past = [(distance - _length(animal[now - frames] - there)) * HZ / frames for frames in (BEFORE, LATELY)]
    pace = [(walked[now] - walked[now - frames]) * HZ / frames for frames in (BEFORE, LATELY)]
    return Moments(
        distance=distance[near],
        approach=((_length(observer[now - BEFORE] - here) - distance) * HZ / BEFORE)[near],
        away=np.stack(past, axis=1)[near],
        pace=np.stack(pace, axis=1)[near],
        retreat=((_length(animal[now + SOON] - there) - distance) * HZ / SOON)[near],
        hurry=((walked[now + AFTER] - walked[now]) * HZ / AFTER)[near],
    )


def _normal_equations(moments: Moments, measure: Measure) -> Array:
    """(B + 3, B + 4) X'X beside X'y for columns: one per distance bin, cause, both habits. They add over groups."""
    columns = [_distance_columns(moments), measure.cause(moments)[:, None], measure.habit(moments)]
    table = np.concatenate([*columns, measure.response(moments)[:, None]], axis=1)[measure.counts(moments)]
    return np.asarray(table[:, :-1].T @ table)


def _coefficient(equations: Array) -> float:
    """The coefficient of the cause; empty distance bins get no intercept."""
    return float(np.linalg.lstsq(equations[:, :-1], equations[:, -1], rcond=None)[0][BINS])


def _distance_columns(moments: Moments) -> Array:
    """(M, B) one where a moment's distance falls into the bin."""
    bins = np.minimum((moments.distance / BIN).astype(np.int64), BINS - 1)
    return np.asarray(bins[:, None] == np.arange(BINS), dtype=np.float64)


def _length(vectors: Array) -> Array:
    return np.asarray(np.linalg.norm(vectors, axis=-1))
