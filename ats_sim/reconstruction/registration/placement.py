"""All pending videos against one map. It does not change until all were tried, so they are placed side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse
from ats_sim.progress import Steps
from ats_sim.reconstruction.capture.format import Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.processes import side_by_side
from ats_sim.reconstruction.registration.cameras import RegisteredVideo
from ats_sim.reconstruction.registration.growth import Growth
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.observation import Observation, stacked
from ats_sim.reconstruction.registration.preparation import Prepared, prepare
from ats_sim.reconstruction.registration.trajectory import spread_correction
from ats_sim.reconstruction.registration.verifier import surface_share
from ats_sim.reconstruction.registration.video_registration import Track, register_segment

SHORTEST_SEGMENT = 3
LEAST_FRAMES = 0.5
WORTH_PROCESSES = 300
"""Frames from which on starting processes, each with a copy of the map, takes less time than it saves."""


def place_videos(
    scene: Map, videos: Sequence[Video], config: ReconstructConfig, progress: Steps | None = None
) -> Iterator[tuple[str, RegisteredVideo, Growth | None]]:
    """Place every video and yield its name, its cameras and, where accepted, what it adds to the map, in the order
    given; on the CPU as many at once as `workers`, with equal results. `progress` advances by two steps a frame."""
    alone = config.device != "cpu" or config.workers < 2 or len(videos) < 2
    if alone or sum(map(len, videos)) < WORTH_PROCESSES:
        for video in videos:
            yield video.name, *place_video(scene, video, config, progress)
        return
    work = partial(place_video, scene, config=config)
    for video, found in zip(videos, side_by_side(work, videos, config.workers), strict=True):
        yield video.name, *found
        if progress is not None:
            progress.advance(2 * len(video))


def place_video(
    scene: Map, video: Video, config: ReconstructConfig, progress: Steps | None = None
) -> tuple[RegisteredVideo, Growth | None]:
    """Find the cameras of one video. Its observations are large: they live no longer than this."""
    prepared = prepare(video, config, progress)
    found = _register_video(scene, prepared, config)
    if progress is not None:
        progress.advance(len(video))
    return found, Growth.of(prepared, found) if found.accepted else None


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
    extra = {"margin": track.margin, "agreement": track.agreement}
    return quality | {name: value for name, value in extra.items() if np.isfinite(value)}


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
