"""What the observer is rewarded for: `free`, `follow`, `approach` and `film`.

With several animals a task is about the first. A reward is the sum of named terms, which also go to `info["task"]`; a
good step is worth about 1. Shaping terms are differences of a potential, discount * now - before (Ng, Harada and
Russell 1999). With a discount of 1 they are plain progress, so that sums of rewards tell who did best; with the
learner's own discount they leave the best behaviour exactly as it is, but then to stand far away pays a little.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.envs.situation import FleeWatch, Situation

Terms = dict[str, float]


class Task(ABC):
    """One thing to be rewarded for."""

    TERMS: ClassVar[tuple[str, ...]] = ()
    """Names of the terms whose sum is the reward."""
    LOOKS_AT_FRAMING: ClassVar[bool] = False
    """Whether `Situation.framing` has to be filled in."""
    START_APART: ClassVar[tuple[float, float]] = (0.8, 4.0)
    """How near and how far from the animal an episode begins, metres."""

    def __init__(self, discount: float) -> None:
        """Prepare; `discount` is the learner's, for shaping."""
        self.discount = discount
        self.terms: Terms = dict.fromkeys(self.TERMS, 0.0)
        """The last step's terms; all 0 right after a reset."""
        self.ended = False
        """Whether the last step ended the task."""

    def begin(self, situation: Situation) -> None:
        """Forget everything: an episode begins."""
        self.terms, self.ended = dict.fromkeys(self.TERMS, 0.0), False

    def judge(self, situation: Situation) -> float:
        """The reward of a step, the sum of `terms`, which are filled in with `ended`."""
        self.ended = False
        self.terms = self._judged(situation)
        return sum(self.terms.values(), 0.0)

    @abstractmethod
    def _judged(self, situation: Situation) -> Terms:
        """The terms of a step; may end the task."""

    def state(self) -> dict[str, Array]:
        """Everything that later rewards depend on, as named arrays."""
        return {"terms": np.array(list(self.terms.values()), dtype=np.float64), "ended": np.array(self.ended)}

    def load_state(self, stored: Mapping[str, Array]) -> None:
        """Continue from `state`; raises KeyError or ArrayError where it is incomplete."""
        values = checked("task_terms", stored["terms"], (len(self.TERMS),)).tolist()
        self.terms, self.ended = dict(zip(self.TERMS, values, strict=True)), bool(stored["ended"])


class Free(Task):
    """Nothing is rewarded and nothing ends: walk around."""

    def _judged(self, situation: Situation) -> Terms:
        return {}


class _Shaped(Task):
    """A task with a potential, which also minds whether the animal flees."""

    def __init__(self, discount: float) -> None:
        super().__init__(discount)
        self._watch, self._potential = FleeWatch(), 0.0

    @abstractmethod
    def potential(self, situation: Situation) -> float:
        """How good it is to be here; its differences are the shaping."""

    def begin(self, situation: Situation) -> None:
        """Forget everything: an episode begins."""
        super().begin(situation)
        self._watch = FleeWatch()
        self._watch.fleeing(situation)
        self._potential = self.potential(situation)

    def shaping(self, situation: Situation, arrived: bool = False) -> float:
        """The step's difference of potentials; who has arrived has all of the way behind them."""
        before, self._potential = self._potential, 0.0 if arrived else self.potential(situation)
        return self.discount * self._potential - before

    def state(self) -> dict[str, Array]:
        """As `Task.state`."""
        return super().state() | {"seen": self._watch.state(), "potential": np.array(self._potential)}

    def load_state(self, stored: Mapping[str, Array]) -> None:
        """As `Task.load_state`."""
        super().load_state(stored)
        self._watch.load_state(stored["seen"])
        self._potential = float(checked("task_potential", stored["potential"], ()))


class Follow(_Shaped):
    """Stay 1 to 2 m behind the animal and keep it in sight; never ends.

    Whoever has lost sight of it does not follow it: all three shares below shrink with what is seen of it, from half
    of its body on.

    - `band`: 0.6 from 1 to 2 m, falling to 0 over another metre on either side.
    - `facing`: 0.2 looking at it, 0 with the back to it.
    - `behind`: 0.2 behind it, 0 in front, while it moves (above 0.1 m/s); 0.2 while it rests.
    - `shaping`: 2 per metre that the gap to the band closes.
    - `scared`: -1 for every step in which it flees (`FleeWatch`).
    """

    TERMS = ("band", "facing", "behind", "shaping", "scared")
    NEAR, FAR = 1.0, 2.0
    """The band, metres."""
    FADE = 1.0
    """Metres outside the band after which `band` is 0."""
    MOVING = 0.1
    """m/s."""
    SHAPING = 2.0
    """Potential per metre."""
    FARTHEST = 6.0
    """Gaps beyond this, metres, are all alike."""
    ENOUGH = 0.5
    """Share of the body whose sight is as good as that of all of it."""
    START_APART = (2.0, 5.0)
    """Outside the band: to stand still is not enough."""

    def gap(self, distance: float) -> float:
        """Metres outside the band."""
        return min(max(self.NEAR - distance, distance - self.FAR, 0.0), self.FARTHEST)

    def potential(self, situation: Situation) -> float:
        """-2 per metre outside the band."""
        return -self.SHAPING * self.gap(situation.distance)

    def _judged(self, situation: Situation) -> Terms:
        to = (situation.agent[0] - situation.observer[0], situation.agent[1] - situation.observer[1])
        ahead = (math.cos(situation.yaw), math.sin(situation.yaw))
        moving = math.hypot(*situation.motion) > self.MOVING
        seen = min(1.0, situation.visible / self.ENOUGH)
        return {
            "band": 0.6 * seen * max(0.0, 1.0 - self.gap(situation.distance) / self.FADE),
            "facing": 0.1 * seen * (1.0 + _cosine(ahead, to)),
            "behind": 0.1 * seen * (1.0 + _cosine(situation.motion, to) if moving else 2.0),
            "shaping": self.shaping(situation),
            "scared": -1.0 if self._watch.fleeing(situation) else 0.0,
        }


