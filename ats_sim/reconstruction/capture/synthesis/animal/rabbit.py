"""The rabbit: 0.20 m high when it sits, long ears, long hind legs on flat feet, short front legs, a stub of a tail.

It rests crouched, so its legs are much longer than its hip is high; they unfold in the hop.
"""

from __future__ import annotations

from dataclasses import replace

from ats_sim.reconstruction.capture.synthesis.animal.body_plan import (
    BodyPlan,
    Face,
    FootRoll,
    Point,
    bone,
    chain,
    mirrored,
)
from ats_sim.reconstruction.capture.synthesis.animal.cadence import HALF_BOUND, WALK, Gaits
from ats_sim.reconstruction.capture.synthesis.animal.postures import Posture, PostureName
from ats_sim.reconstruction.capture.synthesis.animal.rabbit_coats import draw_rabbit_coat
from ats_sim.reconstruction.capture.synthesis.animal.similarity import similar_to_cat
from ats_sim.reconstruction.capture.synthesis.home.occupancy import Trunk
from ats_sim.reconstruction.limbs import Limb

_MIDLINE: dict[str, Point] = {
    "spine1": (0.030, 0.0, 0.012),
    "spine2": (0.065, 0.0, 0.008),
    "spine3": (0.095, 0.0, 0.006),
    "head": (0.140, 0.0, 0.050),
    "tail1": (-0.140, 0.0, 0.020),
    "tail2": (-0.147, 0.0, 0.024),
    "tail3": (-0.153, 0.0, 0.028),
    "tail4": (-0.159, 0.0, 0.032),
    "tail5": (-0.164, 0.0, 0.036),
}
_LEFT: dict[str, Point] = {
    "shoulder": (0.082, 0.026, 0.030),
    "upper_arm": (0.112, 0.033, -0.020),
    "forearm": (0.054, 0.033, -0.062),
    "front_paw": (0.092, 0.033, -0.098),
    "thigh": (-0.085, 0.050, 0.002),
    "shank": (-0.012, 0.050, -0.048),
    "hock": (-0.118, 0.050, -0.088),
    "hind_paw": (-0.036, 0.050, -0.100),
}


def _trunk() -> list[Limb]:
    return [
        Limb("root", (-0.100, 0.0, 0.008), (-0.040, 0.0, 0.022), 0.060, 0.064),
        Limb("root", (-0.095, 0.0, -0.020), (-0.030, 0.0, -0.030), 0.058, 0.062),
        Limb("root", (-0.040, 0.0, 0.022), (0.030, 0.0, 0.018), 0.064, 0.060),
        Limb("root", (-0.030, 0.0, -0.030), (0.030, 0.0, -0.032), 0.062, 0.058),
        Limb("spine1", (0.0, 0.0, 0.004), (0.035, 0.0, 0.000), 0.060, 0.055),
        Limb("spine1", (0.0, 0.0, -0.042), (0.035, 0.0, -0.038), 0.058, 0.052),
        Limb("spine2", (0.0, 0.0, 0.000), (0.030, 0.0, 0.000), 0.055, 0.050),
        Limb("spine2", (0.0, 0.0, -0.034), (0.030, 0.0, -0.028), 0.052, 0.047),
        Limb("spine3", (0.0, 0.0, 0.000), (0.012, 0.0, 0.010), 0.048, 0.044),
        Limb("spine3", (0.0, 0.0, -0.028), (0.012, 0.0, -0.015), 0.046, 0.040),
        Limb("spine3", (0.005, 0.0, 0.010), (0.037, 0.0, 0.040), 0.044, 0.035),
    ]


def _head() -> list[Limb]:
    return [
        Limb("head", (-0.006, 0.0, 0.000), (0.028, 0.0, 0.010), 0.033, 0.036),
        Limb("head", (0.028, 0.0, 0.010), (0.058, 0.0, -0.006), 0.036, 0.024),
        Limb("head", (0.058, 0.0, -0.006), (0.080, 0.0, -0.014), 0.024, 0.0155),
        Limb("head", (0.060, 0.0, -0.024), (0.070, 0.0, -0.026), 0.013, 0.010),
    ]


def _left_head() -> list[Limb]:
    # An ear is a spoon: from a narrow base over a broad middle to the tip.
    base, tip = (0.004, 0.014, 0.036), (-0.036, 0.034, 0.142)
    middle = ((-0.010, 0.017, 0.086), (-0.016, 0.025, 0.088), (-0.024, 0.031, 0.086))
    ears = [Limb("head", base, point, 0.0095, 0.0072) for point in middle]
    ears += [Limb("head", point, tip, 0.0072, 0.0052) for point in middle]
    return [
        Limb("head", (0.030, 0.014, -0.008), (0.052, 0.012, -0.012), 0.027, 0.021),
        *ears,
    ]


