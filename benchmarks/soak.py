"""Hours of steps and thousands of resets in one process: does memory grow, do files or threads stay open?

    python -m benchmarks.soak --steps 200000 --resets 2000

Prints one JSON object. The slope is the least-squares line through the resident memory of the second half; a simulator
that loses an array now and then shows hundreds of bytes a step.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import tyro

from ats_sim.progress import steps as progress_steps
from benchmarks.scripted_mind import ScriptedMind
from benchmarks.stopwatch import resident_bytes

SAMPLES = 400


@dataclass(frozen=True)
class Soak:
    """How long to soak."""

    steps: int = 20_000
    """Steps in all."""
    resets: int = 200
    """Resets in all."""
    mind: Literal["scripted", "policy"] = "scripted"
    """Who thinks; the policy costs ten times as much time."""
    home: str = "default"
    """A home folder, a .zip, or "default"."""


def main(options: Soak) -> dict[str, Any]:
    """Soak one environment and say what grew."""
    policy = {"policy": ScriptedMind()} if options.mind == "scripted" else {}
    env = gym.make("ats_sim:ATSHome-v0", home=options.home, max_episode_steps=-1, **policy)
    env.action_space.seed(0)
    episode = max(1, options.steps // options.resets)
    every = max(1, options.steps // SAMPLES)
    rows, start = [], time.perf_counter()
    with progress_steps(options.steps, f"soak, {options.mind}") as bar:
        for step in range(options.steps):
            if step % episode == 0:
                env.reset(seed=step)
            env.step(env.action_space.sample())
            if step % every == 0:
                rows.append((step, resident_bytes(), _open_files(), _threads()))
                bar.advance(every)
    table = np.array(rows[len(rows) // 2 :], dtype=np.float64)
    env.close()
    return {
        "steps": options.steps,
        "resets": options.steps // episode,
        "mind": options.mind,
        "bytes_per_step": float(np.polyfit(table[:, 0], table[:, 1], 1)[0]),
        "grown_bytes": float(table[-1, 1] - table[0, 1]),
        "rss_mb": float(table[-1, 1] / 1e6),
        "files_constant": bool(np.ptp(table[:, 2]) == 0),
        "threads_constant": bool(np.ptp(table[:, 3]) == 0),
        "open_files": int(table[-1, 2]),
        "threads": int(table[-1, 3]),
        "steps_per_second": options.steps / (time.perf_counter() - start),
    }


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(Soak))))
