"""Fair timing: processes of their own, pinned cores, wall and CPU seconds, medians of turns taken side by side."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Speed:
    """How fast something went."""

    wall: float
    """Per second of the clock."""
    cpu: float
    """Per CPU second of the process, all its threads and its children."""


@dataclass(frozen=True)
class Contestant:
    """A command that prints one JSON object of numbers, and the name under which they are shown."""

    name: str
    command: Sequence[str]
    cores: int = 1
    """Cores it may use."""


def pin(cores: int) -> None:
    """Keep this process, and what it starts, on the first so many cores that it may use."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def timed(step: Callable[[], None], seconds: float, counted: int = 1) -> Speed:
    """Call `step` for so many seconds of the clock; each call counts as `counted`."""
    calls, used, start = 0, tree_cpu_seconds(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        calls += 1
    wall, cpu = time.perf_counter() - start, tree_cpu_seconds() - used
    return Speed(calls * counted / wall, calls * counted / max(cpu, 1e-9))


def run(contestant: Contestant, timeout: float = 3600.0) -> dict[str, Any]:
    """One turn; raises RuntimeError with the last line that it complained with."""
    command = ["taskset", "-c", _cores(contestant.cores), *contestant.command]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # users' modules are compiled once, not at every start
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=environment)
    if done.returncode:
        complaint = done.stderr.strip().splitlines() or ["no word"]
        raise RuntimeError(f"{contestant.name}: {complaint[-1]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def side_by_side(contestants: Sequence[Contestant], turns: int) -> dict[str, dict[str, Any]]:
    """Median figures of some turns each, taken one after the other; who cannot start is said and left out."""
    found: dict[str, list[dict[str, Any]]] = {contestant.name: [] for contestant in contestants}
    for turn in range(turns):
        for contestant in contestants:
            if turn and not found[contestant.name]:
                continue
            try:
                found[contestant.name].append(run(contestant))
            except (RuntimeError, subprocess.TimeoutExpired) as problem:
                print(f"skipped: {problem}", file=sys.stderr)
    return {name: _medians(rows) for name, rows in found.items() if rows}


def here(module: str, *arguments: object) -> list[str]:
    """The command that runs a module of this checkout with this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def tree_cpu_seconds() -> float:
    """CPU seconds of this process and of its living descendants."""
    spent, parents = {os.getpid(): time.process_time()}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        if pid != os.getpid():
            spent[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    family = {os.getpid()}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(spent.get(pid, 0.0) for pid in family)


def resident_bytes(pid: int | str = "self") -> int:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _medians(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Numbers by their median over the turns, anything else by its last value."""
    shown: dict[str, Any] = {"turns": len(rows)}
    for name, last in rows[-1].items():
        number = isinstance(last, int | float) and not isinstance(last, bool)
        shown[name] = float(np.median([row[name] for row in rows])) if number else last
    return shown


def _cores(count: int) -> str:
    return ",".join(str(core) for core in sorted(os.sched_getaffinity(0))[:count])