class Approach(_Shaped):
    """Come within reach of the animal, on the floor plan, without scaring it; either ends the task.

    - `shaping`: 1 for every 0.14 m (a step at walking speed) nearer to 0.6 m; scaring it from afar gains no way.
    - `hurry`: from 0 at 0.5 m/s to -0.5 at 1.4 m/s within 1.5 m of it.
    - `success`: 10 within 0.6 m or where the observer could touch it.
    - `scared`: -10 when it flees (`FleeWatch`); a success in the same step does not count.
    """

    TERMS = ("shaping", "hurry", "success", "scared")
    REACH = 0.6
    """Metres."""
    STRIDE = 0.14
    """Metres of a step at walking speed."""
    CALM, FAST, NEAR = 0.5, 1.4, 1.5
    """Speeds (m/s) from which and at which hurrying costs, and the distance (m) within which it does."""
    BONUS, PENALTY = 10.0, -10.0
    START_APART = (2.0, 5.0)
    """Far enough that there is something to do: an animal that strolls by does not make a success."""

    def potential(self, situation: Situation) -> float:
        """-1 per 0.14 m that are missing."""
        return -max(situation.distance - self.REACH, 0.0) / self.STRIDE

    def _judged(self, situation: Situation) -> Terms:
        scared = self._watch.fleeing(situation)
        reached = not scared and (situation.in_reach or situation.distance < self.REACH)
        self.ended = scared or reached
        haste = max(situation.speed - self.CALM, 0.0) / (self.FAST - self.CALM)
        return {
            "shaping": self.shaping(situation, arrived=reached),
            "hurry": 0.0 - 0.5 * haste if situation.distance < self.NEAR else 0.0,
            "success": self.BONUS if reached else 0.0,
            "scared": self.PENALTY if scared else 0.0,
        }


class Film(Task):
    """Keep the animal in the picture, large enough, in the middle, with a steady hand; never ends.

    What is hidden cannot be framed: the second and third term shrink with the share that is visible.

    - `visible`: 0.4 for an animal that is all visible.
    - `centred`: 0.3 where the box around it is in the middle of the picture, falling to 0 at the edge.
    - `size`: 0.3 where the box fills 0.2 to 0.5 of the picture, falling to 0 at none and all of it.
    - `steady`: down to -1 for jerk: the action's second difference, mean square, at most 16.
    """

    TERMS = ("visible", "centred", "size", "steady")
    LOOKS_AT_FRAMING = True
    SMALL, LARGE = 0.2, 0.5
    """Pleasant shares of the picture."""

    def __init__(self, discount: float) -> None:
        """Have no action before."""
        super().__init__(discount)
        self._actions = np.zeros((2, 4))

    def begin(self, situation: Situation) -> None:
        """Forget everything: an episode begins at rest."""
        super().begin(situation)
        self._actions = np.zeros((2, 4))

    def _judged(self, situation: Situation) -> Terms:
        action = np.array(situation.action)
        jerk = action - 2.0 * self._actions[1] + self._actions[0]
        self._actions = np.stack([self._actions[1], action])
        box, seen = situation.framing, situation.visible
        off = min(max(abs(box.across), abs(box.down)), 1.0)
        fits = min(box.size / self.SMALL, (1.0 - box.size) / (1.0 - self.LARGE), 1.0)
        shown = seen if box.size > 0.0 else 0.0
        return {
            "visible": 0.4 * seen,
            "centred": 0.3 * shown * (1.0 - off),
            "size": 0.3 * shown * max(fits, 0.0),
            "steady": 0.0 - float(jerk @ jerk) / 64.0,
        }

    def state(self) -> dict[str, Array]:
        """As `Task.state`."""
        return super().state() | {"actions": self._actions}

    def load_state(self, stored: Mapping[str, Array]) -> None:
        """As `Task.load_state`."""
        super().load_state(stored)
        self._actions = checked("task_actions", stored["actions"], (2, 4)).copy()


TASKS: dict[str, type[Task]] = {"free": Free, "follow": Follow, "approach": Approach, "film": Film}
"""Every task by its name."""


def _cosine(first: tuple[float, float], second: tuple[float, float]) -> float:
    lengths = math.hypot(*first) * math.hypot(*second)
    return (first[0] * second[0] + first[1] * second[1]) / lengths if lengths > 1e-9 else 0.0
