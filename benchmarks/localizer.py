"""How well each generator places single frames of held-out videos, and the whole videos after consensus.

python -m benchmarks.localizer --work FOLDER [--seeds 11 12] [--preset default] [--every 5] [--json FILE]

Homes are synthesized into the folder (three videos of 10 s each, other light, small furniture moved), the map and the
localizers are made from the walkthrough alone, and frames of the videos are placed as they are, without depth, without
gravity, and two stops brighter and darker (clipped). Errors are against ground truth, no alignment is fitted. A frame
that a generator cannot place counts as wrong. "best frame" is the paper's rule (Yang et al. 2024): the single surest
frame moves the whole video; "together" pools the matches of all frames. Whole-video columns are means over the videos
of the mean error over frames.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.geometric_search import search
from ats_sim.reconstruction.registration.hypotheses import FEWEST_INLIERS, MOST_INLIERS, of_whole_video
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.keypoints import detect
from ats_sim.reconstruction.registration.learned import with_localizers
from ats_sim.reconstruction.registration.localizer import locate
from ats_sim.reconstruction.registration.neural.frame_poses import FramePoses
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.registration.observation import surface_points
from ats_sim.reconstruction.registration.odometry import device_odometry
from benchmarks.known_cameras import walkthrough_of
from benchmarks.verifier_calibration import known_map, made

GEOMETRY_FRAMES = 2
CONDITIONS = ("as filmed", "no depth", "no gravity", "+2 stops", "-2 stops")


@dataclass(frozen=True, eq=False)
class Frame:
    """One held-out frame under one condition."""

    rgb: Array
    depth: Array
    mask: Array | None
    video: Video
    odometry: Array
    truth: Array


def main() -> None:
    """Train on every home, place its videos, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the synthesized homes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12])
    parser.add_argument("--preset", default="default", choices=("fast", "default", "full"))
    parser.add_argument("--every", type=int, default=5, help="use every n-th frame of the videos")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the rows there")
    options = parser.parse_args()
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for seed in options.seeds:
        capture = made(options.work / f"home-{seed}", seed)
        for key, result in of_home(capture, options).items():
            rows.setdefault(key, []).extend(result)
    table(rows)
    if options.json:
        options.json.write_text(
            json.dumps([{"condition": c, "generator": g, **summed(r)} for (c, g), r in rows.items()])
        )


