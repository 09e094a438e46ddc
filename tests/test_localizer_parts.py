"""The pieces of the learned localizers against closed forms: rigid fits, relighting, losses, calibration, sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3, inverse, rigid, transform_points, yaw_matrix
from ats_sim.reconstruction.registration.hypotheses import of_whole_video
from ats_sim.reconstruction.registration.neural.calibration import logistic
from ats_sim.reconstruction.registration.neural.camera_sampling import sample_cameras
from ats_sim.reconstruction.registration.neural.channels import channels
from ats_sim.reconstruction.registration.neural.coordinate_network import mixture_loss
from ats_sim.reconstruction.registration.neural.frame_poses import FramePoses
from ats_sim.reconstruction.registration.neural.kabsch_ransac import fit_rigid, kabsch, upright
from ats_sim.reconstruction.registration.neural.pose_network import pose_loss, rotation_of
from ats_sim.reconstruction.registration.neural.relighting import Pictures, relit
from ats_sim.reconstruction.registration.neural.rig import Matches, place_by_depth, place_by_projection
from ats_sim.reconstruction.registration.neural.scene_coordinates import levelling
from ats_sim.reconstruction.registration.neural.view import FOCAL, View
from ats_sim.reconstruction.registration.odometry import device_odometry
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from tests.toy_room import drifting, pose_errors, walk


def random_motion(rng: np.random.Generator, level: bool) -> Array:
    turn = yaw_matrix(rng.uniform(-3, 3)) if level else exp_so3(rng.normal(size=3))
    return rigid(turn, rng.uniform(-4, 4, size=3))


def test_kabsch_is_scipys_alignment() -> None:
    rng = np.random.default_rng(0)
    source, target, weights = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), rng.uniform(0.1, 1, 40)
    share = weights / weights.sum()
    middle, goal = share @ source, share @ target
    wanted, _ = Rotation.align_vectors(target - goal, source - middle, weights)
    found = kabsch(source, target, weights)
    np.testing.assert_allclose(found[:3, :3], wanted.as_matrix(), atol=1e-9)
    np.testing.assert_allclose(transform_points(found, middle[None])[0], goal, atol=1e-9)


def test_the_upright_fit_is_the_best_of_all_turns_about_z() -> None:
    rng = np.random.default_rng(1)
    source, target, weights = rng.normal(size=(30, 3)), rng.normal(size=(30, 3)), rng.uniform(0.1, 1, 30)
    share = weights / weights.sum()

    def cost(yaw: float) -> float:
        turned = source @ yaw_matrix(yaw).T
        off = (target - share @ target) - (turned - share @ turned)
        return float((share * (off**2).sum(1)).sum())

    found = upright(source, target, weights)
    yaw = np.arctan2(found[1, 0], found[0, 0])
    assert cost(float(yaw)) <= min(cost(angle) for angle in np.linspace(-np.pi, np.pi, 2000)) + 1e-9


@pytest.mark.parametrize("level", [True, False])
def test_a_rigid_fit_survives_planted_outliers(level: bool) -> None:
    rng = np.random.default_rng(2)
    truth = random_motion(rng, level)
    source = rng.uniform(-3, 3, size=(200, 3))
    target = transform_points(truth, source) + rng.normal(scale=0.02, size=(200, 3))
    wild = rng.permutation(200)[:120]
    target[wild] = rng.uniform(-6, 6, size=(120, 3))
    found = fit_rigid(source, target, np.ones(200), rng=rng, level=level)
    assert found is not None and set(np.flatnonzero(found.inliers)) >= set(range(200)) - set(wild.tolist())
    # What is left of the outliers is what fell near by chance; the closed form over the true matches is the yardstick.
    good = np.setdiff1d(np.arange(200), wild)
    best = (upright if level else kabsch)(source[good], target[good], np.ones(len(good)))
    for motion, most in ((truth, 0.02), (best, 0.01)):
        away = transform_points(found.transform, source) - transform_points(motion, source)
        assert np.linalg.norm(away, axis=1).max() < most
    assert abs(found.share - 80 / 200) < 0.05


def test_a_rigid_fit_refuses_noise_and_few_matches() -> None:
    rng = np.random.default_rng(3)
    few = rng.normal(size=(3, 3))
    assert fit_rigid(few, few, np.ones(3), rng=rng) is None
    noise = fit_rigid(rng.uniform(-3, 3, (100, 3)), rng.uniform(-3, 3, (100, 3)), np.ones(100), rng=rng)
    assert noise is None or noise.share < 0.2


@pytest.mark.parametrize("depth", [True, False])
def test_a_video_is_placed_by_matches_of_which_seven_in_eight_are_wrong(depth: bool) -> None:
    rng = np.random.default_rng(5)
    camera = Intrinsics.from_fov(1.0, 96, 72)
    truth, there = walk(12, 3), random_motion(rng, level=False)
    known = inverse(there) @ truth
    matches = []
    for T in truth:
        z, pixels = rng.uniform(1, 4, 200), rng.uniform(0, [95, 71], size=(200, 2))
        local = (
            np.column_stack([(pixels - [camera.cx, camera.cy]) / [camera.fl_x, camera.fl_y], np.ones(200)]) * z[:, None]
        )
        world = transform_points(T, local) + rng.normal(scale=0.05, size=(200, 3))
        wild = rng.random(200) < 0.875
        world[wild] = rng.uniform(-3, 3, size=(int(wild.sum()), 3))
        matches.append(Matches(pixels, local if depth else np.full((200, 3), np.nan), world, np.ones(200)))
    if depth:
        found = place_by_depth(matches, known, level=False, rng=rng)
    else:
        found = place_by_projection(matches, known, [camera] * 12, pixel_error=4.0, seed=0)
    assert found is not None
    turn, away = pose_errors(found[0] @ known, truth)
    assert turn.max() < 1.0 and away.max() < 0.05 and found[1] < 0.25


def test_levelling_makes_the_vertical_z_and_the_view_horizontal() -> None:
    T = walk(9, 3)
    for pose in T:
        turn = levelling(pose[2, :3])
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
        np.testing.assert_allclose(turn @ pose[:3, :3].T @ [0, 0, 1], [0, 0, 1], atol=1e-9)
        assert abs((turn @ [0, 0, 1])[1]) < 1e-9 and np.linalg.det(turn) > 0


def test_colours_hardly_notice_gain_white_balance_and_gamma() -> None:
    rng = torch.Generator().manual_seed(0)
    rgb = 0.1 + 0.5 * torch.rand(1, 3, 24, 32, generator=rng)
    nothing = torch.zeros(1, 1, 24, 32)
    rays = torch.ones(3, 24, 32)

    def seen(colors: torch.Tensor) -> torch.Tensor:
        pictures = Pictures(colors, nothing, nothing > 1, torch.zeros(1, 3))
        return channels(pictures, rays, geometry=False)

    changed = (rgb * torch.tensor([0.7, 0.6, 0.8])[:, None, None]) ** 1.15
    other = rgb.flip(3)
    assert (seen(changed) - seen(rgb)).abs().mean() < 0.25 * (seen(other) - seen(rgb)).abs().mean()


def test_relighting_is_seeded_and_keeps_the_range() -> None:
    rgb = torch.rand(4, 3, 24, 32, generator=torch.Generator().manual_seed(1))
    first, again, other = (relit(rgb, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert float(first.min()) >= 0 and float(first.max()) <= 1.0


def test_the_mixture_is_likeliest_where_its_sure_mode_is() -> None:
    def loss(target: float, log_probability: tuple[float, float], scale: float) -> float:
        point = torch.zeros(1, 2, 3, 1, 1)
        point[0, 1] = 3.0
        chances = torch.tensor(log_probability).view(1, 2, 1, 1)
        scales = torch.full((1, 2, 1, 1), float(np.log(scale)))
        return float(mixture_loss(chances, point, scales, torch.full((1, 3, 1, 1), target), torch.ones(1, 1, 1)))

    sure = (float(np.log(0.9)), float(np.log(0.1)))
    assert loss(0.0, sure, 0.1) < loss(3.0, sure, 0.1) < loss(1.5, sure, 0.1)
    # One mode alone: -log of the Laplace density exp(-d / s) / s^3, up to its constant.
    distance = np.sqrt(3 * 0.2**2)
    assert loss(0.2, (0.0, -1e9), 0.1) == pytest.approx(3 * np.log(0.1) + distance / 0.1, abs=1e-3)


def test_pose_loss_is_angle_and_squared_distance() -> None:
    truth = torch.eye(4)[None]
    turn = torch.tensor(exp_so3(np.array([0.0, 0.0, 0.3])), dtype=torch.float32)[None]
    loss = pose_loss(torch.tensor([[0.3, 0.0, 0.0]]), turn, torch.tensor([0.63]), truth)
    assert float(loss) == pytest.approx(2 * 0.3 + 0.03, abs=2e-3)
    columns = turn[:, :, :2].transpose(1, 2).reshape(1, 6)
    torch.testing.assert_close(rotation_of(2.0 * columns), turn)


def test_probabilities_are_those_of_what_was_seen() -> None:
    rng = np.random.default_rng(4)
    share = rng.uniform(0, 1, 4000)
    right = (rng.random(4000) < 1 / (1 + np.exp(-(8 * share - 3)))).astype(float)
    slope, shift = logistic(share, right)
    assert slope == pytest.approx(8, rel=0.1) and shift == pytest.approx(-3, rel=0.15)
    assert logistic(share, 1 - right)[0] == 0.0, "more agreement may never mean less trust"


def test_a_view_has_the_same_angle_per_pixel_for_every_camera() -> None:
    for camera in (Intrinsics.from_fov(1.0, 640, 480), Intrinsics.from_fov(1.3, 160, 120)):
        depth = np.full((camera.height, camera.width), 2.0, np.float32)
        mask = np.zeros(depth.shape, dtype=bool)
        mask[: camera.height // 2] = True
        view = View.of(np.full((*depth.shape, 3), 90, np.uint8), depth, mask, camera)
        assert abs(view.intrinsics.fl_x / FOCAL - 1) < 0.08 and view.rgb.shape[0] % 8 == view.rgb.shape[1] % 8 == 0
        assert view.hidden.mean() == pytest.approx(0.5, abs=0.1) and np.all(view.depth == 2.0)


def test_cameras_stand_in_free_space_and_look_as_a_hand_does() -> None:
    volume = TsdfVolume.empty(np.zeros(3), np.array([4.0, 4.0, 2.4]), 0.1)
    volume.weight[:20] = 1.0  # only the half with x < 2 m was seen, and it is empty
    walked = walk(20, 1)
    walked[:, :3, 3] = [1.0, 2.0, 1.3]
    cameras = sample_cameras(np.random.default_rng(0), 400, walked, volume)
    assert (cameras[:, 0, 3] < 2.1).all()
    assert np.abs(np.degrees(np.arcsin(cameras[:, 2, 0]))).mean() < 6, "pictures hang level"
    paper = sample_cameras(np.random.default_rng(0), 400, walked, volume, "paper")
    assert (paper[:, 0, 3] > 2.5).any() and np.degrees(np.arcsin(-cameras[:, 2, 2])).max() > 40


def test_the_best_frame_is_the_paper_and_consensus_forgives_it() -> None:
    odometry = drifting(walk(12, 4), 5)
    truth = rigid(yaw_matrix(0.8), np.array([1.0, -2.0, 0.1]))
    poses = truth @ odometry
    poses[7] = rigid(np.eye(3), np.array([9.0, 9.0, 9.0]))
    weights = np.ones(12)
    weights[7] = 2.0  # wrong, and surest of all
    known = device_odometry(odometry, np.arange(12) / 5.0)
    guesses = FramePoses(np.arange(12), poses, weights)
    [(agreed, support)] = of_whole_video(guesses, known, best_frame=False)
    [(best, _)] = of_whole_video(guesses, known, best_frame=True)
    assert pose_errors(agreed[None] @ odometry, truth @ odometry)[1].max() < 1e-6 and support == pytest.approx(11)
    assert pose_errors(best[None] @ odometry, truth @ odometry)[1].min() > 5
