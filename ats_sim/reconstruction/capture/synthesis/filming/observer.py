"""The person who films the animal: walks where people can walk, keeps a distance that suits the day's temper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.filming.hand import Hand
from ats_sim.reconstruction.capture.synthesis.home.floor_plan import THICKNESS
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout

Temper = Literal["calm", "close", "fast", "sitting"]
TEMPERS: tuple[Temper, ...] = ("calm", "close", "fast", "sitting")


@dataclass(frozen=True)
class Habit:
    """How somebody of one temper films: wanted distance (metres), top speed (m/s), eye height (metres)."""

    near: float
    far: float
    speed: float
    eye: float


HABITS: dict[Temper, Habit] = {
    "calm": Habit(1.2, 2.3, 0.6, 1.40),
    "close": Habit(0.7, 1.3, 0.7, 1.25),
    "fast": Habit(0.5, 1.4, 1.35, 1.40),
    "sitting": Habit(1.0, 3.2, 0.5, 0.85),
}
_SHIFTS: dict[Temper, tuple[float, float, float, float]] = {
    "calm": (0.70, 0.12, 0.03, 0.15),
    "close": (0.30, 0.55, 0.10, 0.05),
    "fast": (0.25, 0.20, 0.50, 0.05),
    "sitting": (0.30, 0.05, 0.05, 0.60),
}
_REPLAN = 0.6
_FEET = 0.35


class Observer:
    """Follows the animal with a camera. ``style`` is the day's temper, others come and go in between."""

    def __init__(
        self,
        layout: HomeLayout,
        rng: np.random.Generator,
        style: Temper,
        target: Array,
        *,
        away_from: Array | None = None,
    ):
        self._layout, self._rng, self.style = layout, rng, style
        self._hand = Hand(rng, steadiness=1.4 if style == "fast" else 1.0)
        self.temper: Temper = style
        self._until = self._next_plan = 0.0
        self._clock = 0.0
        self.xy = self._stand_point(target[:2], HABITS[style], away_from)
        self.velocity = np.zeros(3)
        self._eye_height = HABITS[style].eye
        self._way = self.xy[None]
        self._gaze = np.array(target, float)

    @property
    def position(self) -> Array:
        """The eye (3,)."""
        return np.array([*self.xy, self._eye_height])

    def step(self, dt: float, target: Array, avoid: Array | None = None) -> Array:
        """Moves on and returns the camera's pose (4, 4); ``target`` (3,) is the animal's trunk."""
        self._clock += dt
        if self._clock > self._until:
            self.temper = TEMPERS[self._rng.choice(4, p=_SHIFTS[self.style])]
            self._until = self._clock + float(self._rng.uniform(4, 12))
        habit = HABITS[self.temper]
        if self._clock > self._next_plan:
            self._next_plan = self._clock + _REPLAN
            self._decide(target[:2], habit, avoid)
        before = self.position
        self._walk(dt, habit.speed)
        self._eye_height += (habit.eye - self._eye_height) * min(1.0, dt / 0.7)
        self.velocity = (self.position - before) / dt
        self._gaze += (target + [0, 0, 0.03] - self._gaze) * min(1.0, dt / 0.22)
        return self._hand.hold(self.position, self._clear_gaze(), float(np.linalg.norm(self.velocity)), dt)

    def _clear_gaze(self) -> Array:
        """The gaze, pushed away from the feet: nobody holds a phone straight down."""
        ahead = self._gaze[:2] - self.xy
        distance = float(np.linalg.norm(ahead))
        if distance < _FEET:
            ahead = ahead * _FEET / distance if distance > 1e-6 else np.array([_FEET, 0.0])
        return np.array([*(self.xy + ahead), self._gaze[2]])

    def _decide(self, target: Array, habit: Habit, avoid: Array | None) -> None:
        distance = float(np.linalg.norm(self.xy - target))
        content = habit.near <= distance <= habit.far and self._sees(self.xy, target)
        stays = self.temper == "sitting" or (self.temper != "fast" and self._rng.random() < 0.85)
        if content and stays:
            self._way = self.xy[None]
            return
        goal = self._stand_point(target, habit, avoid)
        self._way = self._layout.walk.plan(self.xy, goal)

    def _stand_point(self, target: Array, habit: Habit, avoid: Array | None) -> Array:
        """A free point at a good distance from which the animal is seen, close to where the person is."""
        angle = self._rng.uniform(0, 2 * np.pi, 48)
        radius = self._rng.uniform(habit.near, habit.far, 48)
        points = target + np.stack([np.cos(angle), np.sin(angle)], -1) * radius[:, None]
        points = points[self._layout.walk.is_free(points)]
        seeing = [p for p in points if self._sees(p, target)]
        if not seeing:
            return self._layout.walk.nearest_free(target)
        here = getattr(self, "xy", seeing[0])
        costs = [float(np.linalg.norm(p - here)) + self._crowding(p, target, avoid) for p in seeing]
        return np.asarray(seeing[int(np.argmin(costs))])

    def _crowding(self, point: Array, target: Array, avoid: Array | None) -> float:
        if avoid is None:
            return float(self._rng.uniform(0, 0.6))
        a, b = point - target, avoid - target
        return 3.0 * max(0.0, float(a @ b) / (float(np.linalg.norm(a) * np.linalg.norm(b)) + 1e-6))

    def _sees(self, start: Array, end: Array) -> bool:
        """Whether no wall stands between two floor points: every bit of the line is in a room or a doorway."""
        count = max(2, int(np.linalg.norm(end - start) / 0.08))
        line = start + (end - start) * np.linspace(0, 1, count)[:, None]
        inside = np.zeros(count, bool)
        for room in self._layout.rooms:
            x0, y0, x1, y1 = room.bounds
            inside |= (line[:, 0] > x0) & (line[:, 0] < x1) & (line[:, 1] > y0) & (line[:, 1] < y1)
        for door in self._layout.doors:
            inside |= np.abs(line - door).max(1) < max(0.4, THICKNESS)
        return bool(inside.all())

    def _walk(self, dt: float, top_speed: float) -> None:
        left = len(self._way)
        speed = float(np.linalg.norm(self.velocity[:2]))
        remaining = (
            float(np.linalg.norm(np.diff(np.vstack([self.xy, self._way]), axis=0), axis=1).sum()) if left else 0.0
        )
        wanted = min(top_speed, np.sqrt(2 * 0.9 * remaining))
        speed += float(np.clip(wanted - speed, -2.0 * dt, 1.2 * dt))
        step = max(0.0, speed) * dt
        while step > 1e-9 and len(self._way):
            to_next = self._way[0] - self.xy
            length = float(np.linalg.norm(to_next))
            if length <= step:
                self.xy, self._way, step = self._way[0], self._way[1:], step - length
            else:
                self.xy, step = self.xy + to_next / length * step, 0.0
