"""Planted wrong places are never accepted, and what cannot be told apart is said to be ambiguous."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3, inverse, rigid, yaw_matrix
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.writer import CaptureWriter
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.hypotheses import hypotheses
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.keypoints import FrameKeypoints
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.neural.frame_poses import FramePoses
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.registration.observation import Observation, surface_points
from ats_sim.reconstruction.registration.odometry import device_odometry
from ats_sim.reconstruction.registration.register import register
from ats_sim.reconstruction.registration.verifier import (
    HOPEFUL_COLOR,
    LEAST_COLOR,
    LEAST_SURFACE,
    Verdict,
    verify,
)
from ats_sim.reconstruction.registration.video_registration import Track
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from tests.toy_room import CAMERA, FLOOR, SIZE, drifting, pose_errors, room, walk

SMALL = CAMERA.resized(80, 60)


def fused(home: TriangleMesh) -> TsdfVolume:
    volume = TsdfVolume.empty(np.array([-0.2, -0.2, FLOOR - 0.2]), SIZE + [0.2, 0.2, FLOOR + 0.2], 0.05)
    caster = Raycaster(home)
    for T in walk(40, 1, spread=4 * np.pi):
        depth, _, rgb = caster.render(CAMERA, T)
        volume.integrate(depth, rgb, CAMERA, T)
    return volume


def seen(home: TriangleMesh, cameras: Array) -> tuple[Array, Array]:
    caster, points = Raycaster(home), []
    for T in cameras:
        depth, _, rgb = caster.render(SMALL, T)
        points.append(surface_points(np.clip(rgb * [1.1, 0.9, 0.8], 0, 255), depth, SMALL, None))
    return np.stack([p for p, _ in points]), np.stack([c for _, c in points])


@pytest.fixture(scope="module")
def volume() -> TsdfVolume:
    return fused(room())


def test_the_true_place_is_accepted_and_planted_wrong_ones_never(volume: TsdfVolume) -> None:
    rng = np.random.default_rng(0)
    truth = walk(10, 12, spread=1.3 * np.pi)
    points, colors = seen(room(), truth)
    assert verify(volume, points, colors, truth).decision == "accept"
    centre = truth[:, :3, 3].mean(0)
    middle, back = rigid(np.eye(3), centre), rigid(np.eye(3), -centre)
    wrong = [rigid(yaw_matrix(angle), np.zeros(3)) for angle in np.radians(np.arange(20, 345, 15))]
    for _ in range(40):
        way = rng.normal(size=2)
        shift = np.append(way / np.linalg.norm(way) * rng.uniform(0.4, 1.5), rng.normal(scale=0.05))
        wrong.append(rigid(exp_so3(np.array([0, 0, rng.uniform(-0.3, 0.3)])), shift))
    decisions = [verify(volume, points, colors, middle @ T @ back @ truth).decision for T in wrong]
    assert "accept" not in decisions and decisions.count("reject") > 0.8 * len(wrong)


def test_a_video_of_another_home_is_rejected_wherever_it_is_put(volume: TsdfVolume) -> None:
    truth = walk(10, 12, spread=1.3 * np.pi)
    points, colors = seen(room(99), truth)
    for angle in np.radians(np.arange(0, 360, 30)):
        verdict = verify(volume, points, colors, rigid(yaw_matrix(angle), np.zeros(3)) @ truth)
        assert verdict.decision != "accept" and verdict.reason


def test_a_verdict_says_which_number_failed_and_how_badly() -> None:
    good = Verdict(0.97, 0.02, 0.9, 0.95)
    assert good.decision == "accept" and not good.reason
    doubtful = Verdict(0.97, 0.02, 0.5 * (LEAST_COLOR + HOPEFUL_COLOR), 0.95)
    assert doubtful.decision == "review" and "colours" in doubtful.reason
    hopeless = Verdict(0.97, 0.02, HOPEFUL_COLOR - 0.1, 0.95)
    assert hopeless.decision == "reject" and "colours" in hopeless.reason
    assert Verdict(0.2, 0.02, 0.9, 0.95).decision == "reject" and "surfaces" in Verdict(0.2, 0.02, 0.9, 0.95).reason
    assert Verdict(LEAST_SURFACE, 0.9, 0.9, 0.9).decision == "reject"
    assert Verdict(0.97, 0.02, 0.9, 0.05).decision == "reject"


def test_a_close_rival_turns_acceptance_into_review() -> None:
    fine = Verdict(0.97, 0.02, 0.9, 0.95)
    poses, matches = np.tile(np.eye(4), (3, 1, 1)), np.zeros(3, dtype=np.int64)
    assert Track(poses, matches, fine, 1.0, margin=0.5).reason == ""
    close = Track(poses, matches, fine, 1.0, margin=0.01)
    assert close.decision == "review" and close.reason.startswith("review: ambiguous")
    bad = Track(poses, matches, Verdict(0.2, 0.6, 0.0, 0.9), 1.0, margin=0.01)
    assert bad.decision == "reject" and "ambiguous" not in bad.reason


def symmetric_room() -> TriangleMesh:
    """A room that looks the same after half a turn: both mirror images of its half, back to back."""
    whole = room()
    middle = np.array([SIZE[0] / 2, SIZE[1] / 2, 0.0])
    half = whole.faces[whole.vertices[whole.faces].mean(1)[:, 0] < middle[0]]
    part = TriangleMesh(whole.vertices, half, whole.colors)
    turn = rigid(np.eye(3), middle) @ rigid(yaw_matrix(np.pi), np.zeros(3)) @ rigid(np.eye(3), -middle)
    return merge([part, part.transformed(turn)])


def test_in_a_symmetric_room_the_verdict_is_ambiguous(tmp_path: Path) -> None:
    home, writer = symmetric_room(), CaptureWriter(tmp_path / "c", quality=97)
    caster = Raycaster(home)
    with writer.recording("walkthrough", CAMERA, 5.0) as video:
        for i, T in enumerate(walk(40, 1, spread=4 * np.pi)):
            depth, _, rgb = caster.render(CAMERA, T)
            video.add(i / 5.0, rgb, depth, T_world_camera=T)
    cameras = walk(12, 12, spread=1.2 * np.pi)
    with writer.recording("v00", CAMERA, 5.0, pose_source="odometry") as video:
        for i, (T, reported) in enumerate(zip(cameras, drifting(cameras, 20), strict=True)):
            depth, _, rgb = caster.render(CAMERA, T)
            video.add(i / 5.0, rgb, depth, T_world_camera=reported)
    writer.finish(walkthrough="walkthrough", videos=["v00"], provenance="a room like its own mirror image")
    found = register(Capture.open(tmp_path / "c"), ReconstructConfig(preset="fast")).videos["v00"]
    assert not found.accepted and "review: ambiguous" in found.reason, found.reason
    assert found.quality["margin"] < 0.05


class Oracle:
    """Knows two thirds of the frames, and is sure of one wrong pose."""

    def __init__(self, truth: Array) -> None:
        self.truth = truth
        self.asked_level: list[bool] = []

    def locate_frames(self, views: object, T_odometry_camera: Array | None) -> FramePoses:
        self.asked_level.append(T_odometry_camera is not None)
        poses, weights = self.truth.copy(), np.full(len(self.truth), 0.5)
        poses[::3, :3, 3] += [3.0, -2.0, 0.4]
        poses[0, :3, 3] += 9.0
        weights[0] = 1.0
        return FramePoses(np.arange(len(poses)), poses, weights)

    def place_video(self, views: object, T_odometry_camera: Array, *, level: bool) -> tuple[Array, float] | None:
        return None

    def study(self, views: object, T_world_camera: Array) -> None:
        """Nothing."""


def test_a_learned_localizer_is_asked_where_it_is_named(volume: TsdfVolume) -> None:
    truth = walk(9, 12)
    odometry = device_odometry(drifting(truth, 3), np.arange(9) / 5.0)
    empty = FrameKeypoints(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 3)), np.zeros((0, 128), np.float32))
    view = View(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.float32), np.zeros((8, 8), bool), tiny())
    observations = [Observation(empty, np.full((5, 3), np.nan), np.zeros((5, 3), np.uint8), view) for _ in truth]
    oracle = Oracle(truth)
    scene = Map(volume, KeypointMap.build([], np.zeros((0, 4, 4))), {"neural": oracle})
    assert not hypotheses(scene, observations, odometry, CAMERA, generators=("keypoints",))
    [(T, _), (rival, _)] = hypotheses(scene, observations, odometry, CAMERA, generators=("keypoints", "neural"))
    assert pose_errors(rival @ odometry.T_odometry_camera, truth)[1].min() > 2, "the rest agrees on another place"
    assert oracle.asked_level == [True]
    assert pose_errors(T @ odometry.T_odometry_camera, truth)[1].max() < 0.05
    [(best, _)] = hypotheses(scene, observations, odometry, CAMERA, generators=("neural",), best_frame=True)
    assert np.linalg.norm((best @ odometry.T_odometry_camera @ inverse(truth))[0, :3, 3]) > 5


def tiny() -> Intrinsics:
    return Intrinsics(8.0, 8.0, 3.5, 3.5, 8, 8)


def test_generators_follow_method_and_ablation() -> None:
    assert ReconstructConfig().generators == ("keypoints", "geometry")
    assert ReconstructConfig(method="full").generators == ("keypoints", "neural", "geometry")
    assert ReconstructConfig(method="full", ablate=("localizer",)).generators == ("keypoints", "geometry")
    paper = ReconstructConfig(hypotheses=("regression",), ablate=("consensus",))
    assert paper.generators == ("regression",)
    with pytest.raises(ValueError, match="no hypotheses"):
        ReconstructConfig(ablate=("keypoints", "geometry"))
