"""An adult domestic cat, grown from limbs: skeleton, skinned mesh and coat.

Proportions are those of a short-haired adult: 0.25 m at the withers, 0.45 m from nose to rump, digitigrade legs. The
rest pose stands; all joint frames are parallel to the root's at rest, so pitch is about +y and yaw about +z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.capture.synthesis.animal.cat_coat import Coat, coat_colors, draw_coat
from ats_sim.reconstruction.limbs import Limb, limb_mesh
from ats_sim.skeleton import QUADRUPED_NAMES, QUADRUPED_PARENTS, Skeleton

BodyKind = Literal["cat"]
Point = tuple[float, float, float]

FEET = ("left_front", "right_front", "left_hind", "right_hind")
STAND_HEIGHT = 0.195
"""Height of the root above the floor in the rest pose of the unscaled body, metres."""

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
_FRONT_PAD: Point = (0.018, 0.0, -0.029)
_HIND_PAD: Point = (0.014, 0.0, -0.012)
_EYE: Point = (0.0625, 0.0200, 0.0095)
_EYE_RADIUS = 0.0112
_NOSE: Point = (0.0905, 0.0, -0.0045)


@dataclass(frozen=True, eq=False)
class Body:
    """An animal's rigged body and where its feet touch the ground."""

    kind: BodyKind
    """Species."""
    skinned: SkinnedMesh
    """Rest mesh with vertex colours, skin weights and skeleton."""
    pads: Array
    """(4, 3) point of each paw that touches the ground, in the paw joint's frame; order of FEET."""
    stand_height: float
    """Height of the root above the floor in the rest pose, metres."""

    @property
    def skeleton(self) -> Skeleton:
        """The joint tree."""
        return self.skinned.skeleton


def make_body(kind: BodyKind, rng: np.random.Generator) -> Body:
    """Draw one individual: size, build and coat vary a little.

    Raises:
        ConfigError: If the species is unknown.
    """
    if kind != "cat":
        raise ConfigError(f"body kind {kind!r} is not modelled; use 'cat'")
    scale = float(rng.uniform(0.96, 1.05))
    girth = float(rng.uniform(0.95, 1.07))
    skeleton = cat_skeleton(scale)
    limbs = [_scaled(limb, scale, girth) for limb in cat_limbs()]
    shape = limb_mesh(skeleton, limbs, voxel=0.005 * scale, blend=0.010 * scale, faces=7400, softness=0.014)
    skinned = _with_face(shape, scale, draw_coat(rng))
    pads = np.array([_FRONT_PAD, _FRONT_PAD, _HIND_PAD, _HIND_PAD]) * scale
    return Body(kind=kind, skinned=skinned, pads=pads, stand_height=STAND_HEIGHT * scale)


def cat_skeleton(scale: float = 1.0) -> Skeleton:
    """The 26-joint quadruped tree with a cat's bone lengths; identity rest rotations."""
    places = {"root": np.zeros(3)} | {name: np.array(place) for name, place in _MIDLINE.items()}
    for name, place in _LEFT.items():
        places[f"left_{name}"] = np.array(place)
        places[f"right_{name}"] = np.array(place) * [1, -1, 1]
    rest = np.tile(np.eye(4), (len(QUADRUPED_NAMES), 1, 1))
    for joint, (name, parent) in enumerate(zip(QUADRUPED_NAMES, QUADRUPED_PARENTS, strict=True)):
        if parent >= 0:
            rest[joint, :3, 3] = (places[name] - places[QUADRUPED_NAMES[parent]]) * scale
    return Skeleton(QUADRUPED_NAMES, np.array(QUADRUPED_PARENTS), rest)


def cat_limbs() -> list[Limb]:
    """Limbs of the unscaled cat."""
    return [*_trunk(), *_head(), *_tail(), *_mirrored(_left_legs() + _left_head())]


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
    radii = (0.0165, 0.0140, 0.0130, 0.0122, 0.0115, 0.0085)
    ends = [_MIDLINE[name] for name in names] + [(-0.402, 0.0, -0.020)]
    limbs = [Limb("root", (-0.118, 0.0, 0.018), (-0.150, 0.0, 0.026), 0.030, 0.017)]
    for i, name in enumerate(names):
        limbs.append(Limb(name, (0.0, 0.0, 0.0), _between(ends[i], ends[i + 1]), radii[i], radii[i + 1]))
    return limbs


def _left_legs() -> list[Limb]:
    def bone(joint: str, child: str, radius: float, radius_end: float) -> Limb:
        return Limb(f"left_{joint}", (0.0, 0.0, 0.0), _between(_LEFT[joint], _LEFT[child]), radius, radius_end)

    return [
        bone("shoulder", "upper_arm", 0.0235, 0.0315),
        bone("upper_arm", "forearm", 0.0315, 0.0210),
        bone("forearm", "front_paw", 0.0200, 0.0140),
        Limb("left_front_paw", (0.000, 0.0, -0.002), (0.008, 0.0, -0.016), 0.0145, 0.0140),
        Limb("left_front_paw", (0.006, 0.0, -0.0165), (0.022, 0.0, -0.0170), 0.0150, 0.0135),
        Limb("left_front_paw", (0.018, 0.007, -0.0180), (0.024, 0.007, -0.0185), 0.0115, 0.0110),
        Limb("left_front_paw", (0.018, -0.007, -0.0180), (0.024, -0.007, -0.0185), 0.0115, 0.0110),
        Limb("left_thigh", (-0.002, -0.018, -0.004), (0.020, -0.010, -0.036), 0.0365, 0.0355),
        Limb("left_thigh", (0.020, -0.010, -0.036), _between(_LEFT["thigh"], _LEFT["shank"]), 0.0355, 0.0245),
        Limb("left_thigh", (-0.016, -0.014, -0.016), (0.012, -0.006, -0.066), 0.0335, 0.0235),
        bone("shank", "hock", 0.0240, 0.0130),
        bone("hock", "hind_paw", 0.0130, 0.0125),
        Limb("left_hind_paw", (0.000, 0.0, 0.000), (0.016, 0.0, 0.000), 0.0140, 0.0135),
        Limb("left_hind_paw", (0.014, 0.007, -0.002), (0.024, 0.007, -0.002), 0.0115, 0.0110),
        Limb("left_hind_paw", (0.014, -0.007, -0.002), (0.024, -0.007, -0.002), 0.0115, 0.0110),
    ]


