"""The cat: a short-haired adult, 0.25 m at the withers, 0.45 m from nose to rump, on digitigrade legs."""

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
from ats_sim.reconstruction.capture.synthesis.animal.hop import STRETCH
from ats_sim.reconstruction.capture.synthesis.animal.postures import Posture, PostureName
from ats_sim.reconstruction.capture.synthesis.animal.tabby import draw_tabby
from ats_sim.reconstruction.capture.synthesis.home.occupancy import CAT_TRUNK
from ats_sim.reconstruction.limbs import Limb

_MIDLINE: dict[str, Point] = {
    "spine1": (0.035, 0.0, 0.004),
    "spine2": (0.085, 0.0, 0.008),
    "spine3": (0.130, 0.0, 0.016),
    "head": (0.200, 0.0, 0.078),
    "tail1": (-0.152, 0.0, 0.026),
    "tail2": (-0.202, 0.0, 0.010),
    "tail3": (-0.253, 0.0, -0.006),
    "tail4": (-0.304, 0.0, -0.016),
    "tail5": (-0.354, 0.0, -0.020),
}
_LEFT: dict[str, Point] = {
    "shoulder": (0.116, 0.030, 0.042),
    "upper_arm": (0.146, 0.038, -0.026),
    "forearm": (0.090, 0.038, -0.090),
    "front_paw": (0.117, 0.038, -0.166),
    "thigh": (-0.112, 0.040, 0.004),
    "shank": (-0.062, 0.040, -0.078),
    "hock": (-0.140, 0.040, -0.130),
    "hind_paw": (-0.124, 0.040, -0.183),
}


def _trunk() -> list[Limb]:
    # Deep and narrow: every slice of the trunk is an upper and a lower cone.
    return [
        Limb("root", (-0.118, 0.0, 0.012), (-0.040, 0.0, 0.010), 0.044, 0.046),
        Limb("root", (-0.105, 0.0, -0.012), (-0.035, 0.0, -0.020), 0.042, 0.045),
        Limb("root", (-0.040, 0.0, 0.010), (0.035, 0.0, 0.010), 0.046, 0.047),
        Limb("root", (-0.035, 0.0, -0.020), (0.035, 0.0, -0.025), 0.045, 0.046),
        Limb("spine1", (0.0, 0.0, 0.006), (0.050, 0.0, 0.006), 0.047, 0.046),
        Limb("spine1", (0.0, 0.0, -0.028), (0.050, 0.0, -0.034), 0.046, 0.046),
        Limb("spine2", (0.0, 0.0, 0.002), (0.045, 0.0, 0.004), 0.046, 0.042),
        Limb("spine2", (0.0, 0.0, -0.040), (0.045, 0.0, -0.036), 0.046, 0.044),
        Limb("spine3", (-0.020, 0.0, -0.002), (0.010, 0.0, 0.006), 0.044, 0.041),
        Limb("spine3", (0.0, 0.0, -0.050), (0.016, 0.0, -0.026), 0.041, 0.040),
        Limb("spine3", (0.010, 0.0, 0.000), (0.064, 0.0, 0.054), 0.044, 0.039),
        Limb("spine3", (0.018, 0.0, -0.025), (0.068, 0.0, 0.036), 0.041, 0.035),
    ]


def _head() -> list[Limb]:
    return [
        Limb("head", (-0.006, 0.0, -0.004), (0.024, 0.0, 0.010), 0.036, 0.0425),
        Limb("head", (0.024, 0.0, 0.010), (0.049, 0.0, 0.008), 0.0425, 0.031),
        Limb("head", (0.050, 0.0, 0.004), (0.0815, 0.0, -0.0065), 0.022, 0.0095),
        Limb("head", (0.062, 0.0, -0.027), (0.0735, 0.0, -0.0285), 0.0125, 0.0085),
    ]


def _left_head() -> list[Limb]:
    ear_tip = (0.010, 0.041, 0.077)
    ear_base = ((0.026, 0.010, 0.046), (0.024, 0.019, 0.044), (0.019, 0.029, 0.038), (0.012, 0.038, 0.027))
    return [
        Limb("head", (0.024, 0.022, -0.010), (0.046, 0.019, -0.013), 0.028, 0.021),
        Limb("head", (0.068, 0.0095, -0.0165), (0.0775, 0.0085, -0.0165), 0.0130, 0.0105),
        Limb("head", (0.048, 0.010, 0.022), (0.060, 0.008, 0.010), 0.015, 0.013),
        *(Limb("head", base, ear_tip, 0.0070, 0.0022) for base in ear_base),
    ]


def _tail() -> list[Limb]:
    names = ("tail1", "tail2", "tail3", "tail4", "tail5")
    points = [_MIDLINE[name] for name in names] + [(-0.402, 0.0, -0.020)]
    root = Limb("root", (-0.118, 0.0, 0.018), (-0.150, 0.0, 0.026), 0.030, 0.017)
    return [root, *chain(points, names, (0.0165, 0.0140, 0.0130, 0.0122, 0.0115, 0.0085))]


