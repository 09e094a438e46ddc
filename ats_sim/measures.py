"""How believable the present moment is: what is seen, what sticks in walls, what slides, what was ever recorded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.agent import Agent
from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, log_so3, transform_points
from ats_sim.home import Home
from ats_sim.observer import Observer
from ats_sim.perception import HZ
from ats_sim.physics import Bodies
from ats_sim.skeleton import Skeleton
from ats_sim.volume import PerceptionVolume

DT = 1.0 / HZ
CONTACT = 0.05  # metres between a foot joint and what is solid that count as standing on it
SEEN_JOINTS = 8


@dataclass(frozen=True, eq=False)
class Measures:
    """The present moment in numbers; one entry per agent where there are several."""

    visible: Array
    """(A,) share of the body that the observer sees, 0 to 1."""
    distance: Array
    """(A,) horizontal metres between observer and agent."""
    penetration: Array
    """(A,) metres that the deepest joint lies inside something solid."""
    foot_skate: Array
    """(A,) m/s that feet slide on the ground."""
    data_support: Array
    """(A,) seconds that the real agent was recorded around here."""
    observer_support: float
    """Seconds that the real observer was recorded around here."""


def measure(home: Home, bodies: Bodies, eyes: Intrinsics, observer: Observer, agents: Sequence[Agent]) -> Measures:
    """Take all measures of the present moment."""
    volume, skeleton = home.perception, home.skeleton
    feet, shown = foot_joints(skeleton), seen_joints(skeleton)
    places = np.stack([agent.T_world_root[:3, 3] for agent in agents])
    seen, deep, skate = [], [], []
    for agent in agents:
        joints = skeleton.forward_kinematics(agent.roots[-2:], agent.joints[-2:])[..., :3, 3]
        seen.append(visibility(bodies, eyes, observer.T_world_camera, joints[1, shown]))
        deep.append(penetration(volume, joints[1]))
        skate.append(foot_skate(volume, joints[0, feet], joints[1, feet], DT))
    return Measures(
        visible=np.array(seen),
        distance=np.linalg.norm(places[:, :2] - observer.pose[:2], axis=1),
        penetration=np.array(deep),
        foot_skate=np.array(skate),
        data_support=volume.visit_seconds(volume.agent_visits, places),
        observer_support=float(volume.visit_seconds(volume.observer_visits, observer.pose[:2])),
    )


def foot_joints(skeleton: Skeleton) -> Array:
    """Indices of the joints that the animal stands on at rest: leaves of the tree within 5 cm of the lowest."""
    leaves = np.setdiff1d(np.arange(1, skeleton.num_joints), skeleton.joint_parents)
    if not len(leaves):
        return np.zeros(0, dtype=np.int64)
    heights = skeleton.rest_transforms[leaves, 2, 3]
    return np.asarray(leaves[heights <= heights.min() + 0.05])


def seen_joints(skeleton: Skeleton) -> Array:
    """A handful of joints spread over the body, the root among them, that stand for it when asking what is seen."""
    return np.unique(np.linspace(0, skeleton.num_joints - 1, min(SEEN_JOINTS, skeleton.num_joints)).astype(np.int64))


def penetration(volume: PerceptionVolume, joint_positions: Array) -> float:
    """Depth (m) of the deepest of joints (J, 3) inside something solid; 0 where all are free."""
    return float(max(0.0, -volume.sample_sdf(joint_positions).min()))


def foot_skate(volume: PerceptionVolume, feet_before: Array, feet_now: Array, dt: float) -> float:
    """Mean horizontal speed (m/s) of feet (F, 3) that touch something before and after; 0 where none does."""
    if not len(feet_now):
        return 0.0
    touching = (volume.sample_sdf(feet_before) < CONTACT) & (volume.sample_sdf(feet_now) < CONTACT)
    speed = np.linalg.norm(feet_now[:, :2] - feet_before[:, :2], axis=1) / dt
    return float(speed[touching].mean()) if touching.any() else 0.0


def visibility(bodies: Bodies, intrinsics: Intrinsics, T_world_camera: Array, points: Array) -> float:
    """Share of points (N, 3) inside the observer's picture with nothing of the home in between."""
    u, v, depth = intrinsics.project(transform_points(inverse(T_world_camera), points))
    framed = (depth > 0.05) & (u >= -0.5) & (v >= -0.5)
    framed &= (u < intrinsics.width - 0.5) & (v < intrinsics.height - 0.5)
    if not framed.any():
        return 0.0
    targets = points[framed]
    eyes = np.repeat(T_world_camera[None, :3, 3], len(targets), axis=0)
    return float((~bodies.blocked(eyes, targets)).sum() / len(points))


def velocity(agent: Agent) -> Array:
    """(6,) linear (m/s) and angular (rad/s) velocity of an agent's root over the last step, world frame."""
    now, before = agent.roots[-1], agent.roots[-2]
    turn = log_so3(now[:3, :3] @ before[:3, :3].T)
    return np.concatenate([now[:3, 3] - before[:3, 3], turn]) / DT
