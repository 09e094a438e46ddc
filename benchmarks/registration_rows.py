"""One row of a registration table: how far cameras are from the truth, how many videos were accepted, what it cost."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import write_json
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.registration.cameras import RegisteredVideo
from ats_sim.reconstruction.scores.registration import camera_errors, rigid_alignment
from benchmarks.known_cameras import truth_of

WRONG_METRES = 0.25
Row = dict[str, Any]
Column = tuple[str, str, float, int]
"""Heading, key, factor and digits."""
COLUMNS: tuple[Column, ...] = (
    ("accepted", "accepted", 1, 2),
    ("accepted but wrong", "wrong", 1, 0),
    ("rot °", "rotation_deg", 1, 2),
    ("centre cm", "centre_m", 100, 1),
    ("median rot °", "rotation_deg_median", 1, 2),
    ("median centre cm", "centre_m_median", 100, 1),
    ("worst video cm", "worst_m", 100, 1),
    ("rot °, all", "rotation_deg_all", 1, 2),
    ("centre cm, all", "centre_m_all", 100, 1),
    ("CPU s", "cpu_s", 1, 0),
)


@dataclass(frozen=True)
class Rows:
    """Rows of finished runs, kept in a file where one is named, so that a run that was cut goes on where it was."""

    path: Path | None
    """JSON lines of {"table", "row", "seed", ...}."""

    def get(self, table: str, row: str, seed: int, make: Callable[[], Row]) -> Row:
        """The row from the file, or made, stored and told on stderr."""
        for known in self._read():
            if (known["table"], known["row"], known["seed"]) == (table, row, seed):
                return known
        made = {"table": table, "row": row, "seed": seed, **make()}
        sys.stderr.write(f"{json.dumps({k: v for k, v in made.items() if k != 'each'})}\n")
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, [*self._read(), made])
        return made

    def _read(self) -> list[Row]:
        if self.path is None or not self.path.is_file():
            return []
        return list(json.loads(self.path.read_text()))


def scored(capture: Capture, found: Mapping[str, RegisteredVideo], alignment: Array | None = None) -> Row:
    """Errors over all frames of all accepted videos, lost frames' guesses included, and, as "_all", over all frames of
    all videos, a rejected one at its best guess (at the origin where nothing was found). None where none was accepted.

    Args:
        capture: The recordings.
        found: Every video's cameras by name.
        alignment: (4,4) moves estimated cameras onto true ones; for captures that no walkthrough fixes the frame of.
    """
    each: list[dict[str, Any]] = []
    errors: dict[str, dict[str, Array]] = {}
    for video in capture.videos:
        cameras, true = found[video.name], truth_of(video)
        poses = cameras.T_world_camera if alignment is None else alignment @ cameras.T_world_camera
        errors[video.name] = error = camera_errors(poses, true)
        each.append(
            {
                "name": video.name,
                "accepted": cameras.accepted,
                "reason": cameras.reason,
                "registered": float(cameras.registered.mean()),
                "rotation_deg": float(error["rotation_deg"].mean()),
                "centre_m": float(error["centre_m"].mean()),
            }
        )
    good = [record for record in each if record["accepted"]]
    row: Row = {
        "videos": len(each),
        "accepted": len(good) / max(len(each), 1),
        "wrong": sum(record["centre_m"] > WRONG_METRES for record in good),
        "worst_m": max((record["centre_m"] for record in good), default=None),
        "each": each,
    }
    for key in ("rotation_deg", "centre_m"):
        every = [errors[record["name"]][key] for record in each]
        kept = [errors[record["name"]][key] for record in good]
        row[f"{key}_all"] = float(np.concatenate(every).mean()) if every else None
        row[key] = float(np.concatenate(kept).mean()) if kept else None
        row[f"{key}_median"] = float(np.median(np.concatenate(kept))) if kept else None
    return row


def anchor_alignment(capture: Capture, found: Mapping[str, RegisteredVideo]) -> Array:
    """What moves a scan-free frame onto the true one, from the anchor video alone."""
    anchor = next(video for video in capture.videos if "anchor" in found[video.name].quality)
    return rigid_alignment(found[anchor.name].T_world_camera, truth_of(anchor))


def cpu_seconds() -> float:
    """Of this process and those it waited for."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def peak_megabytes() -> float:
    """Largest resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(title: str, rows: Sequence[Row], columns: Sequence[Column] = COLUMNS) -> None:
    """A markdown table; rows of one name become their mean ± standard deviation over seeds."""
    names = list(dict.fromkeys(row["row"] for row in rows))
    sys.stdout.write(f"\n### {title}\n\n| | seeds | " + " | ".join(name for name, *_ in columns) + " |\n")
    sys.stdout.write("|" + " --- |" * (len(columns) + 2) + "\n")
    for name in names:
        group = [row for row in rows if row["row"] == name]
        cells = [
            cell([row[key] for row in group if row.get(key) is not None], scale, digits)
            for _, key, scale, digits in columns
        ]
        sys.stdout.write(f"| {name} | {len(group)} | {' | '.join(cells)} |\n")
    for row in rows:
        for record in row.get("each", []):
            if not record["accepted"] or record["centre_m"] > WRONG_METRES:
                sys.stdout.write(
                    f"\n- {row['row']}, seed {row['seed']}, {record['name']}: "
                    f"{'accepted' if record['accepted'] else 'rejected'}, {record['rotation_deg']:.1f}° "
                    f"{100 * record['centre_m']:.0f} cm off; {record['reason'] or 'no reason'}"
                )
    sys.stdout.write("\n")
    sys.stdout.flush()


def cell(values: Sequence[float], scale: float, digits: int) -> str:
    """Mean, and ± the sample's standard deviation where there are several."""
    if not values:
        return "–"
    mean = f"{scale * float(np.mean(values)):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {scale * float(np.std(values, ddof=1)):.{digits}f}"
