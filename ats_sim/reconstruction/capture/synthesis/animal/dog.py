"""The dog: a medium spitz, 0.44 m at the withers, on long legs, with a deep chest, prick ears and a curled tail."""

from __future__ import annotations

from dataclasses import replace

from ats_sim.reconstruction.capture.synthesis.animal.body_plan import (
    BodyPlan,
    Face,
    Point,
    between,
    bone,
    chain,
    mirrored,
)
from ats_sim.reconstruction.capture.synthesis.animal.cadence import QUADRUPED_GAITS
from ats_sim.reconstruction.capture.synthesis.animal.dog_coats import draw_dog_coat
from ats_sim.reconstruction.capture.synthesis.animal.postures import Posture, PostureName
from ats_sim.reconstruction.capture.synthesis.animal.similarity import similar_to_cat
from ats_sim.reconstruction.capture.synthesis.home.occupancy import Trunk
from ats_sim.reconstruction.limbs import Limb

_MIDLINE: dict[str, Point] = {
    "spine1": (0.050, 0.0, 0.008),
    "spine2": (0.115, 0.0, 0.012),
    "spine3": (0.170, 0.0, 0.024),
    "head": (0.274, 0.0, 0.142),
    "tail1": (-0.205, 0.0, 0.060),
    "tail2": (-0.257, 0.0, 0.043),
    "tail3": (-0.309, 0.0, 0.026),
    "tail4": (-0.361, 0.0, 0.009),
    "tail5": (-0.413, 0.0, -0.008),
}
_LEFT: dict[str, Point] = {
    "shoulder": (0.150, 0.040, 0.050),
    "upper_arm": (0.205, 0.054, -0.040),
    "forearm": (0.100, 0.054, -0.150),
    "front_paw": (0.140, 0.054, -0.285),
    "thigh": (-0.160, 0.056, 0.010),
    "shank": (-0.080, 0.056, -0.118),
    "hock": (-0.208, 0.056, -0.222),
    "hind_paw": (-0.180, 0.056, -0.326),
}


def _trunk() -> list[Limb]:
    # A deep chest and a belly that is drawn in: every slice is an upper and a lower cone.
    return [
        Limb("root", (-0.165, 0.0, 0.018), (-0.060, 0.0, 0.022), 0.061, 0.065),
        Limb("root", (-0.150, 0.0, -0.010), (-0.050, 0.0, -0.012), 0.055, 0.063),
        Limb("root", (-0.060, 0.0, 0.022), (0.050, 0.0, 0.022), 0.065, 0.069),
        Limb("root", (-0.050, 0.0, -0.012), (0.050, 0.0, -0.035), 0.063, 0.071),
        Limb("spine1", (0.0, 0.0, 0.014), (0.065, 0.0, 0.012), 0.069, 0.071),
        Limb("spine1", (0.0, 0.0, -0.043), (0.065, 0.0, -0.060), 0.071, 0.073),
        Limb("spine2", (0.0, 0.0, 0.006), (0.055, 0.0, 0.014), 0.071, 0.067),
        Limb("spine2", (0.0, 0.0, -0.066), (0.055, 0.0, -0.066), 0.073, 0.071),
        Limb("spine3", (-0.020, 0.0, 0.000), (0.020, 0.0, 0.012), 0.067, 0.061),
        Limb("spine3", (0.000, 0.0, -0.078), (0.030, 0.0, -0.060), 0.067, 0.061),
        Limb("spine3", (0.015, 0.0, 0.010), (0.088, 0.0, 0.102), 0.069, 0.056),
        Limb("spine3", (0.030, 0.0, -0.040), (0.092, 0.0, 0.078), 0.064, 0.053),
    ]


def _head() -> list[Limb]:
    return [
        Limb("head", (-0.010, 0.0, -0.004), (0.040, 0.0, 0.014), 0.052, 0.060),
        Limb("head", (0.040, 0.0, 0.014), (0.075, 0.0, 0.008), 0.060, 0.046),
        Limb("head", (0.080, 0.0, -0.008), (0.144, 0.0, -0.019), 0.034, 0.0235),
        Limb("head", (0.075, 0.0, -0.030), (0.130, 0.0, -0.042), 0.024, 0.0160),
    ]


def _left_head() -> list[Limb]:
    ear_tip = (0.016, 0.052, 0.112)
    ear_base = ((0.034, 0.014, 0.066), (0.030, 0.028, 0.064), (0.022, 0.041, 0.055), (0.010, 0.050, 0.040))
    return [
        Limb("head", (0.030, 0.028, -0.012), (0.060, 0.024, -0.018), 0.040, 0.030),
        Limb("head", (0.068, 0.018, 0.032), (0.086, 0.015, 0.016), 0.019, 0.016),
        *(Limb("head", base, ear_tip, 0.0095, 0.0038) for base in ear_base),
    ]


def _tail() -> list[Limb]:
    names = ("tail1", "tail2", "tail3", "tail4", "tail5")
    points = [_MIDLINE[name] for name in names] + [(-0.458, 0.0, -0.023)]
    root = Limb("root", (-0.165, 0.0, 0.040), (-0.203, 0.0, 0.060), 0.040, 0.024)
    return [root, *chain(points, names, (0.0260, 0.0285, 0.0310, 0.0310, 0.0270, 0.0150))]


