"""The state as a learner wants it: one vector, seen from where the observer stands and faces.

`ObserverFrame` wraps one environment, `VectorObserverFrame` the vector environment; both call `observer_frame`, which
takes observations with any leading axes, so that a whole batch costs little more than one.
"""

import math
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorObservationWrapper
from gymnasium.vector.utils import batch_space

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.floor_maps import floor_maps
from ats_sim.geometry import heading, matrix_from_quaternion
from ats_sim.volume import PerceptionVolume

WHISKER = 3.0
"""Length of a whisker, metres."""
KNEE, CHEST = 0.25, 1.2
"""Heights above the floor between which something is in the way, metres."""
OWN, EACH = 7, 11
"""Numbers about the observer, and about each agent."""
MARCH = 16  # looks at the map along a whisker
TOUCHING, LEAST = 0.02, 0.04  # metres
FASTEST, FARTHEST, FASTEST_TURN = 50.0, 100.0, 40.0  # m/s, m, rad/s; far beyond what happens


def frame_size(num_agents: int, whiskers: int) -> int:
    """Length D of the vector."""
    return OWN + EACH * num_agents + whiskers


def observer_frame(observation: Mapping[str, Array], volume: PerceptionVolume, whiskers: int = 12) -> Array:
    """The state in the observer's frame: x where it faces (level), y to its left, z up; metres, m/s, radians.

    Args:
        observation: The state entries of an observation, each with the same leading axes (...).
        volume: The home's distances.
        whiskers: Directions in which free space is measured, the first ahead, on to the left.

    Returns:
        (..., D) float32: the observer's velocity (3), yaw rate, height of the eyes, sine and cosine of the pitch; for
        each agent its position relative to the eyes (3), distance on the floor plan, sine and cosine of its heading
        relative to the observer's, velocity (3), yaw rate, visible share; and free metres (at most 3) per whisker, at
        heights from knee to chest.
    """
    eyes = np.asarray(observation["observer_position"], dtype=np.float64)
    ahead = matrix_from_quaternion(np.asarray(observation["observer_rotation"], dtype=np.float64))[..., 2]
    yaw = np.arctan2(ahead[..., 1], ahead[..., 0])
    velocity = np.asarray(observation["observer_velocity"], dtype=np.float64)
    parts = [
        _turned(velocity[..., :3], yaw),
        velocity[..., 5:],
        eyes[..., 2:],
        ahead[..., 2:],
        np.hypot(ahead[..., 0], ahead[..., 1])[..., None],
        _agents(observation, eyes, yaw),
        free_ways(volume, eyes[..., :2], yaw, whiskers),
    ]
    return np.concatenate(parts, axis=-1).astype(np.float32)


def free_ways(volume: PerceptionVolume, places: Array, yaw: Array, count: int) -> Array:
    """Free metres (..., count), at most 3, from floor points (..., 2) in directions that begin at headings (...)."""
    angles = np.asarray(yaw)[..., None] + 2.0 * math.pi / count * np.arange(count)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    room = floor_maps(volume).room(0.0, KNEE, CHEST)
    walked = np.zeros(angles.shape)
    open_way = np.ones(angles.shape, dtype=np.bool_)
    for _ in range(MARCH):
        free = room.sample(np.asarray(places)[..., None, :] + walked[..., None] * directions)
        open_way &= free > TOUCHING
        # Nothing is nearer than `free`, so that far no look is needed (sphere tracing).
        walked = np.where(open_way, walked + np.maximum(free, LEAST), walked)
    return np.minimum(walked, WHISKER)


