"""ETH/UCY: people on foot seen from above, cut into eight observed and twelve hidden positions, 0.4 s apart.

A row of a recording is frame, person, x, y in metres. As is usual there, a window is any twenty listed frames in a row,
and gives one trajectory for each person who is in all of them. What a model may know - its own eight positions, and
whoever else is there at the last observed moment - is taken from these eight frames alone: velocities by central
differences at the last of them have carried the future into published numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ats_sim.arrays import Array

SEEN, HIDDEN = 8, 12
STEP = 0.4
"""Seconds from frame to frame."""
PACES = (1.0, 1.5, 2.0)
"""Training plays recordings at their own pace and faster: how far apart frames are in truth differs between them."""
OTHERS = 12
"""So many people around, the nearest, are kept."""
FOLDS = {
    "eth": ("biwi_eth",),
    "hotel": ("biwi_hotel",),
    "univ": ("students001", "students003"),
    "zara1": ("crowds_zara01",),
    "zara2": ("crowds_zara02",),
}
"""What is tested; trained is on every other recording."""
RECORDINGS = tuple(sorted({name for names in FOLDS.values() for name in names} | {"crowds_zara03", "uni_examples"}))


@dataclass(frozen=True, eq=False)
class Windows:
    """N trajectories."""

    seen: Array
    """(N, 8, 2) metres."""
    hidden: Array
    """(N, 12, 2) metres: what came next."""
    others: Array
    """(N, 12, 4) where others are at the last seen frame and how far they came since the one before; 0 if fewer."""
    present: Array
    """(N, 12) one for whom there is, zero for padding."""

    def __len__(self) -> int:
        return len(self.seen)

    def select(self, rows: Array) -> Self:
        """Some of them."""
        return type(self)(self.seen[rows], self.hidden[rows], self.others[rows], self.present[rows])

    @classmethod
    def joined(cls, parts: Sequence["Windows"]) -> "Windows":
        """One after the other."""
        names = ("seen", "hidden", "others", "present")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def read_rows(path: Path) -> Array:
    """Frame, person, x, y of a recording (R, 4)."""
    return np.loadtxt(path, ndmin=2)


def paced(rows: Array, pace: float) -> Array:
    """A recording's rows as if it had been played faster: everybody where they are every `pace` frames, on straight
    lines between the frames in which they were seen."""
    if pace == 1.0:
        return rows
    frames = np.unique(rows[:, 0])
    length = np.median(np.diff(frames))
    times = np.arange(frames[0], frames[-1] + 1e-6, pace * length)
    parts = []
    for person in np.unique(rows[:, 1]):
        track = rows[rows[:, 1] == person]
        here = times[(times >= track[0, 0]) & (times <= track[-1, 0])]
        x, y = (np.interp(here, track[:, 0], track[:, axis]) for axis in (2, 3))
        parts.append(np.stack([here, np.full(len(here), person), x, y], axis=1))
    return np.concatenate(parts)


def cut(rows: Array) -> Windows:
    """All windows of one recording's rows (R, 4), by frame and then by person."""
    frames, frame = np.unique(rows[:, 0], return_inverse=True)
    people, person = np.unique(rows[:, 1], return_inverse=True)
    places = np.full((len(frames), len(people), 2), np.nan)
    places[frame, person] = rows[:, 2:]
    there = np.isfinite(places[..., 0])
    parts = [Windows(np.zeros((0, SEEN, 2)), np.zeros((0, HIDDEN, 2)), np.zeros((0, OTHERS, 4)), np.zeros((0, OTHERS)))]
    for start in range(len(frames) - SEEN - HIDDEN + 1):
        here = slice(start, start + SEEN + HIDDEN)
        walkers = np.flatnonzero(there[here].all(0))
        if len(walkers):
            tracks = places[here, walkers].transpose(1, 0, 2)
            others, present = around(places[start : start + SEEN], walkers)
            parts.append(Windows(tracks[:, :SEEN], tracks[:, SEEN:], others, present))
    return Windows.joined(parts)


