"""What a registered video adds to the map that the remaining ones are tried against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.cameras import RegisteredVideo
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.registration.preparation import Prepared
from ats_sim.reconstruction.scene.fusion import VIDEO_WEIGHT, PosedFrames, fuse, held_out
from ats_sim.reconstruction.thinning import evenly

KEYPOINT_FRAMES = 40
DEPTH_FRAMES = 80


@dataclass(frozen=True, eq=False)
class Growth:
    """Keypoints and frames of one registered video; held-out frames are not among them."""

    keypoints: KeypointMap
    """Of some keyframes."""
    frames: PosedFrames
    """Whose depth may be fused."""
    views: tuple[View, ...]
    """Small pictures of some keyframes, for learned localizers."""
    T_world_view: Array
    """(V, 4, 4) their cameras."""

    @classmethod
    def of(cls, prepared: Prepared, cameras: RegisteredVideo) -> Growth:
        """Pick evenly among the registered keyframes."""
        usable = np.flatnonzero(cameras.registered[prepared.keyframes] & ~held_out(prepared.keyframes))
        few = usable[evenly(len(usable), KEYPOINT_FRAMES)]
        keypoints = KeypointMap.build(
            [prepared.observations[i].keypoints for i in few], cameras.T_world_camera[prepared.keyframes[few]]
        )
        seen = [i for i in few if prepared.observations[i].view is not None]
        views = tuple(view for i in seen if (view := prepared.observations[i].view) is not None)
        indices = prepared.keyframes[usable]
        frames = PosedFrames(prepared.video, indices, cameras.T_world_camera[indices], VIDEO_WEIGHT)
        return cls(keypoints, frames.thinned(DEPTH_FRAMES), views, cameras.T_world_camera[prepared.keyframes[seen]])

    def added(self, scene: Map, config: ReconstructConfig) -> Map:
        """The map with this video in it; the volume is updated in place."""
        label = f"grow by {self.frames.video.name}"
        fuse(scene.volume, self.frames, use_masks=config.masks, static=scene.volume, label=label)
        return replace(scene, keypoints=scene.keypoints.joined(self.keypoints))


def grow(scene: Map, fresh: Sequence[Growth], config: ReconstructConfig) -> Map:
    """The map with several videos in it; its localizers learn from all of them at once."""
    for growth in fresh:
        scene = growth.added(scene, config)
    for localizer in scene.localizers.values() if fresh else ():
        localizer.study(*pictures_of(fresh))
    return scene


def pictures_of(grown: Sequence[Growth]) -> tuple[list[View], Array]:
    """Small pictures of all of them, and their cameras (V,4,4)."""
    cameras = [np.zeros((0, 4, 4)), *(growth.T_world_view for growth in grown)]
    return [view for growth in grown for view in growth.views], np.concatenate(cameras)
