"""What the environment tells: the observation, a flat dict of float32 boxes, and where its numbers lie in one block.

All numbers of a step are written into one row, of which the observation's entries are views: one allocation a step, and
a batch of worlds is one matrix.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from ats_sim.arrays import Array
from ats_sim.course import MAX_STRIDE
from ats_sim.envs.options import EnvOptions
from ats_sim.home import Home
from ats_sim.measures import DT, Measures
from ats_sim.observer import PITCH, YAW
from ats_sim.world import World

MAX_DEPTH = 30.0  # metres; nothing in a home is farther
MAX_SPEED = 1.01 * max(MAX_STRIDE / DT, 10.0)  # m/s
MAX_TURN = 1.01 * np.pi / DT  # rad/s; half a turn per step, above which direction means nothing
MAX_ANGLE = 1.01 * np.pi
ROOM_AROUND = 1.0  # metres that positions may lie beyond the home's grid, eyes above a low one included
HEAD_ROOM = 3.0


class StateLayout:
    """Where the state's entries lie in a row of float32 numbers; A agents come one after the other in each."""

    def __init__(self, num_agents: int, num_joints: int) -> None:
        """Lay out `size` numbers."""
        self.num_agents, self.num_joints = num_agents, num_joints
        widths = {
            "observer_position": 3,
            "observer_rotation": 4,
            "observer_velocity": 6,
            "agent_position": 3 * num_agents,
            "agent_rotation": 4 * num_agents,
            "agent_velocity": 6 * num_agents,
            "agent_joints": 3 * num_joints * num_agents,
            "agent_visible": num_agents,
        }
        ends = np.cumsum(list(widths.values())).tolist()
        self.parts = {name: slice(end - width, end) for (name, width), end in zip(widths.items(), ends, strict=True)}
        """Entry to its columns."""
        self.size: int = ends[-1]
        """Numbers in a row."""
        self._agent_parts = tuple(part for name, part in self.parts.items() if name.startswith("agent"))

    def write(self, rows: Array, worlds: Sequence[World], measures: Measures) -> None:
        """Fill rows (W, size) with the present moment of W worlds, whose measures are (W, A)."""
        observers = [world.observer for world in worlds]
        rows[:, 0:3] = [observer.eyes for observer in observers]
        rows[:, 3:7] = [eye_quaternion(float(o.pose[YAW]), float(o.pose[PITCH])) for o in observers]
        rows[:, 7:13] = [observer.velocity for observer in observers]
        agents = [agent for world in worlds for agent in world.agents]
        roots = [agent.T_world_root for agent in agents]
        values = (
            np.array(roots)[:, :3, 3],
            np.array([quaternion(root) for root in roots]),
            np.array([agent.velocity for agent in agents]),
            np.array([agent.joint_rotations for agent in agents]),
            measures.visible,
        )
        for part, value in zip(self._agent_parts, values, strict=True):
            rows[:, part] = value.reshape(len(worlds), -1)

    def split(self, rows: Array) -> dict[str, Array]:
        """Entries (..., width) of rows (..., size), as views."""
        return {name: rows[..., part] for name, part in self.parts.items()}


def observation_space(home: Home, options: EnvOptions) -> spaces.Dict:
    """The flat Dict of finite boxes."""
    low, high = home.perception.bounds
    low, high = low - ROOM_AROUND, np.maximum(high + ROOM_AROUND, [-np.inf, -np.inf, HEAD_ROOM])
    motion = np.array([MAX_SPEED] * 3 + [MAX_TURN] * 3)
    agents = options.num_agents
    boxes: dict[str, spaces.Space[Any]] = {
        "observer_position": _box(low, high),
        "observer_rotation": _symmetric(1.0, 4),
        "observer_velocity": _box(-motion, motion),
        "agent_position": _box(np.tile(low, agents), np.tile(high, agents)),
        "agent_rotation": _symmetric(1.0, 4 * agents),
        "agent_velocity": _box(np.tile(-motion, agents), np.tile(motion, agents)),
        "agent_joints": _symmetric(MAX_ANGLE, 3 * home.skeleton.num_joints * agents),
        "agent_visible": _box(np.zeros(agents), np.ones(agents)),
    }
    if options.picture is not None:
        boxes["rgb"] = spaces.Box(0, 255, (*options.picture, 3), np.uint8)
        boxes["depth"] = spaces.Box(0.0, MAX_DEPTH, (*options.picture, 1), np.float32)
        if options.segmentation:
            boxes["segmentation"] = spaces.Box(0, 255, (*options.picture, 1), np.uint8)
    return spaces.Dict(boxes)


def quaternion(transform: Array) -> tuple[float, float, float, float]:
    """Unit quaternion xyzw with w >= 0 of a pose (4, 4) or rotation (3, 3): of q and -q, which are one rotation, the
    same one is always chosen. Scalar arithmetic: a tenth of the time that arrays take for one matrix."""
    (a, b, c), (d, e, f), (g, h, i) = transform[:3, :3].tolist()
    # Each branch takes the root of the largest of the four squares, which is the stable one (Shepperd 1978).
    if a + e + i > max(a, e, i):
        x, y, z, w = h - f, c - g, d - b, 1.0 + a + e + i
    elif a >= e and a >= i:
        x, y, z, w = 1.0 + a - e - i, b + d, c + g, h - f
    elif e >= i:
        x, y, z, w = b + d, 1.0 - a + e - i, f + h, c - g
    else:
        x, y, z, w = c + g, f + h, 1.0 - a - e + i, d - b
    length = math.sqrt(x * x + y * y + z * z + w * w)
    scale = -1.0 / length if w < 0.0 else 1.0 / length
    return x * scale, y * scale, z * scale, w * scale


def eye_quaternion(yaw: float, pitch: float) -> tuple[float, float, float, float]:
    """Unit quaternion xyzw with w >= 0 of a level camera (OpenCV axes) turned by yaw and pitch, radians."""
    # Level and ahead is (-1, 1, -1, 1) / 2; yaw turns it about the world's z from the left, pitch about its own x.
    cy, sy = 0.5 * math.cos(0.5 * yaw), 0.5 * math.sin(0.5 * yaw)
    cp, sp = math.cos(0.5 * pitch), math.sin(0.5 * pitch)
    x, y, z, w = -cy - sy, cy - sy, -cy + sy, cy + sy
    x, y, z, w = x * cp + w * sp, y * cp + z * sp, z * cp - y * sp, w * cp - x * sp
    return (x, y, z, w) if w >= 0.0 else (-x, -y, -z, -w)


def _box(low: Array, high: Array) -> spaces.Box:
    return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)


def _symmetric(limit: float, length: int) -> spaces.Box:
    return spaces.Box(-limit, limit, (length,), np.float32)
