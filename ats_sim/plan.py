"""Plans: what an agent means to do for the next 5.6 s, and what it may know when it makes one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError, PolicyError
from ats_sim.geometry import transform_points
from ats_sim.perception import FUTURE, pack_motion, unpack_motion

Signals = dict[str, Array]
"""Values per stage (goal, path, pose) in the ego frame."""


@dataclass(frozen=True)
class Awareness:
    """What the agent may know; what is switched off is hidden from every network."""

    scene: bool = True
    """See the home around it."""
    observer: bool = True
    """See the observer."""
    past: bool = True
    """Remember its own last 0.8 s."""


@dataclass(frozen=True, eq=False)
class Plan:
    """5.6 s of intended motion at 10 Hz, in the world frame; entry 0 is 0.1 s after the perception."""

    T_world_ego: Array
    """(4, 4) the ego frame the plan was made in."""
    goal: Array
    """(3,) where the root should be at the end, metres."""
    path: Array
    """(56, 3) root positions, metres."""
    root_rotations: Array
    """(56, 3, 3) root rotations."""
    joint_rotations: Array
    """(56, J, 3) axis-angle."""


def plan_from_ego(T_world_ego: Array, goal: Array, path: Array, pose: Array) -> Plan:
    """Bring a drawn goal (3,), path (56, 3) and packed pose (56, D) to the world frame."""
    _, rotations, joints = unpack_motion(np.concatenate([path, pose], axis=-1))
    world_goal = transform_points(T_world_ego, goal[None])[0]
    world_path = transform_points(T_world_ego, path)
    return Plan(T_world_ego, world_goal, world_path, T_world_ego[:3, :3] @ rotations, joints)


def running_signals(plan: Plan | None, executed: int, T_ego_world: Array) -> Signals | None:
    """A running plan seen from a new ego frame, its walked frames dropped and its end held; None for no plan."""
    if plan is None:
        return None
    frames = np.clip(np.arange(FUTURE) + executed, 0, FUTURE - 1)
    path = transform_points(T_ego_world, plan.path[frames])
    rotations = T_ego_world[:3, :3] @ plan.root_rotations[frames]
    pose = pack_motion(path, rotations, plan.joint_rotations[frames])[:, 3:]
    return {"goal": transform_points(T_ego_world, plan.goal[None])[0], "path": path, "pose": pose}


def forced_signals(goal: Array | None, path: Array | None, T_ego_world: Array) -> Signals:
    """A forced goal (3,) and path (56, 3), given in the world frame; a forced path also says the goal.

    Raises:
        PolicyError: If one has the wrong shape or is not finite.
    """
    signals: Signals = {}
    try:
        if path is not None:
            signals["path"] = transform_points(T_ego_world, checked("paths", path, (FUTURE, 3)))
            signals["goal"] = signals["path"][-1]
        if goal is not None:
            signals["goal"] = transform_points(T_ego_world, checked("goals", goal, (3,))[None])[0]
    except ArrayError as error:
        raise PolicyError(str(error)) from error
    return signals


def awareness_rows(awareness: Awareness | Sequence[Awareness], count: int) -> Array:
    """(N, 4) float32 switches: 1 where scene, observer, past and guide may be seen.

    Raises:
        PolicyError: If there is neither one for all nor one each.
    """
    each = [awareness] * count if isinstance(awareness, Awareness) else awareness
    if len(each) != count:
        raise PolicyError(f"awareness: {len(each)} entries for {count} agents, want one or one each")
    return np.array([[a.scene, a.observer, a.past, True] for a in each], dtype=np.float32)
