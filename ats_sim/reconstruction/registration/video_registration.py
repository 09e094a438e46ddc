"""One video into the map: coarse hypotheses, consensus, refinement of the whole trajectory, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.config import Hypothesis
from ats_sim.reconstruction.registration.hypotheses import CLASSICAL, SURE_WEIGHT, hypotheses
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.observation import Observation, stacked
from ats_sim.reconstruction.registration.odometry import Odometry
from ats_sim.reconstruction.registration.terms import KeypointTerm, SurfaceTerm
from ats_sim.reconstruction.registration.trajectory import PoseTerm, RelativeMotion, refine
from ats_sim.reconstruction.registration.verifier import LEAST_MARGIN, Decision, Verdict, verify

SEARCH_RADII = (0.12, 0.05, 0.03)
SAME_TRACK = 0.3
HOPELESS = 0.45
WORTH_REFINING = 0.4
"""How much worse a twin may fit before its refinement."""
COLOR_OF_SHAPE = 0.6
"""Colour correlation that a place must have which shape alone proposed: rooms of one home are of one build, and against
a map of few views a wrong one fits with 0.43."""


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
    def ambiguous(self) -> bool:
        """Whether another place fits almost as well."""
        return self.margin < LEAST_MARGIN

    @property
    def unsupported(self) -> bool:
        """Whether no picture proposed the place and colours do not make up for it."""
        return self.support <= 0 and self.verdict.color < COLOR_OF_SHAPE

    @property
    def decision(self) -> Decision:
        """The verdict's; what is ambiguous, or fits by shape alone, is for review however well it fits."""
        doubtful = self.ambiguous or self.unsupported
        return "review" if self.verdict.decision == "accept" and doubtful else self.verdict.decision

    @property
    def reason(self) -> str:
        """Why it is not to be trusted, after what became of it; empty if it is."""
        if self.decision == "accept":
            return ""
        if self.ambiguous and self.decision == "review":
            return f"review: ambiguous, two places fit it almost equally well (score margin {self.margin:.2f})"
        if self.unsupported and not self.verdict.reason:
            return (
                "review: only its shape proposed this place, and its colours fit too little for that "
                f"(correlation {self.verdict.color:.2f}, want {COLOR_OF_SHAPE:.2f})"
            )
        return f"{self.decision}: {self.verdict.reason}"


def register_segment(
    scene: Map,
    observations: Sequence[Observation],
    odometry: Odometry,
    intrinsics: Intrinsics,
    *,
    generators: Sequence[Hypothesis] = CLASSICAL,
    ablate: Sequence[str] = (),
    seed: int = 0,
) -> Track | None:
    """Register consecutive frames whose odometry hangs together; None where no hypothesis was found."""
    points, colors = stacked(observations)
    best: Track | None = None
    rival = -np.inf
    guesses = hypotheses(
        scene,
        observations,
        odometry,
        intrinsics,
        generators=generators,
        best_frame="consensus" in ablate,
        seed=seed,
    )
    for T, support in guesses:
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
    if best is None:
        return None
    if best.verdict.decision == "accept":
        rival = max(rival, _score_of_twins(scene, observations, odometry, intrinsics, best))
    return replace(best, margin=best.verdict.score - rival)


def _score_of_twins(
    scene: Map, observations: Sequence[Observation], odometry: Odometry, intrinsics: Intrinsics, track: Track
) -> float:
    """Best score where the map's symmetries put a track."""
    points, colors = stacked(observations)
    best = -np.inf
    for motion in scene.symmetries:
        poses = motion @ track.T_world_camera
        verdict = verify(scene.volume, points, colors, poses)
        if verdict.surface > HOPELESS and track.verdict.score - verdict.score < WORTH_REFINING:
            poses, _ = refine_track(scene, observations, odometry, intrinsics, poses)
            verdict = verify(scene.volume, points, colors, poses)
        if not _same_place(track, replace(track, T_world_camera=poses)):
            best = max(best, verdict.score)
    return best


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
