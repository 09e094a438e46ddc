"""Several worlds in one process that think together: one call of the networks for all agents of all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from ats_sim.arrays import Array
from ats_sim.envs.buffers import Field, flattened
from ats_sim.envs.description import describe
from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.home import Home
from ats_sim.planning import Mind, think

INFO, FINAL = "info/", "final/"
OBSERVED = ("state", "rgb", "depth", "segmentation")
"""Names of the arrays that make up an observation."""


def open_envs(home: "str | Path | Home", count: int, policy: Mind | None, options: dict[str, Any]) -> list[ATSHomeEnv]:
    """Environments that share one home, one policy and one renderer; only the first opens a window."""
    first = ATSHomeEnv(home, policy=policy, **options)
    shared, mind = first.world.home, first.world.policy
    unseen = options | {"render_mode": None if first.render_mode == "human" else first.render_mode}
    envs = [first, *(ATSHomeEnv(shared, policy=mind, **unseen) for _ in range(count - 1))]
    for env in envs[1:]:
        env.pictures = first.pictures
    return envs


def layout_of(env: ATSHomeEnv, autoreset: AutoresetMode) -> dict[str, Field]:
    """What has to be kept of every world, learned from one that may be reset for it."""
    env.world.reset(np.random.default_rng(0), None, plans=False)
    info = env.describe(None).info
    told = {"state": Field.of((env.layout.size,), np.float32)}
    for name in OBSERVED[1:]:
        if name in env.observation_space.spaces:
            box = env.observation_space[name]
            told[name] = Field.of(box.shape, box.dtype)
    told |= {f"{INFO}{name}": Field.like(value[0]) for name, value in flattened(info).items()}
    layout = {
        "action": Field.of((4,), np.float64),
        "reward": Field.of((), np.float64),
        "terminated": Field.of((), np.bool_),
        "truncated": Field.of((), np.bool_),
        "ended": Field.of((), np.bool_),
        **told,
    }
    if autoreset is AutoresetMode.SAME_STEP:
        layout |= {f"{FINAL}{name}": field for name, field in told.items()}
    return layout


class WorldBatch:
    """N environments whose answers go into arrays of N rows, named as in `layout_of`."""

    def __init__(
        self,
        envs: Sequence[ATSHomeEnv],
        arrays: Mapping[str, Array],
        max_episode_steps: int | None,
        autoreset: AutoresetMode,
    ) -> None:
        """Take over environments and the arrays to write to."""
        self._envs, self._arrays = envs, arrays
        self._limit = max_episode_steps if max_episode_steps and max_episode_steps > 0 else None
        self._autoreset = autoreset
        self._elapsed = np.zeros(len(envs), dtype=np.int64)

    def reset(self, chosen: Sequence[int], seeds: Sequence[int | None], options: dict[str, Any] | None) -> None:
        """Begin episodes in some of the environments; `seeds` has an entry for each of them."""
        for index, seed in zip(chosen, seeds, strict=True):
            self._envs[index].begin(seed, options)
        think([self._envs[index].world for index in chosen])
        self._tell(list(chosen), [None] * len(chosen))

    def step(self) -> None:
        """Advance all by 0.1 s with the actions in the arrays, valid ones; what has ended begins anew."""
        ended = np.array(self._arrays["ended"])
        fresh = ended if self._autoreset is AutoresetMode.NEXT_STEP else np.zeros_like(ended)
        actions = np.array(self._arrays["action"])
        worlds = [env.world for env in self._envs]
        think([world for world, is_fresh in zip(worlds, fresh, strict=True) if not is_fresh])
        for index, env in enumerate(self._envs):
            if fresh[index]:
                env.begin(None, None)
            else:
                env.world.advance(actions[index])
        think(worlds)
        everyone = range(len(self._envs))
        self._tell(everyone, [None if fresh[index] else actions[index] for index in everyone])
        if self._autoreset is AutoresetMode.SAME_STEP:
            self._begin_again(np.flatnonzero(self._arrays["ended"]).tolist())

    def call(self, name: str, arguments: Sequence[tuple[Any, ...]], keywords: dict[str, Any]) -> list[Any]:
        """Call a method of every environment, each with its own positional arguments."""
        return [getattr(env, name)(*own, **keywords) for env, own in zip(self._envs, arguments, strict=True)]

    def close(self) -> None:
        """Close all environments."""
        for env in self._envs:
            env.close()

    def _begin_again(self, chosen: list[int]) -> None:
        """Keep the last moment of what has ended, and reset it at once; its flags stay those of the end."""
        arrays = self._arrays
        if not chosen:
            return
        for name in [name for name in arrays if name.startswith(FINAL)]:
            arrays[name][chosen] = arrays[name.removeprefix(FINAL)][chosen]
        kept = {name: arrays[name][chosen] for name in ("reward", "terminated", "truncated", "ended")}
        self.reset(chosen, [None] * len(chosen), None)
        for name, values in kept.items():
            arrays[name][chosen] = values

    def _tell(self, chosen: Sequence[int], actions: Sequence[Array | None]) -> None:
        """Describe some of the environments after their actions, or after a reset where there was none."""
        if not chosen:
            return
        envs, arrays = [self._envs[index] for index in chosen], self._arrays
        worlds, tasks = [env.world for env in envs], [env.task for env in envs]
        now = describe(envs[0].layout, worlds, tasks, actions)
        began = np.array([action is None for action in actions])
        elapsed = self._elapsed[chosen] = np.where(began, 0, self._elapsed[chosen] + 1)
        truncated = np.zeros_like(began) if self._limit is None else ~began & (elapsed >= self._limit)
        arrays["state"][chosen], arrays["reward"][chosen] = now.states, now.rewards
        arrays["terminated"][chosen], arrays["truncated"][chosen] = now.terminated, truncated
        arrays["ended"][chosen] = truncated | now.terminated
        for name, values in flattened(now.info).items():
            arrays[f"{INFO}{name}"][chosen] = values
        for index, env in zip(chosen, envs, strict=True):
            for name, picture in env.take_pictures().items():
                arrays[name][index] = picture
