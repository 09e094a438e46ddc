"""Run every command and line of Python in FEATURES.md and say which do not hold.

    python -m benchmarks.check_features
    python -m benchmarks.check_features 19 N4

Lines of Python must come out true; commands must exit with 0. A row that says N has nothing to run.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stopwatch import ROOT

TABLE = Path(__file__).with_name("FEATURES.md")
COMMANDS = ("ats ", "python ", "git ", "grep ", "pip ", "make ")
LIMIT = 900.0


@dataclass(frozen=True)
class Feature:
    """One row of the table."""

    number: str
    """As in the first column."""
    answer: str
    """Y, P or N."""
    proof: str
    """A command or a line of Python; empty where there is none."""


def features() -> Iterator[Feature]:
    """The rows of FEATURES.md."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and re.fullmatch(r"N?\d+", cells[0]):
            yield Feature(cells[0], cells[2], cells[3].strip("`"))


def holds(feature: Feature, names: dict[str, Any], scratch: str) -> str:
    """An empty string where the row's proof holds, else what is wrong."""
    if not feature.proof:
        return "" if feature.answer == "N" else f"answers {feature.answer} and shows nothing"
    proof = feature.proof.replace("{tmp}", scratch)
    if proof.startswith(COMMANDS):
        # The commands are written as for an activated environment; this process's own is the one that is checked.
        place = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        environment = os.environ | {"PATH": place}
        done = subprocess.run(
            proof, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT
        )
        return "" if done.returncode == 0 else f"exit code {done.returncode}: {(done.stderr or done.stdout)[-300:]}"
    try:
        return "" if eval(proof, names) else "came out false"
    except Exception as problem:  # whatever goes wrong in a line is the line's fault, and the next must run
        return f"{type(problem).__name__}: {problem}"


def main() -> int:
    """Check all rows, or those named; exit code 1 if one does not hold."""
    import gymnasium as gym
    import numpy as np

    import ats_sim

    env = gym.make("ATSHome-v0")
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for feature in features():
            if sys.argv[1:] and feature.number not in sys.argv[1:]:
                continue
            observation, info = env.reset(seed=0)
            names = {"gym": gym, "np": np, "ats_sim": ats_sim, "env": env, "observation": observation, "info": info}
            start = time.perf_counter()
            problem = holds(feature, names | {"world": env.unwrapped.world}, scratch)
            wrong += bool(problem)
            seconds = time.perf_counter() - start
            print(
                f"{feature.number:>4} {feature.answer} {'ok' if not problem else 'WRONG: ' + problem} ({seconds:.1f} s)"
            )
    env.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