class ObserverFrame(gymnasium.ObservationWrapper[Array, Array, dict[str, Array]], RecordConstructorArgs):  # type: ignore[misc]
    """One environment whose observation is the vector of `observer_frame`; pictures are left out."""

    def __init__(self, env: gymnasium.Env[dict[str, Array], Array], whiskers: int = 12) -> None:
        """Wrap an `ATSHome-v0`.

        Raises:
            ConfigError: If the number of whiskers is not 4 to 64.
        """
        RecordConstructorArgs.__init__(self, whiskers=whiskers)
        gymnasium.ObservationWrapper.__init__(self, env)
        self._volume = env.unwrapped.world.home.perception
        self._whiskers = _checked(whiskers)
        self.observation_space = frame_space(env.unwrapped.options.num_agents, whiskers)

    def observation(self, observation: dict[str, Array]) -> Array:
        """The vector (D,)."""
        return observer_frame(observation, self._volume, self._whiskers)


class VectorObserverFrame(VectorObservationWrapper):  # type: ignore[misc]
    """An `ATSHomeVectorEnv` whose observations are vectors (N, D); `final_obs` in infos becomes a vector too."""

    def __init__(self, env: VectorEnv[Any, Any, Any], whiskers: int = 12) -> None:
        """Wrap what `gym.make_vec("ATSHome-v0", ...)` returned.

        Raises:
            ConfigError: If it is another vector environment, or the number of whiskers is not 4 to 64.
        """
        super().__init__(env)
        home = getattr(env.unwrapped, "home", None)
        if home is None:
            raise ConfigError(
                "VectorObserverFrame: want an ATSHomeVectorEnv; wrap single environments in ObserverFrame"
            )
        self._volume, self._whiskers = home.perception, _checked(whiskers)
        agents = env.single_observation_space["agent_visible"].shape[0]
        self.single_observation_space = frame_space(agents, whiskers)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)

    def observations(self, observations: dict[str, Array]) -> Array:
        """The vectors (N, D)."""
        return observer_frame(observations, self._volume, self._whiskers)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """As the wrapped environment's, with vectors."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        if "final_obs" in infos:
            for index in np.flatnonzero(infos["_final_obs"]).tolist():
                infos["final_obs"][index] = self.observations(infos["final_obs"][index])
        return self.observations(observations), rewards, terminated, truncated, infos


def frame_space(num_agents: int, whiskers: int) -> gymnasium.spaces.Box:
    """The finite box of the vector."""
    own = [FASTEST] * 3 + [FASTEST_TURN, FARTHEST, 1.0, 1.0]
    each = [FARTHEST] * 4 + [1.0, 1.0] + [FASTEST] * 3 + [FASTEST_TURN, 1.0]
    high = np.array(own + each * num_agents + [WHISKER] * whiskers, dtype=np.float32)
    low = -high
    low[len(high) - whiskers :] = 0.0
    return gymnasium.spaces.Box(low, high, dtype=np.float32)


def _agents(observation: Mapping[str, Array], eyes: Array, yaw: Array) -> Array:
    """(..., 11 A) what is known of the agents."""
    seen = np.asarray(observation["agent_visible"], dtype=np.float64)
    shape = seen.shape
    place = np.asarray(observation["agent_position"], dtype=np.float64).reshape(*shape, 3) - eyes[..., None, :]
    motion = np.asarray(observation["agent_velocity"], dtype=np.float64).reshape(*shape, 6)
    turn = np.asarray(observation["agent_rotation"], dtype=np.float64).reshape(*shape, 4)
    facing = heading(matrix_from_quaternion(turn)) - yaw[..., None]
    place = _turned(place, yaw[..., None])
    parts = [
        place,
        np.hypot(place[..., 0], place[..., 1])[..., None],
        np.stack([np.sin(facing), np.cos(facing)], axis=-1),
        _turned(motion[..., :3], yaw[..., None]),
        motion[..., 5:],
        seen[..., None],
    ]
    return np.concatenate(parts, axis=-1).reshape(*shape[:-1], -1)


def _turned(vectors: Array, yaw: Array) -> Array:
    """World vectors (..., 3) in axes turned by headings (...)."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, vectors[..., 2]], axis=-1)


def _checked(whiskers: int) -> int:
    if not 4 <= whiskers <= 64:
        raise ConfigError(f"whiskers={whiskers}: want 4 to 64")
    return whiskers
