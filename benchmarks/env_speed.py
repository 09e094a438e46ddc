"""How fast the environment runs, and how long until the first step.

    python -m benchmarks.env_speed --home default

Figures are CPU seconds of one process (all its threads), so that a busy machine hardly moves them.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import tyro


@dataclass(frozen=True)
class EnvSpeed:
    """What to time."""

    home: str = "default"
    """A home folder, a .zip, or "default"."""
    steps: int = 600
    """Steps to time for each kind of observation."""


def first_step_seconds(home: str) -> dict[str, float]:
    """Import, make, reset and step in a fresh process; wall seconds of each."""
    code = f"""
import json, time
start = time.perf_counter()
import gymnasium as gym, ats_sim
imported = time.perf_counter()
env = gym.make("ATSHome-v0", home={home!r})
env.reset(seed=0)
env.step(env.action_space.sample())
print(json.dumps({{"import_s": imported - start, "make_reset_step_s": time.perf_counter() - imported}}))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return json.loads(shown.splitlines()[-1])


def steps_per_cpu_second(home: str, steps: int, **options: Any) -> float:
    """Steps per CPU second with random actions, the policy in the loop."""
    env = gym.make("ats_sim:ATSHome-v0", home=home, max_episode_steps=steps + 2, **options)
    env.reset(seed=0)
    env.action_space.seed(0)
    env.step(env.action_space.sample())
    start = time.process_time()
    for _ in range(steps):
        env.step(env.action_space.sample())
    spent = time.process_time() - start
    env.close()
    return steps / spent


def main(options: EnvSpeed) -> dict[str, Any]:
    """Time everything and return the figures."""
    first = [first_step_seconds(options.home) for _ in range(3)]
    return {
        **{name: float(np.median([run[name] for run in first])) for name in first[0]},
        "steps_per_cpu_s_state": steps_per_cpu_second(options.home, options.steps),
        "steps_per_cpu_s_rgbd_128": steps_per_cpu_second(
            options.home, options.steps, obs_mode="rgbd", width=128, height=128
        ),
    }


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(EnvSpeed)), indent=1))
