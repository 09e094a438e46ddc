"""The figures of a reconstruction on cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import ReconstructionError
from ats_sim.geometry import exp_so3, rigid, yaw_matrix
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.agent_metrics import agent_scores
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.metrics import picture_scores_of, reconstruction_scores, registration_scores
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.rendering.model4d import Model4D, Motion
from ats_sim.reconstruction.scores.agent import PosedMotion, joint_angle_error, root_scores
from ats_sim.reconstruction.scores.pictures import depth_accuracy, depth_scores, intersection_over_union, psnr
from ats_sim.reconstruction.scores.registration import camera_errors, rigid_alignment, summarize
from ats_sim.reconstruction.scores.surface import surface_scores
from ats_sim.skeleton import Skeleton
from tests.toy_room import CAMERA, agent_mesh, room, walk, write_capture


def test_depth_that_is_not_rendered_is_wrong_and_depth_that_is_not_known_is_left_out() -> None:
    true = np.array([[1.0, 2.0, 0.0, 3.0, 4.0]])
    rendered = np.array([[1.05, 2.2, 9.0, 0.0, 4.0]])
    assert depth_accuracy(rendered, true, np.ones((1, 5), bool), 0.10) == pytest.approx(2 / 4)
    assert depth_accuracy(rendered, true, np.ones((1, 5), bool), 0.05) == pytest.approx(1 / 4)
    assert depth_accuracy(rendered, true, np.array([[False, False, True, False, False]]), 0.10) is None


def test_depth_near_the_camera_is_not_right_by_being_absent() -> None:
    assert depth_accuracy(np.zeros((1, 1)), np.array([[0.05]]), np.ones((1, 1), bool), 0.10) == 0.0


def test_agent_and_background_are_scored_apart() -> None:
    true, agent = np.full((1, 4), 2.0), np.array([[True, True, False, False]])
    scores = depth_scores(np.array([[2.0, 2.0, 2.0, 3.0]]), true, agent)
    assert (scores["depth_acc_agent_10cm"], scores["depth_acc_background_10cm"]) == (1.0, 0.5)
    assert scores["depth_acc_all_10cm"] == 0.75


def test_intersection_over_union_by_hand() -> None:
    first, second = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    assert intersection_over_union(first, second) == pytest.approx(1 / 3)
    assert intersection_over_union(first, ~first) == 0.0
    assert intersection_over_union(first & False, second & False) is None


def test_psnr_of_one_grey_level() -> None:
    assert psnr(np.full((4, 4, 3), 101, np.uint8), np.full((4, 4, 3), 100, np.uint8)) == pytest.approx(48.13, abs=0.01)


def test_camera_errors_tell_centres_from_translation_vectors() -> None:
    """A camera 10 m from the origin that is turned by 1 degree: its centre is right, its translation vector is not."""
    true = rigid(np.eye(3), np.array([10.0, 0.0, 0.0]))[None]
    turned = rigid(yaw_matrix(np.radians(1.0)), np.array([10.0, 0.0, 0.0]))[None]
    errors = camera_errors(turned, true)
    assert errors["rotation_deg"][0] == pytest.approx(1.0)
    assert errors["centre_m"][0] == pytest.approx(0.0, abs=1e-9)
    assert errors["world_to_camera_m"][0] == pytest.approx(2 * 10 * np.sin(np.radians(0.5)))


def test_lost_frames_count_as_wrong_in_recalls_and_stay_out_of_means() -> None:
    errors = {"rotation_deg": np.array([1.0, 1.0, 90.0, 6.0]), "centre_m": np.array([0.04, 0.08, 5.0, 0.01])}
    summary = summarize(errors, np.array([True, True, False, True]))
    assert summary["lost"] == 1 and summary["centre_m_mean"] == pytest.approx(0.13 / 3)
    assert summary["recall_5cm_5deg"] == 0.25 and summary["recall_10cm_5deg"] == 0.5


def test_rigid_alignment_undoes_a_rigid_motion() -> None:
    poses = walk(6, 2)
    moved = rigid(exp_so3(np.array([0.1, 0.4, -2.0])), np.array([3.0, 1.0, -1.0]))
    np.testing.assert_allclose(rigid_alignment(poses, moved @ poses), moved, atol=1e-9)


def test_heading_errors_wrap_around() -> None:
    first, second = (rigid(yaw_matrix(a), np.array([0.0, 0.0, z]))[None] for a, z in ((3.1, 0.0), (-3.1, 0.3)))
    scores = root_scores(first, second)
    assert scores["root_m_mean"] == pytest.approx(0.3)
    assert scores["heading_deg_mean"] == pytest.approx(np.degrees(2 * np.pi - 6.2), abs=1e-6)


def test_a_constant_offset_of_a_joint_is_no_error_but_what_varies_is() -> None:
    rng = np.random.default_rng(0)
    skeleton_rest = np.tile(np.eye(4), (2, 1, 1))
    bent_rest = skeleton_rest.copy()
    bent_rest[1, :3, :3] = exp_so3(np.array([0.0, 0.4, 0.0]))

    def video(wobble: float) -> PosedMotion:
        about_y = np.zeros((20, 2, 3))
        about_y[:, 1, 1] = rng.uniform(-0.5, 0.5, 20)
        off = about_y.copy()
        off[:, 1, 1] += wobble * np.where(np.arange(20) % 2, 1.0, -1.0)
        blank, spot = np.tile(np.eye(4), (20, 1, 1)), np.zeros((20, 2, 3))
        return PosedMotion(blank, blank, off, about_y, spot, spot)

    assert joint_angle_error([video(0.0), video(0.0)], skeleton_rest, bent_rest) == pytest.approx(0.0, abs=1e-6)
    assert joint_angle_error([video(0.1), video(0.1)], skeleton_rest, bent_rest) == pytest.approx(0.1, abs=1e-6)
    assert joint_angle_error([video(0.0)], skeleton_rest, bent_rest) is None


def test_a_plate_lifted_by_three_centimetres_has_that_chamfer() -> None:
    plate = TriangleMesh(np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0.0]]), np.array([[0, 1, 2], [0, 2, 3]]))
    scores = surface_scores(
        plate.transformed(rigid(np.eye(3), np.array([0, 0, 0.03]))), plate, np.random.default_rng(0)
    )
    assert scores["chamfer_m"] == pytest.approx(0.03, abs=1e-6) and scores["f_score_5cm"] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return Capture.open(write_capture(tmp_path_factory.mktemp("metrics") / "capture", odometry=(True, True)))


def cameras_of(capture: Capture, *, rejected: str = "") -> Cameras:
    videos = {}
    for video in capture.videos:
        count, bad = len(video), video.name == rejected
        truth = video.ground_truth or {}
        videos[video.name] = RegisteredVideo(
            not bad,
            "fits nowhere" if bad else "",
            CAMERA,
            video.times,
            truth["T_world_camera"],
            np.ones(count),
            np.full(count, not bad),
            {},
        )
    return Cameras(videos)


def perfect_model(capture: Capture) -> Model4D:
    """The room and the box as they were rendered, at the true poses."""
    box = agent_mesh(np.zeros(3))
    count = len(box.vertices)
    weights = np.tile(np.float32([1, 0, 0, 0]), (count, 1))
    skeleton = Skeleton(("root",), np.array([-1]), np.eye(4)[None])
    skinned = SkinnedMesh(box, np.zeros((count, 4), np.int32), weights, skeleton)
    motions = {
        video.name: Motion(
            video.times,
            (video.ground_truth or {})["T_world_root"],
            np.zeros((len(video), 1, 3)),
            np.ones(len(video), bool),
        )
        for video in capture.videos
    }
    return Model4D(room(), skinned, motions)


def test_the_true_model_scores_full_marks(capture: Capture) -> None:
    scores = picture_scores_of(capture, cameras_of(capture), perfect_model(capture), sensor=False)["all"]
    assert scores["depth_acc_all_5cm"] == 1.0 and scores["depth_acc_agent_5cm"] == 1.0 and scores["mask_iou"] == 1.0
    assert scores["psnr_color_matched"] > 25


def test_a_rejected_video_is_wrong_everywhere(capture: Capture) -> None:
    cameras = cameras_of(capture, rejected="v01")
    scores = picture_scores_of(capture, cameras, perfect_model(capture), sensor=False)
    assert scores["videos"]["v01"]["depth_acc_all_10cm"] == 0.0 and scores["videos"]["v00"]["depth_acc_all_10cm"] == 1.0
    registration = registration_scores(capture, cameras)
    assert registration["rejected"] == ["v01"] and registration["all"]["lost"] == len(capture.videos[1])
    assert registration["all"]["recall_5cm_5deg"] == pytest.approx(0.5)


def test_the_true_agent_has_no_error_and_a_shifted_one_has_its_shift(capture: Capture) -> None:
    model = perfect_model(capture)
    assert agent_scores(capture, model)["root_m_mean"] == pytest.approx(0.0, abs=1e-9)
    for name, motion in model.motions.items():
        model.motions[name] = replace(
            motion, T_world_root=rigid(np.eye(3), np.array([0, 0, 0.1])) @ motion.T_world_root
        )
    scores = agent_scores(capture, model)
    assert scores["root_m_mean"] == pytest.approx(0.1)


def test_motion_is_not_invented_where_it_is_not_valid() -> None:
    motion = Motion(np.arange(10) / 10, walk(10, 3), np.zeros((10, 1, 3)), np.arange(10) < 3)
    assert motion.at(0.25) is not None and motion.at(0.8) is None
    middle = motion.at(0.15)
    assert middle is not None
    np.testing.assert_allclose(middle[0][:3, 3], 0.5 * (motion.T_world_root[1] + motion.T_world_root[2])[:3, 3])


def test_a_reconstruction_of_another_capture_is_refused(capture: Capture, tmp_path: Path) -> None:
    video = cameras_of(capture).videos["v00"]
    Cameras({"kitchen": video}).write(tmp_path / "cameras.json")
    with pytest.raises(ReconstructionError, match="another capture"):
        reconstruction_scores(tmp_path, capture)
    with pytest.raises(ReconstructionError, match="no such file"):
        reconstruction_scores(tmp_path / "nothing", capture)
