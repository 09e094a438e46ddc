"""Every video of a capture into one frame: the walkthrough's, or without one the best-covered video's.

Videos are registered to the map, those that pass the verifier make it grow, and those that did not are tried again
against the larger map until a round adds nothing. What is left is rejected with its reason, never guessed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ats_sim.errors import ReconstructionError
from ats_sim.progress import Steps, steps
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.adjustment.stage import adjust_registered, adjusts
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.registration.growth import Growth, grow
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.learned import learns, only_learns, with_localizers
from ats_sim.reconstruction.registration.observation import observe
from ats_sim.reconstruction.registration.placement import place_videos
from ats_sim.reconstruction.registration.symmetry import symmetries
from ats_sim.reconstruction.scene.fusion import PosedFrames, empty_volume, fuse
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.thinning import evenly

REGISTRATION_VOXEL = 0.04


def register(capture: Capture, config: ReconstructConfig, cache: Path | None = None) -> Cameras:
    """Register all videos of a capture; what is learned for it is kept in the folder `cache`, where one is given.

    Raises:
        ReconstructionError: If there is no walkthrough and no video whose odometry could stand in for it.
    """
    config = config.resolved()
    done, base = place(capture, config, cache)
    if adjusts(config):
        done = adjust_registered(capture, base, done, config, cache)
    return Cameras({video.name: done[video.name] for video in capture.videos})


def place(
    capture: Capture, config: ReconstructConfig, cache: Path | None = None
) -> tuple[dict[str, RegisteredVideo], TsdfVolume]:
    """Registration up to bundle adjustment, which it leaves out: every video by name, and what it would be adjusted to,
    the map that the walkthrough (or the anchor video) alone made."""
    config = config.resolved()
    done: dict[str, RegisteredVideo] = {}
    work = sum(len(recording) for recording in capture.recordings) + sum(len(video) for video in capture.videos)
    with steps(work, "register") as progress:
        scene = _first_map(capture, config, done, progress)
        # Growing maps fuse videos in place; adjustment begins from what the walkthrough alone saw.
        base = scene.volume.copy() if adjusts(config) else scene.volume
        if only_learns(config):
            scene = with_localizers(scene, capture.walkthrough or _anchor(capture), config, cache)
        scene = replace(scene, symmetries=symmetries(scene.volume))
        pending = [video for video in capture.videos if video.name not in done]
        grown: list[Growth] = []
        while pending:
            fresh: list[Growth] = []
            again = any(video.name in done for video in pending)
            for name, found, growth in place_videos(scene, pending, config, None if again else progress):
                done[name] = found
                fresh += [] if growth is None else [growth]
            pending = [video for video in pending if not done[video.name].accepted]
            if not pending:
                break
            scene, grown = grow(scene, fresh, config), grown + fresh
            if not fresh:
                if scene.localizers or not learns(config):
                    break
                # Learning a home takes minutes: only what nothing else could place is worth it.
                scene = with_localizers(scene, capture.walkthrough or _anchor(capture), config, cache, grown)
            scene = replace(scene, symmetries=symmetries(scene.volume))
    return done, base


def _first_map(capture: Capture, config: ReconstructConfig, done: dict[str, RegisteredVideo], progress: Steps) -> Map:
    anchor = capture.walkthrough or _anchor(capture)
    poses = anchor.T_world_camera
    if poses is None:
        raise ReconstructionError(f"{anchor.folder}: has no poses, so it cannot define the scene frame")
    chosen = evenly(len(anchor), config.max_keyframes or len(anchor))
    use_mask = config.masks and capture.walkthrough is None
    frames = []
    for index in chosen:
        frames.append(observe(anchor, int(index), use_mask=use_mask, keypoints=config.keypoints_per_frame).keypoints)
    progress.advance(len(anchor))
    fused = evenly(len(anchor), config.max_fused_frames or 500)
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
