"""Whether the observer moves as the one who filmed did: the animal learned from that person, and from nobody else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ats_sim.arrays import Array
from ats_sim.home import Home
from ats_sim.recorded import HZ, Recording
from ats_sim.remembered import remembered

LOW, HIGH = 1.0, 99.0  # percentiles; what lies beyond them was as good as never filmed
HABITS = 4
SLACK = 1e-3  # m, m/s and rad/s, about what a recording is rounded to
LEAST_MOMENTS = 50  # seen moments below which nothing is said
X, Y, YAW, _, FLOOR, EYES = range(6)


@dataclass(frozen=True, eq=False)
class ObserverLikeness:
    """What the person who filmed was seen to do, at 10 Hz; heights are above the home's main floor."""

    height: tuple[float, float]
    """Metres, 1st to 99th percentile of the eyes' height."""
    speed: float
    """m/s on the floor, 99th percentile; standing still is never unlike."""
    turn: float
    """rad/s to either side, 99th percentile; looking straight ahead is never unlike."""
    distance: tuple[float, float]
    """Metres on the floor between observer and animal, 1st to 99th percentile."""

    @classmethod
    def of(cls, home: Home) -> Self | None:
        """Learn the habits from a home's recordings; None where it has none or next to none."""
        return cls.learned(home.recordings)

    @classmethod
    def learned(cls, recordings: Sequence[Recording]) -> Self | None:
        """Learn the habits from recordings, of the moments alone at which animal and camera were known."""
        if not recordings:
            return None
        columns = zip(*map(_habits, recordings), strict=True)
        heights, speeds, turns, distances = (np.concatenate(column) for column in columns)
        if min(len(heights), len(speeds)) < LEAST_MOMENTS:
            return None
        return cls(_range(heights), _range(speeds)[1], _range(turns)[1], _range(distances))

    def count_unlike(self, pose: Array, last_pose: Array, agent: Array) -> int:
        """How many of height, speed, turn and distance, 0 to 4, lie outside what was filmed.

        Args:
            pose: (6,) of the observer now, as `Observer.pose`.
            last_pose: (6,) 0.1 s earlier.
            agent: (4, 4) root pose of the animal.
        """
        now, before = pose.tolist(), last_pose.tolist()
        x, y = now[X], now[Y]
        turned = abs(now[YAW] - before[YAW])
        height = now[FLOOR] + now[EYES]
        away = math.hypot(x - agent[0, 3], y - agent[1, 3])
        return (
            (not self.height[0] <= height <= self.height[1])
            + (math.hypot(x - before[X], y - before[Y]) * HZ > self.speed)
            + (min(turned, 2.0 * math.pi - turned) * HZ > self.turn)
            + (not self.distance[0] <= away <= self.distance[1])
        )


def _habits(recording: Recording) -> tuple[Array, Array, Array, Array]:
    """Heights, speeds, turns to either side and distances of one video."""
    eyes, seen = recording.T_world_camera[:, :3, 3], recording.valid
    pairs = seen[1:] & seen[:-1]
    speed = np.linalg.norm(np.diff(eyes[:, :2], axis=0), axis=1) * HZ
    ahead = recording.T_world_camera[:, :2, 2]
    turned = np.abs(np.diff(np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0])))) * HZ
    away = np.linalg.norm(recording.T_world_root[:, :2, 3] - eyes[:, :2], axis=1)
    return eyes[seen, 2], speed[pairs], turned[pairs], away[seen]


def _range(values: Array) -> tuple[float, float]:
    low, high = np.percentile(values, [LOW, HIGH])
    return float(low) - SLACK, float(high) + SLACK


@remembered
def likeness_of(home: Home) -> ObserverLikeness | None:
    """The habits of who filmed a home, learned once; None where it keeps no recordings."""
    return ObserverLikeness.of(home)
