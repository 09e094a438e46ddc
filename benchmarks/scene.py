"""Scenes side by side: fused depth (tsdf, and without telling layouts apart) and the neural field.

    python -m benchmarks.scene --output OUT                            a small synthesized capture of seed 11
    python -m benchmarks.scene --output OUT --captures CAPTURE...      others, such as a real one with ground truth

Cameras are registered once per capture, and all rows share them. DepthAcc and PSNR: held-out frames (every tenth) from
the estimated cameras, outside the agent, each video with the layout of its epoch; what is not rendered is wrong.
Volume-rendered rows show the newest layout in all videos. Surface (synthesized captures only): the mesh against the
true home as it stood in the LAST video, so furniture that moved counts where it stands now and a ghost of where it was
counts as wrong; completeness over the true surface that some fused frame saw. CPU minutes are those of the scene alone,
after registration; neural includes the fused scene it starts from.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import write_json
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.reconstruction.scene.build import BuiltScene, build_scene
from ats_sim.reconstruction.scene.fusion import held_out
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scores.pictures import color_matched, depth_scores, psnr
from benchmarks.scene_truth import TrueScene, moves_found, seen_points, surface_against, true_scene

Bounds = tuple[float, float]
Render = Callable[[Video, Array], tuple[Array, Array]]
"""A video and a camera give colours (H, W, 3) and depth (H, W)."""
SMALL = SynthesizeConfig(
    videos=3, seconds=12.0, seed=11, rooms=2, walkthrough_seconds=40.0, second_camera=False, workers=1
)
COLUMNS = (
    ("bg@10cm", "depth_acc_background_10cm", 1.0, 3),
    ("bg@5cm", "depth_acc_background_5cm", 1.0, 3),
    ("PSNR", "psnr", 1.0, 1),
    ("PSNR, gains", "psnr_color_matched", 1.0, 1),
    ("accuracy cm", "accuracy_m", 100.0, 2),
    ("completeness cm", "completeness_m", 100.0, 2),
    ("chamfer cm", "chamfer_m", 100.0, 2),
    ("CPU min", "cpu_minutes", 1.0, 2),
)


@dataclass(frozen=True, eq=False)
class Bench:
    """One capture, registered."""

    capture: Capture
    cameras: Cameras
    config: ReconstructConfig


def main() -> None:
    """Measure every capture and print a markdown table for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="*", type=Path, default=[])
    parser.add_argument("--output", type=Path, required=True, help="folder that keeps cameras and scores")
    parser.add_argument("--preset", default="default", choices=("fast", "default", "full"))
    parser.add_argument("--frames", type=int, default=None, help="most frames fused (the preset's)")
    parser.add_argument("--steps", type=int, nargs="*", default=[], help="optimiser steps, one neural row each")
    parser.add_argument("--no-neural", action="store_true")
    parser.add_argument("--ablate-swapping", action="store_true", help="also a field whose codes are never swapped")
    arguments = parser.parse_args()
    config = ReconstructConfig(preset=arguments.preset, max_fused_frames=arguments.frames)
    for path in arguments.captures or [_synthesized(arguments.output / "capture")]:
        bench = _registered(path, arguments.output / f"{path.name}-cameras.json", config)
        steps: list[int | None] = arguments.steps or [None]
        chances = [None, (0.0, 0.0)] if arguments.ablate_swapping else [None]
        fields = [] if arguments.no_neural else list(product(steps, chances))
        rows = measure(bench, fields)
        write_json(arguments.output / f"{path.name}-{arguments.preset}.json", rows)
        show(path.name, rows)


def measure(bench: Bench, fields: Sequence[tuple[int | None, Bounds | None]]) -> dict[str, dict[str, Any]]:
    """Scores by row; of neural fields by their steps and chances of swapping codes, None for the preset's."""
    started = time.process_time()
    mixed = build_scene(bench.capture, bench.cameras, replace(bench.config, ablate=("layouts",)))
    rows = {"tsdf, layouts mixed": _scores(bench, mixed, time.process_time() - started)}
    started = time.process_time()
    built = build_scene(bench.capture, bench.cameras, bench.config)
    spent = time.process_time() - started
    rows["tsdf"] = _scores(bench, built, spent)
    for count, swap in fields:
        rows |= _neural_rows(bench, built, spent, count, swap)
    return rows


