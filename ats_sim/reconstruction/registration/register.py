"""Every video of a capture into one frame: the walkthrough's, or without one the best-covered video's.

Videos are registered to the map, those that pass the verifier make it grow, and those that did not are tried again
against the larger map until a round adds nothing. What is left is rejected with its reason, never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import inverse
from ats_sim.progress import Steps, steps
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.adjustment.stage import adjust_registered, adjusts
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.registration.growth import Growth
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.learned import with_localizers
from ats_sim.reconstruction.registration.observation import Observation, observe, stacked
from ats_sim.reconstruction.registration.preparation import Prepared, prepare
from ats_sim.reconstruction.registration.symmetry import symmetries
from ats_sim.reconstruction.registration.trajectory import spread_correction
from ats_sim.reconstruction.registration.verifier import surface_share
from ats_sim.reconstruction.registration.video_registration import Track, register_segment
from ats_sim.reconstruction.scene.fusion import PosedFrames, empty_volume, fuse

REGISTRATION_VOXEL = 0.04
SHORTEST_SEGMENT = 3
LEAST_FRAMES = 0.5


def register(capture: Capture, config: ReconstructConfig, cache: Path | None = None) -> Cameras:
    """Register all videos of a capture; what is learned for it is kept in the folder `cache`, where one is given.

    Raises:
        ReconstructionError: If there is no walkthrough and no video whose odometry could stand in for it.
    """
    config = config.resolved()
    done: dict[str, RegisteredVideo] = {}
    work = sum(len(recording) for recording in capture.recordings) + sum(len(video) for video in capture.videos)
    with steps(work, "register") as progress:
        scene = _first_map(capture, config, done, progress)
        # Growing maps fuse videos in place; adjustment begins from what the walkthrough alone saw.
        base = scene.volume.copy() if adjusts(config) else scene.volume
        scene = with_localizers(scene, capture.walkthrough or _anchor(capture), config, cache)
        scene = replace(scene, symmetries=symmetries(scene.volume))
        pending = [video for video in capture.videos if video.name not in done]
        while pending:
            fresh: list[Growth] = []
            for video in pending:
                # Observations are large: they live for one video at a time and are made again where a video is retried.
                prepared = prepare(video, config, progress if video.name not in done else None)
                progress.advance(0 if video.name in done else len(video))
                done[video.name] = _register_video(scene, prepared, config)
                if done[video.name].accepted:
                    fresh.append(Growth.of(prepared, done[video.name]))
            pending = [video for video in pending if not done[video.name].accepted]
            if not fresh:
                break
            for growth in fresh if pending else ():
                scene = growth.added(scene, config)
            scene = replace(scene, symmetries=symmetries(scene.volume) if pending else ())
    if adjusts(config):
        done = adjust_registered(capture, base, done, config, cache)
    return Cameras({video.name: done[video.name] for video in capture.videos})


def _first_map(capture: Capture, config: ReconstructConfig, done: dict[str, RegisteredVideo], progress: Steps) -> Map:
    anchor = capture.walkthrough or _anchor(capture)
    poses = anchor.T_world_camera
    if poses is None:
        raise ReconstructionError(f"{anchor.folder}: has no poses, so it cannot define the scene frame")
    count = min(config.max_keyframes or len(anchor), len(anchor))
    chosen = np.unique(np.linspace(0, len(anchor) - 1, count).astype(int))
    use_mask = config.masks and capture.walkthrough is None
    frames = []
    for index in chosen:
        frames.append(observe(anchor, int(index), use_mask=use_mask, keypoints=config.keypoints_per_frame).keypoints)
    progress.advance(len(anchor))
    fused = np.unique(np.linspace(0, len(anchor) - 1, min(len(anchor), config.max_fused_frames or 500)).astype(int))
    part = PosedFrames(anchor, fused, poses[fused])
    volume = empty_volume(_reach(capture, part), max(config.voxel_size or 0.0, REGISTRATION_VOXEL))
    fuse(volume, part, use_masks=use_mask, label="map")
    if capture.walkthrough is None:
        quality = {"anchor": 1.0}
        done[anchor.name] = RegisteredVideo(
            True,
            "",
            anchor.intrinsics,
            anchor.times,
            poses,
            np.ones(len(anchor)),
            np.ones(len(anchor), dtype=bool),
            quality,
        )
    return Map(volume, KeypointMap.build(frames, poses[chosen]))


def _reach(capture: Capture, anchor: PosedFrames) -> list[PosedFrames]:
    """Parts that say how large the map may become: scan-free maps grow past what the anchor saw."""
    if capture.walkthrough is not None:
        return [anchor]
    margin = np.eye(4)
    shifted = []
    for shift in ((3.0, 0.0), (-3.0, 0.0), (0.0, 3.0), (0.0, -3.0)):
        margin = np.eye(4)
        margin[:2, 3] = shift
        shifted.append(PosedFrames(anchor.video, anchor.indices, margin @ anchor.T_world_camera))
    return [anchor, *shifted]


def _anchor(capture: Capture) -> Video:
    """The video with odometry whose camera covers most ground and looks in most directions."""
    candidates = [video for video in capture.videos if video.T_world_camera is not None]
    if not candidates:
        raise ReconstructionError(
            f"{capture.folder}: no walkthrough and no video with odometry, so nothing defines "
            "the scene frame and gravity; record a walkthrough of the empty home"
        )
    return max(candidates, key=_coverage)


def _coverage(video: Video) -> int:
    poses = video.T_world_camera
    if poses is None:
        return 0
    ahead = poses[:, :2, 3] + 1.5 * poses[:, :2, 2]
    return len(np.unique(np.rint(ahead / 0.5), axis=0))


def _register_video(scene: Map, prepared: Prepared, config: ReconstructConfig) -> RegisteredVideo:
    video, count = prepared.video, len(prepared.video)
    poses, confidence = np.tile(np.eye(4), (count, 1, 1)), np.zeros(count)
    registered = np.zeros(count, dtype=bool)
    reasons: list[str] = []
    quality: dict[str, float] = {}
    for segment in np.unique(prepared.odometry.segment):
        frames = np.flatnonzero(prepared.odometry.segment == segment)
        inside = np.isin(prepared.keyframes, frames)
        chosen = [o for o, use in zip(prepared.observations, inside, strict=True) if use]
        keyframes = prepared.keyframes[inside]
        if len(keyframes) < min(SHORTEST_SEGMENT, count):
            reasons.append(f"frames {frames[0]}-{frames[-1]}: too short a track")
            continue
        track = register_segment(
            scene,
            chosen,
            prepared.odometry.part(keyframes),
            video.intrinsics,
            generators=config.generators,
            ablate=config.ablate,
            seed=config.seed,
        )
        reason = "no place in the map was found" if track is None else track.reason
        if track is None or reason:
            reasons.append(f"frames {frames[0]}-{frames[-1]}: {reason}")
        if track is None:
            continue
        poses[frames] = spread_correction(
            track.T_world_camera, keyframes - frames[0], prepared.odometry.T_odometry_camera[frames]
        )
        registered[frames] = not reason
        confidence[frames] = np.interp(frames, keyframes, _confidence(scene, chosen, track))
        quality = _quality(track) if not quality or not reason else quality
    accepted = bool(registered.mean() >= LEAST_FRAMES)
    if not registered.all():
        poses = _hold(poses, registered, prepared.odometry.T_odometry_camera)
        confidence[~registered] = 0.0
    return RegisteredVideo(
        accepted,
        "" if accepted else "; ".join(reasons),
        video.intrinsics,
        video.times,
        poses,
        confidence,
        registered & accepted,
        quality,
    )


def _confidence(scene: Map, observations: Sequence[Observation], track: Track) -> Array:
    """0..1 per keyframe: how much surface and how many keypoints agree."""
    points, _ = stacked(observations)
    surface, seen = surface_share(scene.volume, points, track.T_world_camera)
    return np.clip(1.0 - np.exp(-(3.0 * surface * seen + track.matches / 30.0)), 0.0, 1.0)


def _quality(track: Track) -> dict[str, float]:
    verdict = track.verdict
    quality = {
        "surface": verdict.surface,
        "violation": verdict.violation,
        "color": verdict.color,
        "seen": verdict.seen,
        "score": verdict.score,
        "support": track.support,
    }
    return quality if np.isinf(track.margin) else {**quality, "margin": track.margin}


def _hold(poses: Array, registered: Array, T_odometry_camera: Array) -> Array:
    """Guess lost frames from the nearest registered one and the odometry between them."""
    sure = np.flatnonzero(registered)
    if not len(sure):
        return poses
    out = poses.copy()
    for i in np.flatnonzero(~registered):
        nearest = sure[np.argmin(np.abs(sure - i))]
        out[i] = poses[nearest] @ inverse(T_odometry_camera[nearest]) @ T_odometry_camera[i]
    return out
