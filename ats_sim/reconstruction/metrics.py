"""Every figure of a reconstruction that its capture's ground truth allows; what cannot be computed says why.

Depth and pictures are scored on held-out frames (every 10th) and, where there is one, on the same moments of the second
camera, from the estimated (the second: the true) cameras. Nothing here is ever read by the pipeline's other stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import inverse
from ats_sim.gltf import read_scene
from ats_sim.progress import track
from ats_sim.reconstruction.agent_metrics import agent_scores, agent_shape_scores
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.rendering.model4d import Model4D
from ats_sim.reconstruction.scene.fusion import held_out
from ats_sim.reconstruction.scene.variants import SCENE, read_variants
from ats_sim.reconstruction.scores import NO_TRUTH, Scores
from ats_sim.reconstruction.scores.pictures import depth_scores, intersection_over_union, picture_scores
from ats_sim.reconstruction.scores.registration import camera_errors, rigid_alignment, summarize
from ats_sim.reconstruction.scores.surface import surface_scores

LPIPS = "n/a: the AlexNet weights it is defined by are not on this machine"


def reconstruction_scores(recon: Path, capture: Capture) -> Scores:
    """Score a reconstruction folder against the ground truth of its capture.

    Returns:
        Nested plain numbers: registration, pictures, second_camera, agent, agent_shape, surface; a figure that cannot
        be computed is a string "n/a: reason".

    Raises:
        ReconstructionError: If the reconstruction is incomplete or of another capture.
        CaptureError: If the capture is broken.
    """
    cameras = Cameras.read(recon / "cameras.json")
    unknown = sorted(set(cameras.videos) - {video.name for video in capture.videos})
    if unknown:
        raise ReconstructionError(
            f"{recon / 'cameras.json'}: has videos {unknown} that {capture.folder} lacks; "
            "is it the reconstruction of another capture?"
        )
    model = Model4D.read(recon)
    truth = _truth_frame(capture, cameras)
    return {
        "registration": registration_scores(capture, cameras, truth),
        "pictures": picture_scores_of(capture, cameras, model, sensor=False),
        "second_camera": second_camera_scores(capture, model, truth),
        "agent": agent_scores(capture, model, truth),
        "agent_shape": agent_shape_scores(capture, model),
        "surface": _surface_scores(recon, capture, truth),
    }


def registration_scores(capture: Capture, cameras: Cameras, T_truth_world: Array | None = None) -> Scores:
    """Camera errors per video and over all frames; rejected videos are named and their frames count as lost."""
    truth = np.eye(4) if T_truth_world is None else T_truth_world
    per_video: Scores = {}
    everything: list[tuple[dict[str, Array], Array]] = []
    for video in capture.videos:
        if video.ground_truth is None or video.name not in cameras.videos:
            continue
        estimated = cameras.videos[video.name]
        errors = camera_errors(truth @ estimated.T_world_camera, video.ground_truth["T_world_camera"])
        registered = estimated.registered & estimated.accepted
        per_video[video.name] = {
            **summarize(errors, registered),
            "accepted": estimated.accepted,
            "reason": estimated.reason,
        }
        everything.append((errors, registered))
    rejected = sorted(name for name, video in cameras.videos.items() if not video.accepted)
    if not everything:
        return {"all": NO_TRUTH, "rejected": rejected}
    pooled = {name: np.concatenate([errors[name] for errors, _ in everything]) for name in everything[0][0]}
    return {
        "all": summarize(pooled, np.concatenate([kept for _, kept in everything])),
        "videos": per_video,
        "rejected": rejected,
    }


def _truth_frame(capture: Capture, cameras: Cameras) -> Array:
    """T_truth_world: identity with a walkthrough; scan-free, the rigid fit of the anchor video alone."""
    if capture.walkthrough is not None:
        return np.eye(4)
    for video in capture.videos:
        anchor = cameras.videos.get(video.name)
        if anchor is not None and "anchor" in anchor.quality and video.ground_truth is not None:
            return rigid_alignment(anchor.T_world_camera, video.ground_truth["T_world_camera"])
    return np.eye(4)


def picture_scores_of(capture: Capture, cameras: Cameras, model: Model4D, *, sensor: bool) -> Scores:
    """Depth, mask and colour on held-out frames, against the ground truth or (`sensor`) against the recording's own
    depth and masks, which every capture has but which share their noise with what was fused. Against the sensor only
    videos that were placed count; against the truth all do."""
    rows: list[Scores] = []
    per_video: Scores = {}
    for video in capture.videos:
        if video.name not in cameras.videos or (video.ground_truth is None and not sensor):
            continue
        # Without truth nobody knows that a video was left out wrongly: the figure is about what was made of the others.
        if sensor and not cameras.videos[video.name].accepted:
            continue
        frames = [int(i) for i in np.flatnonzero(held_out(np.arange(len(video))))]
        scores = []
        for index in track(frames, f"score {video.name}"):
            depth, agent = _sensor(video, index) if sensor else _truth(video, index)
            scores.append(_score_frame(video, cameras.videos[video.name], model, index, depth, agent))
        per_video[video.name] = _mean(scores)
        rows += scores
    if not rows:
        return {"all": NO_TRUTH, "lpips": NO_TRUTH}
    return {
        "all": _mean(rows),
        "videos": per_video,
        "frames": len(rows),
        "lpips": LPIPS,
    }


def _sensor(video: Video, index: int) -> tuple[Array, Array]:
    depth, mask = video.depth(index), video.mask(index)
    return depth, np.zeros(depth.shape, dtype=bool) if mask is None else mask


def _truth(video: Video, index: int) -> tuple[Array, Array]:
    truth = video.ground_truth or {}
    return truth["depth"][index], truth["agent_mask"][index].astype(bool)


def _score_frame(
    video: Video, estimated: RegisteredVideo, model: Model4D, index: int, true_depth: Array, agent: Array
) -> Scores:
    if not (estimated.accepted and estimated.registered[index]):
        nothing = np.zeros_like(true_depth)
        return {**depth_scores(nothing, true_depth, agent), "mask_iou": 0.0 if agent.any() else None}
    view = model.render(video.intrinsics, estimated.T_world_camera[index], video.name, float(video.times[index]))
    return {
        **depth_scores(view.depth, true_depth, agent),
        "mask_iou": intersection_over_union(view.mask, agent),
        **picture_scores(view.rgb, video.rgb(index)),
    }


def second_camera_scores(capture: Capture, model: Model4D, T_truth_world: Array | None = None) -> Scores | str:
    """Depth, mask and colour of held-out moments from the second camera's true poses, means over frames: what the model
    shows of sides that the recording camera may never have seen. A video that was rejected has no agent here."""
    truth = np.eye(4) if T_truth_world is None else T_truth_world
    rows: list[Scores] = []
    for video in capture.videos:
        second = video.second_camera
        if second is None or second.T_world_camera is None:
            continue
        frames = [int(i) for i in np.flatnonzero(held_out(np.arange(len(second))))]
        for index in track(frames, f"score {video.name} second"):
            T = inverse(truth) @ second.T_world_camera[index]
            view = model.render(second.intrinsics, T, video.name, float(second.times[index]))
            depth, mask = second.depth(index), second.mask(index)
            agent = np.zeros(depth.shape, dtype=bool) if mask is None else mask
            rows.append(
                {
                    **depth_scores(view.depth, depth, agent),
                    **picture_scores(view.rgb, second.rgb(index)),
                    "mask_iou": None if mask is None else intersection_over_union(view.mask, mask),
                }
            )
    if not rows:
        return "n/a: the capture has no second camera"
    return {**_mean(rows), "frames": len(rows), "lpips": LPIPS}


def _surface_scores(recon: Path, capture: Capture, truth: Array) -> Scores | str:
    path = capture.folder / "ground_truth_scene.glb"
    if not path.is_file():
        return "n/a: the capture has no ground_truth_scene.glb"
    # The true scene is the walkthrough's: things may have been moved since.
    first = "" if capture.walkthrough is None else capture.walkthrough.name
    filmed_then = [variant.mesh for variant in read_variants(recon) if first in variant.recordings]
    estimated = read_scene(recon / (filmed_then or [SCENE])[0]).transformed(truth)
    return dict(surface_scores(estimated, read_scene(path), np.random.default_rng(0)))


def _mean(rows: Sequence[Scores]) -> Scores:
    """Mean of every figure over the rows that have it; None where none has."""
    names = sorted({name for row in rows for name in row})
    values = {name: [row[name] for row in rows if row.get(name) is not None] for name in names}
    return {name: float(np.mean(kept)) if kept else None for name, kept in values.items()}
