"""Plans: the deeds that make up a visit, a meeting or a flight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.animal.deeds import (
    Approach,
    Deed,
    Dwell,
    Face,
    Leap,
    Rise,
    Situation,
    Travel,
)
from ats_sim.reconstruction.capture.synthesis.animal.drives import Drives
from ats_sim.reconstruction.capture.synthesis.animal.motor import Command
from ats_sim.reconstruction.capture.synthesis.animal.postures import PostureName
from ats_sim.reconstruction.capture.synthesis.animal.territory import STEP_HEIGHT, Place, Territory


@dataclass
class Arrival:
    """Done at once: marks that the animal is at a place."""

    place: Place
    activity: str = "stand"

    def step(self, now: Situation) -> Command | None:
        """Nothing to do."""
        return None


@dataclass
class Departure:
    """Done at once: marks that the animal is on the floor, on its way."""

    activity: str = "stand"

    def step(self, now: Situation) -> Command | None:
        """Nothing to do."""
        return None


def visit(territory: Territory, place: Place | None, goal: Place, now: Situation, drives: Drives) -> list[Deed]:
    """Leave where the animal is, walk to `goal`, get onto it and use it."""
    rng = now.rng
    if _may(now.motor.body.plan.romping, rng) and drives.sleepiness < 0.6:
        return [*romp(territory, place, goal, now), *enter(goal, territory), *use(goal, now, drives)]
    hurried = float(rng.random()) < 0.12 + 0.3 * (goal.spot.kind == "bowl" and drives.hunger > 0.7)
    speed = float(rng.uniform(1.15, 1.45) if hurried else rng.uniform(0.42, 0.68))
    start = now.motor.position if place is None else np.asarray(place.spot.approach, dtype=np.float64)
    deeds = leave(place, territory)
    deeds.append(Travel(territory.way_to(goal, start), speed, "trot" if hurried else "walk"))
    deeds += enter(goal, territory)
    return deeds + use(goal, now, drives)


def romp(territory: Territory, place: Place | None, goal: Place, now: Situation) -> list[Deed]:
    """Leave where the animal is and gallop to the place farthest from here, then to the approach of `goal`."""
    start = now.motor.position if place is None else np.asarray(place.spot.approach, dtype=np.float64)
    far = max(territory.places, key=lambda option: _reached(territory.distance_to(option, start)))
    deeds, speed = leave(place, territory), float(now.rng.uniform(2.6, 3.4))
    for stop in (far, goal):
        deeds.append(Travel(territory.way_to(stop, start), speed, "run"))
        start = np.asarray(stop.spot.approach, dtype=np.float64)
    return deeds


def leave(place: Place | None, territory: Territory) -> list[Deed]:
    """Get from a place to its approach on the floor."""
    if place is None:
        return []
    approach = np.asarray(place.spot.approach, dtype=np.float64)
    if place.height - territory.floor > STEP_HEIGHT:
        down = np.array([*approach, territory.floor])
        return [Rise(), Face(point=approach), Leap(down, "hop_down"), Departure()]
    deeds: list[Deed] = [Rise()]
    if _apart(place):
        deeds.append(Travel(np.stack([place.spot.position[:2], approach]), 0.45))
    return [*deeds, Departure()]


def enter(goal: Place, territory: Territory, speed: float = 0.40, activity: str = "walk") -> list[Deed]:
    """Get from the approach to the place itself and into its resting heading."""
    spot = goal.spot
    deeds: list[Deed] = []
    if goal.height - territory.floor > STEP_HEIGHT:
        deeds += [Face(point=spot.position[:2]), Rise(), Leap(np.asarray(spot.position, dtype=np.float64), "hop_up")]
    elif _apart(goal):
        deeds.append(Travel(np.stack([spot.approach, spot.position[:2]]), speed, activity))
    return [*deeds, Face(yaw=float(spot.yaw)), Arrival(goal)]


def use(goal: Place, now: Situation, drives: Drives) -> list[Deed]:
    """What is done at a place."""
    rng = now.rng
    match goal.spot.kind:
        case "bowl":
            return [Dwell("eat", float(rng.uniform(3.5, 7.0)), "ahead"), Dwell("stand", float(rng.uniform(0.5, 1.2)))]
        case "window":
            return [Dwell("sit", float(rng.uniform(4.0, 9.0)), "around", tail_sway=0.12)]
        case "hide":
            return [Dwell("loaf", float(rng.uniform(4.0, 8.0)), "observer")]
        case _:
            wash = _may(now.motor.body.plan.grooming, rng)
            washing: list[Deed] = [Dwell("groom", float(rng.uniform(3.0, 6.0)), "ahead")] if wash else []
            return washing + _rest(float(rng.uniform(5.0, 10.0)), drives, rng)


def meet_observer(rng: np.random.Generator) -> list[Deed]:
    """Come close to the observer, look at them, perhaps sit down."""
    posture: PostureName = "sit" if float(rng.random()) < 0.7 else "alert"
    return [
        Approach(float(rng.uniform(0.8, 1.0)), float(rng.uniform(0.42, 0.60))),
        Face(),
        Dwell(posture, float(rng.uniform(3.0, 6.5)), "observer", tail_sway=0.14),
    ]


def flee(
    territory: Territory, place: Place | None, refuge: Place, position: Array, rng: np.random.Generator
) -> list[Deed]:
    """Run to a refuge and watch from there."""
    start = position if place is None else np.asarray(place.spot.approach, dtype=np.float64)
    posture: PostureName = "loaf" if refuge.spot.kind == "hide" else "crouch"
    run = Travel(territory.way_to(refuge, start), float(rng.uniform(1.6, 2.1)), "flee", slack=3.0)
    watch = Dwell(posture, float(rng.uniform(3.0, 6.0)), "observer", activity="alert")
    return [*leave(place, territory), run, *enter(refuge, territory, 0.9, "flee"), watch]


def _rest(seconds: float, drives: Drives, rng: np.random.Generator) -> list[Deed]:
    options: tuple[PostureName, ...] = ("lie", "loaf", "sit")
    posture = "sleep" if drives.sleepiness > 0.6 else options[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    deeds: list[Deed] = [Dwell(posture, seconds, "ahead" if posture == "sleep" else "around", tail_sway=0.04)]
    if float(rng.random()) < 0.4:
        deeds.append(Dwell("stretch", float(rng.uniform(1.4, 2.0)), "ahead"))
    return deeds


def _may(chance: float, rng: np.random.Generator) -> bool:
    """Whether something of that chance happens; what never happens draws nothing."""
    return chance > 0.0 and float(rng.random()) < chance


def _reached(distance: float) -> float:
    return distance if np.isfinite(distance) else -1.0


def _apart(place: Place) -> bool:
    return float(np.hypot(*(np.asarray(place.spot.approach) - place.spot.position[:2]))) > 0.08
