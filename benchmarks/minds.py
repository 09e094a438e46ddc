"""Minds side by side: how well each foresees the animal of the bundled home, against what it really did.

    python -m benchmarks.minds --work W --json ROWS.json [--minutes 10] [--seeds 0 1 2] [--rows ours "w/o scene" ...]

All are trained on what was reconstructed of 62 videos, for the same number of optimiser steps - `--minutes` of our own
on one core -, and scored on moments of the other ten against the TRUE motion, which is lived again without being drawn
(`minds_truth`). Best of K=16 futures, in the mean over L trials: the goal and the path (m), the root's orientation and
the joints relative to their parents (rad, after one constant offset per joint that is fitted on other videos), and both
against what was reconstructed, where the animal was in sight, as the reconstruction itself errs in them. Beside them
energy scores, mean errors and the share of moments that all sixteen miss by more than half a metre, because the best of
many rewards spread. Numbers are means ± standard errors over moments, after a mean over seeds; below each table stand
the paired differences to ours, bold where they are more than two standard errors.

With --json finished rows are stored and not made again; trained minds are kept in --work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.progress import track
from benchmarks.minds_futures import Predictor, window_scores
from benchmarks.minds_rows import OURS, ROWS, SLOW, Bench
from benchmarks.registration_rows import Row, Rows, cpu_seconds

STEPS_A_MINUTE = 250
"""Optimiser steps of ours that a core of a 2-core cloud machine takes in a minute."""
TABLES: Mapping[str, Mapping[str, str]] = {
    "end to end, against the truth": {
        "goal": "goal_minade",
        "path": "path_minade",
        "orientation": "orientation_minade",
        "joints": "joints_minade",
        "goal energy": "goal_energy",
        "path energy": "path_energy",
        "goal mean": "goal_mean",
        "path mean": "path_mean",
        "misses": "miss",
    },
    "given the true goal or path": {
        "path, goal given": "given_goal_path_minade",
        "orientation, path given": "given_path_orientation_minade",
        "joints, path given": "given_path_joints_minade",
    },
    "bodies against what was reconstructed": {
        "orientation": "found_orientation_minade",
        "joints": "found_joints_minade",
        "orientation, path given": "given_path_found_orientation_minade",
        "joints, path given": "given_path_found_joints_minade",
    },
}


def main() -> None:
    """Make the rows that the command line names and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for trained minds")
    parser.add_argument("--json", type=Path, help="keep finished rows there and go on from them")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training per row, on one core")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=list(ROWS))
    parser.add_argument("--windows", type=int, default=120, help="moments scored")
    parser.add_argument("--samples", type=int, default=16, help="K")
    parser.add_argument("--trials", type=int, default=12, help="L; slow rows get a quarter of them")
    options = parser.parse_args()
    rows, out = Rows(options.json), []
    steps = max(1, round(options.minutes * STEPS_A_MINUTE))
    table = f"minds {steps} steps, {options.windows} windows, K={options.samples}, L={options.trials}"
    for seed in options.seeds:
        bench = Bench(options.work, steps, seed, options.windows)
        for name in options.rows:
            trials = max(1, options.trials // 4) if name in SLOW else options.trials
            out.append(rows.get(table, name, seed, partial(measured, bench, name, options.samples, trials)))
    show(f"Minds side by side, {steps} steps, seeds {options.seeds}", out)


def measured(bench: Bench, name: str, samples: int, trials: int) -> Row:
    """Train a mind where it is not trained yet, and score it."""
    began = cpu_seconds()
    predictor = ROWS[name](bench)
    trained = cpu_seconds() - began
    return {
        "trials": trials,
        "training_cpu_s": round(trained, 1),
        "each": scored(bench, name, predictor, samples, trials),
    }


def scored(bench: Bench, name: str, predictor: Predictor, samples: int, trials: int) -> dict[str, list[float | None]]:
    """Per figure, one number per moment, None where there is nothing to compare with."""
    found = [
        window_scores(predictor, case, (bench.seed, index), samples, trials)
        for index, case in enumerate(track(bench.cases, name))
    ]
    return {figure: [_rounded(window[figure]) for window in found] for figure in found[0]}


def show(title: str, rows: Sequence[Row]) -> None:
    """Markdown tables: means ± standard errors, and paired differences to ours."""
    names = list(dict.fromkeys(row["row"] for row in rows))
    figures = {name: averaged([row for row in rows if row["row"] == name]) for name in names}
    sys.stdout.write(f"\n### {title}\n")
    for what, columns in TABLES.items():
        known = {name: own for name, own in figures.items() if any(key in own for key in columns.values())}
        _table(what, columns, {name: [cell(own.get(key)) for key in columns.values()] for name, own in known.items()})
        if OURS in known:
            ours = known.pop(OURS)
            gaps = {
                name: [difference(own.get(key), ours.get(key)) for key in columns.values()]
                for name, own in known.items()
            }
            _table(f"{what}, less ours", columns, gaps)


def averaged(rows: Sequence[Row]) -> dict[str, Array]:
    """Per figure, one number per moment (W,), in the mean over seeds; NaN where there is none."""
    return {
        figure: np.mean([np.array(row["each"][figure], dtype=float) for row in rows], axis=0)
        for figure in rows[0]["each"]
    }


def cell(values: Array | None) -> str:
    """Mean ± standard error over moments."""
    return "–" if values is None else f"{np.nanmean(values):.3f} ± {_error(values):.3f}"


def difference(values: Array | None, ours: Array | None) -> str:
    """Mean of paired differences ± its standard error, bold where it is more than two."""
    if values is None or ours is None:
        return "–"
    gap = values - ours
    mean, error = float(np.nanmean(gap)), _error(gap)
    text = f"{mean:+.3f} ± {error:.3f}"
    return f"**{text}**" if abs(mean) > 2.0 * error else text


def _error(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else 0.0


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def _table(title: str, columns: Mapping[str, str], rows: Mapping[str, Sequence[str]]) -> None:
    lines = [f"\n| {title} | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 1)]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