def _neural_rows(
    bench: Bench, built: BuiltScene, spent: float, steps: int | None, swap: Bounds | None
) -> dict[str, dict[str, Any]]:
    import torch

    from ats_sim.reconstruction.scene.field.build import build_neural_scene
    from ats_sim.reconstruction.scene.field.config import field_config
    from ats_sim.reconstruction.scene.field.rendering import render_view

    torch.set_num_threads(1)
    options = field_config(bench.config.preset, seed=bench.config.seed)
    options = replace(options, steps=steps or options.steps, swap=swap or options.swap)
    started = time.process_time()
    scene = build_neural_scene(built, bench.config, options)
    spent += time.process_time() - started
    names = built.votes.recordings

    def volume_rendered(video: Video, T: Array) -> tuple[Array, Array]:
        code = names.index(video.name) if video.name in names else 0
        color, depth, _ = render_view(scene.field, video.intrinsics, T, recording=code)
        return color, depth

    label = f"neural, {options.steps} steps" + ("" if swap is None else ", codes not swapped")
    rendered = {**_pictures(bench, volume_rendered), "cpu_minutes": spent / 60}
    return {label: _scores(bench, scene.built, spent), f"{label}, volume rendered": rendered}


def _scores(bench: Bench, built: BuiltScene, spent: float) -> dict[str, Any]:
    scores = {**_pictures(bench, _mesh_rendered(built)), "cpu_minutes": spent / 60}
    truth = true_scene(bench.capture)
    if truth is not None:
        scores |= _surface(built, truth)
        voxels = np.argwhere(built.layouts.moved()) * built.votes.voxel_size + built.votes.origin
        scores |= moves_found(voxels, truth) if len(built.layouts.epochs) > 1 else {}
    epochs = [[built.votes.recordings[r] for r in epoch.members] for epoch in built.layouts.epochs]
    return {**scores, "epochs": epochs}


def _surface(built: BuiltScene, truth: TrueScene) -> dict[str, float]:
    rng = np.random.default_rng(0)
    return surface_against(built.scene.mesh, truth, seen_points(truth.newest, built.parts, rng), rng)


def _mesh_rendered(built: BuiltScene) -> Render:
    casters: dict[str, Raycaster] = {}
    for epoch in built.layouts.epochs:
        mesh: TriangleMesh = built.variants.get(epoch.name, built.scene.mesh)
        casters |= dict.fromkeys([built.votes.recordings[r] for r in epoch.members], Raycaster(mesh))

    def render(video: Video, T: Array) -> tuple[Array, Array]:
        depth, _, color = casters[video.name].render(video.intrinsics, T)
        return color, depth

    return render


def _pictures(bench: Bench, render: Render) -> dict[str, float]:
    """Means over the held-out frames of all accepted videos, outside the agent."""
    rows = []
    for video in bench.capture.videos:
        found, truth = bench.cameras.videos[video.name], video.ground_truth
        if not found.accepted or truth is None:
            continue
        for index in np.flatnonzero(held_out(np.arange(len(video))) & found.registered):
            color, depth = render(video, found.T_world_camera[index])
            agent = truth["agent_mask"][index].astype(bool)
            real = video.rgb(int(index))
            color = np.where(agent[..., None], real, color)
            scores = depth_scores(depth, truth["depth"][index], agent)
            background = {name: value for name, value in scores.items() if "background" in name}
            rows.append(
                {**background, "psnr": psnr(color, real), "psnr_color_matched": psnr(color_matched(color, real), real)}
            )
    return (
        {name: float(np.mean([row[name] for row in rows if row[name] is not None])) for name in rows[0]} if rows else {}
    )


def _synthesized(folder: Path) -> Path:
    from ats_sim.reconstruction.capture.synthesis.synthesize import synthesize

    synthesize(folder, SMALL)
    return folder


def _registered(path: Path, kept: Path, config: ReconstructConfig) -> Bench:
    from ats_sim.reconstruction.registration.register import register

    capture = Capture.open(path)
    if not kept.is_file():
        register(capture, config).write(kept)
    return Bench(capture, Cameras.read(kept), config)


def show(name: str, rows: dict[str, dict[str, Any]]) -> None:
    """A markdown table, and what moved."""
    sys.stdout.write(f"\n### {name}\n\n| scene | " + " | ".join(column for column, *_ in COLUMNS) + " |\n")
    sys.stdout.write("|" + " --- |" * (len(COLUMNS) + 1) + "\n")
    for label, row in rows.items():
        cells = [f"{row[key] * scale:.{digits}f}" if key in row else "–" for _, key, scale, digits in COLUMNS]
        sys.stdout.write(f"| {label} | {' | '.join(cells)} |\n")
    told = rows["tsdf"]
    sys.stdout.write(f"\nepochs: {told['epochs']}")
    if "noticed" in told:
        sys.stdout.write(
            f"; {told['noticed']:.0%} of {told['moved_pieces']} moves noticed, precision {told['precision']:.2f}"
        )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
