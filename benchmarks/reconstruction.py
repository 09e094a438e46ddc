"""Reconstruct captures and print a markdown row for each: registration, depth, agent, time.

python -m benchmarks.reconstruction CAPTURE... --output FOLDER [--preset default]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.evaluation import evaluate_reconstruction
from ats_sim.reconstruction.pipeline import reconstruct

COLUMNS = (
    ("rot °", "registration.all.rotation_deg_mean", 1.0, 2),
    ("centre cm", "registration.all.centre_m_mean", 100.0, 1),
    ("recall 5 cm/5°", "registration.all.recall_5cm_5deg", 1.0, 3),
    ("lost", "registration.all.lost", 1.0, 0),
    ("DepthAcc all", "pictures.all.depth_acc_all_10cm", 1.0, 3),
    ("agent", "pictures.all.depth_acc_agent_10cm", 1.0, 3),
    ("background", "pictures.all.depth_acc_background_10cm", 1.0, 3),
    ("IoU", "pictures.all.mask_iou", 1.0, 3),
    ("PSNR", "pictures.all.psnr_color_matched", 1.0, 1),
    ("root cm", "agent.root_m_mean", 100.0, 1),
    ("heading °", "agent.heading_deg_mean", 1.0, 1),
    ("chamfer cm", "surface.chamfer_m", 100.0, 1),
)


def main() -> None:
    """Reconstruct (or resume) and score every capture named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True, help="folder that gets one reconstruction per capture")
    parser.add_argument("--preset", default="default", choices=("fast", "default", "full"))
    parser.add_argument("--no-masks", action="store_true")
    arguments = parser.parse_args()
    sys.stdout.write("| capture | " + " | ".join(name for name, *_ in COLUMNS) + " | seconds |\n")
    sys.stdout.write("|" + " --- |" * (len(COLUMNS) + 2) + "\n")
    for capture in arguments.captures:
        folder = arguments.output / capture.name
        started = time.process_time()
        config = ReconstructConfig(preset=arguments.preset, masks=not arguments.no_masks)
        report = reconstruct(capture, folder, config, resume=True)
        spent = time.process_time() - started
        scores = evaluate_reconstruction(folder, capture)
        cells = [cell(scores, path, scale, digits) for _, path, scale, digits in COLUMNS]
        wall = sum(report["seconds"].values())
        sys.stdout.write(f"| {capture.name} | {' | '.join(cells)} | {wall:.0f} wall, {spent:.0f} CPU this run |\n")


def cell(scores: dict[str, Any], path: str, scale: float, digits: int) -> str:
    """One figure of nested scores, or n/a."""
    value = value_at(scores, path)
    return f"{value * scale:.{digits}f}" if isinstance(value, int | float) else "n/a"


def value_at(scores: dict[str, Any], path: str) -> Any:
    """What nested scores have at a path of names with dots between, or None."""
    value: Any = scores
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


if __name__ == "__main__":
    main()
