"""Which paws are down: their soles are near what is below them, and hardly move in the world.

Both limits have a second, wider one: a paw that is down stays so while it keeps within the wide limits. Speeds are
those over 0.2 s, by which steps at 10 Hz can be told from noise. A majority of three samples on top of that was tried
and left out: it finds no more, and loses the hind feet of hopping rabbits, which are down for a tenth of a second.
"""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.motion import VideoMotion, runs
from ats_sim.reconstruction.agent.support import support_heights
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.skeleton import PAWS

NEAR, FAR = 0.03, 0.05
"""Metres between a sole and what is below it, within which a paw comes down and out of which it is up again."""
SLOW, FAST = 0.25, 0.35
"""m/s below which a paw comes down and above which it is up again."""
SOLE = 0.005
"""Metres above a paw's lowest vertex up to which its skin is sole."""


def foot_contacts(motion: VideoMotion, body: SkinnedMesh, caster: Raycaster, floor: float) -> Array:
    """Which paws bear on the scene.

    Args:
        motion: The agent's motion, world frame.
        body: The agent.
        caster: The static scene, world frame.
        floor: World height of the floor, metres, for where the scene has a hole.

    Returns:
        (N, 4) bool in the order of `PAWS`, False where the motion is not valid; (N, 0) for a body without those joints.
    """
    soles = sole_places(body, motion.T_world_root, motion.joint_rotations)
    below = support_heights(soles.reshape(-1, 3), caster, floor).reshape(soles.shape[:2])
    return paws_down(motion.time, soles, soles[..., 2] - below, motion.valid)


def sole_places(body: SkinnedMesh, T_world_root: Array, joint_rotations: Array) -> Array:
    """World points (N, 4, 3) that stand for the soles, for root poses (N, 4, 4) and joint rotations (N, J, 3).

    A joint is inside the paw, and turns over the toes while they stand. (N, 0, 3) for a body that lacks a paw.
    """
    names = body.skeleton.joint_names
    if not set(PAWS) <= set(names):
        return np.zeros((len(T_world_root), 0, 3))
    paws = np.array([names.index(name) for name in PAWS])
    soles = np.stack([_sole(body, int(paw)) for paw in paws])
    frames = body.skeleton.forward_kinematics(T_world_root, joint_rotations)[:, paws]
    return transform_points(frames, soles[:, None])[..., 0, :]


def paws_down(time: Array, soles: Array, heights: Array, valid: Array) -> Array:
    """Which of F paws are down.

    Args:
        time: (N,) seconds.
        soles: (N, F, 3) world points.
        heights: (N, F) metres of the soles above what is below them; negative inside it.
        valid: (N,) bool; nothing is known of the paws elsewhere, nor of their way from there.

    Returns:
        (N, F) bool.
    """
    down = np.zeros(heights.shape, dtype=bool)
    for run in runs(valid, shortest=1.0):
        speeds = np.linalg.norm(np.gradient(soles[run], time[run], axis=0), axis=-1)
        surely = (heights[run] < NEAR) & (speeds < SLOW)
        maybe = (heights[run] < FAR) & (speeds < FAST)
        for paw in range(heights.shape[1]):
            for stance in runs(maybe[:, paw], shortest=0.0):
                down[run][stance, paw] = surely[stance, paw].any()
    return down


def _sole(body: SkinnedMesh, paw: int) -> Array:
    """The middle (3,) of a paw's lowest skin at rest, in the paw joint's frame; the joint where it has no skin."""
    strongest = np.take_along_axis(body.skin_joints, body.skin_weights.argmax(1)[:, None], axis=1)[:, 0]
    skin = body.mesh.vertices[strongest == paw].astype(np.float64)
    if not len(skin):
        return np.zeros(3)
    sole = skin[skin[:, 2] <= skin[:, 2].min() + SOLE].mean(axis=0)
    return np.asarray(transform_points(inverse(body.skeleton.rest_transforms[paw]), sole[None])[0])