def _tail() -> list[Limb]:
    names = ("tail1", "tail2", "tail3", "tail4", "tail5")
    points = [_MIDLINE[name] for name in names] + [(-0.168, 0.0, 0.039)]
    return chain(points, names, (0.0210, 0.0225, 0.0225, 0.0215, 0.0195, 0.0160))


def _left_legs() -> list[Limb]:
    return [
        bone(_LEFT, "shoulder", "upper_arm", 0.022, 0.026),
        bone(_LEFT, "upper_arm", "forearm", 0.025, 0.017),
        bone(_LEFT, "forearm", "front_paw", 0.0165, 0.0115),
        Limb("left_front_paw", (0.000, 0.0, -0.001), (0.006, 0.0, -0.006), 0.0115, 0.0110),
        Limb("left_front_paw", (0.006, 0.0, -0.006), (0.020, 0.0, -0.007), 0.0110, 0.0095),
        Limb("left_thigh", (0.000, -0.024, -0.004), (0.030, -0.012, -0.020), 0.050, 0.048),
        Limb("left_thigh", (0.030, -0.012, -0.020), (0.068, 0.006, -0.044), 0.046, 0.030),
        Limb("left_thigh", (-0.020, -0.022, -0.030), (0.020, -0.010, -0.045), 0.042, 0.038),
        bone(_LEFT, "shank", "hock", 0.026, 0.0130),
        bone(_LEFT, "hock", "hind_paw", 0.0125, 0.0125),
        Limb("left_hind_paw", (0.000, 0.0, 0.000), (0.024, 0.0, -0.002), 0.0125, 0.0118),
        Limb("left_hind_paw", (0.020, 0.006, -0.002), (0.032, 0.006, -0.003), 0.0100, 0.0095),
        Limb("left_hind_paw", (0.020, -0.006, -0.002), (0.032, -0.006, -0.003), 0.0100, 0.0095),
    ]


_STAND = Posture(height=0.115, tail_lift=0.55)
_SIT = replace(_STAND, height=0.104, pitch=-0.26, spine=-0.06, head=-0.02, front_x=-0.010)
_POSTURES: dict[PostureName, Posture] = {
    "stand": _STAND,
    "walk": replace(_STAND, height=0.118, head=0.05),
    "trot": replace(_STAND, height=0.134, pitch=0.08, head=-0.02, tail_lift=0.80),
    "alert": replace(_STAND, height=0.113, pitch=-0.20, spine=-0.08, head=-0.12, front_x=-0.006, tail_lift=0.70),
    "sit": _SIT,
    "groom": replace(_SIT, spine=0.06, head=0.60, spine_turn=0.60, head_turn=1.45, lick=0.10),
    "lie": replace(_STAND, height=0.095, spine=-0.04, front_x=0.040, hind_x=-0.020, front_paw=-0.25, tail_lift=0.30),
    "loaf": replace(_STAND, height=0.099, spine=0.06, head=0.06, front_x=-0.012),
    "sleep": replace(_STAND, height=0.096, spine=0.14, head=0.22, front_x=0.006, tail_lift=0.40),
    "eat": replace(_STAND, height=0.112, pitch=0.10, spine=0.50, head=0.80, front_y=0.006),
    "stretch": replace(_STAND, height=0.110, pitch=0.20, spine=-0.10, head=-0.15, front_x=0.035, hind_x=-0.030),
    "crouch": replace(_STAND, height=0.098, head=-0.10),
}

RABBIT = BodyPlan(
    kind="rabbit",
    stand_height=0.115,
    scale=(0.86, 1.00),
    girth=(0.86, 0.98),
    midline=_MIDLINE,
    left=_LEFT,
    front_pad=(0.014, 0.0, -0.017),
    hind_pad=(0.022, 0.0, -0.015),
    limbs=(*_trunk(), *_head(), *_tail(), *mirrored(_left_legs() + _left_head())),
    voxel=0.0042,
    blend=0.009,
    softness=0.012,
    face=Face(
        eye=(0.0460, 0.0270, 0.0140),
        eye_radius=0.0105,
        gaze=(0.35, 0.93, 0.12),
        nose=(0.0945, 0.0, -0.0105),
        nose_size=(0.0032, 0.0055, 0.0038),
    ),
    draw_coat=draw_rabbit_coat,
    tail_slope=-0.50,
    # Its size is told by the height of the hip in the middle of a hop's push, not by that of the crouched animal.
    gaits=Gaits((WALK, HALF_BOUND), ((0.14, 0.12),), top_speed=3.6, size=similar_to_cat(hip_height=0.150)),
    postures=_POSTURES,
    stretch=0.096,
    tuck=0.085,
    trunk=Trunk(radius=0.13, height=0.28),
    bowl_distance=0.25,
    haunts=frozenset(("couch", "bowl", "bed", "hide")),
    grooming=0.45,
    romping=0.15,
    foot_roll=FootRoll(metatarsal_limits=(0.0, 0.90), metatarsal_gain=7.0),
)
