"""One video into the map: coarse hypotheses, consensus, refinement of the whole trajectory, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.registration.consensus import agree
from ats_sim.reconstruction.registration.geometric_search import search
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.localizer import locate
from ats_sim.reconstruction.registration.observation import Observation, stacked
from ats_sim.reconstruction.registration.odometry import Odometry
from ats_sim.reconstruction.registration.terms import KeypointTerm, SurfaceTerm
from ats_sim.reconstruction.registration.trajectory import PoseTerm, RelativeMotion, refine
from ats_sim.reconstruction.registration.verifier import LEAST_MARGIN, Verdict, verify
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

COARSE_FRAMES = 14
FEWEST_INLIERS = 9
SURE_WEIGHT = 60.0
SEARCH_RADII = (0.12, 0.05, 0.03)
SAME_TRACK = 0.3
HOPELESS = 0.45


@dataclass(frozen=True, eq=False)
class Map:
    """What videos are registered to."""

    volume: TsdfVolume
    """Surface and free space."""
    keypoints: KeypointMap
    """Keypoints of the frames that made it."""


@dataclass(frozen=True, eq=False)
class Track:
    """A segment's cameras in the map."""

    T_world_camera: Array
    """(N, 4, 4)."""
    matches: Array
    """(N,) keypoint matches that agree."""
    verdict: Verdict
    """Of the whole segment."""
    support: float
    """Weight of the single frames behind the coarse transform."""
    margin: float = np.inf
    """Score over the best hypothesis that puts the video elsewhere; infinite where there was none."""

    @property
    def reason(self) -> str:
        """Why it is not to be trusted; empty if it is."""
        if not self.verdict.reason and self.margin < LEAST_MARGIN:
            return f"two places fit it almost equally well (score margin {self.margin:.2f})"
        return self.verdict.reason


def coarse_transform(
    scene: Map,
    observations: Sequence[Observation],
    odometry: Odometry,
    intrinsics: Intrinsics,
    ablate: Sequence[str],
    seed: int,
) -> list[tuple[Array, float]]:
    """Hypotheses (T_world_odometry, support), keypoints' first; geometry is asked where keypoints are not sure."""
    found: list[tuple[Array, float]] = []
    if "keypoints" not in ablate:
        found += _from_keypoints(scene, observations, odometry, intrinsics, ablate, seed)
    if "geometry" not in ablate and odometry.gravity and (not found or found[0][1] < SURE_WEIGHT):
        points, _ = stacked(observations)
        found += [(T, 0.0) for T in search(scene.volume, points, odometry.T_odometry_camera)]
    return found


def register_segment(
    scene: Map,
    observations: Sequence[Observation],
    odometry: Odometry,
    intrinsics: Intrinsics,
    *,
    ablate: Sequence[str] = (),
    seed: int = 0,
) -> Track | None:
    """Register consecutive frames whose odometry hangs together; None where no hypothesis was found."""
    points, colors = stacked(observations)
    best: Track | None = None
    rival = -np.inf
    for T, support in coarse_transform(scene, observations, odometry, intrinsics, ablate, seed):
        poses = T @ odometry.T_odometry_camera
        matches = np.zeros(len(poses), dtype=np.int64)
        verdict = verify(scene.volume, points, colors, poses)
        if "refinement" not in ablate and verdict.surface > HOPELESS:
            poses, matches = refine_track(scene, observations, odometry, intrinsics, poses)
            verdict = verify(scene.volume, points, colors, poses)
        track = Track(poses, matches, verdict, support)
        if best is None or track.verdict.score > best.verdict.score:
            best, track = track, best or track
        if not _same_place(best, track):
            rival = max(rival, track.verdict.score)
        if support >= SURE_WEIGHT and not track.verdict.reason:
            break
    return None if best is None else replace(best, margin=best.verdict.score - rival)


def _same_place(first: Track, second: Track) -> bool:
    away = np.linalg.norm(first.T_world_camera[:, :3, 3] - second.T_world_camera[:, :3, 3], axis=1)
    return bool(away.mean() < SAME_TRACK)


def refine_track(
    scene: Map, observations: Sequence[Observation], odometry: Odometry, intrinsics: Intrinsics, poses: Array
) -> tuple[Array, Array]:
    """Alternate guided matching (ever closer) and Gauss-Newton over the whole segment. Returns poses (N,4,4) and how
    many matches agree with each (N,)."""
    motion = RelativeMotion.of(
        odometry.T_odometry_camera, odometry.segment, odometry.sigma_position, odometry.sigma_rotation
    )
    points, _ = stacked(observations)
    matches = np.zeros(len(poses), dtype=np.int64)
    for radius in SEARCH_RADII:
        terms: list[PoseTerm] = [SurfaceTerm(scene.volume, points)]
        keypoints = guided_matches(scene.keypoints, observations, intrinsics, poses, radius * intrinsics.fl_x)
        if len(keypoints.frame):
            terms.append(keypoints)
        poses = refine(poses, terms, motion, iterations=12)
        matches = keypoints.agreeing(poses)
    return poses, matches


def guided_matches(
    keypoints: KeypointMap, observations: Sequence[Observation], intrinsics: Intrinsics, poses: Array, radius: float
) -> KeypointTerm:
    """Matches of every frame with map points that project within `radius` pixels under its present pose."""
    frame, pixels, depth, points = [], [], [], []
    for i, observation in enumerate(observations):
        query, index = keypoints.match_near(observation.keypoints, intrinsics, poses[i], radius)
        frame.append(np.full(len(query), i))
        pixels.append(observation.keypoints.pixels[query])
        depth.append(observation.keypoints.depth[query])
        points.append(keypoints.points[index])
    return KeypointTerm(
        intrinsics, np.concatenate(frame), np.concatenate(pixels), np.concatenate(depth), np.concatenate(points)
    )


def _from_keypoints(
    scene: Map,
    observations: Sequence[Observation],
    odometry: Odometry,
    intrinsics: Intrinsics,
    ablate: Sequence[str],
    seed: int,
) -> list[tuple[Array, float]]:
    poses, frames, weights = [], [], []
    for i in np.unique(np.linspace(0, len(observations) - 1, COARSE_FRAMES).astype(int)):
        query, index = scene.keypoints.match(observations[i].keypoints.descriptors)
        found = locate(observations[i].keypoints.pixels[query], scene.keypoints.points[index], intrinsics, seed=seed)
        if found is not None and found.support >= FEWEST_INLIERS:
            poses.append(found.T_world_camera)
            frames.append(i)
            weights.append(min(found.support, 60) - FEWEST_INLIERS + 1.0)
    if not poses:
        return []
    if "consensus" in ablate:
        best = int(np.argmax(weights))
        inverse_odometry = np.linalg.inv(odometry.T_odometry_camera[frames[best]])
        return [(poses[best] @ inverse_odometry, weights[best])]
    agreed = agree(np.stack(poses), odometry.T_odometry_camera[frames], np.array(weights))
    return [] if agreed is None else [(agreed.T_world_odometry, agreed.weight)]
