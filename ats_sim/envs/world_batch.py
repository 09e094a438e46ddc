"""Several worlds in one process that think together: one call of the networks for all agents of all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from ats_sim.arrays import Array
from ats_sim.envs.buffers import Field, flattened
from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.home import Home
from ats_sim.measures import Measures, measure
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
    info = env.describe_start(np.empty(env.layout.size, dtype=np.float32), env.world.measure())
    told = {"state": Field.of((env.layout.size,), np.float32)}
    for name in OBSERVED[1:]:
        if name in env.observation_space.spaces:
            box = env.observation_space[name]
            told[name] = Field.of(box.shape, box.dtype)
    told |= {f"{INFO}{name}": Field.like(value) for name, value in flattened(info).items()}
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
        self._elapsed = [0] * len(envs)
        paths = [name.removeprefix(INFO).split("/") for name in arrays if name.startswith(INFO)]
        self._leaves = [(path[0], path[1] if len(path) > 1 else None, arrays[INFO + "/".join(path)]) for path in paths]

    def reset(self, chosen: Sequence[int], seeds: Sequence[int | None], options: dict[str, Any] | None) -> None:
        """Begin episodes in some of the environments; `seeds` has an entry for each of them."""
        for index, seed in zip(chosen, seeds, strict=True):
            self._envs[index].begin(seed, options)
        worlds = [self._envs[index].world for index in chosen]
        think(worlds)
        for index, measures in zip(chosen, measure([world.household() for world in worlds]), strict=True):
            self._begun(index, measures)

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
        for index, measures in enumerate(measure([world.household() for world in worlds])):
            if fresh[index]:
                self._begun(index, measures)
            else:
                self._stepped(index, actions[index], measures)
        if self._autoreset is AutoresetMode.SAME_STEP:
            self._begin_again(np.flatnonzero(self._arrays["ended"]).tolist())

    def call(self, name: str, arguments: Sequence[tuple[Any, ...]], keywords: dict[str, Any]) -> list[Any]:
        """Call a method of every environment, each with its own positional arguments."""
        return [getattr(env, name)(*own, **keywords) for env, own in zip(self._envs, arguments, strict=True)]

    def close(self) -> None:
        """Close all environments."""
        for env in self._envs:
            env.close()

    def _begun(self, index: int, measures: Measures) -> None:
        arrays = self._arrays
        self._elapsed[index] = 0
        arrays["reward"][index] = 0.0
        arrays["terminated"][index] = arrays["truncated"][index] = arrays["ended"][index] = False
        self._tell(index, self._envs[index].describe_start(arrays["state"][index], measures))

    def _stepped(self, index: int, action: Array, measures: Measures) -> None:
        arrays = self._arrays
        self._elapsed[index] += 1
        reward, terminated, info = self._envs[index].describe_step(arrays["state"][index], action, measures)
        truncated = self._limit is not None and self._elapsed[index] >= self._limit
        arrays["reward"][index] = reward
        arrays["terminated"][index], arrays["truncated"][index] = terminated, truncated
        arrays["ended"][index] = terminated or truncated
        self._tell(index, info)

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

    def _tell(self, index: int, info: dict[str, Any]) -> None:
        for name, inner, values in self._leaves:
            values[index] = info[name] if inner is None else info[name][inner]
        for name, picture in self._envs[index].take_pictures().items():
            self._arrays[name][index] = picture
