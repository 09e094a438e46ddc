"""What a home remembers of its videos: the animal's motion beside the camera that watched it, home frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import interpolate_poses
from ats_sim.reconstruction.agent.motion import VideoMotion
from ats_sim.recorded import Recording

if TYPE_CHECKING:
    from ats_sim.reconstruction.registration.cameras import Cameras

LONGEST_GAP = 0.5
"""Seconds between two registered cameras over which the observer may be interpolated."""
FEWEST = 2
"""Frames that make a recording."""


def recordings(cameras: Cameras, motions: Mapping[str, VideoMotion], T_home_scene: Array) -> list[Recording]:
    """One recording per accepted video that shows the agent, on the motion's 10 Hz clock."""
    found = []
    for name, video in cameras.videos.items():
        if not video.accepted or name not in motions:
            continue
        if int(video.registered.sum()) < FEWEST or len(motions[name].time) < FEWEST:
            continue
        motion, times = motions[name], video.times[video.registered]
        poses = interpolate_poses(times, T_home_scene @ video.T_world_camera[video.registered], motion.time)
        found.append(
            Recording(
                name=name,
                time=motion.time,
                T_world_root=T_home_scene @ motion.T_world_root,
                joint_rotations=motion.joint_rotations,
                T_world_camera=poses,
                valid=motion.valid & _covered(times, motion.time),
                lens=video.intrinsics,
            )
        )
    return found


def _covered(times: Array, query: Array) -> Array:
    """Whether query times (M,) lie between two of the times (N,) that are not too far apart."""
    after = np.clip(np.searchsorted(times, query - 1e-6), 0, len(times) - 1)
    before = np.clip(np.searchsorted(times, query + 1e-6) - 1, 0, len(times) - 1)
    within = (query >= times[0] - 1e-6) & (query <= times[-1] + 1e-6)
    return np.asarray(within & (times[after] - times[before] <= LONGEST_GAP))
