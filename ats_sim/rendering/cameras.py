"""Where to look from: through the observer's or an agent's eyes, over a shoulder, or down on the whole home."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, look_at, rigid, yaw_matrix
from ats_sim.mesh import SkinnedMesh
from ats_sim.rendering.frame import Camera
from ats_sim.skeleton import Skeleton

BEHIND, ABOVE, BESIDE = 1.35, 0.45, 0.6
AHEAD, BELOW = 1.7, 0.8
CUT_HEIGHT = 2.0
TILT = np.radians(24.0)
WALL_CLEARANCE = 0.12
BEFORE_NOSE = 0.01
EYE_LEVEL = 0.6
"""Height of an agent's eyes within its head, 0 at the chin and 1 at the top."""


def observer_camera(intrinsics: Intrinsics, T_world_camera: Array) -> Camera:
    """What the observer sees from the eyes' pose (4, 4)."""
    return Camera(intrinsics, T_world_camera)


def agent_camera(intrinsics: Intrinsics, skinned: SkinnedMesh, T_world_root: Array, joint_rotations: Array) -> Camera:
    """What an agent sees whose root is at a pose (4, 4) and whose joints are turned by (J, 3) axis-angle.

    The camera sits just before the nose at the height of the eyes, so that the agent's head is never in its view, and
    looks along the head's forward axis: the one that is the root's x in the rest pose.
    """
    head = head_joint(skinned.skeleton)
    T_world_head = skinned.skeleton.forward_kinematics(T_world_root, joint_rotations)[head]
    return Camera(intrinsics, T_world_head @ inverse(skinned.skeleton.rest_transforms[head]) @ T_root_eyes(skinned))


def head_joint(skeleton: Skeleton) -> int:
    """The joint called "head", else the highest leaf before the root in the rest pose, else the highest leaf."""
    if "head" in skeleton.joint_names:
        return skeleton.joint_names.index("head")
    places = skeleton.rest_transforms[:, :3, 3]
    leaves = np.setdiff1d(np.arange(skeleton.num_joints), skeleton.joint_parents)
    ahead = leaves[places[leaves, 0] > 0.0]
    candidates = ahead if len(ahead) else leaves
    return int(candidates[np.argmax(places[candidates, 2])])


def T_root_eyes(skinned: SkinnedMesh) -> Array:
    """(4, 4) camera pose just before the nose in the rest pose, root frame."""
    head = head_joint(skinned.skeleton)
    strongest = np.take_along_axis(skinned.skin_joints, skinned.skin_weights.argmax(1)[:, None], axis=1)[:, 0]
    skull = skinned.mesh.vertices[strongest == head]
    if not len(skull):
        skull = skinned.skeleton.rest_transforms[head, :3, 3][None]
    low, high = skull.min(0), skull.max(0)
    eyes = np.array([high[0] + BEFORE_NOSE, 0.5 * (low[1] + high[1]), low[2] + EYE_LEVEL * (high[2] - low[2])])
    # Columns: right is -y, down is -z, forward is x of the root.
    return rigid(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), eyes)


def third_person_camera(
    intrinsics: Intrinsics, T_world_camera: Array, clearance: Callable[[Array], Array] | None = None
) -> Camera:
    """From behind and above the observer whose eyes are at a pose (4, 4).

    clearance maps world points (N, 3) to metres of free space; the camera then stays on this side of walls.
    """
    eyes, forward = T_world_camera[:3, 3], T_world_camera[:3, 2]
    level = np.array([forward[0], forward[1], 0.0]) / max(float(np.hypot(forward[0], forward[1])), 1e-6)
    right = np.array([level[1], -level[0], 0.0])
    up = np.array([0.0, 0.0, 1.0])
    # Beside the figure, so that what it walks up to is not behind its back.
    wanted = eyes - BEHIND * level + BESIDE * right + ABOVE * up
    target = eyes + AHEAD * level + 0.3 * BESIDE * right + (AHEAD * min(forward[2] + 0.5, 0.3) - BELOW) * up
    shares = np.linspace(0.0, 1.0, 35)
    way = eyes + shares[:, None] * (wanted - eyes)
    reach = len(way) - 1
    if clearance is not None:
        blocked = np.asarray(clearance(way)) < WALL_CLEARANCE
        reach = int(np.argmax(blocked[1:])) if blocked[1:].any() else reach
    return Camera(intrinsics, look_at(way[max(reach, 1)], target))


def birdseye_camera(
    intrinsics: Intrinsics,
    low: Array,
    high: Array,
    *,
    yaw: float = 0.0,
    cut_height: float = CUT_HEIGHT,
    margin: float = 1.04,
) -> Camera:
    """Down on a home whose roof is taken off, slightly from its south.

    The home fills a box that is turned by yaw (radians) about the world's z; low (3,) and high (3,) are its corners in
    its own frame, and its x axis runs along the picture's rows.
    """
    top = min(float(high[2]), cut_height)
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], top)])
    middle = (corners.min(0) + corners.max(0)) / 2.0
    direction = np.array([0.0, -np.sin(TILT), np.cos(TILT)])
    T_box_camera = look_at(middle + direction, middle)
    in_camera = (corners - middle) @ T_box_camera[:3, :3]
    half = np.array([intrinsics.width / intrinsics.fl_x, intrinsics.height / intrinsics.fl_y]) / 2.0
    # A corner at lateral offset a and depth offset d fits once distance + d >= a / half.
    distance = float((np.abs(in_camera[:, :2]) / half - in_camera[:, 2:]).max()) * margin
    T_box_camera[:3, 3] = middle + direction * distance
    T_world_camera = rigid(yaw_matrix(yaw), np.zeros(3)) @ T_box_camera
    return Camera(intrinsics, T_world_camera, near=0.1, far=distance + 50.0, cut_height=cut_height)


def snug_box(points: Array) -> tuple[float, Array, Array]:
    """Yaw (radians) and corners low (3,) and high (3,) of the upright box that holds points (N, 3) most tightly.

    The box' x axis is its longer one; the outermost half percent of the points on each side are left out.
    """
    best: tuple[float, Array, Array] | None = None
    for yaw in np.radians(np.arange(-45.0, 45.0, 3.0)):
        turned = points @ yaw_matrix(yaw)
        low, high = np.percentile(turned, [0.5, 99.5], axis=0)
        size = high - low
        if best is None or size[0] * size[1] < 0.995 * np.prod((best[2] - best[1])[:2]):
            best = (float(yaw), low, high)
    assert best is not None
    yaw, low, high = best
    if high[0] - low[0] < high[1] - low[1]:
        # A quarter turn: the new x is the old y, the new y is minus the old x.
        yaw, low, high = (
            yaw + np.pi / 2.0,
            np.array([low[1], -high[0], low[2]]),
            np.array([high[1], -low[0], high[2]]),
        )
    return yaw, low, high
