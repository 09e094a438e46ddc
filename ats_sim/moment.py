"""Poses between two steps of the world, for drawing more smoothly than its clock."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.agent import Agent
from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, log_so3, rigid
from ats_sim.observer import FLOOR, YAW, Observer, X, Y


@dataclass(frozen=True, eq=False)
class Moment:
    """Poses at some instant between the last step and now, for drawing more smoothly than the world's clock."""

    T_world_camera: Array
    """(4, 4) the observer's eyes."""
    feet: Array
    """(3,) the floor point under the observer."""
    agents: tuple[tuple[Array, Array], ...]
    """Root pose (4, 4) and joint rotations (J, 3) per agent."""


def moment_between(observer: Observer, agents: Sequence[Agent], share: float) -> Moment:
    """Poses at `share` of the last step: 0 is where it began, 1 is now."""
    before, now = observer.last_pose, observer.pose
    pose = before + share * (now - before)
    pose[YAW] = before[YAW] + share * ((now[YAW] - before[YAW] + np.pi) % (2.0 * np.pi) - np.pi)
    poses = []
    for agent in agents:
        first, last = agent.roots[-2], agent.roots[-1]
        rotation = exp_so3(share * log_so3(last[:3, :3] @ first[:3, :3].T)) @ first[:3, :3]
        root = rigid(rotation, (1.0 - share) * first[:3, 3] + share * last[:3, 3])
        poses.append((root, (1.0 - share) * agent.joints[-2] + share * agent.joints[-1]))
    return Moment(observer.camera_at(pose), pose[[X, Y, FLOOR]], tuple(poses))
