"""The course that roots take: towards their plans, on their feet, out of what is solid; all bodies frame by frame."""

import math
from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.footing import FALL, Footing
from ats_sim.geometry import rigid
from ats_sim.sliding import Disc
from ats_sim.stretch import Stretch
from ats_sim.sweep import swept, ways_are_free
from ats_sim.wanted import Wanted

CATCH_UP = 0.05  # metres per frame that an agent may go beyond its plan's stride
MAX_STRIDE = 0.4  # metres per frame, 4 m/s: a cat's sprint in a home
STRAYED = 0.2  # metres from the planned place that count as blocked
BODY_RADIUS = 0.08  # metres around the root that nobody else's body enters


class Course:
    """N bodies on their way through K frames."""

    def __init__(self, footing: Footing, before: Stretch, wanted: Wanted, obstacles: Sequence[Sequence[Disc]]) -> None:
        """Walk from where bodies were (the last two frames of `before` count) as far as home and others let them."""
        self._footing, self._wanted, self._obstacles = footing, wanted, obstacles
        self._here, self._pose = before.roots[:, -1], (before.drawn[:, -1], before.positions[:, -1])
        self._momentum = _length(before.roots[:, -1, :3, 3] - before.roots[:, -2, :3, 3])
        self.roots = rigid(wanted.rotations, wanted.places)
        """(N, K, 4, 4) root poses."""
        self.joints = wanted.joints.copy()
        """(N, K, J, 3) joint rotations."""
        self.positions = np.empty_like(wanted.poses)
        """(N, K, J, 3) joint positions."""
        self.held = np.zeros(wanted.airborne.shape, dtype=bool)
        """(N, K) whether nothing fitted, so that the whole body stayed as it was."""
        self._stopped = np.zeros(wanted.airborne.shape, dtype=bool)
        for frame in range(wanted.airborne.shape[1]):
            self._take(frame)

    @property
    def blocked(self) -> Array:
        """(N, K) whether something solid kept the bodies from their plans."""
        return np.asarray(self._stopped | (_length(self.roots[..., :3, 3] - self._wanted.places) > STRAYED))

    def bodies(self) -> Array:
        """(N, K, J, 4, 4) transforms of all joints."""
        bodies = self._wanted.bodies.copy()
        bodies[..., :3, 3] += self.roots[:, :, None, :3, 3]
        if self.held.any():
            old = self.roots[self.held], self.joints[self.held]
            bodies[self.held] = self._footing.skeleton.forward_kinematics(*old)
        return bodies

    def _take(self, frame: int) -> None:
        """One frame: towards the plan; else the new pose on the spot; else stand still."""
        here, wanted = self._here[:, :3, 3], self._wanted
        reach = np.minimum(np.maximum(wanted.strides[:, frame], self._momentum + CATCH_UP), MAX_STRIDE)
        aims = _beside(_within(here, wanted.places[:, frame], reach), self._obstacles)
        places, self._stopped[:, frame] = swept(self._footing.volume, here, aims, self._footing.margin)
        every = np.arange(len(here))
        places, fits = self._settled(frame, every, places, reach)
        stuck = np.flatnonzero(~fits)
        if len(stuck):
            self._stopped[stuck, frame] = True
            places[stuck], fits[stuck] = self._settled(frame, stuck, here[stuck], reach[stuck])
        self.roots[:, frame, :3, 3] = places
        self.positions[:, frame] = wanted.poses[:, frame] + places[:, None]
        held = self.held[:, frame] = ~fits
        if held.any():
            self.roots[held, frame] = self._here[held]
            self.joints[held, frame], self.positions[held, frame] = (part[held] for part in self._pose)
        self._momentum = _length(self.roots[:, frame, :3, 3] - here)
        self._here, self._pose = self.roots[:, frame], (self.joints[:, frame], self.positions[:, frame])

    def _settled(self, frame: int, bodies: Array, places: Array, reach: Array) -> tuple[Array, Array]:
        """Where the roots (M, 3) of some bodies go so that the frame's poses fit near places, and whether they get
        there at all."""
        wanted, here = self._wanted, self._here[bodies, :3, 3]
        sinks = np.where(wanted.airborne[bodies, frame], 0.0, FALL)
        shifts, fits = self._footing.settle(wanted.poses[bodies, frame] + places[:, None], sinks)
        there = places + shifts
        near = _length(there - here) <= reach + FALL
        return there, fits & near & ways_are_free(self._footing.volume, here, there, 0.0)


def _length(vectors: Array) -> Array:
    """(...) of vectors (..., 3)."""
    return np.asarray(np.sqrt((vectors * vectors).sum(-1)))


def _within(starts: Array, ends: Array, reach: Array) -> Array:
    """The ends (N, 3) of ways, or the points of them that far from their starts."""
    ways = ends - starts
    whole = _length(ways)
    far = whole > reach
    shares = np.where(far, reach / np.where(far, whole, 1.0), 1.0)
    return np.where(far[:, None], starts + ways * shares[:, None], ends)


def _beside(places: Array, obstacles: Sequence[Sequence[Disc]]) -> Array:
    """Places (N, 3) moved out of the bodies of others, sideways."""
    for body, discs in enumerate(obstacles):
        for x, y, radius in discs:
            aside = places[body, :2] - [x, y]
            apart, least = math.hypot(*aside), radius + BODY_RADIUS
            if 1e-6 < apart < least:
                places[body, :2] = np.array([x, y]) + aside * (least / apart)
    return places
