"""What the environment tells: spaces, observation and info, always in new arrays."""

from typing import Any

import numpy as np
from gymnasium import spaces

from ats_sim.arrays import Array
from ats_sim.geometry import quaternion_from_matrix
from ats_sim.home import Home
from ats_sim.measures import DT, Measures
from ats_sim.stretch import MAX_STRIDE
from ats_sim.world import World

MAX_DEPTH = 30.0  # metres; nothing in a home is farther
MAX_SPEED = 1.01 * max(MAX_STRIDE / DT, 10.0)  # m/s
MAX_TURN = 1.01 * np.pi / DT  # rad/s; half a turn per step, above which direction means nothing
MAX_ANGLE = 1.01 * np.pi
ROOM_AROUND = 1.0  # metres that positions may lie beyond the home's grid, eyes above a low one included
HEAD_ROOM = 3.0


def observation_space(home: Home, num_agents: int, picture: tuple[int, int] | None) -> spaces.Dict:
    """The flat Dict of finite boxes; `picture` is (H, W) where colour and depth belong to it."""
    low, high = home.perception.bounds
    low, high = low - ROOM_AROUND, np.maximum(high + ROOM_AROUND, [-np.inf, -np.inf, HEAD_ROOM])
    motion = np.array([MAX_SPEED] * 3 + [MAX_TURN] * 3)
    boxes: dict[str, spaces.Space[Any]] = {
        "observer_position": _box(low, high),
        "observer_rotation": _box(-np.ones(4), np.ones(4)),
        "observer_velocity": _box(-motion, motion),
        "agent_position": _box(np.tile(low, num_agents), np.tile(high, num_agents)),
        "agent_rotation": _box(-np.ones(4 * num_agents), np.ones(4 * num_agents)),
        "agent_velocity": _box(np.tile(-motion, num_agents), np.tile(motion, num_agents)),
        "agent_joints": _symmetric(MAX_ANGLE, 3 * home.skeleton.num_joints * num_agents),
        "agent_visible": _box(np.zeros(num_agents), np.ones(num_agents)),
    }
    if picture is not None:
        boxes["rgb"] = spaces.Box(0, 255, (*picture, 3), np.uint8)
        boxes["depth"] = spaces.Box(0.0, MAX_DEPTH, (*picture, 1), np.float32)
    return spaces.Dict(boxes)


def state_of(world: World, measures: Measures) -> dict[str, Array]:
    """The state part of the observation, float32."""
    camera = world.observer.T_world_camera
    agents = world.agents
    parts = {
        "observer_position": camera[:3, 3],
        "observer_rotation": _quaternion(camera),
        "observer_velocity": world.observer.velocity,
        "agent_position": np.concatenate([agent.T_world_root[:3, 3] for agent in agents]),
        "agent_rotation": np.concatenate([_quaternion(agent.T_world_root) for agent in agents]),
        "agent_velocity": np.concatenate([agent.velocity for agent in agents]),
        "agent_joints": np.concatenate([agent.joint_rotations.reshape(-1) for agent in agents]),
        "agent_visible": measures.visible,
    }
    return {name: np.array(value, dtype=np.float32) for name, value in parts.items()}


def info_of(world: World, measures: Measures) -> dict[str, Any]:
    """What is behind the observation; a function of the state alone, so equal for equal seeds."""
    return {
        "time": world.time,
        "goal": np.array([agent.goal() for agent in world.agents], dtype=np.float32),
        "planned_path": np.array([agent.remaining_path() for agent in world.agents], dtype=np.float32),
        "blocked": np.array([agent.blocked for agent in world.agents]),
        "distance": np.array(measures.distance, dtype=np.float32),
        "visibility": np.array(measures.visible, dtype=np.float32),
        "penetration": np.array(measures.penetration, dtype=np.float32),
        "foot_skate": np.array(measures.foot_skate, dtype=np.float32),
        "data_support": np.array(measures.data_support, dtype=np.float32),
        "observer_support": measures.observer_support,
        "task": {},
    }


def _quaternion(transform: Array) -> Array:
    """(4,) xyzw with w >= 0: q and -q are one rotation, so one of them is chosen."""
    quaternion = quaternion_from_matrix(transform[:3, :3])
    return -quaternion if quaternion[3] < 0.0 else quaternion


def _box(low: Array, high: Array) -> spaces.Box:
    return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)


def _symmetric(limit: float, length: int) -> spaces.Box:
    return spaces.Box(-limit, limit, (length,), np.float32)
