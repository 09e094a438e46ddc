"""What tasks look at: where observer and animal are, how they move, what is seen, and whether the animal flees."""

import math
from collections import deque
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.envs.framing import NOWHERE, Framing, framing
from ats_sim.measures import DT
from ats_sim.world import World


@dataclass(frozen=True)
class Situation:
    """What tasks look at after a step: floor plan coordinates in metres, angles in radians."""

    observer: tuple[float, float]
    """Where the observer stands."""
    yaw: float
    """Where the observer faces."""
    speed: float
    """How fast the observer moved in the last step, m/s."""
    agent: tuple[float, float]
    """Where the animal's root is."""
    motion: tuple[float, float]
    """How the animal's root moved in the last step, m/s."""
    in_reach: bool
    """Whether the observer could touch the animal."""
    visible: float
    """Share of the animal that the observer sees, 0 to 1."""
    framing: Framing
    """The animal in the observer's picture; only for tasks that say so."""
    action: tuple[float, float, float, float]
    """What the observer did."""

    @property
    def distance(self) -> float:
        """Metres between observer and animal."""
        return math.hypot(self.agent[0] - self.observer[0], self.agent[1] - self.observer[1])


class FleeWatch:
    """Notices that the animal flees: it moves away from an observer within 2 m, faster than 0.35 m/s over half a
    second (gait and breathing stay out)."""

    SPEED: ClassVar[float] = 0.35
    """m/s."""
    RANGE: ClassVar[float] = 2.0
    """Metres; what happens farther away is not the observer's doing."""
    STEPS: ClassVar[int] = 5
    """Half a second."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self._seen: deque[tuple[float, float, float, float]] = deque(maxlen=self.STEPS + 1)

    def fleeing(self, situation: Situation) -> bool:
        """Take note of a step; whether the animal flees by now."""
        self._seen.append((*situation.observer, *situation.agent))
        if len(self._seen) <= self.STEPS:
            return False
        observer_x, observer_y, agent_x, agent_y = self._seen[0]
        apart = math.hypot(observer_x - agent_x, observer_y - agent_y)
        if not 1e-6 < apart < self.RANGE:
            return False
        moved_x, moved_y = situation.agent[0] - agent_x, situation.agent[1] - agent_y
        leaving = (moved_x * (agent_x - observer_x) + moved_y * (agent_y - observer_y)) / apart
        return leaving > self.SPEED * self.STEPS * DT

    def state(self) -> Array:
        """(K, 4) what is remembered, K up to 6."""
        return np.array(self._seen, dtype=np.float64).reshape(-1, 4)

    def load_state(self, stored: Array) -> None:
        """Continue from `state`."""
        self._seen.clear()
        self._seen.extend((ox, oy, ax, ay) for ox, oy, ax, ay in checked("task_seen", stored, (None, 4)).tolist())


def situation(world: World, visible: float, in_reach: bool, wants_framing: bool, action: Array) -> Situation:
    """What a task looks at now, after an observer did `action` (4,), of an animal seen and in reach as measured."""
    observer, animal = world.observer, world.agents[0]
    x, y, yaw = observer.pose[:3].tolist()
    was_x, was_y = observer.last_pose[:2].tolist()
    root, motion = animal.T_world_root[:2, 3].tolist(), animal.velocity[:2].tolist()
    forward, left, turn, look = action.tolist()
    box = framing(world.eyes, observer.T_world_camera, animal.joint_positions) if wants_framing else NOWHERE
    return Situation(
        observer=(x, y),
        yaw=yaw,
        speed=math.hypot(x - was_x, y - was_y) / DT,
        agent=(root[0], root[1]),
        motion=(motion[0], motion[1]),
        in_reach=in_reach,
        visible=visible,
        framing=box,
        action=(forward, left, turn, look),
    )
