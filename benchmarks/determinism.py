"""Equal seeds, equal bits: in two processes, and across snapshots that another process continues.

    python -m benchmarks.determinism --seeds 20 --steps 10000

Every 100 steps a SHA-256 over all observations, rewards, flags and infos so far is noted; two processes must agree on
every one. Then, at five points of a run, a snapshot is continued for 500 steps twice by another process, and must give
what the uninterrupted run gives. The ONNX policy is in the loop. Prints one JSON object.
"""

import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro

from benchmarks.stopwatch import here

EVERY = 100
POINTS = (37, 111, 242, 403, 598)
"""Steps after which snapshots are taken; none of them is a multiple of the planning interval of 5."""
AFTER = 500
EPISODE = 600


@dataclass(frozen=True)
class Determinism:
    """How much is compared."""

    seeds: int = 4
    """Seeds."""
    steps: int = 1000
    """Steps per seed."""
    home: str = "default"
    """A home folder, a .zip, or "default"."""
    digest: bool = False
    """Print the hashes of one process (what the main process asks its two children for)."""
    restore: Path | None = None
    """Print what follows the snapshots in this folder (what the main process asks its child for)."""


def main(options: Determinism) -> dict[str, Any]:
    """Compare processes and snapshots."""
    start = time.perf_counter()
    arguments = ("--seeds", options.seeds, "--steps", options.steps, "--home", options.home, "--digest")
    children = [subprocess.Popen(here("benchmarks.determinism", *arguments), stdout=subprocess.PIPE) for _ in range(2)]
    first, second = (json.loads(child.communicate()[0].splitlines()[-1]) for child in children)
    differing = [seed for seed in first if first[seed] != second[seed]]
    snapshots = across_snapshots(options)
    return {
        "seeds": options.seeds,
        "steps": options.steps,
        "hashes": sum(map(len, first.values())),
        "processes_agree": not differing,
        "differing_seeds": differing,
        "seeds_differ_from_each_other": len({hashes[-1] for hashes in first.values()}) == options.seeds,
        **snapshots,
        "seconds": time.perf_counter() - start,
    }


def digests(options: Determinism) -> dict[str, list[str]]:
    """Per seed the running hash after every 100 steps; an episode of 600 steps ends in a reset without a seed."""
    env = _made(options)
    found = {}
    for seed in range(options.seeds):
        env.action_space.seed(seed)
        running, hashes = hashlib.sha256(), []
        absorb(running, env.reset(seed=seed))
        for step in range(1, options.steps + 1):
            absorb(running, env.step(env.action_space.sample()))
            if step % EPISODE == 0:
                absorb(running, env.reset())
            if step % EVERY == 0:
                hashes.append(running.hexdigest())
        found[str(seed)] = hashes
    env.close()
    return found


def across_snapshots(options: Determinism) -> dict[str, Any]:
    """Take five snapshots in a run, let another process continue each twice, compare with the run itself."""
    env = _made(options)
    env.reset(seed=0)
    base, taken, seconds, lived = env.unwrapped, {}, [], []
    for step in range(1, max(POINTS) + AFTER + 1):
        lived.append(_hashed(env.step(_action(step))))
        if step in POINTS:
            begin = time.perf_counter()
            taken[step] = base.snapshot()
            seconds.append(time.perf_counter() - begin)
    with tempfile.TemporaryDirectory() as name:
        for step, blob in taken.items():
            (Path(name) / f"{step}.snapshot").write_bytes(blob)
        command = here("benchmarks.determinism", "--home", options.home, "--restore", name)
        again = json.loads(subprocess.run(command, capture_output=True, check=True).stdout.splitlines()[-1])
    restoring = []
    for blob in taken.values():
        begin = time.perf_counter()
        base.restore(blob)
        restoring.append(time.perf_counter() - begin)
    env.close()
    return {
        "snapshots_continue_exactly": again == [[lived[step : step + AFTER]] * 2 for step in POINTS],
        "snapshot_kb": max(map(len, taken.values())) / 1e3,
        "snapshot_ms": 1e3 * float(np.median(seconds)),
        "restore_ms": 1e3 * float(np.median(restoring)),
    }


def continued(options: Determinism, folder: Path) -> list[list[list[str]]]:
    """Hashes of each of 500 steps after each snapshot in a folder, twice."""
    env = _made(options)
    env.reset(seed=99)
    found = []
    for step in POINTS:
        blob = (folder / f"{step}.snapshot").read_bytes()
        both = []
        for _ in range(2):
            env.unwrapped.restore(blob)
            both.append([_hashed(env.step(_action(later))) for later in range(step + 1, step + AFTER + 1)])
        found.append(both)
    env.close()
    return found


def absorb(running: Any, value: Any) -> None:
    """Feed a nested value of arrays, numbers, strings, tuples and mappings into a hash, with its types and shapes."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            running.update(str(key).encode())
            absorb(running, value[key])
    elif isinstance(value, tuple | list):
        for part in value:
            absorb(running, part)
    else:
        array = np.asarray(value)
        running.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())


def _hashed(answer: Any) -> str:
    running = hashlib.sha256()
    absorb(running, answer)
    return running.hexdigest()


def _made(options: Determinism) -> Any:
    return gym.make("ats_sim:ATSHome-v0", home=options.home, max_episode_steps=-1)


def _action(step: int) -> Any:
    return np.random.default_rng(step).uniform(-1.0, 1.0, 4).astype(np.float32)


if __name__ == "__main__":
    asked = tyro.cli(Determinism)
    if asked.digest:
        print(json.dumps(digests(asked)))
    elif asked.restore is not None:
        print(json.dumps(continued(asked, asked.restore)))
    else:
        print(json.dumps(main(asked)))
