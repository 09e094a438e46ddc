"""The animal's mind: moods pick a place, a plan of deeds leads there, the observer may change everything.

A calm observer invites curiosity, one that comes close fast is run from. All chance comes from one generator.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.reconstruction.capture.synthesis.animal import plans
from ats_sim.reconstruction.capture.synthesis.animal.body import Body
from ats_sim.reconstruction.capture.synthesis.animal.choices import Memory, choose_goal, choose_refuge
from ats_sim.reconstruction.capture.synthesis.animal.deeds import Deed, Dwell, Situation
from ats_sim.reconstruction.capture.synthesis.animal.drives import Drives, Encounter, encounter
from ats_sim.reconstruction.capture.synthesis.animal.motor import Command, Motor
from ats_sim.reconstruction.capture.synthesis.animal.territory import Habitat, Place, Territory

OBSERVER_GOAL = "observer"


@dataclass(frozen=True)
class AgentState:
    """The animal at one instant."""

    T_world_root: Array
    """(4, 4) pose of the trunk's middle."""
    joint_rotations: Array
    """(26, 3) axis-angle after the rest rotation."""
    activity: str
    """What it is doing: walk, trot, run, turn, approach, flee, hop_up, hop_down, stand, alert, or a resting posture."""
    goal: str
    """Where it wants to be: a place's name, or "observer"."""


class Mind:
    """One living animal."""

    def __init__(
        self,
        layout: Habitat,
        body: Body,
        rng: np.random.Generator,
        start: tuple[float, float, float] | None = None,
    ) -> None:
        """Put the animal at `start` (x, y, yaw) on the floor, or at a random free point.

        Raises CaptureError where the home has no place that can be reached.
        """
        self.body, self._rng = body, rng
        self.territory = Territory(layout, body.plan)
        x, y, yaw = start if start is not None else _random_start(self.territory, rng)
        self.motor = Motor(body, np.array([x, y]), yaw, self.territory.floor)
        self.drives = Drives(rng)
        self.memory = Memory()
        self.place: Place | None = None
        """The place the animal is at, None on its way over the floor."""
        self.goal = ""
        self._deeds: deque[Deed] = deque()
        self._fleeing = False
        self._flight_time = 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> Mind:
        # Body and territory never change: a re-rolled mind shares them, so that thousands of copies stay cheap.
        memo[id(self.body)] = self.body
        memo[id(self.motor.legs)] = self.motor.legs
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items()})
        return twin

    def reseeded(self, rng: np.random.Generator) -> Mind:
        """A copy in the same state whose future chances come from `rng`."""
        twin = copy.deepcopy(self)
        twin._rng = rng
        return twin

    @property
    def activity(self) -> str:
        """Name of the present deed."""
        if not self._deeds:
            return "stand"
        return self._deeds[0].activity

    def step(self, dt: float, observer_position: Array, observer_velocity: Array) -> AgentState:
        """Live for `dt` seconds beside an observer at (3,) moving at (3,) m/s, world frame.

        Raises ArrayError for observers that are not finite.
        """
        observer = checked("observer_position", observer_position, (3,))
        velocity = checked("observer_velocity", observer_velocity, (3,))
        meeting = encounter(self.motor.position, self.motor.velocity, observer, velocity)
        sheltered = self.place is not None and self.place.spot.kind == "hide"
        self.drives.advance(dt, self.activity, meeting, sheltered, self._rng)
        self.memory.advance(dt)
        self._flight_time += dt
        if self.drives.panic() and not self.motor.hopping and (not self._fleeing or self._cut_off(observer)):
            self._flee(observer)
        now = Situation(dt, self.motor, self.territory.nav, observer, meeting.speed, self._rng)
        self.motor.advance(dt, self._next_command(now, meeting))
        T_world_root, rotations = self.motor.pose()
        return AgentState(T_world_root, rotations, self.activity, self.goal)

    def _next_command(self, now: Situation, meeting: Encounter) -> Command:
        # A finished deed hands over in the same step; the bound only guards against plans of nothing but done deeds.
        for _ in range(12):
            if not self._deeds:
                self._decide(now, meeting)
            command = self._deeds[0].step(now)
            if command is not None:
                return command
            self._finish(self._deeds.popleft())
        return Command()

    def _finish(self, deed: Deed) -> None:
        if isinstance(deed, plans.Arrival):
            self.place, self._fleeing = deed.place, False
            self.memory.visit(deed.place.name)
        elif isinstance(deed, plans.Departure):
            self.place = None

    def _decide(self, now: Situation, meeting: Encounter) -> None:
        options = choose_goal(self.territory, self.drives, self.memory, self.place, now, meeting)
        if options is None:
            self.goal = OBSERVER_GOAL
            self.memory.visit(OBSERVER_GOAL)
            self._deeds.extend(plans.leave(self.place, self.territory))
            self._deeds.extend(plans.meet_observer(self._rng))
            return
        self.goal = options.name
        self._deeds.extend(plans.visit(self.territory, self.place, options, now, self.drives))

    def _cut_off(self, observer: Array) -> bool:
        """Whether the observer stands in the way of the flight, so that another one is due."""
        toward = observer[:2] - self.motor.position
        distance = float(np.hypot(*toward))
        ahead = float(toward @ [np.cos(self.motor.yaw), np.sin(self.motor.yaw)]) > 0.3 * distance
        return self._flight_time > 1.0 and distance < 0.9 and ahead

    def _flee(self, observer: Array) -> None:
        if self.place is not None and self.place.open(self.territory.floor):
            self.place = None
        refuge = choose_refuge(self.territory, self.place, self.motor.position, observer, self._rng)
        self.drives.take_heart(self._rng)
        self._deeds.clear()
        if refuge is None:
            self._deeds.append(Dwell("crouch", float(self._rng.uniform(1.0, 2.0)), "observer", activity="alert"))
            return
        self.goal, self._fleeing, self._flight_time = refuge.name, True, 0.0
        self._deeds.extend(plans.flee(self.territory, self.place, refuge, self.motor.position, self._rng))


def _random_start(territory: Territory, rng: np.random.Generator) -> tuple[float, float, float]:
    nav = territory.nav
    reachable = np.isfinite(territory.places[0].distance)
    roomy = reachable & (nav.clearance() > 0.15)
    cells = np.argwhere(roomy if roomy.any() else reachable)
    x, y = nav.to_world(cells[rng.integers(len(cells))])
    return float(x), float(y), float(rng.uniform(-np.pi, np.pi))
