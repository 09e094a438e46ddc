"""What an animal and its observer did, at 10 Hz: one form for recorded videos and simulated episodes.

Every figure of the closed loop is computed from tracks, so that the recorded animal and the simulated one are measured
by the same functions on the same distance field.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import heading
from ats_sim.home import Home
from ats_sim.perception import HZ

SHORTEST = HZ
"""Frames; shorter pieces of a recording say nothing about motion."""


@dataclass(frozen=True, eq=False)
class Track:
    """One stretch of life at 10 Hz, home frame."""

    name: str
    """Which video or episode."""
    roots: Array
    """(N, 4, 4) root poses of the animal."""
    joints: Array
    """(N, J, 3) joint rotations, axis-angle."""
    observer: Array
    """(N, 3) camera centres; NaN where nobody is known to watch."""
    valid: Array
    """(N,) whether the animal and its observer are known."""
    joined: Array
    """(N,) whether a new plan was taken up at this frame; all False in recordings."""
    plan_inside: Array
    """(N,) share of the planned path that lies inside something solid; NaN in recordings."""

    @property
    def places(self) -> Array:
        """(N, 3) root positions, metres."""
        return np.asarray(self.roots[:, :3, 3])

    @property
    def yaw(self) -> Array:
        """(N,) headings, radians."""
        return np.asarray(heading(self.roots[:, :3, :3]))

    @property
    def distance(self) -> Array:
        """(N,) metres between animal and observer on the floor plan."""
        return np.asarray(np.linalg.norm(self.places[:, :2] - self.observer[:, :2], axis=1))

    def pieces(self, shortest: int = SHORTEST) -> "Iterator[Track]":
        """The unbroken valid stretches of at least so many frames."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self.valid, [False]]).astype(np.int8)))
        for begin, end in edges.reshape(-1, 2):
            if end - begin >= shortest:
                yield self.cut(int(begin), int(end))

    def cut(self, begin: int, end: int) -> "Track":
        """Frames `begin` to `end` (exclusive)."""
        arrays = (self.roots, self.joints, self.observer, self.valid, self.joined, self.plan_inside)
        return Track(self.name, *(values[begin:end] for values in arrays))


def plain_track(name: str, roots: Array, joints: Array, observer: Array, valid: Array) -> Track:
    """A track (see `Track` for the shapes) without plans."""
    count = len(roots)
    return Track(name, roots, joints, observer, valid, np.zeros(count, dtype=bool), np.full(count, np.nan))


def recorded_tracks(home: Home) -> list[Track]:
    """The recorded animal: the home's recordings, or where it has none the animations of its `agent.glb`."""
    if home.recordings:
        return [
            plain_track(one.name, one.T_world_root, one.joint_rotations, one.T_world_camera[:, :3, 3], one.valid)
            for one in home.recordings
        ]
    return [
        plain_track(
            clip.name, clip.T_world_root, clip.joint_rotations, np.full((len(clip.time), 3), np.nan), _all(clip.time)
        )
        for clip in home.animations
        if len(clip.time) > HZ
    ]


def _all(time: Array) -> Array:
    return np.ones(len(time), dtype=bool)