def _left_legs() -> list[Limb]:
    return [
        bone(_LEFT, "shoulder", "upper_arm", 0.036, 0.044),
        bone(_LEFT, "upper_arm", "forearm", 0.044, 0.030),
        bone(_LEFT, "forearm", "front_paw", 0.027, 0.0190),
        Limb("left_front_paw", (0.000, 0.0, -0.002), (0.012, 0.0, -0.040), 0.0175, 0.0165),
        Limb("left_front_paw", (0.010, 0.0, -0.042), (0.036, 0.0, -0.046), 0.0190, 0.0170),
        Limb("left_front_paw", (0.030, 0.009, -0.048), (0.044, 0.009, -0.049), 0.0145, 0.0135),
        Limb("left_front_paw", (0.030, -0.009, -0.048), (0.044, -0.009, -0.049), 0.0145, 0.0135),
        Limb("left_thigh", (-0.004, -0.024, -0.006), (0.028, -0.012, -0.055), 0.054, 0.052),
        Limb("left_thigh", (0.028, -0.012, -0.055), between(_LEFT["thigh"], _LEFT["shank"]), 0.050, 0.034),
        Limb("left_thigh", (-0.026, -0.018, -0.022), (0.014, -0.006, -0.100), 0.048, 0.034),
        bone(_LEFT, "shank", "hock", 0.036, 0.0180),
        bone(_LEFT, "hock", "hind_paw", 0.0180, 0.0155),
        Limb("left_hind_paw", (0.000, 0.0, 0.000), (0.024, 0.0, -0.004), 0.0175, 0.0165),
        Limb("left_hind_paw", (0.022, 0.009, -0.008), (0.040, 0.009, -0.009), 0.0145, 0.0135),
        Limb("left_hind_paw", (0.022, -0.009, -0.008), (0.040, -0.009, -0.009), 0.0145, 0.0135),
    ]


_STAND = Posture(height=0.350, tail_lift=1.45, tail_curl=0.60)
_SIT = Posture(
    height=0.235, pitch=-0.68, spine=-0.12, head=0.02, front_x=-0.020, front_y=-0.012, hind_x=0.175, hind_y=0.030,
    metatarsal=-1.20, tail_lift=0.10, tail_curl=0.10, tail_wrap=0.15,
)  # fmt: skip
_POSTURES: dict[PostureName, Posture] = {
    "stand": _STAND,
    "walk": replace(_STAND, height=0.322, head=0.08, spine=0.03, tail_lift=1.30),
    "trot": replace(_STAND, height=0.308, head=0.02, spine=0.06, tail_lift=1.10, tail_curl=0.40),
    "alert": replace(_STAND, height=0.354, head=-0.12, spine=-0.08, tail_lift=1.60),
    "sit": _SIT,
    "groom": replace(_SIT, spine=0.10, head=0.80, spine_turn=0.80, head_turn=1.50, lick=0.08),
    "lie": Posture(
        height=0.138, pitch=-0.10, spine=-0.04, head=0.02, front_x=0.110, hind_x=0.125, hind_y=0.045,
        front_paw=-0.50, metatarsal=-1.20, tail_lift=-0.20, tail_curl=0.06, tail_wrap=0.20,
    ),
    "loaf": Posture(
        height=0.138, spine=0.06, head=0.15, front_x=0.060, hind_x=0.110, hind_y=0.040, front_paw=-0.50,
        metatarsal=-1.20, tail_lift=-0.25, tail_curl=0.06, tail_wrap=0.35,
    ),
    "sleep": Posture(
        height=0.153, roll=0.03, spine=0.08, head=0.60, front_x=0.130, hind_x=0.110, hind_y=0.040, front_paw=-0.50,
        metatarsal=-1.20, tail_lift=-0.30, tail_curl=0.06, tail_wrap=0.45,
    ),
    "eat": Posture(
        height=0.332, pitch=0.24, spine=0.76, head=1.10, front_x=0.020, front_y=0.012, tail_lift=1.10, tail_curl=0.40,
    ),
    "stretch": Posture(
        height=0.290, pitch=0.38, spine=-0.05, head=-0.25, front_x=0.130, hind_x=-0.010, front_paw=-0.15,
        metatarsal=0.10, tail_lift=1.30, tail_curl=0.35,
    ),
    "crouch": Posture(
        height=0.245, pitch=-0.08, spine=-0.05, head=-0.30, hind_x=0.030, metatarsal=-0.35, tail_lift=0.3,
        tail_curl=0.10,
    ),
}  # fmt: skip

DOG = BodyPlan(
    kind="dog",
    stand_height=0.350,
    scale=(0.94, 1.08),
    girth=(0.90, 1.02),
    midline=_MIDLINE,
    left=_LEFT,
    front_pad=(0.030, 0.0, -0.065),
    hind_pad=(0.024, 0.0, -0.024),
    limbs=(*_trunk(), *_head(), *_tail(), *mirrored(_left_legs() + _left_head())),
    voxel=0.0078,
    blend=0.016,
    softness=0.022,
    face=Face(
        eye=(0.0900, 0.0310, 0.0220),
        eye_radius=0.0125,
        gaze=(0.85, 0.45, 0.12),
        nose=(0.1655, 0.0, -0.0105),
        nose_size=(0.0085, 0.0135, 0.0100),
    ),
    draw_coat=draw_dog_coat,
    tail_slope=0.31,
    gaits=replace(QUADRUPED_GAITS, size=similar_to_cat(hip_height=0.360)),
    postures=_POSTURES,
    stretch=0.050,
    tuck=0.230,
    trunk=Trunk(radius=0.17, height=0.50),
    bowl_distance=0.44,
    haunts=frozenset(("couch", "bowl", "window", "bed", "hide")),
    grooming=0.15,
    romping=0.15,
)
