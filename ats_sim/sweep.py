"""Moving a point through a home without ever passing through anything: along straight ways, looked at everywhere."""

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

    Every centimetre is looked at: a push out of a wall may end behind it.
    """
    ways = ends - starts
    longest = math.sqrt(float((ways * ways).sum(-1).max(initial=0.0)))
    count = max(1, math.ceil(longest / CHECK))
    shares = np.arange(1, count + 1) / count
    points = starts[:, None] + shares[:, None] * ways[:, None]
    return np.asarray((volume.sample_sdf(points) >= margin).all(-1))


def swept(volume: PerceptionVolume, start: Array, end: Array, margin: float) -> tuple[Array, bool]:
    """Move from one place (3,) towards another, bent along what is in the way; returns the place reached and whether
    the way was barred."""
    if ways_are_free(volume, start[None], end[None], margin)[0]:
        return end, False
    position = start
    pieces = max(1, math.ceil(float(np.linalg.norm(end - start)) / SUBSTEP))
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
