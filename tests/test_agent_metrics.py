"""The figures of the animal's motion and shape on cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.files import write_npz
from ats_sim.geometry import exp_so3, log_so3, look_at, rigid, yaw_matrix
from ats_sim.mesh import SkinnedMesh, TriangleMesh, merge
from ats_sim.reconstruction.agent_metrics import agent_scores, agent_shape_scores
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.writer import CaptureWriter
from ats_sim.reconstruction.metrics import second_camera_scores
from ats_sim.reconstruction.rendering.model4d import Model4D, Motion
from ats_sim.reconstruction.report import _rows
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scores import surface
from ats_sim.reconstruction.scores.agent import root_scores
from ats_sim.reconstruction.scores.coherence import coherence_scores, place_changes, turn_changes
from ats_sim.reconstruction.scores.shape import in_true_rest, laid_on, shape_scores
from ats_sim.skeleton import Skeleton
from tests.toy_room import CAMERA, FLOOR, agent_mesh, box, room, walk, write_capture

STEP = 0.1
SAMPLED = 1e-3
"""Metres by which samples of a surface misplace it."""


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "SAMPLES", 4000)
    monkeypatch.setattr(surface, "TARGETS", 20_000)


def test_an_animal_the_wrong_way_round_is_counted() -> None:
    off = np.radians([0.0, 100.0, 121.0, 180.0, -175.0, 5.0, 0.0, 0.0])
    turned, straight = (rigid(yaw_matrix(angle), np.zeros(3)) for angle in (off + 3.0, np.full(8, 3.0)))
    assert root_scores(turned, straight)["heading_flip_share"] == pytest.approx(3 / 8)


def test_a_circle_twice_as_wide_accelerates_twice_as_much() -> None:
    angle = 1.3 * np.arange(40) * STEP
    circle = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    accelerations, jerks = place_changes(circle, STEP)
    chord = 2 * np.sin(0.5 * 1.3 * STEP) / STEP  # what differences make of an angular velocity
    np.testing.assert_allclose(accelerations, chord**2)
    np.testing.assert_allclose(jerks, chord**3)
    ratios = coherence_scores("root", [place_changes(2 * circle + 5, STEP)], [(accelerations, jerks)])
    assert ratios == {"root_acceleration_ratio": pytest.approx(2), "root_jerk_ratio": pytest.approx(2)}


def test_a_trembling_fall_has_the_acceleration_of_both() -> None:
    """Every second moment of a fall is 2 mm off to the other side: 4 e / h² on top of gravity, at a right angle."""
    time = np.arange(50) * STEP
    fall = np.column_stack([0 * time, 0 * time, -0.5 * 9.81 * time**2])
    trembling = fall + 0.002 * np.column_stack([(-1.0) ** np.arange(50), 0 * time, 0 * time])
    ratios = coherence_scores("root", [place_changes(trembling, STEP)], [place_changes(fall, STEP)])
    assert ratios["root_acceleration_ratio"] == pytest.approx(np.hypot(9.81, 4 * 0.002 / STEP**2) / 9.81)
    assert ratios["root_jerk_ratio"] is None  # a fall has none


def test_a_joint_that_swings_up_faster_has_its_ratio_in_any_rest_pose() -> None:
    time = np.arange(20) * STEP
    offset = exp_so3(np.array([0.3, -0.5, 0.9]))

    def swing(rate: float, rest: np.ndarray) -> np.ndarray:
        turn = exp_so3(0.5 * rate * time[:, None] ** 2 * np.array([0.0, 0.6, 0.8]))
        joints = np.zeros((20, 2, 3))
        joints[:, 1] = log_so3(rest @ turn @ rest.T)
        joints[:, 0] = np.random.default_rng(0).normal(size=(20, 3))  # the root's row says nothing
        return joints

    accelerations, _ = turn_changes(swing(0.5, np.eye(3)), STEP)
    np.testing.assert_allclose(accelerations, 0.5, atol=1e-6)
    ratios = coherence_scores(
        "joint", [turn_changes(swing(1.5, offset), STEP)], [turn_changes(swing(0.5, offset), STEP)]
    )
    assert ratios["joint_acceleration_ratio"] == pytest.approx(3.0, abs=1e-4)


def block(lower: tuple[float, ...], upper: tuple[float, ...]) -> TriangleMesh:
    return box(np.array(lower), np.array(upper), np.random.default_rng(0), np.full(3, 100.0))


def figure(neck: float = 0.0, height: float = 0.1, size: float = 1.0) -> SkinnedMesh:
    """A trunk with a stiff neck in front of it, whose rest pose raises the neck by an angle (rad)."""
    trunk, head = block((-0.2, -0.05, 0.0), (0.2, 0.05, height)), block((0.0, -0.03, 0.0), (0.15, 0.03, 0.06))
    rest = np.tile(np.eye(4), (2, 1, 1))
    rest[1] = rigid(exp_so3(np.array([0.0, -neck, 0.0])), size * np.array([0.2, 0.0, 0.05]))
    mesh = merge([trunk, head])
    owner = np.repeat([0, 1], [len(trunk.vertices), len(head.vertices)])
    places = np.where(
        owner[:, None] == 1, mesh.vertices * size @ rest[1, :3, :3].T + rest[1, :3, 3], mesh.vertices * size
    )
    joints = np.zeros((len(owner), 4), np.int32)
    joints[:, 0] = owner
    weights = np.tile(np.float32([1, 0, 0, 0]), (len(owner), 1))
    return SkinnedMesh(TriangleMesh(places, mesh.faces), joints, weights, Skeleton(("root", "neck"), [-1, 0], rest))


def nods(rest: float = 0.0) -> np.ndarray:
    """Joint rotations (15, 2, 3) of a neck that nods, after a rest pose that raises it."""
    joints = np.zeros((15, 2, 3))
    joints[:, 1, 1] = 0.6 * np.sin(np.arange(15)) + rest
    return joints


def test_the_same_shape_has_no_distance_in_whatever_rest_pose_it_was_fitted() -> None:
    true, bent = figure(), figure(neck=0.8)
    np.testing.assert_allclose(bent.posed(np.eye(4), nods(0.8)[3]), true.posed(np.eye(4), nods()[3]), atol=1e-6)
    rested = in_true_rest(bent, nods(0.8), true.skeleton, nods())
    np.testing.assert_allclose(rested.vertices, true.mesh.vertices, atol=1e-6)
    assert shape_scores([(rested, true.mesh)], np.random.default_rng(0))["chamfer_m"] < SAMPLED
    # Without that, a neck that is raised by 46 degrees would count as another shape.
    assert shape_scores([(bent.mesh, true.mesh)], np.random.default_rng(0))["chamfer_m"] > 0.005


def test_one_rigid_motion_is_taken_out_and_no_scale() -> None:
    true = figure(neck=0.5).mesh
    moved = rigid(exp_so3(np.array([0.05, -0.1, 0.2])), np.array([0.02, 0.01, -0.03]))
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(laid_on([(true, true.transformed(moved))], rng), moved, atol=0.01)
    grown = shape_scores([(figure(neck=0.5, size=1.3).mesh, true)], np.random.default_rng(0))["chamfer_m"]
    assert grown > 0.01


def test_plates_further_apart_by_two_centimetres_are_a_centimetre_off() -> None:
    """The rigid motion puts the middle of a pair of wide plates, 12 cm apart, on that of one 10 cm apart."""

    def plates(gap: float) -> TriangleMesh:
        corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]])
        low, high = corners - [0, 0, gap / 2], corners + [0, 0, gap / 2]
        return TriangleMesh(np.concatenate([low, high]), np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]))

    scores = shape_scores([(plates(0.12), plates(0.10))], np.random.default_rng(0))
    assert scores["accuracy_m"] == pytest.approx(0.01, abs=1e-3)
    assert scores["completeness_m"] == pytest.approx(0.01, abs=1e-3)
    assert scores["chamfer_m"] == pytest.approx(0.5 * (scores["accuracy_m"] + scores["completeness_m"]))


@pytest.fixture
def nodding(tmp_path: Path) -> Capture:
    """A capture of two videos in which the figure walks a circle and nods, with its true shape."""
    true, writer = figure(), CaptureWriter(tmp_path / "capture")
    cameras, blank = walk(15, 3), np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    for name in ("v00", "v01"):
        with writer.recording(name, CAMERA, 10.0) as video:
            for index in range(15):
                video.add(index / 10, blank, np.ones(blank.shape[:2]))
            video.ground_truth(
                T_world_camera=cameras,
                T_world_root=circling(15),
                joint_rotations=nods(),
                joint_rest=true.skeleton.joint_rest,
                joint_parents=true.skeleton.joint_parents,
                joint_names=np.array(true.skeleton.joint_names),
            )
    write_npz(
        tmp_path / "capture" / "ground_truth_agent.npz",
        vertices=true.mesh.vertices,
        faces=true.mesh.faces,
        skin_joints=true.skin_joints,
        skin_weights=true.skin_weights,
        joint_rest=true.skeleton.joint_rest,
        joint_parents=true.skeleton.joint_parents,
        joint_names=np.array(true.skeleton.joint_names),
    )
    writer.finish(walkthrough=None, videos=["v00", "v01"], provenance="by hand")
    return Capture.open(tmp_path / "capture")


def circling(count: int) -> np.ndarray:
    angle = 0.3 * np.arange(count)
    return rigid(yaw_matrix(angle), np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]))


def model_of(body: SkinnedMesh, joints: np.ndarray, valid: np.ndarray | None = None) -> Model4D:
    every = np.ones(15, dtype=bool) if valid is None else valid
    motion = Motion(np.arange(15) / 10, circling(15), joints, every)
    return Model4D(room(), body, {"v00": motion, "v01": motion})


def test_the_true_animal_is_as_smooth_as_itself_and_has_its_own_shape(nodding: Capture) -> None:
    model = model_of(figure(neck=0.8), nods(0.8))
    scores = agent_scores(nodding, model)
    ratios = [f"{part}_{what}_ratio" for part in ("root", "joint") for what in ("acceleration", "jerk")]
    assert [scores[name] for name in ratios] == pytest.approx([1.0] * 4, abs=1e-4)
    assert scores["heading_flip_share"] == 0.0 and scores["joint_angle_rad"] == pytest.approx(0.0, abs=1e-5)
    shape = agent_shape_scores(nodding, model)
    assert isinstance(shape, dict) and shape["posed"]["moments"] == 12
    assert shape["canonical"]["chamfer_m"] < SAMPLED and shape["posed"]["chamfer_m"] < SAMPLED


def test_a_bad_pose_counts_where_the_animal_moves_and_not_at_rest(nodding: Capture) -> None:
    off = nods() + np.where(np.arange(15) % 2, 0.5, -0.5)[:, None, None] * [[[0, 0, 0], [0, 1, 0]]]
    shape = agent_shape_scores(nodding, model_of(figure(), off))
    assert isinstance(shape, dict)
    assert shape["canonical"]["chamfer_m"] < 2e-3 and shape["posed"]["chamfer_m"] > 2 * shape["canonical"]["chamfer_m"]


def test_a_leap_in_time_is_no_acceleration(nodding: Capture) -> None:
    """What was not seen for half a second is not differentiated across."""
    valid = np.ones(15, dtype=bool)
    valid[6:11] = False
    scores = agent_scores(nodding, model_of(figure(), nods(), valid))
    assert scores["moments"] == 20 and scores["root_acceleration_ratio"] == pytest.approx(1.0, abs=1e-4)


def test_figures_that_the_truth_does_not_allow_say_why(nodding: Capture) -> None:
    named = replace(figure(), skeleton=replace(figure().skeleton, joint_names=("root", "horn")))
    other = agent_scores(nodding, model_of(named, nods()))
    shape = agent_shape_scores(nodding, model_of(named, nods()))
    assert "other names" in other["joint_acceleration_ratio"] and other["root_acceleration_ratio"] == pytest.approx(1.0)
    assert isinstance(shape, dict) and "other names" in shape["canonical"] and shape["posed"]["chamfer_m"] < SAMPLED
    assert agent_shape_scores(nodding, Model4D(room(), None, {})) == "n/a: the reconstruction has no agent"
    (nodding.folder / "ground_truth_agent.npz").unlink()
    assert "ground_truth_agent.npz" in agent_shape_scores(nodding, model_of(figure(), nods()))


def test_a_second_camera_scores_the_true_model_full_and_a_missing_animal_none(tmp_path: Path) -> None:
    capture = Capture.open(with_second_camera(tmp_path / "capture"))
    box_of = agent_mesh(np.zeros(3))
    count = len(box_of.vertices)
    weights = np.tile(np.float32([1, 0, 0, 0]), (count, 1))
    skinned = SkinnedMesh(box_of, np.zeros((count, 4), np.int32), weights, Skeleton(("root",), [-1], np.eye(4)[None]))
    video = capture.videos[0]
    roots = (video.ground_truth or {})["T_world_root"]
    motion = Motion(video.times, roots, np.zeros((len(video), 1, 3)), np.ones(len(video), dtype=bool))
    full = second_camera_scores(capture, Model4D(room(), skinned, {"v00": motion}))
    assert isinstance(full, dict) and full["frames"] == 2 and full["lpips"].startswith("n/a")
    assert full["depth_acc_all_10cm"] == full["depth_acc_agent_10cm"] == full["depth_acc_background_10cm"] == 1.0
    bare = second_camera_scores(capture, Model4D(room(), None, {}))
    assert isinstance(bare, dict) and bare["depth_acc_background_10cm"] == 1.0 and bare["depth_acc_agent_10cm"] < 0.2
    shown = dict(_rows({"ground_truth": {"second_camera": full}}))
    assert shown["ground_truth / second_camera / lpips"].startswith("n/a")
    assert shown["ground_truth / second_camera / depth_acc_agent_10cm"] == "1"


def with_second_camera(folder: Path) -> Path:
    """The toy room with one video, seen from a second, opposite camera."""
    write_capture(folder, odometry=(True,))
    video = Capture.open(folder).videos[0]
    roots, home = (video.ground_truth or {})["T_world_root"], Raycaster(room())
    writer = CaptureWriter(folder.parent / "second")
    with (
        writer.recording("v00", CAMERA, 5.0) as first,
        first.second_camera(CAMERA) as second,
    ):
        for index, root in enumerate(roots):
            T = seen_from(root[:3, 3])
            depth, _, rgb = home.render(CAMERA, T)
            near, _, paint = Raycaster(agent_mesh(root[:3, 3])).render(CAMERA, T)
            mask = (near > 0) & ((near < depth) | (depth == 0))
            depth, rgb = np.where(mask, near, depth), np.where(mask[..., None], paint, rgb)
            second.add(index / 5.0, rgb, depth, T_world_camera=T, mask=mask)
            first.add(index / 5.0, rgb, depth)
    (folder.parent / "second" / "v00" / "second_camera").rename(folder / "v00" / "second_camera")
    return folder


def seen_from(place: np.ndarray) -> np.ndarray:
    """A camera (4, 4) at 1.6 m in a corner, looking at a place."""
    return look_at(np.array([0.4, 2.6, FLOOR + 1.6]), place)
