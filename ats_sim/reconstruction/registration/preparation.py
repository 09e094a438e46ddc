"""A video made ready for registration: its keyframes observed, its own motion known."""

from __future__ import annotations

from dataclasses import dataclass

from ats_sim.arrays import Array
from ats_sim.progress import Steps
from ats_sim.reconstruction.capture.format import Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.keyframes import choose_keyframes
from ats_sim.reconstruction.registration.observation import Observation, observe
from ats_sim.reconstruction.registration.odometry import Odometry, device_odometry, visual_odometry


@dataclass(frozen=True, eq=False)
class Prepared:
    """A video's keyframes, observed, and its motion."""

    video: Video
    keyframes: Array
    """(K,) frame indices."""
    observations: list[Observation]
    """K of them."""
    odometry: Odometry
    """Of all N frames."""


def prepare(video: Video, config: ReconstructConfig, progress: Steps | None = None) -> Prepared:
    """Observe a video's keyframes (all frames where it has no odometry, to make one)."""

    def seen(index: int) -> Observation:
        if progress is not None:
            progress.advance()
        return observe(video, index, use_mask=config.masks, keypoints=config.keypoints_per_frame)

    if video.T_world_camera is not None:
        odometry = device_odometry(video.T_world_camera, video.times)
        keyframes = choose_keyframes(odometry.T_odometry_camera, video.times)
        observations = [seen(int(index)) for index in keyframes]
        if progress is not None:
            progress.advance(len(video) - len(keyframes))
        return Prepared(video, keyframes, observations, odometry)
    everything = [seen(index) for index in range(len(video))]
    odometry = visual_odometry([o.keypoints for o in everything], video.intrinsics, seed=config.seed)
    keyframes = choose_keyframes(odometry.T_odometry_camera, video.times)
    return Prepared(video, keyframes, [everything[index] for index in keyframes], odometry)
