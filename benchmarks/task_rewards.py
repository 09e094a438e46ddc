"""What the tasks pay three observers: one who stands, one who wanders at random, one who does the obvious.

    python -m benchmarks.task_rewards --home default

A task is well made where the obvious beats both others and earns about 1 per step. Vectors come from
`VectorObserverFrame`, so this is also the shortest example of a controller on it.
"""

import json
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import tyro

from ats_sim.arrays import Array
from ats_sim.envs.observer_frame import VectorObserverFrame
from ats_sim.envs.own_frame import OWN

KINDS = ("stands", "random", "obvious")
AT = {"follow": 1.4, "approach": 0.0, "film": 1.3}
"""Metres to the animal that the obvious observer keeps."""
SPEED = {"follow": 1.0, "approach": 0.35, "film": 0.6}
"""Share of the top speed that it walks at."""


@dataclass(frozen=True)
class TaskRewards:
    """How long to watch."""

    home: str = "default"
    """A home folder, a .zip, or "default"."""
    num_envs: int = 16
    """Episodes per task and observer."""
    seconds: float = 20.0
    """Length of an episode; `approach` may end earlier."""


def obvious(task: str, vectors: Array) -> Array:
    """Actions (N, 4): look at the animal, keep it in the middle, walk to where the task wants one to be."""
    x, y, z, apart = vectors[:, OWN : OWN + 4].T
    pitch = np.arctan2(vectors[:, 5], vectors[:, 6])
    turn = np.arctan2(y, x)
    facing = np.clip(1.0 - np.abs(turn), 0.0, 1.0)
    walk = np.clip((apart - AT[task]) * 2.0, -1.0, 1.0) * SPEED[task] * facing
    look = np.clip((np.arctan2(z, apart) - pitch) * 4.0, -1.0, 1.0)
    return np.stack([walk, np.zeros_like(walk), np.clip(turn * 4.0, -1.0, 1.0), look], axis=1).astype(np.float32)


def watch(options: TaskRewards, task: str, kind: str) -> dict[str, float]:
    """Mean reward per step, mean return, and the mean terms per step."""
    envs = VectorObserverFrame(
        gym.make_vec(
            "ats_sim:ATSHome-v0",
            num_envs=options.num_envs,
            home=options.home,
            task=task,
            autoreset_mode="SameStep",
        )
    )
    rng = np.random.default_rng(0)
    vectors, _ = envs.reset(seed=0)
    alive, returns, steps = np.ones(options.num_envs, bool), np.zeros(options.num_envs), 0
    terms: dict[str, float] = {}
    for _ in range(round(options.seconds * 10)):
        actions = obvious(task, vectors)
        if kind == "stands":
            actions = np.zeros_like(actions)
        elif kind == "random":
            actions = rng.uniform(-1.0, 1.0, actions.shape).astype(np.float32)
        vectors, rewards, terminated, _, infos = envs.step(actions)
        returns += rewards * alive
        steps += int(alive.sum())
        told = {name: values.copy() for name, values in infos["task"].items() if not name.startswith("_")}
        if terminated.any():  # the step that ended an episode is told apart from the one that began the next
            for name, values in infos["final_info"]["task"].items():
                if not name.startswith("_"):
                    told[name][terminated] = values[terminated]
        for name, values in told.items():
            terms[name] = terms.get(name, 0.0) + float(values[alive].sum())
        alive &= ~terminated
        if not alive.any():
            break
    envs.close()
    per_step = {name: round(value / steps, 3) for name, value in terms.items()}
    mean = {"per_step": round(float(returns.sum()) / steps, 3), "return": round(float(returns.mean()), 2)}
    return mean | {"ended": float((~alive).mean())} | per_step


def main(options: TaskRewards) -> dict[str, dict[str, dict[str, float]]]:
    """Watch every observer at every task."""
    return {task: {kind: watch(options, task, kind) for kind in KINDS} for task in AT}


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(TaskRewards)), indent=1))
