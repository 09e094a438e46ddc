"""Steps: paws stay where they were put down, and are lifted to where the body will need them next.

A mind that draws 5.6 s of joint angles at 10 Hz gets the trunk right and the legs only on average, so that a walking
animal would glide. Here each paw stands on its spot until the body has left it behind, then swings to a spot as far
ahead. Paws that the mind itself lifts high, or that leave the ground with the body, are free.
"""

import math
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
Point = list[float]
SPOT, PHASE = slice(0, 3), 3
"""Entries of a paw's state: the spot where it stands or left the ground, and how far its swing is (0: it stands)."""


@dataclass(frozen=True, eq=False)
class Steps:
    """What F paws of N bodies do in K frames."""

    states: Array
    """(N, K, F, 4) each paw's spot (metres) and the phase of its swing, 0 while it stands."""
    places: Array
    """(N, K, F, 3) where each paw is, metres."""
    held: Array
    """(N, K, F) whether the leg has to be bent there; else the paw is where the mind has it."""


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
        before: Root poses (N, 4, 4) and paws' states (N, F, 4) of the frame before.
        roots: (N, K, 4, 4) root poses.
        drawn: (N, K, F, 3) paws as the mind has them.
        airborne: (N, K) whether the body leaves the ground.
    """
    free = (volume.sample_sdf(drawn) > FREE) | airborne[..., None]
    under = legs.under(roots)
    track = np.concatenate([before[0][:, None], roots], axis=1)
    motion = np.diff(track[..., :2, 3], axis=1) * HZ
    turns = np.abs((np.diff(heading(track[..., :3, :3])) + np.pi) % (2.0 * np.pi) - np.pi) * HZ
    speeds = np.hypot(motion[..., 0], motion[..., 1]) + TURNING * turns
    share = np.clip((speeds - STILL) / (WALKING - STILL), 0.0, 1.0)[..., None, None]
    wanted = drawn + share * (under - drawn)
    states, places = np.empty((*drawn.shape[:-1], 4)), np.empty(drawn.shape)
    for body, past in enumerate(before[1]):
        walk = _Walk(legs, volume, past)
        frames = zip(*(part[body].tolist() for part in (wanted, motion, speeds, free, drawn)), strict=True)
        trodden = [walk.step(*frame) for frame in frames]
        states[body, ..., SPOT], states[body, ..., PHASE], places[body] = zip(*trodden, strict=True)
    return Steps(states, places, ~free)


class _Walk:
    """Paws on their way; plain numbers, as there are four of them."""

    def __init__(self, legs: Legs, volume: PerceptionVolume, states: Array) -> None:
        self._legs, self._volume = legs, volume
        self.spots: list[Point] = states[:, SPOT].tolist()
        self.phases: list[float] = states[:, PHASE].tolist()
        self.places: list[Point] = [list(spot) for spot in self.spots]

    def step(
        self, wanted: list[Point], motion: Point, speed: float, free: list[bool], drawn: list[Point]
    ) -> tuple[list[Point], list[float], list[Point]]:
        """One frame: paws (F, 3) are wanted somewhere, the body moves (m/s), and free paws are where they are drawn.

        Returns:
            Spots, phases and places of the paws.
        """
        stride = min(LEAST_STRIDE + MORE_STRIDE * speed, MOST_STRIDE)
        ahead = [part / max(math.hypot(*motion), 1e-9) * min(stride, math.hypot(*motion)) for part in motion]
        lag = [math.dist(wanted[foot][:2], spot[:2]) for foot, spot in enumerate(self.spots)]
        if any(self.phases) or max(lag) > stride:
            # Those that lag the most are lifted first.
            for foot in sorted(range(len(lag)), key=lambda foot: -lag[foot]):
                if self.phases[foot] > 0.0 or (lag[foot] > stride and self._may_lift(foot)):
                    self.phases[foot] += 1.0 / (3.0 if speed < SLOW else 2.0)
                self._move(foot, wanted[foot], ahead)
        else:
            self.places = list(self.spots)
        for foot in range(len(lag)):
            if free[foot]:
                self.spots[foot] = self.places[foot] = drawn[foot]
                self.phases[foot] = 0.0
        return list(self.spots), list(self.phases), list(self.places)

    def _may_lift(self, foot: int) -> bool:
        in_air = sum(phase > 0.0 for phase in self.phases)
        return in_air < MOST_IN_AIR and self.phases[self._legs.partners[foot]] == 0.0

    def _move(self, foot: int, wanted: Point, ahead: Point) -> None:
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

    def _on_ground(self, place: Point) -> Point:
        """The place at a paw's height above the ground, where the ground is about where the paw is wanted."""
        off = self._volume.distance_at(*place) - self._legs.clearance
        return [place[0], place[1], place[2] - off] if abs(off) < UNEVEN else place
