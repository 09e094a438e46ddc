"""Wrappers that show the state as one vector from where the observer stands and faces (`own_frame.observer_frame`).

`ObserverFrame` wraps one environment, `VectorObserverFrame` the vector environment.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from ats_sim.arrays import Array
from ats_sim.envs.own_frame import frame_space, observer_frame
from ats_sim.errors import ConfigError

LEAST_WHISKERS, MOST_WHISKERS = 4, 64


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


class VectorObserverFrame(VectorWrapper):  # type: ignore[misc]
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

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """As the wrapped environment's, with vectors."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self.observations(observations), infos

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """As the wrapped environment's, with vectors."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        if "final_obs" in infos:
            for index in np.flatnonzero(infos["_final_obs"]).tolist():
                infos["final_obs"][index] = self.observations(infos["final_obs"][index])
        return self.observations(observations), rewards, terminated, truncated, infos


def _checked(whiskers: int) -> int:
    if not LEAST_WHISKERS <= whiskers <= MOST_WHISKERS:
        raise ConfigError(f"whiskers={whiskers}: want 4 to 64")
    return whiskers
