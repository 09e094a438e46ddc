"""How fast many homes run together, what a step costs, and how much memory they take.

    python -m benchmarks.vector_speed --home default

Rates per second are wall clock, because several processes are the point: run it on an idle machine, with
OMP_NUM_THREADS=1. Rates per CPU second hardly notice who else is busy.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro


@dataclass(frozen=True)
class VectorSpeed:
    """What to time."""

    home: str = "default"
    """A home folder, a .zip, or "default"."""
    num_envs: int = 64
    """Worlds that run together."""
    workers: tuple[int, ...] = (0, 2)
    """Numbers of processes to try; 0 is this one."""
    steps: int = 60
    """Steps of all worlds to time."""
    memory_envs: int = 100
    """Worlds to open in one process when memory is measured."""


def vector_rate(home: str, num_envs: int, workers: int, steps: int) -> dict[str, float]:
    """Agent steps per wall second and per CPU second of all processes, the policy in the loop, random actions."""
    envs = gym.make_vec("ats_sim:ATSHome-v0", num_envs=num_envs, home=home, workers=workers, max_episode_steps=-1)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = [envs.action_space.sample() for _ in range(steps)]
    for action in actions[:10]:
        envs.step(action)
    processes = [os.getpid(), *(process.pid for process in getattr(envs.unwrapped._batch, "_processes", []))]
    start, start_cpu = time.perf_counter(), sum(map(cpu_seconds, processes))
    for action in actions:
        envs.step(action)
    spent, spent_cpu = time.perf_counter() - start, sum(map(cpu_seconds, processes)) - start_cpu
    envs.close()
    name = f"agent_steps_{num_envs}_envs_{workers}_workers"
    return {f"{name}_per_s": num_envs * steps / spent, f"{name}_per_cpu_s": num_envs * steps / spent_cpu}


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has used so far, all its threads (Linux)."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def single_rate(home: str, steps: int, replan_every: int) -> float:
    """Steps per CPU second of one environment, state observations."""
    env = gym.make("ats_sim:ATSHome-v0", home=home, replan_every=replan_every, max_episode_steps=-1)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(steps)]
    env.step(actions[0])
    start = time.process_time()
    for action in actions:
        env.step(action)
    spent = time.process_time() - start
    env.close()
    return steps / spent


def between_plans(home: str) -> float:
    """Steps per CPU second between two plans: the mean over 20 plans of 50 steps, the plan itself left out."""
    env = gym.make("ats_sim:ATSHome-v0", home=home, replan_every=56, max_episode_steps=-1)
    action = np.array([0.5, 0.0, 0.2, 0.0], dtype=np.float32)
    spent = 0.0
    for seed in range(20):
        env.reset(seed=seed)
        env.step(action)
        start = time.process_time()
        for _ in range(50):
            env.step(action)
        spent += time.process_time() - start
    env.close()
    return 20 * 50 / spent


def memory(home: str, count: int) -> dict[str, float]:
    """Megabytes of a process with so many worlds, stepped once, in a fresh process."""
    code = f"from benchmarks.vector_speed import resident_memory; print(resident_memory({home!r}, {count}))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {f"resident_mb_{count}_envs": float(shown.splitlines()[-1])}


def resident_memory(home: str, count: int) -> float:
    """Megabytes of this process after so many worlds were opened, reset and stepped."""
    envs = gym.make_vec("ats_sim:ATSHome-v0", num_envs=count, home=home)
    envs.reset(seed=0)
    envs.step(np.zeros((count, 4), dtype=np.float32))
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(options: VectorSpeed) -> dict[str, Any]:
    """Time everything and return the figures."""
    rates: dict[str, float] = {}
    for workers in options.workers:
        rates |= vector_rate(options.home, options.num_envs, workers, options.steps)
    return {
        **rates,
        "single_steps_per_cpu_s": single_rate(options.home, 300, 5),
        "single_steps_per_cpu_s_between_plans": between_plans(options.home),
        **memory(options.home, 1),
        **memory(options.home, options.memory_envs),
    }


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(VectorSpeed)), indent=1))