def _mirrored(limbs: list[Limb]) -> list[Limb]:
    def flip(point: Point) -> Point:
        return (point[0], -point[1], point[2])

    return limbs + [
        replace(limb, joint=limb.joint.replace("left_", "right_"), start=flip(limb.start), end=flip(limb.end))
        for limb in limbs
    ]


def _between(start: Point, end: Point, scale: float = 1.0) -> Point:
    return ((end[0] - start[0]) * scale, (end[1] - start[1]) * scale, (end[2] - start[2]) * scale)


def _scaled(limb: Limb, scale: float, girth: float) -> Limb:
    # Only the belly and chest gain weight: a fat head or fat paws would be another animal.
    width = scale * (girth if limb.joint in ("root", "spine1", "spine2") else 1.0)
    return replace(
        limb,
        start=_between((0.0, 0.0, 0.0), limb.start, scale),
        end=_between((0.0, 0.0, 0.0), limb.end, scale),
        radius_start=limb.radius_start * width,
        radius_end=limb.radius_end * width,
    )


def _with_face(shape: SkinnedMesh, scale: float, coat: Coat) -> SkinnedMesh:
    """Paint the coat and set in eyes and nose as small closed shells of their own."""
    head = shape.skeleton.joint_names.index("head")
    origin = shape.skeleton.rest_transforms[head, :3, 3]
    shells = []
    for side in (1.0, -1.0):
        centre = origin + np.array(_EYE) * [1, side, 1] * scale
        shells.append(_eye(centre, side, _EYE_RADIUS * scale, coat))
    shells.append(_nose(origin + np.array(_NOSE) * scale, scale, coat))
    painted = replace(shape.mesh, colors=coat_colors(shape, scale, coat))
    parts = [painted, *shells]
    extra = sum(len(shell.vertices) for shell in shells)
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    mesh = TriangleMesh(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)]),
        colors=np.concatenate([part.colors for part in parts]),
    )
    joints = np.concatenate([shape.skin_joints, np.full((extra, 4), head, dtype=np.int32)])
    weights = np.concatenate([shape.skin_weights, np.tile(np.array([1, 0, 0, 0], dtype=np.float32), (extra, 1))])
    return SkinnedMesh(mesh=mesh, skin_joints=joints, skin_weights=weights, skeleton=shape.skeleton)


def _eye(centre: Array, side: float, radius: float, coat: Coat) -> TriangleMesh:
    points, faces = _sphere(16, 14)
    gaze = np.array([0.90, 0.40 * side, 0.10])
    gaze /= np.linalg.norm(gaze)
    across = np.cross([0.0, 0.0, 1.0], gaze)
    across /= np.linalg.norm(across)
    # The sphere's pole looks along the gaze, so that pupil and iris end on rings of vertices.
    frame = np.stack([np.cross(gaze, across), across * -1.0, gaze], axis=1)
    off_axis = np.arccos(np.clip(points[:, 2], -1.0, 1.0))
    colors = np.tile(np.array(coat.rim, dtype=np.float64), (len(points), 1))
    colors[off_axis < 0.95] = coat.iris
    colors[off_axis < 0.50] = (14, 14, 14)
    return TriangleMesh(vertices=centre + points @ frame.T * radius, faces=faces, colors=colors.astype(np.uint8))


def _nose(centre: Array, scale: float, coat: Coat) -> TriangleMesh:
    points, faces = _sphere(8, 6)
    shape = np.array([0.0042, 0.0066, 0.0046]) * scale
    # A cat's nose is a triangle that points down.
    points = points * (shape * np.where(points[:, 2:] < 0, [1.0, 0.5, 1.0], 1.0))
    return TriangleMesh(
        vertices=centre + points, faces=faces, colors=np.tile(np.array(coat.nose, dtype=np.uint8), (len(points), 1))
    )


def _sphere(segments: int, rings: int) -> tuple[Array, Array]:
    polar = np.linspace(0, np.pi, rings + 1)[1:-1]
    azimuth = np.arange(segments) * 2 * np.pi / segments
    grid_p, grid_a = np.meshgrid(polar, azimuth, indexing="ij")
    ring = np.stack([np.sin(grid_p) * np.cos(grid_a), np.sin(grid_p) * np.sin(grid_a), np.cos(grid_p)], -1)
    points = np.concatenate([[[0, 0, 1.0]], ring.reshape(-1, 3), [[0, 0, -1.0]]])
    faces = []
    for k in range(segments):
        after = (k + 1) % segments
        faces.append((0, 1 + k, 1 + after))
        for r in range(rings - 2):
            a, b = 1 + r * segments, 1 + (r + 1) * segments
            faces += [(a + k, b + k, b + after), (a + k, b + after, a + after)]
        last = 1 + (rings - 2) * segments
        faces.append((len(points) - 1, last + after, last + k))
    return points, np.array(faces, dtype=np.int32)
