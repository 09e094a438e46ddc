"""A scripted observer: comes near, walks around the agent, keeps still, and gives chase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array


@dataclass(frozen=True)
class Act:
    """One part of the script."""

    name: str
    """What the observer does."""
    share: float
    """Part of the walk's time it takes."""
    speed: float
    """How fast it walks, m/s."""
    keep: float
    """How near it comes, metres."""
    sideways: float = 0.0
    """How much it circles instead of coming straight, 0 to 1."""


SCRIPT = (
    Act("approaching", 0.25, speed=0.7, keep=1.3),
    Act("circling", 0.25, speed=0.8, keep=1.4, sideways=0.9),
    Act("sitting still", 0.2, speed=0.0, keep=0.0),
    Act("chasing", 0.3, speed=1.9, keep=0.25),
)
LOOK_AHEAD = (0.15, 0.3, 0.5)
TURNS = np.radians([0.0, 25.0, -25.0, 50.0, -50.0, 80.0, -80.0, 115.0, -115.0, 150.0, -150.0])


class Walker:
    """Chooses actions for the observer, one every 0.1 s."""

    def __init__(
        self, clearance: Callable[[Array], Array], radius: float, top_speed: float, yaw_rate: float, pitch_rate: float
    ) -> None:
        """Walk where clearance of floor points (N, 2) is at least radius, both in metres; rates in rad/s."""
        self._clearance, self._radius = clearance, radius
        self._speed, self._yaw_rate, self._pitch_rate = top_speed, yaw_rate, pitch_rate
        self._turn = 0.0

    def act(self, share: float) -> Act:
        """The part of the script at a share (0 to 1) of the walk."""
        for part in SCRIPT:
            if share < part.share:
                return part
            share -= part.share
        return SCRIPT[-1]

    def action(self, share: float, pose: Array, eye_height: float, agent: Array) -> Array:
        """(4,) action for an observer at a pose (4,) x, y, yaw, pitch towards an agent's root (3,)."""
        act = self.act(share)
        to_agent = agent[:2] - pose[:2]
        distance = float(np.linalg.norm(to_agent))
        bearing = float(np.arctan2(to_agent[1], to_agent[0]))
        pitch = float(np.arctan2(agent[2] - eye_height, max(distance, 0.3)))
        walk = self._walk(act, pose, bearing, distance)
        return np.array(
            [
                walk[0],
                walk[1],
                np.clip(_wrapped(bearing - pose[2]) / (self._yaw_rate * 0.3), -1.0, 1.0),
                np.clip((pitch - pose[3]) / (self._pitch_rate * 0.5), -1.0, 1.0),
            ]
        )

    def _walk(self, act: Act, pose: Array, bearing: float, distance: float) -> Array:
        """(2,) forward and left, as shares of the top speed."""
        excess = distance - act.keep
        speed = act.speed * min(1.0, max(abs(excess) / 0.4, act.sideways))
        if speed < 0.05 or (excess < 0.0 and act.sideways == 0.0):
            return np.zeros(2)
        # Circling blends from straight on, far away, to straight round, at the wanted distance.
        heading = bearing + act.sideways * 0.5 * np.pi * float(np.clip(1.0 - excess, 0.0, 1.4))
        free = self._free_heading(pose[:2], heading)
        if free is None:
            return np.zeros(2)
        ahead = free - pose[2]
        return np.array([np.cos(ahead), np.sin(ahead)]) * min(speed / self._speed, 1.0)

    def _free_heading(self, position: Array, heading: float) -> float | None:
        """The heading nearest to the wanted one that leads nowhere solid; the last detour is kept while it works."""
        headings = heading + np.concatenate([[self._turn], TURNS])
        ways = np.stack([np.cos(headings), np.sin(headings)], axis=-1)
        points = position + np.array(LOOK_AHEAD)[:, None, None] * ways
        free = np.asarray(self._clearance(points).min(0) >= self._radius)
        straight = 1
        if free[straight]:
            self._turn = 0.0
            return float(headings[straight])
        if not free.any():
            return None
        chosen = int(np.argmax(free))
        self._turn = float(headings[chosen] - heading)
        return float(headings[chosen])


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)
