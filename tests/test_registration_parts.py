"""The pieces of registration against closed forms: consensus, the banded solver, every Jacobian, cameras.json."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import Intrinsics, exp_so3, inverse, rigid, transform_points, yaw_matrix
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.registration.consensus import agree
from ats_sim.reconstruction.registration.keyframes import choose_keyframes
from ats_sim.reconstruction.registration.keypoints import mutual_matches
from ats_sim.reconstruction.registration.odometry import device_odometry, drift_beside
from ats_sim.reconstruction.registration.terms import KeypointTerm, SurfaceTerm
from ats_sim.reconstruction.registration.trajectory import RelativeMotion, refine, spread_correction
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from tests.toy_room import drifting, pose_errors, walk

CAMERA = Intrinsics.from_fov(np.radians(60.0), 160, 120)


def exponential(step: Array) -> Array:
    """The update of the refinement: rotation and translation of steps (N, 6), uncoupled."""
    return rigid(exp_so3(step[:, :3]), step[:, 3:])


def test_consensus_survives_two_thirds_of_wild_frames() -> None:
    rng = np.random.default_rng(0)
    odometry = walk(30, 3)
    truth = rigid(yaw_matrix(1.1), np.array([2.0, -1.0, 0.3]))
    poses = (
        truth @ odometry @ rigid(exp_so3(rng.normal(scale=0.01, size=(30, 3))), rng.normal(scale=0.02, size=(30, 3)))
    )
    wild = rng.permutation(30)[:20]
    poses[wild] = rigid(exp_so3(rng.normal(size=(20, 3))), rng.uniform(-5, 5, size=(20, 3)))
    found = agree(poses, odometry, np.ones(30))
    assert found is not None and set(np.flatnonzero(found.supporters)) == set(range(30)) - set(wild.tolist())
    turn, away = pose_errors(found.T_world_odometry[None] @ odometry, truth @ odometry)
    assert turn.max() < 1.0 and away.max() < 0.04


def test_no_candidates_make_no_consensus() -> None:
    assert agree(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)), np.zeros(0)) is None


def test_odometry_alone_restores_its_own_steps() -> None:
    truth = walk(12, 4)
    motion = RelativeMotion.of(truth, np.zeros(12, int), np.full(11, 0.003), np.full(11, 0.002))
    rng = np.random.default_rng(1)
    bent = truth @ exponential(rng.normal(scale=0.02, size=(12, 6)))
    refined = refine(bent, [], motion, iterations=30)
    steps, wanted = inverse(refined[:-1]) @ refined[1:], inverse(truth[:-1]) @ truth[1:]
    np.testing.assert_allclose(steps, wanted, atol=1e-4)


def test_the_gradient_of_relative_motion_is_that_of_its_cost() -> None:
    truth, rng = walk(5, 5), np.random.default_rng(2)
    motion = RelativeMotion.of(truth, np.zeros(5, int), np.full(4, 0.1), np.full(4, 0.1))
    bent = truth @ exponential(rng.normal(scale=1e-3, size=(5, 6)))

    def cost(poses: Array) -> float:
        from ats_sim.geometry import log_so3

        error = inverse(motion.steps) @ inverse(poses[:-1]) @ poses[1:]
        turn = (log_so3(error[:, :3, :3]) / motion.sigma_rotation[:, None]) ** 2
        return float(0.5 * (turn.sum() + ((error[:, :3, 3] / motion.sigma_position[:, None]) ** 2).sum()))

    _check_gradient(motion.linearize(bent)[2], cost, bent, rtol=0.02)


def _check_gradient(gradient: Array, cost: object, poses: Array, rtol: float) -> None:
    assert callable(cost)
    step = 1e-5
    scale = np.abs(gradient).max()
    for frame in range(len(poses)):
        for axis in range(6):
            nudge = np.zeros((len(poses), 6))
            nudge[frame, axis] = step
            slope = (cost(poses @ exponential(nudge)) - cost(poses @ exponential(-nudge))) / (2 * step)
            assert abs(slope - gradient[frame, axis]) < rtol * scale


def test_keypoints_pull_a_camera_back_to_where_they_were_seen() -> None:
    truth, rng = walk(4, 6), np.random.default_rng(3)
    local = np.column_stack([rng.uniform(-1, 1, 80), rng.uniform(-0.7, 0.7, 80), rng.uniform(1.5, 4, 80)])
    frame = np.repeat(np.arange(4), 20)
    points = transform_points(truth[frame], local[:, None])[:, 0]
    u, v, z = CAMERA.project(local)
    points[::7] += 1.0
    term = KeypointTerm(CAMERA, frame, np.stack([u, v], 1), np.where(np.arange(80) % 2, z, 0.0), points)
    motion = RelativeMotion.of(truth, np.zeros(4, int), np.full(3, 10.0), np.full(3, 10.0))
    bent = truth @ exponential(rng.normal(scale=0.01, size=(4, 6)))
    turn, away = pose_errors(refine(bent, [term], motion, iterations=30), truth)
    assert turn.max() < 0.2 and away.max() < 0.01
    assert term.agreeing(truth).sum() == 80 - len(range(0, 80, 7))


def test_depth_is_pulled_onto_the_surface() -> None:
    """Three planes of a corner fix all six degrees of freedom."""
    volume = TsdfVolume.empty(np.full(3, -0.3), np.full(3, 1.5), 0.05)
    grid = np.stack(np.meshgrid(*[np.arange(n) * 0.05 - 0.3 for n in volume.shape], indexing="ij"), -1)
    volume.distance[:] = np.clip(grid.min(axis=-1), -volume.truncation, volume.truncation)
    volume.weight[:] = 1.0
    rng = np.random.default_rng(4)
    world = rng.uniform(0.1, 1.2, size=(1, 300, 3))
    world[0, np.arange(300), np.arange(300) % 3] = 0.0
    truth = rigid(exp_so3(np.array([[0.3, -0.2, 0.5]])), np.array([[0.8, 0.9, 1.0]]))
    term = SurfaceTerm(volume, transform_points(inverse(truth), world))
    motion = RelativeMotion.of(truth, np.zeros(1, int), np.zeros(0), np.zeros(0))
    bent = truth @ exponential(np.array([[0.02, -0.03, 0.02, 0.03, -0.02, 0.02]]))
    turn, away = pose_errors(refine(bent, [term], motion, iterations=20), truth)
    assert turn.max() < 0.05 and away.max() < 0.001


def test_a_correction_at_keyframes_reaches_the_frames_between() -> None:
    odometry = drifting(walk(11, 7), 8)
    moved = rigid(yaw_matrix(0.7), np.array([1.0, 2.0, 0.1])) @ odometry
    keyframes = np.array([0, 4, 10])
    np.testing.assert_allclose(spread_correction(moved[keyframes], keyframes, odometry), moved, atol=1e-9)


@pytest.mark.parametrize(("jump", "segments"), [(0.1, 1), (3.0, 2)])
def test_a_jump_of_the_device_cuts_its_track(jump: float, segments: int) -> None:
    poses = walk(20, 9, spread=1.0)
    poses[10:, 0, 3] += jump
    assert len(np.unique(device_odometry(poses, np.arange(20) / 5.0).segment)) == segments


@pytest.mark.parametrize("share", [0.0, 0.03])
def test_the_drift_of_a_device_is_told_from_registered_cameras(share: float) -> None:
    """A straight way of 10 m that the device takes for longer, in a frame of its own; a lost track does not count."""
    truth = np.tile(np.eye(4), (101, 1, 1))
    truth[:, 0, 3] = np.linspace(0.0, 10.0, 101)
    told = rigid(yaw_matrix(0.7), np.array([1.0, 2.0, 0.1])) @ truth
    told[:, :3, 3] *= 1.0 + share
    told[60:, 2, 3] += 5.0
    odometry = device_odometry(told, np.arange(101) / 10.0)
    assert drift_beside(truth, odometry) == pytest.approx(share / (1.0 + share), abs=1e-9)
    assert drift_beside(truth[:5], odometry.part(np.arange(5))) == 0.0, "too short to tell"


def test_a_resting_camera_needs_one_keyframe_a_second() -> None:
    still = np.tile(np.eye(4), (51, 1, 1))
    assert choose_keyframes(still, np.arange(51) / 10.0).tolist() == [0, 10, 20, 30, 40, 50]


def test_mutual_matches_find_a_permutation_and_refuse_ambiguity() -> None:
    rng = np.random.default_rng(5)
    first = rng.normal(size=(40, 128)).astype(np.float32)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    order = rng.permutation(40)
    assert {(int(a), int(order[b])) for a, b in mutual_matches(first, first[order])} == {(i, i) for i in range(40)}
    assert len(mutual_matches(first, np.concatenate([first, first]))) == 0


def test_cameras_are_read_back_as_written(tmp_path: Path) -> None:
    video = RegisteredVideo(
        True, "", CAMERA, np.arange(3.0), walk(3, 1), np.full(3, 0.5), np.array([True, False, True]), {"surface": 0.9}
    )
    Cameras({"v00": video}).write(tmp_path / "cameras.json")
    back = Cameras.read(tmp_path / "cameras.json").videos["v00"]
    np.testing.assert_allclose(back.T_world_camera, video.T_world_camera, atol=1e-6)
    assert back.registered.tolist() == [True, False, True] and back.intrinsics == CAMERA
    (tmp_path / "cameras.json").write_text('{"format": "ats-cameras/1", "videos": {"v00": {}}}')
    with pytest.raises(ReconstructionError, match="broken entry"):
        Cameras.read(tmp_path / "cameras.json")
