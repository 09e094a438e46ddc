"""The whole reconstruction side by side: full, explicit and neural, its ablations, and what TotalRecon starts from.

    python -m benchmarks.agents --work W --json ROWS.json --seeds 111 112 113

Synthesized homes with a second camera. Held-out frames (every tenth) from the estimated cameras, and the second
camera's from its true ones. "One video" rows reconstruct every video by itself, scene and animal, from the device's own
poses laid on the TRUTH, which is the best that methods without registration can have; "all videos" rows take the
device's poses as they are, put down where the walkthrough began, and adjust them jointly (the two TotalRecon rows of
Agent-to-Sim, table 3). Finished rows are kept, so a run that was cut goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.metrics import reconstruction_scores
from ats_sim.reconstruction.pipeline import fit_agent, fuse_scene
from ats_sim.reconstruction.registration.cameras import Cameras
from benchmarks.reconstruction import value_at
from benchmarks.registration_captures import synthesized
from benchmarks.registration_methods import Bench
from benchmarks.registration_rows import Row, Rows, cpu_seconds, show

EXPLICIT = ReconstructConfig(method="full", workers=1)
NEURAL = replace(EXPLICIT, scene="neural", agent="neural")


@dataclass(frozen=True)
class Method:
    """How cameras are found, and what is made with them."""

    cameras: str
    """A method of `benchmarks.registration_methods`."""
    config: ReconstructConfig
    """Of scene and agent."""
    alone: bool = False
    """Whether every video is reconstructed by itself."""


METHODS: Mapping[str, Method] = {
    "full, explicit": Method("full", EXPLICIT),
    "full, neural animal": Method("full", replace(EXPLICIT, agent="neural")),
    "full, neural": Method("full", NEURAL),
    "full, neural, codes not swapped": Method("full", replace(NEURAL, ablate=("code-swapping",))),
    "classical = w/o feature-metric BA": Method("classical", EXPLICIT),
    "w/o refinement and BA": Method("consensus, no refinement, no BA", EXPLICIT),
    "TotalRecon-style, one video": Method("TotalRecon-style, one video", EXPLICIT, alone=True),
    "TotalRecon-style, all videos": Method("TotalRecon-style, all videos", EXPLICIT),
}
FIGURES = (
    ("all", "pictures.all.depth_acc_all_10cm", 1.0, 3),
    ("animal", "pictures.all.depth_acc_agent_10cm", 1.0, 3),
    ("background", "pictures.all.depth_acc_background_10cm", 1.0, 3),
    ("2nd camera all", "second_camera.depth_acc_all_10cm", 1.0, 3),
    ("2nd animal", "second_camera.depth_acc_agent_10cm", 1.0, 3),
    ("2nd background", "second_camera.depth_acc_background_10cm", 1.0, 3),
    ("IoU", "pictures.all.mask_iou", 1.0, 3),
    ("PSNR", "pictures.all.psnr_color_matched", 1.0, 1),
    ("SSIM", "pictures.all.ssim", 1.0, 3),
    ("root cm", "agent.root_m_mean", 100.0, 1),
    ("heading °", "agent.heading_deg_mean", 1.0, 1),
    ("flips", "agent.heading_flip_share", 1.0, 4),
    ("joints cm", "agent.joint_position_m", 100.0, 1),
    ("joints rad", "agent.joint_angle_rad", 1.0, 3),
    ("root acc.", "agent.root_acceleration_ratio", 1.0, 2),
    ("joint acc.", "agent.joint_acceleration_ratio", 1.0, 2),
    ("shape cm", "agent_shape.canonical.chamfer_m", 100.0, 2),
    ("CPU s", "cpu_s", 1.0, 0),
)
COLUMNS = tuple((title, path, scale, digits) for title, path, scale, digits in FIGURES)


def main() -> None:
    """Measure every method on every seed's home and print a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for captures and reconstructions")
    parser.add_argument("--json", type=Path, help="keep finished rows there and go on from them")
    parser.add_argument("--seeds", type=int, nargs="+", default=[111, 112, 113])
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=list(METHODS))
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--body", choices=("cat", "dog", "rabbit"), default="cat")
    options = parser.parse_args()
    rows, out = Rows(options.json), []
    table = f"agents {options.body} {options.videos}x{options.seconds:g}"
    for seed in options.seeds:
        capture = _home(options, seed)
        work = options.work / "agents" / capture.folder.name
        for name in options.methods:
            out.append(rows.get(table, name, seed, partial(measured, capture, METHODS[name], work)))
    show(f"{options.videos} videos of {options.seconds:g} s, seeds {options.seeds}, {options.body}", out, COLUMNS)


def _home(options: argparse.Namespace, seed: int) -> Capture:
    name = f"{options.body}-{seed}-{options.videos}x{options.seconds:g}"
    config = SynthesizeConfig(
        videos=options.videos, seconds=options.seconds, seed=seed, body=options.body, size="192x144", workers=1
    )
    return synthesized(options.work / name, config)


def measured(capture: Capture, method: Method, work: Path) -> Row:
    """The figures of one method; those of single videos are averaged."""
    found, cpu = Bench(capture, work / "placed").cameras(method.cameras)
    parts: Sequence[tuple[str, ...]] = [(name,) for name in found] if method.alone else [tuple(found)]
    began = cpu_seconds()
    folders = []
    for names in parts:
        folder = work / "-".join([method.cameras, method.config.scene, method.config.agent, *names]).replace(" ", "-")
        Cameras({name: found[name] for name in names}).write(folder / "cameras.json")
        shown = _only(capture, names) if method.alone else capture
        _made(shown, folder, method.config.resolved())
        folders.append((shown, folder))
    spent = cpu + cpu_seconds() - began
    scores = [reconstruction_scores(folder, shown) for shown, folder in folders]
    figures = {path: _mean([value_at(one, path) for one in scores]) for _, path, *_ in FIGURES}
    return {**figures, "cpu_s": spent}


def _only(capture: Capture, names: Sequence[str]) -> Capture:
    """What a method knows that has one video and nothing else."""
    return replace(capture, walkthrough=None, videos=tuple(v for v in capture.videos if v.name in names))


def _made(capture: Capture, folder: Path, config: ReconstructConfig) -> None:
    fuse_scene(capture, folder, config)
    fit_agent(capture, folder, config)


def _mean(values: Sequence[Any]) -> float | None:
    numbers = [value for value in values if isinstance(value, int | float)]
    return float(np.mean(numbers)) if numbers else None


if __name__ == "__main__":
    main()
