"""The home for several learners at once (PettingZoo): the observer and the animals each have a player.

    from ats_sim.envs.parallel_env import parallel_env
    env = parallel_env(task="approach", agent_reward="opposed")

The animals' players do not move limbs: they say where to go, and the animal's own mind works out how. Needs PettingZoo:
`pip install "ats-sim[marl]"`.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from gymnasium import spaces

from ats_sim.arrays import Array, checked
from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.envs.options import EnvOptions
from ats_sim.envs.own_frame import animal_frame, frame_space
from ats_sim.errors import ActionError, ArrayError, ConfigError
from ats_sim.geometry import gravity_aligned, transform_points
from ats_sim.home import Home
from ats_sim.planning import Mind

try:
    from pettingzoo import ParallelEnv  # type: ignore[import-untyped]
except ImportError as missing:
    raise ImportError('the parallel environment needs PettingZoo: pip install "ats-sim[marl]"') from missing

AgentReward = Literal["none", "shared", "opposed"]
OBSERVER = "observer"
GOAL_RANGE = 3.0
"""Metres that an action of 1 stands for."""
SAME_GOAL = 0.25
"""Metres by which a goal may move and still be the same one: the running plan then goes on."""
WHISKERS = 12
OWN_OPTIONS = ("home", "policy", "max_episode_steps", "agent_reward")


class ATSHomeParallelEnv(ParallelEnv[str, Any, Array]):  # type: ignore[misc]
    """Players "observer", "agent_0", "agent_1", ...

    The observer sees and acts as in `ATSHomeEnv`, and gets the task's reward. Agent i sees `own_frame.animal_frame`, a
    vector, and acts by `Box(-1, 1, (4,), float32)`: a goal ahead, to the left and above of it, in its own level frame,
    times 3 m and held within the home, and a gate: above 0 the goal is imposed, else the animal follows its own mind. A
    goal that moves by less than 0.25 m is the same goal. Its reward is 0 (`agent_reward="none"`), the observer's
    ("shared"), or minus that ("opposed").

    All players leave together, when the task ends or after `max_episode_steps`. Infos are those of `ATSHomeEnv` for
    the observer, and `goal_imposed` for the animals. `reset(options=...)` is that of `ATSHomeEnv`.
    """

    metadata: ClassVar[dict[str, Any]] = ATSHomeEnv.metadata | {"name": "ats_home_v0", "is_parallelizable": True}

    def __init__(
        self,
        home: "str | Path | Home" = "default",
        *,
        policy: Mind | None = None,
        max_episode_steps: int = 600,
        agent_reward: AgentReward = "none",
        **options: Any,
    ) -> None:
        """Open a home; see `ATSHomeEnv`.

        Raises:
            ConfigError: If an option has no such value.
            HomeError: If the home is missing, damaged, or has no policy.
        """
        if agent_reward not in get_args(AgentReward) or max_episode_steps < 1:
            raise ConfigError(
                f"agent_reward={agent_reward!r} ({', '.join(get_args(AgentReward))}), "
                f"max_episode_steps={max_episode_steps} (1 or more)"
            )
        EnvOptions.read(options, OWN_OPTIONS)
        self.home_env = ATSHomeEnv(home, policy=policy, **options)
        """The environment that all play in; has `snapshot`, `sample_futures` and all the rest."""
        self.render_mode = self.home_env.render_mode
        self.possible_agents = [OBSERVER, *(f"agent_{i}" for i in range(self.home_env.options.num_agents))]
        self.agents: list[str] = []
        self._share = {"none": 0.0, "shared": 1.0, "opposed": -1.0}[agent_reward]
        self._limit, self._elapsed = max_episode_steps, 0
        vector = frame_space(self.home_env.options.num_agents, WHISKERS)
        self._observations: dict[str, spaces.Space[Any]] = {OBSERVER: self.home_env.observation_space}
        self._actions: dict[str, spaces.Space[Any]] = {OBSERVER: self.home_env.action_space}
        for name in self.possible_agents[1:]:
            self._observations[name] = spaces.Box(vector.low, vector.high, dtype=np.float32)
            self._actions[name] = spaces.Box(-1.0, 1.0, (4,), np.float32)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """What a player sees; the same object at every call."""
        return self._observations[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """What a player may do; the same object at every call."""
        return self._actions[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode with all players."""
        # PettingZoo's own test asks for an option called "options"; everything else is checked.
        given = {name: value for name, value in (options or {}).items() if name != "options"}
        observation, info = self.home_env.reset(seed=seed, options=given or None)
        self.agents, self._elapsed = list(self.possible_agents), 0
        return self._seen(observation), self._told(info)

    def step(
        self, actions: dict[str, Array]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Advance by 0.1 s with one action per player.

        Raises:
            ActionError: If an action is missing or not finite, of another shape, or outside [-1, 1].
        """
        players = list(self.agents)
        if set(actions) != set(players):
            raise ActionError(f"actions of {sorted(actions)}: want one each of {players}; after the end, reset")
        for index, name in enumerate(self.possible_agents[1:]):
            self._command(index, _checked_command(name, actions[name]))
        observation, reward, terminated, _, info = self.home_env.step(actions[OBSERVER])
        self._elapsed += 1
        truncated = self._elapsed >= self._limit
        if terminated or truncated:
            self.agents = []
        rewards = dict.fromkeys(players, self._share * reward) | {OBSERVER: reward}
        ends = dict.fromkeys(players, terminated), dict.fromkeys(players, truncated)
        return self._seen(observation), rewards, *ends, self._told(info)

    def render(self) -> Array | None:
        """As `ATSHomeEnv.render`."""
        return self.home_env.render()

    def close(self) -> None:
        """Close the home; safe to call again."""
        self.home_env.close()

    def _command(self, index: int, wanted: Array) -> None:
        """Impose a goal where the gate is open and it is another one; let the animal free where it is shut."""
        agent = self.home_env.world.agents[index]
        imposed = agent.steering.goal
        if wanted[3] <= 0.0:
            if imposed is not None:
                self.home_env.steer(index, goal=None)
            return
        goal = transform_points(gravity_aligned(agent.T_world_root), GOAL_RANGE * wanted[None, :3])[0]
        goal = np.clip(goal, *self.home_env.world.home.perception.bounds)
        if imposed is None or float(np.linalg.norm(goal - imposed)) > SAME_GOAL:
            self.home_env.steer(index, goal=goal)

    def _seen(self, observation: dict[str, Array]) -> dict[str, Any]:
        volume = self.home_env.world.home.perception
        animals = {
            name: animal_frame(observation, index, volume, WHISKERS)
            for index, name in enumerate(self.possible_agents[1:])
        }
        return {OBSERVER: observation, **animals}

    def _told(self, info: dict[str, Any]) -> dict[str, dict[str, Any]]:
        agents = zip(self.possible_agents[1:], self.home_env.world.agents, strict=True)
        return {OBSERVER: info} | {name: {"goal_imposed": agent.steering.goal is not None} for name, agent in agents}


def parallel_env(home: "str | Path | Home" = "default", **options: Any) -> ATSHomeParallelEnv:
    """Open a home for several players; the options are those of `ATSHomeParallelEnv`."""
    return ATSHomeParallelEnv(home, **options)


def _checked_command(name: str, action: Any) -> Array:
    try:
        wanted = checked(name, action, (4,))
    except ArrayError as error:
        raise ActionError(str(error)) from error
    if np.abs(wanted).max() > 1.0 + 1e-6:
        raise ActionError(f"{name}: {wanted.tolist()} leaves [-1, 1]; clip it first")
    return wanted
