"""Where a whole video might lie in the map: several generators guess, in the order they are named.

Keypoints and learned localizers place single frames; a video's frames then agree on one transform of its odometry, or,
where that is ablated, the single best frame decides, as in Yang et al. 2024. Geometry places the whole cloud at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse
from ats_sim.reconstruction.config import Hypothesis
from ats_sim.reconstruction.registration.consensus import agree
from ats_sim.reconstruction.registration.geometric_search import search
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.localizer import locate
from ats_sim.reconstruction.registration.neural.frame_poses import FrameLocalizer, FramePoses
from ats_sim.reconstruction.registration.observation import Observation, stacked
from ats_sim.reconstruction.registration.odometry import Odometry
from ats_sim.reconstruction.thinning import evenly

COARSE_FRAMES = 14
LEARNED_FRAMES = 24
LEARNED_MODES = 3
FEWEST_OF_RIVAL = 2
"""Frames that a second or third transform needs to be worth trying."""
FEWEST_INLIERS = 9
MOST_INLIERS = 60
SURE_WEIGHT = 60.0
CLASSICAL: tuple[Hypothesis, ...] = ("keypoints", "geometry")


def hypotheses(
    scene: Map,
    observations: Sequence[Observation],
    odometry: Odometry,
    intrinsics: Intrinsics,
    *,
    generators: Sequence[Hypothesis] = CLASSICAL,
    best_frame: bool = False,
    seed: int = 0,
) -> list[tuple[Array, float]]:
    """Transforms (T_world_odometry, support), in the generators' order; geometry only where keypoints are unsure."""
    found: list[tuple[Array, float]] = []
    sure = False
    for name in generators:
        if name == "keypoints":
            poses = keypoint_poses(scene.keypoints, observations, intrinsics, seed)
            found += of_whole_video(poses, odometry, best_frame=best_frame)
            sure = bool(found) and found[-1][1] >= SURE_WEIGHT
        elif name == "geometry":
            if odometry.gravity and not sure:
                points, _ = stacked(observations)
                found += [(T, 0.0) for T in search(scene.volume, points, odometry.T_odometry_camera)]
        elif name in scene.localizers:
            found += from_localizer(scene.localizers[name], observations, odometry, best_frame=best_frame)
    return found


def keypoint_poses(
    keypoints: KeypointMap, observations: Sequence[Observation], intrinsics: Intrinsics, seed: int
) -> FramePoses:
    """Poses of some frames from their keypoints, weighted by how many matches agree."""
    found = []
    for i in evenly(len(observations), COARSE_FRAMES):
        query, index = keypoints.match(observations[i].keypoints.descriptors)
        pose = locate(observations[i].keypoints.pixels[query], keypoints.points[index], intrinsics, seed=seed)
        if pose is not None and pose.support >= FEWEST_INLIERS:
            found.append((int(i), pose.T_world_camera, min(pose.support, MOST_INLIERS) - FEWEST_INLIERS + 1.0))
    return FramePoses.of(found)


def from_localizer(
    localizer: FrameLocalizer, observations: Sequence[Observation], odometry: Odometry, *, best_frame: bool
) -> list[tuple[Array, float]]:
    """What a learned localizer makes of some frames one by one, and of all of them together."""
    chosen = [i for i in evenly(len(observations), LEARNED_FRAMES) if observations[i].view is not None]
    views = [view for i in chosen if (view := observations[i].view) is not None]
    known = odometry.T_odometry_camera[chosen]
    poses = localizer.locate_frames(views, known if odometry.gravity else None)
    frames = FramePoses(np.array(chosen, dtype=np.int64)[poses.frames], poses.T_world_camera, poses.weights)
    found = of_whole_video(frames, odometry, best_frame=best_frame, modes=LEARNED_MODES)
    if not best_frame and len(views) > 1:
        together = localizer.place_video(views, known, level=odometry.gravity)
        found += [] if together is None else [(together[0], together[1] * len(views))]
    return found


def of_whole_video(
    poses: FramePoses, odometry: Odometry, *, best_frame: bool, modes: int = 1
) -> list[tuple[Array, float]]:
    """Transforms of the odometry from single frames: the best frame's alone, or what most frames agree on, then what
    most of the rest agree on, at most `modes` times; none without any frame."""
    if not len(poses.frames):
        return []
    known = odometry.T_odometry_camera[poses.frames]
    if best_frame:
        best = int(np.argmax(poses.weights))
        return [(poses.T_world_camera[best] @ inverse(known[best]), float(poses.weights[best]))]
    found: list[tuple[Array, float]] = []
    left = np.arange(len(known))
    while len(found) < modes:
        agreed = agree(poses.T_world_camera[left], known[left], poses.weights[left])
        if agreed is None:
            break
        left = left[~agreed.supporters]
        if not found or agreed.supporters.sum() >= FEWEST_OF_RIVAL:
            found.append((agreed.T_world_odometry, agreed.weight))
    return found
