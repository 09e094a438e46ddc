"""What happened on a walk: ways walked, what the agent did, and when it reacted to the observer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

DT = 0.1
WINDOW = 5
"""Steps over which speeds are taken, half a second: gait and breathing stay out."""
FLEE_SPEED, FLEE_RANGE = 0.35, 2.0
APPROACH_SPEED, APPROACH_RANGE = 0.25, 3.5
REFRACTORY = 20
"""Steps after a reaction before another of its kind counts."""
REST_SPEED, RUN_SPEED = 0.06, 1.1
"""m/s; to rest is to be so slow for a whole second, so that a step's pause is none."""


@dataclass(frozen=True)
class Tally:
    """Numbers of one walk."""

    seconds: float
    """Simulated time."""
    observer_metres: float
    """Way walked by the observer."""
    agent_metres: float
    """Way walked by the first agent."""
    fled: int
    """Times the first agent moved away faster than 0.35 m/s from an observer within 2 m, for half a second."""
    approached: int
    """Times it came nearer faster than 0.25 m/s to an observer within 3.5 m, for half a second."""
    nearest: float
    """Smallest horizontal distance between both, metres."""
    mean_distance: float
    """Mean horizontal distance between both, metres."""


class Diary:
    """Takes a note every step of 0.1 s."""

    def __init__(self) -> None:
        """Begin with nothing noted."""
        self._observer: deque[Array] = deque(maxlen=WINDOW + 1)
        self._agent: deque[Array] = deque(maxlen=WINDOW + 1)
        self._apart: list[float] = []
        self._metres = np.zeros(2)
        self._steps, self._moved = 0, -2 * WINDOW  # now, and when the agent last moved
        self._counts = {"fled": 0, "approached": 0}
        self._last = {"fled": -REFRACTORY, "approached": -REFRACTORY}

    def note(self, observer: Array, agent: Array) -> None:
        """Write down where the observer (3,) and the first agent's root (3,) are, 0.1 s after the last note."""
        if self._agent:
            self._steps += 1
            self._metres += [_way(self._observer[-1], observer), _way(self._agent[-1], agent)]
        self._observer.append(np.array(observer, dtype=np.float64))
        self._agent.append(np.array(agent, dtype=np.float64))
        self._apart.append(self.distance)
        if self.speed >= REST_SPEED:
            self._moved = self._steps
        if len(self._agent) > WINDOW:
            self._look_for_reactions()

    def restart(self) -> None:
        """Forget positions, so that a jump to a new start is no way walked; all counts stay."""
        self._observer.clear()
        self._agent.clear()

    @property
    def distance(self) -> float:
        """Horizontal distance between observer and agent now, metres."""
        return float(np.linalg.norm((self._agent[-1] - self._observer[-1])[:2]))

    @property
    def speed(self) -> float:
        """How fast the agent is over the last half second, m/s; 0 right after a start."""
        if len(self._agent) <= WINDOW:
            return 0.0
        return float(np.linalg.norm(self._agent[-1] - self._agent[0])) / (WINDOW * DT)

    @property
    def activity(self) -> str:
        """What the agent is doing, in a word: resting, walking, running, jumping."""
        if len(self._agent) <= WINDOW:
            return "looking around"
        if abs(self._agent[-1][2] - self._agent[0][2]) > 0.12:
            return "jumping"
        if self.speed < REST_SPEED and self._steps - self._moved > 2 * WINDOW:
            return "resting"
        return "running" if self.speed > RUN_SPEED else "walking"

    @property
    def reaction(self) -> str:
        """The reaction of the last second, empty when there is none."""
        now = self._steps
        recent = {name: step for name, step in self._last.items() if now - step <= 10}
        newest = max(recent, key=lambda name: recent[name], default="")
        return {"fled": "fleeing", "approached": "coming closer"}.get(newest, "")

    def tally(self) -> Tally:
        """Everything noted so far in numbers."""
        return Tally(
            seconds=round(self._steps * DT, 3),
            observer_metres=float(self._metres[0]),
            agent_metres=float(self._metres[1]),
            fled=self._counts["fled"],
            approached=self._counts["approached"],
            nearest=min(self._apart, default=0.0),
            mean_distance=float(np.mean(self._apart)) if self._apart else 0.0,
        )

    def _look_for_reactions(self) -> None:
        towards = (self._observer[0] - self._agent[0])[:2]
        apart = float(np.linalg.norm(towards))
        if apart < 1e-6:
            return
        moved = (self._agent[-1] - self._agent[0])[:2]
        closing = float(moved @ towards) / apart / (WINDOW * DT)
        if apart < FLEE_RANGE and closing < -FLEE_SPEED:
            self._count("fled")
        if apart < APPROACH_RANGE and closing > APPROACH_SPEED:
            self._count("approached")

    def _count(self, name: str) -> None:
        now = self._steps
        if now - self._last[name] > REFRACTORY:
            self._counts[name] += 1
        # A reaction that goes on is still the same one.
        self._last[name] = now


def _way(start: Array, end: Array) -> float:
    return float(np.hypot(end[0] - start[0], end[1] - start[1]))
