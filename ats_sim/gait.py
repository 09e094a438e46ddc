"""Steps: paws stay where they were put down, and are lifted to where the body will need them next.

A mind that draws 5.6 s of joint angles at 10 Hz gets the trunk right and the legs only on average, so that a walking
animal would glide. Here each paw stands on its spot until the body has left it behind, then swings to a spot as far
ahead. Paws that the mind itself lifts high, or that leave the ground with the body, are free.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import heading
from ats_sim.legs import Legs
from ats_sim.perception import HZ
from ats_sim.volume import PerceptionVolume

LEAST_STRIDE, MORE_STRIDE, MOST_STRIDE = 0.045, 0.1, 0.11
"""How far a body leaves a paw behind before it is lifted: metres at rest, more per m/s, at most."""
STILL, WALKING = 0.05, 0.15  # m/s below which paws rest where the mind has them, above which they belong under the body
TURNING = 0.1  # m/s that a turn of a radian per second counts for
SLOW = 0.4  # m/s below which a swing takes three frames, above which two
RAISED = 0.025  # metres that a swinging paw is lifted
FREE = 0.09  # metres above the ground from which a paw is the mind's own affair
UNEVEN = 0.1  # metres by which the ground may rise or fall from spot to spot
MOST_IN_AIR = 2
SPOT, PHASE = slice(0, 3), 3
"""Entries of a paw's state: the spot where it stands or left the ground, and how far its swing is (0: it stands)."""


@dataclass(frozen=True, eq=False)
class Steps:
    """What F paws do in K frames."""

    states: Array
    """(K, F, 4) each paw's spot (metres) and the phase of its swing, 0 while it stands."""
    places: Array
    """(K, F, 3) where each paw is, metres."""
    held: Array
    """(K, F) whether the leg has to be bent there; else the paw is where the mind has it."""


def standing_paws(legs: Legs, positions: Array) -> Array:
    """(K, F, 4) states of the paws of bodies with joint positions (K, J, 3) that stand as they are."""
    feet = positions[:, legs.feet]
    return np.concatenate([feet, np.zeros((*feet.shape[:-1], 1))], axis=-1)


def steps(
    legs: Legs, volume: PerceptionVolume, before: tuple[Array, Array], roots: Array, drawn: Array, airborne: Array
) -> Steps:
    """Decide which paws stand, swing and land.

    Args:
        legs: The legs.
        volume: What they stand on.
        before: Root pose (4, 4) and paws' states (F, 4) of the frame before.
        roots: (K, 4, 4) root poses.
        drawn: (K, F, 3) paws as the mind has them.
        airborne: (K,) whether the body leaves the ground.
    """
    free = (volume.sample_sdf(drawn) > FREE) | airborne[:, None]
    under = legs.under(roots)
    track = np.concatenate([before[0][None], roots])
    motion = np.diff(track[:, :2, 3], axis=0) * HZ
    turns = np.abs((np.diff(heading(track[:, :3, :3])) + np.pi) % (2.0 * np.pi) - np.pi) * HZ
    speeds = np.hypot(motion[:, 0], motion[:, 1]) + TURNING * turns
    share = np.clip((speeds - STILL) / (WALKING - STILL), 0.0, 1.0)[:, None, None]
    wanted = drawn + share * (under - drawn)
    walk = _Walk(legs, volume, before[1])
    places = drawn.copy()
    states = np.empty((*drawn.shape[:2], 4))
    for frame in range(len(roots)):
        walk.step(wanted[frame].tolist(), motion[frame].tolist(), float(speeds[frame]))
        for foot in np.flatnonzero(free[frame]).tolist():
            walk.spots[foot], walk.phases[foot] = drawn[frame, foot].tolist(), 0.0
        places[frame] = np.where(free[frame][:, None], drawn[frame], walk.places)
        states[frame, :, SPOT], states[frame, :, PHASE] = walk.spots, walk.phases
    return Steps(states, places, ~free)


class _Walk:
    """Paws on their way; plain numbers, as there are four of them."""

    def __init__(self, legs: Legs, volume: PerceptionVolume, states: Array) -> None:
        self._legs, self._volume = legs, volume
        self.spots: list[list[float]] = states[:, SPOT].tolist()
        self.phases: list[float] = states[:, PHASE].tolist()
        self.places: list[list[float]] = [list(spot) for spot in self.spots]

    def step(self, wanted: list[list[float]], motion: Sequence[float], speed: float) -> None:
        """One frame: paws (F, 3) are wanted somewhere, the body moves (m/s)."""
        stride = min(LEAST_STRIDE + MORE_STRIDE * speed, MOST_STRIDE)
        ahead = [part / max(math.hypot(*motion), 1e-9) * min(stride, math.hypot(*motion)) for part in motion]
        lag = [math.dist(wanted[foot][:2], spot[:2]) for foot, spot in enumerate(self.spots)]
        # Those that lag the most are lifted first.
        for foot in sorted(range(len(lag)), key=lambda foot: -lag[foot]):
            if self.phases[foot] > 0.0 or (lag[foot] > stride and self._may_lift(foot)):
                self.phases[foot] += 1.0 / (3.0 if speed < SLOW else 2.0)
            self._move(foot, wanted[foot], ahead)

    def _may_lift(self, foot: int) -> bool:
        in_air = sum(phase > 0.0 for phase in self.phases)
        return in_air < MOST_IN_AIR and self.phases[self._legs.partners[foot]] == 0.0

    def _move(self, foot: int, wanted: list[float], ahead: list[float]) -> None:
        phase, spot = self.phases[foot], self.spots[foot]
        if phase == 0.0:
            self.places[foot] = spot
            return
        landing = self._on_ground([wanted[0] + ahead[0], wanted[1] + ahead[1], wanted[2]])
        if phase >= 1.0 - 1e-6:
            self.phases[foot], self.spots[foot], self.places[foot] = 0.0, landing, landing
            return
        eased = phase * phase * (3.0 - 2.0 * phase)
        swung = [start + eased * (end - start) for start, end in zip(spot, landing, strict=True)]
        self.places[foot] = [swung[0], swung[1], swung[2] + RAISED * math.sin(math.pi * phase)]

    def _on_ground(self, place: list[float]) -> list[float]:
        """The place at a paw's height above the ground, where the ground is about where the paw is wanted."""
        off = self._volume.distance_at(*place) - self._legs.clearance
        return [place[0], place[1], place[2] - off] if abs(off) < UNEVEN else place