def _left_legs() -> list[Limb]:
    return [
        bone(_LEFT, "shoulder", "upper_arm", 0.0235, 0.0315),
        bone(_LEFT, "upper_arm", "forearm", 0.0315, 0.0210),
        bone(_LEFT, "forearm", "front_paw", 0.0200, 0.0140),
        Limb("left_front_paw", (0.000, 0.0, -0.002), (0.008, 0.0, -0.016), 0.0145, 0.0140),
        Limb("left_front_paw", (0.006, 0.0, -0.0165), (0.022, 0.0, -0.0170), 0.0150, 0.0135),
        Limb("left_front_paw", (0.018, 0.007, -0.0180), (0.024, 0.007, -0.0185), 0.0115, 0.0110),
        Limb("left_front_paw", (0.018, -0.007, -0.0180), (0.024, -0.007, -0.0185), 0.0115, 0.0110),
        Limb("left_thigh", (-0.002, -0.018, -0.004), (0.020, -0.010, -0.036), 0.0365, 0.0355),
        Limb("left_thigh", (0.020, -0.010, -0.036), between(_LEFT["thigh"], _LEFT["shank"]), 0.0355, 0.0245),
        Limb("left_thigh", (-0.016, -0.014, -0.016), (0.012, -0.006, -0.066), 0.0335, 0.0235),
        bone(_LEFT, "shank", "hock", 0.0240, 0.0130),
        bone(_LEFT, "hock", "hind_paw", 0.0130, 0.0125),
        Limb("left_hind_paw", (0.000, 0.0, 0.000), (0.016, 0.0, 0.000), 0.0140, 0.0135),
        Limb("left_hind_paw", (0.014, 0.007, -0.002), (0.024, 0.007, -0.002), 0.0115, 0.0110),
        Limb("left_hind_paw", (0.014, -0.007, -0.002), (0.024, -0.007, -0.002), 0.0115, 0.0110),
    ]


_SIT = Posture(
    height=0.124, pitch=-0.60, spine=-0.18, head=0.02, hind_x=0.118, hind_y=0.014, front_y=-0.012,
    metatarsal=-1.22, tail_lift=-0.20, tail_curl=0.04, tail_wrap=0.42,
)  # fmt: skip
_POSTURES: dict[PostureName, Posture] = {
    "stand": Posture(height=0.195, tail_lift=-0.55, tail_curl=0.12),
    "walk": Posture(height=0.188, head=0.05, tail_lift=-0.25, tail_curl=0.16),
    "trot": Posture(height=0.182, head=-0.05, spine=0.05, tail_lift=-0.35, tail_curl=0.10),
    "alert": Posture(height=0.198, head=-0.12, spine=-0.10, tail_lift=0.9, tail_curl=0.12),
    "sit": _SIT,
    "groom": replace(_SIT, spine=-0.02, head=0.85, spine_turn=0.80, head_turn=1.50, lick=0.10),
    "lie": Posture(
        height=0.081, pitch=-0.16, spine=-0.04, head=0.0, front_x=0.040, front_y=-0.004, hind_x=0.072, hind_y=0.020,
        front_paw=-0.20, metatarsal=-1.22, tail_lift=-0.28, tail_curl=0.06, tail_wrap=0.30,
    ),
    "loaf": Posture(
        height=0.083, spine=0.02, head=0.06, front_x=-0.030, front_y=-0.008, hind_x=0.052, hind_y=0.010,
        metatarsal=-1.22, tail_lift=-0.42, tail_curl=0.09, tail_wrap=0.50,
    ),
    "sleep": Posture(
        height=0.083, roll=0.10, spine=0.28, head=0.40, front_x=-0.010, front_y=-0.004, hind_x=0.060, hind_y=0.012,
        metatarsal=-1.22, tail_lift=-0.42, tail_curl=0.09, tail_wrap=0.60,
    ),
    "eat": Posture(
        height=0.160, pitch=0.19, spine=0.48, head=0.75, front_x=0.010, front_y=0.006, tail_lift=-0.30, tail_curl=0.08,
    ),
    "stretch": Posture(
        height=0.165, pitch=0.36, spine=-0.05, head=-0.25, front_x=0.080, hind_x=-0.010, front_paw=-0.10,
        metatarsal=0.10, tail_lift=0.95, tail_curl=0.10,
    ),
    "crouch": Posture(
        height=0.135, pitch=-0.10, spine=-0.05, head=-0.35, hind_x=0.015, metatarsal=-0.35, tail_lift=-0.2,
        tail_curl=0.05,
    ),
}  # fmt: skip

CAT = BodyPlan(
    kind="cat",
    stand_height=0.195,
    scale=(0.96, 1.05),
    girth=(0.95, 1.07),
    midline=_MIDLINE,
    left=_LEFT,
    front_pad=(0.018, 0.0, -0.029),
    hind_pad=(0.014, 0.0, -0.012),
    limbs=(*_trunk(), *_head(), *_tail(), *mirrored(_left_legs() + _left_head())),
    voxel=0.005,
    blend=0.010,
    softness=0.014,
    face=Face(
        eye=(0.0625, 0.0200, 0.0095),
        eye_radius=0.0112,
        gaze=(0.90, 0.40, 0.10),
        nose=(0.0905, 0.0, -0.0045),
        nose_size=(0.0042, 0.0066, 0.0046),
    ),
    draw_coat=draw_tabby,
    tail_slope=0.31,
    gaits=QUADRUPED_GAITS,
    postures=_POSTURES,
    stretch=STRETCH,
    tuck=0.125,
    trunk=CAT_TRUNK,
    bowl_distance=0.33,
    haunts=frozenset(("couch", "bowl", "window", "bed", "hide")),
    # Never drawn, so that the cat of a seed lives the life it always lived.
    grooming=0.0,
    romping=0.0,
)
