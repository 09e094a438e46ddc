"""report.json and report.html: what a reconstruction achieved, in figures and pictures that need no other file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim import __version__
from ats_sim.errors import ReconstructionError
from ats_sim.files import atomic_path, read_json, write_json
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.metrics import picture_scores_of
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.rendering.model4d import Model4D
from ats_sim.reconstruction.report_layouts import layouts_html
from ats_sim.reconstruction.report_pictures import (
    beside,
    color_of,
    curve_svg,
    depth_picture,
    jpeg_source,
    plan_svg,
)
from ats_sim.reconstruction.scene.fusion import held_out
from ats_sim.reconstruction.scene.scene_map import SceneMap
from ats_sim.reconstruction.scores.registration import camera_errors
from ats_sim.reconstruction.thinning import evenly

FORMAT = "ats-report/1"
STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:1000px;margin:2em auto;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ddd}"
    "img{max-width:100%}.bad{color:#b00020;font-weight:600}"
)


@dataclass(frozen=True, eq=False)
class Reconstructed:
    """A reconstruction folder, read."""

    cameras: Cameras
    scene: SceneMap
    model: Model4D

    @classmethod
    def read(cls, folder: Path) -> Reconstructed:
        """Read what the stages wrote."""
        return cls(
            Cameras.read(folder / "cameras.json"), SceneMap.read(folder / "scene.safetensors"), Model4D.read(folder)
        )


def write_report(
    output: Path, capture: Capture, *, config: dict[str, Any], seconds: dict[str, float], kept: Sequence[str] = ()
) -> dict[str, Any]:
    """Write report.json and report.html from what the recordings themselves allow (their ground truth is not read).

    Args:
        output: The reconstruction.
        capture: What it was made of.
        config: The options.
        seconds: How long each stage took, whenever that was.
        kept: The stages that were there already; where all were, so are scores against ground truth.

    Returns:
        What report.json holds.
    """
    done = Reconstructed.read(output)
    report = {
        "format": FORMAT,
        "version": __version__,
        "capture": capture.folder.name,
        "config": config,
        "seconds": seconds,
        "kept": list(kept),
        "videos": _videos(done),
        "scene": _scene(done),
        "agent": _agent(done),
        "held_out_against_sensor": picture_scores_of(capture, done.cameras, done.model, sensor=True),
    }
    before = output / "report.json"
    if set(kept) == set(seconds) and before.is_file():
        scored = read_json(before, ReconstructionError)
        report |= {"ground_truth": scored["ground_truth"]} if "ground_truth" in scored else {}
    write_json(before, report)
    write_html(output / "report.html", capture, done, report)
    return report


def write_scored_report(output: Path, capture: Capture, report: dict[str, Any], scores: dict[str, Any]) -> None:
    """Rewrite both files with the scores against ground truth in them, and its error curves."""
    scored = {**report, "ground_truth": scores}
    write_json(output / "report.json", scored)
    write_html(output / "report.html", capture, Reconstructed.read(output), scored)


def write_html(path: Path, capture: Capture, done: Reconstructed, report: dict[str, Any]) -> None:
    """Write the page, atomically."""
    with_truth = "ground_truth" in report
    parts = [
        f"<h1>Reconstruction of {escape(capture.folder.name)}</h1>",
        "<h2>From above</h2>",
        plan_svg(done.scene.mesh, done.scene.floor_height, _tracks(done)),
        "<p>Solid: the camera. Dotted: the agent.</p>",
        layouts_html(path.parent, done.scene.floor_height),
        "<h2>Videos</h2>",
        _video_table(done),
    ]
    for index, video in enumerate(capture.videos):
        parts += [
            f"<h3>{escape(video.name)}</h3>",
            _curves(video, done.cameras.videos[video.name], index, with_truth),
            *_pictures(video, done),
        ]
    parts += ["<h2>Figures</h2>", _table(report)]
    page = f"<!doctype html><meta charset=utf-8><title>Reconstruction</title><style>{STYLE}</style>{''.join(parts)}"
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _videos(done: Reconstructed) -> dict[str, Any]:
    return {
        name: {
            "accepted": video.accepted,
            "reason": video.reason,
            "frames": len(video.times),
            "lost": int((~video.registered).sum()),
            "confidence_mean": float(video.confidence.mean()),
            **video.quality,
        }
        for name, video in done.cameras.videos.items()
    }


def _scene(done: Reconstructed) -> dict[str, Any]:
    volume = done.scene.volume
    return {
        "faces": len(done.scene.mesh.faces),
        "floor_height_m": done.scene.floor_height,
        "voxel_size_m": volume.voxel_size,
        "seen_m3": float((volume.weight > 0).sum() * volume.voxel_size**3),
    }


def _agent(done: Reconstructed) -> dict[str, Any]:
    if done.model.agent is None:
        return {"found": False}
    return {
        "found": True,
        "joints": done.model.agent.skeleton.num_joints,
        "seconds_valid": float(sum(motion.valid.sum() for motion in done.model.motions.values()) / 10.0),
    }


def _tracks(done: Reconstructed) -> list[tuple[str, Any, str]]:
    tracks = []
    for name, video in done.cameras.videos.items():
        motion = done.model.motions.get(name)
        kept = video.T_world_camera[video.registered, :2, 3]
        agent = np.zeros((0, 2)) if motion is None else motion.T_world_root[motion.valid, :2, 3]
        tracks += [(f"{name} camera", kept, "none"), (f"{name} agent", agent, "2 2")]
    return tracks


def _video_table(done: Reconstructed) -> str:
    rows = []
    for name, video in done.cameras.videos.items():
        state = "registered" if video.accepted else f'<span class="bad">rejected: {escape(video.reason)}</span>'
        quality = ", ".join(f"{key} {value:.2f}" for key, value in video.quality.items())
        rows.append(
            f"<tr><td>{escape(name)}</td><td>{state}</td><td>{int(video.registered.sum())} of "
            f"{len(video.times)} frames</td><td>{quality}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _curves(video: Video, cameras: RegisteredVideo, index: int, with_truth: bool) -> str:
    curves = [("confidence", cameras.confidence, "")]
    if with_truth and video.ground_truth is not None:
        errors = camera_errors(cameras.T_world_camera, video.ground_truth["T_world_camera"])
        curves.append(("rotation error", errors["rotation_deg"], "deg"))
        curves.append(("position error", errors["centre_m"] * 100, "cm"))
    return "".join(f"<div>{name}<br>{curve_svg(values, unit, color_of(index))}</div>" for name, values, unit in curves)


def _pictures(video: Video, done: Reconstructed) -> list[str]:
    cameras = done.cameras.videos[video.name]
    if not cameras.accepted:
        return [f"<p class=bad>{escape(cameras.reason)}</p>"]
    frames = np.flatnonzero(held_out(np.arange(len(video))) & cameras.registered)
    if not len(frames):
        frames = np.flatnonzero(cameras.registered)
    chosen = frames[evenly(len(frames), 3)]
    tags = []
    for i in chosen:
        view = done.model.render(video.intrinsics, cameras.T_world_camera[i], video.name, float(video.times[i]))
        row = beside([video.rgb(int(i)), view.rgb, depth_picture(view.depth), depth_picture(video.depth(int(i)))])
        tags.append(f"<p>frame {i}: input, rendering, rendered and sensor depth<br><img src='{jpeg_source(row)}'></p>")
    return tags


def _table(report: dict[str, Any]) -> str:
    rows = _rows(report)
    return (
        "<table>"
        + "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
        + "</table>"
    )


def _rows(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, inner in value.items():
        if isinstance(inner, dict):
            rows += _rows(inner, f"{prefix}{name} / ")
        else:
            rows.append((prefix + name, f"{inner:.4g}" if isinstance(inner, float) else str(inner)))
    return rows
