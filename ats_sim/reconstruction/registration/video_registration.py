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
"""Metres at a metre's distance within which keypoints are looked for, pass by pass."""
FARTHER = 0.25
FAR_MOVE = 0.1
"""Metres by which a frame may be corrected; where one moved more, some did not find back from farther, as those of a
device that loses a tenth of its way: then the first look goes as far as `FARTHER`."""
SAME_TRACK = 0.3
HOPELESS = 0.45
WORTH_REFINING = 0.4
"""How much worse a twin may fit before its refinement."""
LEAST_AGREEMENT = 0.3
"""Of keypoints that look alike near where they should be, 0.36 to 0.73 lie there in right places, at three stops more
or less of light too, and up to 0.24 in wrong ones whose shape and colours fit, of other homes of one build among them
(`benchmarks/verifier_calibration.py`)."""
FEWEST_ALIKE = 5
"""Such keypoints per frame, without which their share says nothing."""
COLOR_OF_SHAPE = 0.6
"""Colour correlation that a place must have instead where there are too few and shape alone proposed it."""


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

    agreement: float = np.nan
    """Share of the keypoints that look alike near where they should be that do lie there; NaN where too few do."""

    @property
    def unsupported(self) -> bool:
        """Whether what the pictures show in detail speaks for another place, or nothing but shape for this one."""
        if np.isfinite(self.agreement):
            return self.agreement < LEAST_AGREEMENT
        return self.support <= 0 and self.verdict.color < COLOR_OF_SHAPE

    @property
    def decision(self) -> Decision:
        """The verdict's; what is ambiguous or unsupported is for review however well it fits."""
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
            if np.isfinite(self.agreement):
                return (
                    f"review: it fits, but its details do not ({self.agreement:.0%} agree, want {LEAST_AGREEMENT:.0%})"
                )
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
        track = Track(poses, matches, verdict, support)
        if "refinement" not in ablate and verdict.surface > HOPELESS:
            track = _refined(scene, observations, odometry, intrinsics, track)
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
        if "refinement" not in ablate:
            # Before refinement right places are off by more than keypoints forgive.
            best = replace(best, agreement=agreement(scene, observations, intrinsics, best.T_world_camera))
    return replace(best, margin=best.verdict.score - rival)


def _refined(
    scene: Map, observations: Sequence[Observation], odometry: Odometry, intrinsics: Intrinsics, coarse: Track
) -> Track:
    """The track refined; with a farther first look too where frames moved far, and then the one that fits better."""
    points, colors = stacked(observations)
    best = coarse
    for radii in (SEARCH_RADII, (FARTHER, *SEARCH_RADII)):
        poses, matches = refine_track(scene, observations, odometry, intrinsics, coarse.T_world_camera, radii)
        found = replace(
            coarse, T_world_camera=poses, matches=matches, verdict=verify(scene.volume, points, colors, poses)
        )
        if best is coarse or found.verdict.score > best.verdict.score:
            best = found
        moved = np.linalg.norm(poses[:, :3, 3] - coarse.T_world_camera[:, :3, 3], axis=1)
        if moved.max() < FAR_MOVE:
            break
    return best


def agreement(scene: Map, observations: Sequence[Observation], intrinsics: Intrinsics, poses: Array) -> float:
    """Share of the keypoints that look alike near where they should be that do lie there, NaN where too few do."""
    matches = guided_matches(scene.keypoints, observations, intrinsics, poses, SEARCH_RADII[-1] * intrinsics.fl_x)
    if len(matches.frame) < FEWEST_ALIKE * len(poses):
        return np.nan
    return float(matches.agreeing(poses).sum() / len(matches.frame))


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
    scene: Map,
    observations: Sequence[Observation],
    odometry: Odometry,
    intrinsics: Intrinsics,
    poses: Array,
    radii: Sequence[float] = SEARCH_RADII,
) -> tuple[Array, Array]:
    """Alternate guided matching (ever closer) and Gauss-Newton over the whole segment. Returns poses (N,4,4) and how
    many matches agree with each (N,)."""
    motion = RelativeMotion.of(
        odometry.T_odometry_camera, odometry.segment, odometry.sigma_position, odometry.sigma_rotation
    )
    points, _ = stacked(observations)
    matches = np.zeros(len(poses), dtype=np.int64)
    for radius in radii:
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
