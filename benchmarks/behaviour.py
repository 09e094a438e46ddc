"""How fast and how good a trained behaviour is: `python -m benchmarks.behaviour HOME [RECON]`.

Prints one JSON object: milliseconds per perception and per plan on one core, and with a reconstruction the errors on
its held-out videos beside those of the baselines.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.home import Home
from ats_sim.perception import PAST, AgentHistory, perceive
from ats_sim.policy import Policy

REPEATS = 40
BATCHES = (1, 4, 16, 64)


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("recon", type=Path, nargs="?")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--windows", type=int, default=60)
    arguments = parser.parse_args()
    home = Home.load(arguments.home)
    result: dict[str, Any] = speed(home)
    if arguments.recon is not None:
        from ats_sim.models.evaluation import evaluate_behaviour

        result["behaviour"] = evaluate_behaviour(
            arguments.home, arguments.recon, trials=arguments.trials, max_windows=arguments.windows
        )
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


def speed(home: Home) -> dict[str, Any]:
    """Median and 95th percentile milliseconds, first calls left out."""
    policy, volume = Policy.load(home), home.perception
    root = volume.agent_roots[0].astype(np.float64)
    history = AgentHistory(np.tile(root, (PAST, 1, 1)), np.zeros((PAST, home.skeleton.num_joints, 3)))
    observer = np.tile(root[:3, 3] + [1.0, 0.0, 1.2], (PAST, 1))
    perception = perceive(volume, history, observer)
    result = {"perceive_ms": milliseconds(lambda: perceive(volume, history, observer))}
    for batch in BATCHES:
        # Fresh copies: equal objects would be encoded once.
        each = [perceive(volume, history, observer) for _ in range(batch)]
        rngs = [np.random.default_rng(i) for i in range(batch)]
        running = policy.plan(each, rngs)
        result[f"plan_{batch}_ms"] = milliseconds(partial(policy.plan, each, rngs), max(8, REPEATS // batch))
        again = partial(policy.plan, each, rngs, previous=running, executed=[5] * batch)
        result[f"replan_{batch}_ms"] = milliseconds(again, max(8, REPEATS // batch))
    result["guided_1_ms"] = milliseconds(lambda: policy.plan([perception], [np.random.default_rng(0)], guidance=2.0))
    return result


def milliseconds(call: Callable[[], object], repeats: int = REPEATS) -> dict[str, float]:
    """Time a call: median and 95th percentile of wall time, and the best."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    p50, p95 = np.percentile(times, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "best": round(min(times), 2)}


if __name__ == "__main__":
    main()
