"""How four-legged animals rest, roughly as cats and dogs do; the fit finds the rest."""

from __future__ import annotations

from ats_sim.reconstruction.agent.posture import STANDING, Posture

_FOLDED = {"thigh": -0.96, "shank": 1.41, "hock": -1.68, "hind_paw": 1.22}
_LYING = {"upper_arm": 0.56, "forearm": -1.87, "front_paw": 1.30, **_FOLDED}
_CURLED = {"spine1": 0.5, "spine2": 0.5, "spine3": 0.5, "head": 0.4, "tail1": -0.7, "tail2": -0.5, "tail3": -0.5}
SITTING = Posture(
    pitch=-0.75,
    bends={
        "shoulder": 0.32,
        "upper_arm": 0.43,
        "head": 0.5,
        "thigh": -0.30,
        "shank": 1.30,
        "hock": -1.59,
        "hind_paw": 1.31,
        "tail1": 0.7,
    },
)
LYING = Posture(bends=_LYING)
CURLED_LEFT = Posture(bends=_LYING, turns=_CURLED)
CURLED_RIGHT = Posture(bends=_LYING, turns={name: -turn for name, turn in _CURLED.items()})
QUADRUPED_POSTURES = (STANDING, SITTING, LYING, CURLED_LEFT, CURLED_RIGHT)
