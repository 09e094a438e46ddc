"""Gather rollouts with many processes or machines: Ray actors, each with a batch of environments of its own.

    pip install "ats-sim[cluster]"
    python examples/rollouts_ray.py --workers 2 --num-envs 16 --steps 300 --output rollouts
    python examples/rollouts_ray.py --workers 64 --address auto        # on a Ray cluster

An actor opens its environments once and then answers `gather` as often as you like; what comes back are plain arrays.
Each gets its own seeds, so that the same command gives the same rollouts however the work was spread. Where the
workers run, ats-sim must be installed and the home must be a path that they can read.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from command_line import count, plain_errors, refuse, require

from ats_sim.home import Home


class Gatherer:
    """Environments; as a Ray actor in a process of its own."""

    def __init__(self, home: str, task: str, num_envs: int, seed: int) -> None:
        """Open the environments."""
        # The name says which package registers it: in Ray's processes nobody has imported ats_sim yet.
        self._env: Any = gym.make_vec("ats_sim:ATSHome-v0", num_envs, home=home, task=task, max_episode_steps=600)
        self._rng = np.random.default_rng(seed)
        self._observation, _ = self._env.reset(seed=seed * 10_000)

    def gather(self, steps: int) -> dict[str, np.ndarray]:
        """Live on for some steps with random actions; arrays (steps, num_envs, ...)."""
        rows: dict[str, list[np.ndarray]] = {}
        for _ in range(steps):
            action = self._rng.uniform(-1.0, 1.0, (self._env.num_envs, 4)).astype(np.float32)
            before = self._observation
            self._observation, reward, terminated, truncated, _ = self._env.step(action)
            step = before | {"action": action, "reward": reward, "terminated": terminated, "truncated": truncated}
            for name, value in step.items():
                rows.setdefault(name, []).append(value)
        return {name: np.stack(values) for name, values in rows.items()}


def main() -> None:
    """Gather and write one file per worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default="default", help="a home folder or the bundled one")
    parser.add_argument("--task", default="follow", choices=["free", "follow", "approach", "film"])
    parser.add_argument("--workers", type=count, default=2)
    parser.add_argument("--num-envs", type=count, default=16, help="environments per worker")
    parser.add_argument("--steps", type=count, default=300)
    parser.add_argument("--address", help="of a Ray cluster; without it Ray is started here")
    parser.add_argument("--output", type=Path, default=Path("rollouts"))
    options = parser.parse_args()
    require("ray", "cluster")
    with plain_errors():
        Home.load(options.home)  # what is wrong with it is said here, not by every worker
    gather_all(options)


def gather_all(options: argparse.Namespace) -> None:
    """Start the workers and write what each brings back."""
    import ray

    try:
        ray.init(address=options.address, include_dashboard=False, logging_level="error")
    except (ConnectionError, ValueError) as error:
        refuse(f"no Ray cluster at {options.address}: {str(error).splitlines()[0]}")
    home = options.home if options.home == "default" else str(Path(options.home).resolve())
    actor = ray.remote(num_cpus=1)(Gatherer)
    gatherers = [actor.remote(home, options.task, options.num_envs, seed) for seed in range(options.workers)]
    start, total = time.perf_counter(), 0
    waiting = {gatherer.gather.remote(options.steps): index for index, gatherer in enumerate(gatherers)}
    options.output.mkdir(parents=True, exist_ok=True)
    while waiting:
        (done,), _ = ray.wait(list(waiting))
        index, rollout = waiting.pop(done), ray.get(done)
        np.savez_compressed(options.output / f"worker{index:04d}.npz", **rollout)
        total += rollout["reward"].size
        print(f"worker {index}: {rollout['reward'].shape} rewards, mean {rollout['reward'].mean():.3f}")
    seconds = time.perf_counter() - start
    print(
        f"{total} steps in {seconds:.1f} s, start included: {total / seconds:.0f} a second; files in {options.output}"
    )
    ray.shutdown()


if __name__ == "__main__":
    main()
