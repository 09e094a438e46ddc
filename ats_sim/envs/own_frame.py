"""The state as a learner wants it: one vector, seen from where one stands and faces.

Everything takes observations with any leading axes, so that a whole batch costs little more than one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import gymnasium
import numpy as np

from ats_sim.arrays import Array
from ats_sim.floor_maps import floor_maps
from ats_sim.geometry import heading, matrix_from_quaternion
from ats_sim.volume import PerceptionVolume

WHISKER = 3.0
"""Length of a whisker, metres."""
UPRIGHT, LOW = (0.25, 1.2), (0.05, 0.25)
"""Heights above the main floor (metres) between which something is in a person's or an animal's way."""
OWN, EACH = 7, 11
"""Numbers about oneself, and about each other being."""
MARCH = 16  # looks at the map along a whisker
TOUCHING, LEAST = 0.02, 0.04  # metres
FASTEST, FARTHEST, FASTEST_TURN = 50.0, 100.0, 40.0  # m/s, m, rad/s; far beyond what happens


@dataclass(frozen=True, eq=False)
class Beings:
    """B beings in the world frame, with leading axes (...)."""

    places: Array
    """(..., B, 3) metres."""
    yaw: Array
    """(..., B) radians."""
    motion: Array
    """(..., B, 6) linear (m/s) and angular (rad/s) velocity."""
    ahead_z: Array
    """(..., B) sine of the angle by which they look or point up."""


def frame_space(others: int, whiskers: int) -> gymnasium.spaces.Box:
    """The finite box of a vector about oneself and so many others."""
    own = [FASTEST] * 3 + [FASTEST_TURN, FARTHEST, 1.0, 1.0]
    each = [FARTHEST] * 4 + [1.0, 1.0] + [FASTEST] * 3 + [FASTEST_TURN, 1.0]
    high = np.array(own + each * others + [WHISKER] * whiskers, dtype=np.float32)
    low = -high
    low[len(high) - whiskers :] = 0.0
    return gymnasium.spaces.Box(low, high, dtype=np.float32)


def observer_frame(observation: Mapping[str, Array], volume: PerceptionVolume, whiskers: int = 12) -> Array:
    """The state in the observer's frame: x where it faces (level), y to its left, z up; metres, m/s, radians.

    Args:
        observation: The state entries of an observation, each with the same leading axes (...).
        volume: The home's distances.
        whiskers: Directions in which free space is measured, the first ahead, on to the left.

    Returns:
        (..., 7 + 11 A + whiskers) float32: the observer's velocity (3), yaw rate, height of the eyes, sine and cosine
        of the pitch; for each of A agents its position relative to the eyes (3), distance on the floor plan, sine and
        cosine of its heading relative to the observer's, velocity (3), yaw rate, visible share; and free metres (at
        most 3) per whisker, between shin and chest.
    """
    return _frame(_observer(observation), _agents(observation), observation["agent_visible"], volume, whiskers, UPRIGHT)


def animal_frame(observation: Mapping[str, Array], index: int, volume: PerceptionVolume, whiskers: int = 12) -> Array:
    """The state in the frame of agent `index`: as `observer_frame`, with the animal in the observer's place.

    Returns:
        (..., 7 + 11 A + whiskers) float32: the animal's own numbers (its height is the root's), then the observer's,
        then every other agent's; the last number of each being is how much the observer sees of the animal itself,
        for the observer, or of that other agent; whiskers are between paw and back.
    """
    agents, visible = _agents(observation), np.asarray(observation["agent_visible"])
    order = [index, *(i for i in range(visible.shape[-1]) if i != index)]
    own, rest = _picked(agents, [index]), _joined(_observer(observation), _picked(agents, order[1:]))
    return _frame(own, rest, visible[..., order], volume, whiskers, LOW)


def free_ways(volume: PerceptionVolume, places: Array, yaw: Array, count: int, heights: tuple[float, float]) -> Array:
    """Free metres (..., count), at most 3, from floor points (..., 2) in directions that begin at headings (...)."""
    angles = np.asarray(yaw)[..., None] + 2.0 * math.pi / count * np.arange(count)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    room = floor_maps(volume).room(0.0, *heights)
    walked = np.zeros(angles.shape)
    open_way = np.ones(angles.shape, dtype=np.bool_)
    for _ in range(MARCH):
        free = room.sample(np.asarray(places)[..., None, :] + walked[..., None] * directions)
        open_way &= (free > TOUCHING) & (walked < WHISKER)
        if not open_way.any():
            break
        # Nothing is nearer than `free`, so that far no look is needed (sphere tracing).
        walked = np.where(open_way, walked + np.maximum(free, LEAST), walked)
    return np.minimum(walked, WHISKER)


def _frame(
    own: Beings, others: Beings, seen: Array, volume: PerceptionVolume, whiskers: int, heights: tuple[float, float]
) -> Array:
    place, yaw, motion, up = own.places[..., 0, :], own.yaw[..., 0], own.motion[..., 0, :], own.ahead_z[..., 0]
    parts = [
        _turned(motion[..., :3], yaw),
        motion[..., 5:],
        np.stack([place[..., 2], up, np.sqrt(np.maximum(1.0 - up**2, 0.0))], axis=-1),
        _about(others, np.asarray(seen), place, yaw),
        free_ways(volume, place[..., :2], yaw, whiskers, heights),
    ]
    return np.concatenate(parts, axis=-1).astype(np.float32)


def _about(beings: Beings, seen: Array, place: Array, yaw: Array) -> Array:
    """(..., 11 B) what is known of others from a place (..., 3) and heading (...)."""
    there = _turned(beings.places - place[..., None, :], yaw[..., None])
    facing = beings.yaw - yaw[..., None]
    parts = [
        there,
        np.hypot(there[..., 0], there[..., 1])[..., None],
        np.stack([np.sin(facing), np.cos(facing)], axis=-1),
        _turned(beings.motion[..., :3], yaw[..., None]),
        beings.motion[..., 5:],
        seen[..., None],
    ]
    values = np.concatenate(parts, axis=-1)
    return values.reshape(*values.shape[:-2], -1)


def _observer(observation: Mapping[str, Array]) -> Beings:
    """The observer, who faces along its camera's z axis."""
    place = np.asarray(observation["observer_position"], dtype=np.float64)[..., None, :]
    turn = np.asarray(observation["observer_rotation"], dtype=np.float64)
    ahead = matrix_from_quaternion(turn)[..., None, :, 2]
    motion = np.asarray(observation["observer_velocity"], dtype=np.float64)[..., None, :]
    return Beings(place, np.arctan2(ahead[..., 1], ahead[..., 0]), motion, ahead[..., 2])


def _agents(observation: Mapping[str, Array]) -> Beings:
    """The animals, who face along their root's x axis."""
    shape = np.asarray(observation["agent_visible"]).shape
    place, turn, motion = (
        np.asarray(observation[f"agent_{name}"], dtype=np.float64).reshape(*shape, width)
        for name, width in (("position", 3), ("rotation", 4), ("velocity", 6))
    )
    rotation = matrix_from_quaternion(turn)
    return Beings(place, heading(rotation), motion, rotation[..., 2, 0])


def _picked(beings: Beings, which: list[int]) -> Beings:
    places, motion = beings.places[..., which, :], beings.motion[..., which, :]
    return Beings(places, beings.yaw[..., which], motion, beings.ahead_z[..., which])


def _joined(first: Beings, second: Beings) -> Beings:
    return Beings(
        np.concatenate([first.places, second.places], axis=-2),
        np.concatenate([first.yaw, second.yaw], axis=-1),
        np.concatenate([first.motion, second.motion], axis=-2),
        np.concatenate([first.ahead_z, second.ahead_z], axis=-1),
    )


def _turned(vectors: Array, yaw: Array) -> Array:
    """World vectors (..., 3) in axes turned by headings (...)."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, vectors[..., 2]], axis=-1)
