"""Moving points through a home without ever passing through anything: along straight ways, looked at everywhere."""

import math

import numpy as np

from ats_sim.arrays import Array
from ats_sim.volume import PerceptionVolume

SUBSTEP = 0.03  # metres per piece of a way that touches something
CHECK = 0.01  # metres between two looks at the distance field along a way
PUSHES = 4  # tries to get a point out of something solid
MAX_LIFT = 0.12  # metres that one piece of a way may be pushed aside


def ways_are_free(volume: PerceptionVolume, starts: Array, ends: Array, margin: float) -> Array:
    """Whether straight ways (N, 3) to (N, 3) keep a margin (m) all along, ends included, beginnings left out.

    Every centimetre is looked at: a push out of a wall may end behind it. What is found of one way does not depend on
    the others.
    """
    ways = ends - starts
    looks = np.maximum(np.ceil(np.sqrt((ways * ways).sum(-1)) / CHECK), 1.0)
    counts = looks.astype(np.int64)
    way, firsts = np.repeat(np.arange(len(ways)), counts), np.cumsum(counts) - counts
    shares = (np.arange(1, len(way) + 1) - firsts[way]) / looks[way]
    free = volume.sample_sdf(starts[way] + shares[:, None] * ways[way]) >= margin
    return np.asarray(np.logical_and.reduceat(free, firsts))


def swept(volume: PerceptionVolume, starts: Array, ends: Array, margin: float) -> tuple[Array, Array]:
    """Move from places (N, 3) towards others, bent along what is in the way; returns the places (N, 3) reached and
    whether the ways (N,) were barred."""
    places, barred = ends.copy(), np.zeros(len(ends), dtype=bool)
    for way in np.flatnonzero(~ways_are_free(volume, starts, ends, margin)).tolist():
        places[way], barred[way] = _bent(volume, starts[way], ends[way], margin)
    return places, barred


def _bent(volume: PerceptionVolume, start: Array, end: Array, margin: float) -> tuple[Array, bool]:
    """One way (3,) to (3,) that touches something, piece by piece."""
    position = start
    pieces = max(1, math.ceil(math.dist(start, end) / SUBSTEP))
    step = (end - start) / pieces
    for _ in range(pieces):
        moved = freed(volume, position + step, margin)
        if moved is None or not ways_are_free(volume, position[None], moved[None], 0.0)[0]:
            return position, True
        position = moved
    return position, False


def freed(volume: PerceptionVolume, point: Array, margin: float) -> Array | None:
    """The point (3,) itself where it keeps the margin, else the nearest place beside or above it that does, or None."""
    place = x, y, z = point.tolist()
    for _ in range(PUSHES):
        room = volume.distance_at(x, y, z)
        if room >= margin:
            return np.array([x, y, z])
        slope = volume.slope_at(x, y, z)
        length = math.hypot(*slope)
        if length < 1e-6:
            return None
        push = (margin - room + 1e-3) / length
        x, y, z = x + push * slope[0], y + push * slope[1], z + push * slope[2]
        if math.dist((x, y, z), place) > MAX_LIFT:
            return None
    return np.array([x, y, z]) if volume.distance_at(x, y, z) >= margin else None