def around(places: Array, walkers: Array) -> tuple[Array, Array]:
    """Who else is there, nearest first.

    Args:
        places: (8, P, 2) everybody in the seen frames; NaN where not there.
        walkers: (W,) who is predicted.

    Returns:
        (W, 12, 4) the others' places and last steps, metres, and (W, 12) whether there is one.
    """
    now, step = places[-1], places[-1] - places[-2]
    both = np.concatenate([now, step], axis=-1)
    distance = np.linalg.norm(now[None] - now[walkers, None], axis=-1)
    distance[np.arange(len(walkers)), walkers] = np.nan
    distance[:, ~np.isfinite(both).all(-1)] = np.nan
    nearest = np.argsort(distance, axis=1)[:, :OTHERS]
    nearest = np.pad(nearest, ((0, 0), (0, OTHERS - nearest.shape[1])))
    count = np.isfinite(distance).sum(1, keepdims=True)
    present = np.arange(OTHERS) < count
    return np.where(present[..., None], both[nearest], 0.0), present.astype(float)


def fold_windows(data: Path, fold: str) -> Windows:
    """The whole recordings of a fold."""
    return Windows.joined([cut(read_rows(data / "all_data" / f"{name}.txt")) for name in FOLDS[fold]])


def other_windows(data: Path, fold: str, part: str = "train", paces: Sequence[float] = PACES) -> Windows:
    """The "train" or "val" rows of all recordings that a fold does not test, played at several paces."""
    names = [name for name in RECORDINGS if name not in FOLDS[fold]]
    rows = [read_rows(data / part / f"{name}_{part}.txt") for name in names]
    return Windows.joined([cut(paced(r, pace)) for pace in paces for r in rows])


@dataclass(frozen=True, eq=False)
class Frames:
    """Where N walkers are and whither they go, as frames: x ahead, the origin at the last seen place."""

    origin: Array
    """(N, 2) metres."""
    turn: Array
    """(N, 2, 2): columns are the frame's axes."""

    @classmethod
    def of(cls, seen: Array) -> Self:
        """From seen places (N, 8, 2): ahead is where the last three steps went."""
        ahead = seen[:, -1] - seen[:, -4]
        angle = np.arctan2(ahead[:, 1], ahead[:, 0])
        cos, sin = np.cos(angle), np.sin(angle)
        return cls(seen[:, -1], np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2))

    def enter(self, points: Array) -> Array:
        """World points (N, ..., 2) seen from the frames."""
        away = points - self.origin.reshape(-1, *[1] * (points.ndim - 2), 2)
        return np.einsum("n...i,nij->n...j", away, self.turn)

    def leave(self, points: Array) -> Array:
        """Undo `enter`."""
        turned = np.einsum("n...j,nij->n...i", points, self.turn)
        return turned + self.origin.reshape(-1, *[1] * (points.ndim - 2), 2)

    def turned(self, steps: Array) -> Array:
        """World displacements (N, ..., 2) seen from the frames."""
        return np.einsum("n...i,nij->n...j", steps, self.turn)


def constant_velocity(seen: Array) -> Array:
    """Going on (N, 1, 12, 2) with the last seen step."""
    steps = np.arange(1, HIDDEN + 1)[:, None] * (seen[:, None, -1] - seen[:, None, -2])[:, None]
    return seen[:, None, -1:] + steps


def noisy_velocity(
    seen: Array, count: int, rng: np.random.Generator, turn: float = 25.0, change: float = 0.35
) -> Array:
    """Going on (N, count, 12, 2) with the mean of the last three steps, turned by `turn` degrees and a share `change`
    faster, one standard deviation each: no learning at all."""
    angle = np.deg2rad(turn) * rng.standard_normal((len(seen), count))
    speed = np.maximum(1.0 + change * rng.standard_normal((len(seen), count)), 0.0)
    step = (seen[:, -1] - seen[:, -4]) / 3.0
    whirl = np.stack([np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], -2)
    steps = np.einsum("nkij,nj->nki", whirl, step) * speed[..., None]
    return seen[:, None, -1:] + np.arange(1, HIDDEN + 1)[:, None] * steps[:, :, None]
