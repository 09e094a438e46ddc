"""Where to go next: moods, distance and memory weigh every place; chance decides."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.animal.deeds import Situation
from ats_sim.reconstruction.capture.synthesis.animal.drives import Drives, Encounter
from ats_sim.reconstruction.capture.synthesis.animal.territory import Place, Territory

_TEMPERATURE = 0.35
_DISTANCE_COST = 0.13
_MEMORY_TIME = 40.0
_MEMORY_COST = 2.6


class Memory:
    """How long ago each place was visited."""

    def __init__(self) -> None:
        self._fresh: dict[str, float] = {}

    def advance(self, dt: float) -> None:
        """Forget a little."""
        fade = float(np.exp(-dt / _MEMORY_TIME))
        self._fresh = {name: value * fade for name, value in self._fresh.items() if value > 0.01}

    def visit(self, name: str) -> None:
        """Remember being there now."""
        self._fresh[name] = 1.0

    def freshness(self, name: str) -> float:
        """1 just now, 0 long ago."""
        return self._fresh.get(name, 0.0)


def choose_goal(
    territory: Territory,
    drives: Drives,
    memory: Memory,
    place: Place | None,
    now: Situation,
    meeting: Encounter,
) -> Place | None:
    """Draw the next place to visit; None stands for the observer."""
    start = now.motor.position if place is None else np.asarray(place.spot.approach)
    options: list[Place | None] = []
    values = []
    for option in territory.places:
        distance = territory.distance_to(option, start)
        if option is place or not np.isfinite(distance):
            continue
        crowd = float(np.hypot(*(option.spot.position[:2] - now.observer[:2])))
        value = _need(option, drives) - _DISTANCE_COST * distance - _MEMORY_COST * memory.freshness(option.name)
        options.append(option)
        values.append(value - 2.0 * float(np.clip((0.9 - crowd) / 0.4, 0.0, 1.0)))
    if not options or _can_meet(now, start, meeting):
        options.append(None)
        values.append(3.1 * drives.curiosity * meeting.calm - 2.0 * drives.fear - 3.0 * memory.freshness("observer"))
    return options[_draw(np.array(values), _TEMPERATURE, now.rng)]


def choose_refuge(
    territory: Territory, place: Place | None, position: Array, observer: Array, rng: np.random.Generator
) -> Place | None:
    """Draw where to flee: far from the observer, along a way that does not lead past it; None where trapped."""
    if place is not None and float(np.hypot(*(np.asarray(place.spot.approach) - observer[:2]))) < 0.45:
        return None
    options, values = [], []
    start = position if place is None else np.asarray(place.spot.approach)
    for option in territory.places:
        if option is place or not np.isfinite(territory.distance_to(option, start)):
            continue
        way = territory.way_to(option, start)
        passing = float(np.hypot(*(way - observer[:2]).T).min())
        gap = float(np.hypot(*(option.spot.position[:2] - observer[:2])))
        value = min(gap, 5.0) + 1.0 * (option.spot.kind == "hide") - 0.5 * (option.height > 0.25)
        value -= 4.0 * float(np.clip((0.9 - passing) / 0.5, 0.0, 1.0)) + 0.12 * territory.distance_to(option, start)
        options.append(option)
        values.append(value)
    return options[_draw(np.array(values), 0.4, rng)] if options else None


def _need(place: Place, drives: Drives) -> float:
    match place.spot.kind:
        case "bowl":
            return 2.9 * drives.hunger
        case "bed":
            return 0.2 + 2.1 * drives.sleepiness
        case "couch":
            return 0.5 + 1.1 * drives.sleepiness
        case "window":
            return 0.3 + 1.7 * drives.curiosity
        case "hide":
            return 0.2 + 2.5 * drives.fear


def _can_meet(now: Situation, start: Array, meeting: Encounter) -> bool:
    if not 1.2 < meeting.distance < 4.5 or meeting.calm < 0.2:
        return False
    way = now.observer[:2] - start
    return now.nav.segment_free(start, start + way * (1.0 - 0.9 / max(float(np.hypot(*way)), 0.91)))


def _draw(values: Array, temperature: float, rng: np.random.Generator) -> int:
    return int(np.argmax(values / temperature + rng.gumbel(size=len(values))))
