"""The whole simulator in numbers, peers beside it in the same run; each row can be run alone.

    python -m benchmarks.simulator --peers-python peers/bin/python --json simulator.json
    python -m benchmarks.simulator single vector

Every case runs in a process of its own on pinned cores, in turns, so that a busy machine is busy for all of them;
figures are medians over the turns. On a shared machine trust the CPU seconds. `--full` runs soak, determinism and
believability at the size that the project promises, which takes an hour or two. What the peers need is said in
`benchmarks/simulator_peers.py`.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from ats_sim.files import write_json
from benchmarks.simulator_peers import PEERS
from benchmarks.stopwatch import Contestant, here, run, side_by_side

WANTED_AGENT_STEPS = 10_000.0
FIRST_STEP = """
import json, time
start = time.perf_counter()
import gymnasium as gym, ats_sim
imported = time.perf_counter()
env = gym.make("ATSHome-v0", home={home!r})
made = time.perf_counter()
env.reset(seed=0)
reset = time.perf_counter()
env.step(env.action_space.sample())
done = time.perf_counter()
print(json.dumps(dict(import_s=imported - start, make_s=made - imported, reset_s=reset - made,
                      first_step_s=done - reset, all_s=done - start, cpu_s=time.process_time())))
"""


@dataclass(frozen=True)
class Simulator:
    """What to measure."""

    rows: tyro.conf.Positional[tuple[str, ...]] = ()
    """Rows of the table: single, vector, first, memory, soak, determinism, believability, rendering. All if none."""
    home: str = "default"
    """A home folder, a .zip, or "default"."""
    peers_python: Path | None = None
    """A Python that has the peers."""
    turns: int = 3
    """Turns of each case."""
    seconds: float = 3.0
    """Seconds of the clock per turn."""
    full: bool = False
    """Soak 200,000 steps, compare 20 seeds over 10,000 steps, watch 50 episodes of a minute per observer."""
    json: Path | None = None
    """Where to write the figures."""


def single(options: Simulator) -> dict[str, Any]:
    """One environment on one core: state, pictures, and only the steps between two plans; the peers beside it."""
    ours = [_ours(case, options) for case in ("single", "between", "rgbd")]
    return side_by_side([*ours, *_peers(options)], options.turns)


def vector(options: Simulator) -> dict[str, Any]:
    """64 environments on two cores, in agent steps a second, and what 10,000 of them a second would take.

    Gymnasium's own wrappers get 8, as each of theirs opens a home and networks of its own.
    """
    ours = [_ours(case, options, cores=2) for case in ("batch", "batch-2", "share")]
    theirs = [_ours(case, options, "--num-envs", 8, cores=2) for case in ("sync", "async")]
    found = side_by_side([*ours, *theirs], options.turns)
    share = found["ours: share"]
    each = share["networks_ms"] + share["other_ms"]
    found["10,000 a second"] = {
        "cores_at_this_speed": WANTED_AGENT_STEPS * each / 1e3,
        "cores_if_networks_were_free": WANTED_AGENT_STEPS * share["other_ms"] / 1e3,
    }
    return found


def first(options: Simulator) -> dict[str, Any]:
    """Import, make, reset and the first step of a fresh process."""
    code = FIRST_STEP.format(home=options.home)
    return side_by_side([Contestant("first step", (sys.executable, "-c", code), 2)], options.turns)


def memory(options: Simulator) -> dict[str, Any]:
    """Resident memory of processes with many environments, made one by one or sharing a home and a mind."""
    alone = _ours("memory", options, "--num-envs", 100)
    return side_by_side([alone, _ours("memory-shared", options, "--num-envs", 100)], 1)


def soak(options: Simulator) -> dict[str, Any]:
    """Memory, files and threads over many steps and resets: a scripted mind, and a shorter run with the policy."""
    long, short = (("200000", "2000"), ("20000", "200")) if options.full else (("20000", "200"), ("4000", "40"))
    return {
        mind: run(_case(f"soak, {mind}", "soak", "--mind", mind, "--steps", size[0], "--resets", size[1]), 4 * 3600)
        for mind, size in (("scripted", long), ("policy", short))
    }


def determinism(options: Simulator) -> dict[str, Any]:
    """Hashes of two processes, and snapshots that another process continues."""
    size = ("--seeds", "20", "--steps", "10000") if options.full else ()
    return run(_case("determinism", "determinism", "--home", options.home, *size), 4 * 3600)


def believability(options: Simulator) -> dict[str, Any]:
    """Seeded episodes against the recordings: sinking in, sliding, and the reaction to the observer."""
    from ats_sim.envs.closed_loop import evaluate_closed_loop
    from ats_sim.envs.closed_loop_config import ClosedLoopConfig

    small = ClosedLoopConfig(episodes=50, seconds=10.0, moments=300)
    found = evaluate_closed_loop(options.home, ClosedLoopConfig() if options.full else small)
    kept = ("penetration_p99", "steps_joint_inside", "foot_skate_mean", "speed_p50", "speed_p95", "way_m_per_minute")
    blocks = {name: {key: found[name].get(key) for key in kept} for name in ("recorded", found["compared"])}
    return {**blocks, "ratios": found["ratios"], "reaction": found["reaction"]}


def rendering(options: Simulator) -> dict[str, Any]:
    """Pictures a second beside other renderers; `python -m benchmarks.rendering` has more options."""
    from benchmarks.rendering import RenderingSpeed
    from benchmarks.rendering import main as draw

    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "rendering.json"
        draw(RenderingSpeed(peers_python=options.peers_python, turns=options.turns, json=report))
        return dict(json.loads(report.read_text()))


ROWS: Mapping[str, Callable[[Simulator], dict[str, Any]]] = {
    "single": single,
    "vector": vector,
    "first": first,
    "memory": memory,
    "soak": soak,
    "determinism": determinism,
    "believability": believability,
    "rendering": rendering,
}


def main(options: Simulator) -> dict[str, Any]:
    """Measure the rows asked for; what is done is written after every row, so that nothing is lost."""
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        sys.exit(f"no row {sorted(unknown)}; there are {', '.join(ROWS)}")
    found: dict[str, Any] = {}
    for name in options.rows or tuple(ROWS):
        print(f"-- {name}: {(ROWS[name].__doc__ or '').splitlines()[0]}", file=sys.stderr)
        found[name] = ROWS[name](options)
        print(json.dumps({name: found[name]}, indent=1), file=sys.stderr)
        if options.json is not None:
            write_json(options.json, found)
    return found


def _ours(case: str, options: Simulator, *more: object, cores: int = 1) -> Contestant:
    arguments = (case, "--home", options.home, "--seconds", options.seconds, *more)
    return Contestant(f"ours: {case}", here("benchmarks.simulator_speed", *arguments), cores)


def _case(name: str, module: str, *arguments: object) -> Contestant:
    return Contestant(name, here(f"benchmarks.{module}", *arguments), 2)


def _peers(options: Simulator) -> list[Contestant]:
    if options.peers_python is None:
        print("skipped: the peers; name a Python that has them with --peers-python", file=sys.stderr)
        return []
    script = str(Path(__file__).with_name("simulator_peers.py"))
    command = (str(options.peers_python), script)
    return [Contestant(name, (*command, name, "--seconds", str(options.seconds))) for name in PEERS]


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(Simulator)), indent=1))