def of_home(capture: Capture, options: argparse.Namespace) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Per condition and generator, one record per video."""
    config = ReconstructConfig(
        preset=options.preset, hypotheses=("keypoints", "neural", "regression", "geometry"), device=options.device
    ).resolved()
    scene = known_map(capture)
    started = time.process_time()
    scene = with_localizers(scene, walkthrough_of(capture).video, config, None)
    sys.stdout.write(f"{capture.folder.name}: both localizers trained in {time.process_time() - started:.0f} CPU s\n")
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for video in capture.videos:
        for condition in CONDITIONS:
            frames = [frame(video, i, condition) for i in range(0, len(video), options.every)]
            level = condition != "no gravity"
            known = np.stack([f.odometry for f in frames])
            views = [View.of(f.rgb, f.depth, f.mask, video.intrinsics) for f in frames]
            results: dict[str, Callable[[], FramePoses]] = {
                "keypoints": partial(by_keypoints, scene.keypoints, frames),
                **{
                    name: partial(localizer.locate_frames, views, known if level else None)
                    for name, localizer in scene.localizers.items()
                },
            }
            if condition == "as filmed":
                results["geometry"] = partial(by_geometry, scene.volume, frames)
            for name, run in results.items():
                started = time.process_time()
                record = scored(run(), frames, few=name == "geometry")
                record["ms"] = 1e3 * (time.process_time() - started) / max(len(record["metres"]), 1)
                if name in scene.localizers:
                    together = scene.localizers[name].place_video(views, known, level=level)
                    record |= {} if together is None else whole_video(together[0], frames, "together")
                found.setdefault((condition, name), []).append(record)
    return found


def frame(video: Video, index: int, condition: str) -> Frame:
    """One frame as the condition has it."""
    rgb, depth = video.rgb(index), video.depth(index)
    if "stops" in condition:
        light = (rgb / 255.0) ** 2.2 * 2.0 ** float(condition.split()[0])
        rgb = np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    if condition == "no depth":
        depth = np.zeros_like(depth)
    assert video.T_world_camera is not None and video.ground_truth is not None
    truth = video.ground_truth["T_world_camera"][index]
    return Frame(rgb, depth, video.mask(index), video, video.T_world_camera[index], truth)


def by_keypoints(keypoints: KeypointMap, frames: list[Frame]) -> FramePoses:
    """The classical generator."""
    found = []
    for i, f in enumerate(frames):
        seen = detect(f.rgb, f.depth, f.video.intrinsics, f.mask, 800)
        query, index = keypoints.match(seen.descriptors)
        pose = locate(seen.pixels[query], keypoints.points[index], f.video.intrinsics)
        if pose is not None and pose.support >= FEWEST_INLIERS:
            found.append((i, pose.T_world_camera, min(pose.support, MOST_INLIERS) - FEWEST_INLIERS + 1.0))
    return FramePoses.of(found)


def by_geometry(volume: Any, frames: list[Frame]) -> FramePoses:
    """Shape alone, of a few single frames: a search takes seconds."""
    found = []
    for i in np.linspace(0, len(frames) - 1, GEOMETRY_FRAMES).astype(int):
        f = frames[i]
        points, _ = surface_points(f.rgb, f.depth, f.video.intrinsics, f.mask)
        transforms = search(volume, points[None], f.odometry[None])
        if transforms:
            found.append((int(i), transforms[0] @ f.odometry, 1.0))
    return FramePoses.of(found)


def scored(poses: FramePoses, frames: list[Frame], *, few: bool) -> dict[str, Any]:
    """Errors of single frames (a lost one is infinitely wrong) and of the whole video."""
    truth = np.stack([f.truth for f in frames])
    metres, degrees = np.full(len(frames), np.inf), np.full(len(frames), np.inf)
    metres[poses.frames] = np.linalg.norm(poses.T_world_camera[:, :3, 3] - truth[poses.frames, :3, 3], axis=1)
    degrees[poses.frames] = np.degrees(geodesic_angle(poses.T_world_camera[:, :3, :3], truth[poses.frames, :3, :3]))
    asked = np.unique(np.linspace(0, len(frames) - 1, GEOMETRY_FRAMES).astype(int)) if few else np.arange(len(frames))
    record: dict[str, Any] = {"metres": metres[asked], "degrees": degrees[asked]}
    known = np.stack([f.odometry for f in frames])
    odometry = device_odometry(known, np.arange(len(frames), dtype=np.float64))
    for rule in ("consensus", "best frame"):
        whole = [] if few else of_whole_video(poses, odometry, best_frame=rule == "best frame")
        if whole:
            record |= whole_video(whole[0][0], frames, rule)
    return record


def whole_video(T_world_odometry: Array, frames: list[Frame], rule: str) -> dict[str, float]:
    """Mean errors over a video moved as one."""
    truth = np.stack([f.truth for f in frames])
    moved = T_world_odometry @ np.stack([f.odometry for f in frames])
    return {
        f"{rule} cm": 100 * float(np.linalg.norm(moved[:, :3, 3] - truth[:, :3, 3], axis=1).mean()),
        f"{rule} deg": float(np.degrees(geodesic_angle(moved[:, :3, :3], truth[:, :3, :3])).mean()),
    }


def summed(records: list[dict[str, Any]]) -> dict[str, float]:
    """One row of the table from the records of all videos."""
    metres, degrees = (np.concatenate([r[name] for r in records]) for name in ("metres", "degrees"))
    row = {
        "frames": float(len(metres)),
        "median cm": 100 * float(np.median(metres)),
        "median deg": float(np.median(degrees)),
        "10 cm/5 deg": float(np.mean((metres < 0.10) & (degrees < 5))),
        "25 cm/10 deg": float(np.mean((metres < 0.25) & (degrees < 10))),
    }
    rules = [f"{rule} {unit}" for rule in ("best frame", "consensus", "together") for unit in ("cm", "deg")]
    for name in (*rules, "ms"):
        values = [r[name] for r in records if name in r]
        row[name] = float(np.mean(values)) if values else float("nan")
    return row


def table(rows: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """Print the rows."""
    first = summed(next(iter(rows.values())))
    sys.stdout.write("| condition | generator | " + " | ".join(first) + " |\n|" + " --- |" * (len(first) + 2) + "\n")
    for (condition, generator), records in rows.items():
        cells = [f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}" for value in summed(records).values()]
        sys.stdout.write(f"| {condition} | {generator} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
