"""The final scene: walkthrough and accepted videos fused, held-out frames left out."""

from __future__ import annotations

import numpy as np

from ats_sim.errors import ReconstructionError
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.reconstruction.scene.fusion import VIDEO_WEIGHT, PosedFrames, empty_volume, fuse, held_out
from ats_sim.reconstruction.scene.scene_map import SceneMap
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

LEAST_CONFIDENCE = 0.5
WALKTHROUGH_SHARE = 0.5


def build_scene(capture: Capture, cameras: Cameras, config: ReconstructConfig) -> SceneMap:
    """Fuse the walkthrough first (it shows the home without the agent), then of each accepted video the frames that are
    sure, without the agent and without what stands in the walkthrough's free space.

    Raises:
        ReconstructionError: If no frame can be fused.
    """
    config = config.resolved()
    budget, voxel_size = config.max_fused_frames or 500, config.voxel_size or 0.04
    scan = _walkthrough(capture, budget)
    videos = [] if "videos-in-scene" in config.ablate and scan else _videos(capture, cameras, budget, bool(scan))
    parts = [*scan, *videos]
    if not parts:
        raise ReconstructionError(f"{capture.folder}: no walkthrough and no registered frame, nothing to fuse")
    volume = empty_volume(parts, voxel_size)
    for part in scan:
        fuse(volume, part, use_masks=False)
    static = (
        TsdfVolume(
            volume.origin,
            volume.voxel_size,
            volume.truncation,
            volume.distance.copy(),
            volume.weight.copy(),
            volume.color,
        )
        if scan
        else None
    )
    for part in videos:
        fuse(volume, part, use_masks=config.masks, static=static)
    return SceneMap.of(volume)


def _walkthrough(capture: Capture, budget: int) -> list[PosedFrames]:
    scan = capture.walkthrough
    if scan is None or scan.T_world_camera is None:
        return []
    everything = PosedFrames(scan, np.arange(len(scan)), scan.T_world_camera)
    return [everything.thinned(max(1, int(budget * WALKTHROUGH_SHARE)))]


def _videos(capture: Capture, cameras: Cameras, budget: int, scanned: bool) -> list[PosedFrames]:
    accepted = [video for video in capture.videos if video.name in cameras.accepted()]
    share = max(1, int(budget * ((1.0 - WALKTHROUGH_SHARE) if scanned else 1.0)) // max(len(accepted), 1))
    parts = []
    for video in accepted:
        estimated = cameras.videos[video.name]
        sure = estimated.registered & (estimated.confidence >= LEAST_CONFIDENCE)
        indices = np.flatnonzero(sure & ~held_out(np.arange(len(video))))
        if len(indices):
            weight = VIDEO_WEIGHT if scanned else 1.0
            parts.append(PosedFrames(video, indices, estimated.T_world_camera[indices], weight).thinned(share))
    return parts
