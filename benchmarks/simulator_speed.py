"""Step rates, first steps and memory of our environment; every case runs in a process of its own and prints JSON.

python -m benchmarks.simulator_speed single --seconds 3
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import tyro
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import ats_sim
from benchmarks.stopwatch import Speed, resident_bytes, timed

Case = Literal["single", "rgbd", "between", "batch", "batch-2", "sync", "async", "share", "memory", "memory-shared"]
DT = 0.1
WARM_UP = 30
ACTIONS = 256
ID = "ATSHome-v0"
assert ats_sim.__version__, "importing it registers the environment"


@dataclass(frozen=True)
class SpeedCase:
    """What to time."""

    case: tyro.conf.Positional[Case]
    """single: policy in the loop, a plan every 0.5 s; rgbd: the same with 128x128 pictures; between: only steps that
    draw no plan; batch, batch-2: the vector environment with 0 and 2 workers; sync, async: Gymnasium's; share: how the
    batch spends its time; memory: many environments made one by one, or sharing a loaded home."""
    home: str = "default"
    """A home folder, a .zip, or "default"."""
    seconds: float = 3.0
    """Seconds of the clock to time."""
    num_envs: int = 64
    """Environments of the vector cases."""


def single(options: SpeedCase, **keywords: Any) -> dict[str, float]:
    """One environment with random actions."""
    env = gym.make(ID, home=options.home, max_episode_steps=-1, **keywords)
    env.reset(seed=0)
    act = _actions(env.action_space)
    for _ in range(WARM_UP):
        env.step(act())
    return _shown(timed(lambda: _ignore(env.step(act())), options.seconds))


def between(options: SpeedCase) -> dict[str, float]:
    """Steps that draw no plan, timed one by one, with a plan every 5.6 s."""
    env = gym.make(ID, home=options.home, max_episode_steps=-1, replan_every=56)
    env.reset(seed=0)
    act, agent = _actions(env.action_space), env.unwrapped.world.agents[0]
    walls, cpus, end = [], [], time.perf_counter() + options.seconds
    while time.perf_counter() < end:
        action, plan = act(), agent.plan
        start, used = time.perf_counter(), time.process_time()
        env.step(action)
        wall, cpu = time.perf_counter() - start, time.process_time() - used
        if agent.plan is plan:
            walls.append(wall)
            cpus.append(cpu)
    return _shown(Speed(1.0 / float(np.mean(walls)), 1.0 / float(np.mean(cpus))))


def vector(options: SpeedCase, **keywords: Any) -> dict[str, float]:
    """The vector environment; agent steps a second."""
    env = gym.make_vec(ID, options.num_envs, home=options.home, **keywords)
    return _timed_vector(env, options)


def gymnasium_vector(options: SpeedCase, kind: type[SyncVectorEnv] | type[AsyncVectorEnv]) -> dict[str, float]:
    """Gymnasium's own wrappers around single environments."""
    home = options.home
    return _timed_vector(kind([lambda: gym.make(ID, home=home) for _ in range(options.num_envs)]), options)


def share(options: SpeedCase) -> dict[str, float]:
    """Where a batch's time goes: CPU milliseconds per agent step in the networks, and in everything else."""
    from ats_sim.home import Home
    from ats_sim.policy import Policy

    home = Home.load(options.home)
    mind = _TimedMind(Policy.load(home))
    env = gym.make_vec(ID, options.num_envs, home=home, policy=mind)
    env.reset(seed=0)
    act = _actions(env.action_space)
    for _ in range(WARM_UP):
        env.step(act())
    mind.spent = 0.0
    start, used, steps = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < options.seconds:
        env.step(act())
        steps += options.num_envs
    cpu = time.process_time() - used
    env.close()
    other = (cpu - mind.spent) / steps
    return {"networks_ms": 1e3 * mind.spent / steps, "other_ms": 1e3 * other, "networks_share": mind.spent / cpu}


def memory(options: SpeedCase, shared: bool) -> dict[str, float]:
    """Resident megabytes of a process with many environments that have been reset."""
    from ats_sim.home import Home
    from ats_sim.policy import Policy

    before = resident_bytes()
    keywords: dict[str, Any] = {"home": options.home}
    if shared:
        home = Home.load(options.home)
        keywords = {"home": home, "policy": Policy.load(home)}
    envs, first = [], 0
    for seed in range(options.num_envs):
        env = gym.make(ID, disable_env_checker=True, **keywords)
        env.reset(seed=seed)
        env.step(np.zeros(4, np.float32))
        envs.append(env)
        first = first or resident_bytes()
    total = resident_bytes()
    each = (total - first) / max(options.num_envs - 1, 1)
    return {"rss_mb": total / 1e6, "first_mb": (first - before) / 1e6, "each_further_mb": each / 1e6}


class _TimedMind:
    """Counts the CPU seconds of a policy."""

    def __init__(self, policy: Any) -> None:
        self._policy, self.spent = policy, 0.0

    def plan(self, *arguments: Any, **keywords: Any) -> Any:
        """As `Policy.plan`."""
        start = time.process_time()
        try:
            return self._policy.plan(*arguments, **keywords)
        finally:
            self.spent += time.process_time() - start


def _timed_vector(env: Any, options: SpeedCase) -> dict[str, float]:
    env.reset(seed=0)
    act = _actions(env.action_space)
    for _ in range(WARM_UP):
        env.step(act())
    speed = timed(lambda: _ignore(env.step(act())), options.seconds, options.num_envs)
    env.close()
    return _shown(speed)


def _actions(space: Any) -> Callable[[], Any]:
    """Random actions drawn beforehand, over and over."""
    space.seed(0)
    drawn = [space.sample() for _ in range(ACTIONS)]
    count = iter(range(10**12))
    return lambda: drawn[next(count) % ACTIONS]


def _shown(speed: Speed) -> dict[str, float]:
    return {"wall": speed.wall, "cpu": speed.cpu, "real_time_factor": speed.wall * DT}


def _ignore(_: object) -> None:
    return None


CASES: dict[str, Callable[[SpeedCase], dict[str, float]]] = {
    "single": single,
    "rgbd": lambda options: single(options, obs_mode="rgbd", width=128, height=128),
    "between": between,
    "batch": vector,
    "batch-2": lambda options: vector(options, workers=2),
    "sync": lambda options: gymnasium_vector(options, SyncVectorEnv),
    "async": lambda options: gymnasium_vector(options, AsyncVectorEnv),
    "share": share,
    "memory": lambda options: memory(options, shared=False),
    "memory-shared": lambda options: memory(options, shared=True),
}

if __name__ == "__main__":
    asked = tyro.cli(SpeedCase)
    print(json.dumps(CASES[asked.case](asked)))
