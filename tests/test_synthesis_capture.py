"""Synthesized captures: pictures, depth, masks and poses agree with each other, sensors err as much as they say."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import CaptureError, ConfigError
from ats_sim.geometry import Intrinsics, geodesic_angle, inverse, transform_points
from ats_sim.reconstruction.capture.format import Capture, check_capture
from ats_sim.reconstruction.capture.synthesis.config import Body, SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.filming.camera_sensor import Appearance, CameraSensor
from ats_sim.reconstruction.capture.synthesis.filming.depth_sensor import DepthSensor
from ats_sim.reconstruction.capture.synthesis.filming.observer import HABITS, Observer
from ats_sim.reconstruction.capture.synthesis.filming.odometry import drifting_odometry
from ats_sim.reconstruction.capture.synthesis.filming.walkthrough import walkthrough_poses
from ats_sim.reconstruction.capture.synthesis.home.house import build_home
from ats_sim.reconstruction.capture.synthesis.synthesize import synthesize
from ats_sim.skeleton import QUADRUPED_NAMES, Skeleton

CONFIG = SynthesizeConfig(
    videos=1, seconds=2.0, size="96x72", walkthrough_seconds=4.0, fps=5, workers=1, rooms=2, seed=4
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    folder = tmp_path_factory.mktemp("synthesis") / "capture"
    summary = synthesize(folder, CONFIG)
    assert summary["videos"] == 1 and summary["frames"] == 30
    return Capture.open(folder)


def digest(folder: Path) -> str:
    """One hash over the names and bytes of all files."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def test_the_capture_is_sound_and_complete(capture: Capture) -> None:
    assert check_capture(capture.folder) == []
    video = capture.videos[0]
    assert len(video) == 10 and video.fps == 5 and video.pose_source == "odometry" and video.has_masks
    assert capture.walkthrough is not None and len(capture.walkthrough) == 20
    for name in ("ground_truth_agent.npz", "ground_truth_scene.glb", "ground_truth_synthesis.json"):
        assert (capture.folder / name).is_file()
    second = video.second_camera
    assert second is not None and len(second) == len(video)
    np.testing.assert_array_equal(second.times, video.times)


def test_truth_has_every_promised_key(capture: Capture) -> None:
    truth = capture.videos[0].ground_truth
    assert truth is not None
    n, joints = 10, len(truth["joint_names"])
    shapes = {
        "T_world_camera": (n, 4, 4), "T_world_root": (n, 4, 4), "joint_rotations": (n, joints, 3),
        "joint_rest": (joints, 4, 4), "joint_parents": (joints,), "joint_positions": (n, joints, 3),
        "agent_mask": (n, 72, 96), "depth": (n, 72, 96), "motion_T_world_root": (21, 4, 4),
        "motion_joint_rotations": (21, joints, 3), "motion_time": (21,),
    }  # fmt: skip
    assert {key: truth[key].shape for key in shapes} == shapes
    skeleton = Skeleton(tuple(truth["joint_names"].tolist()), truth["joint_parents"], truth["joint_rest"])
    placed = skeleton.forward_kinematics(truth["T_world_root"], truth["joint_rotations"])
    np.testing.assert_allclose(placed[..., :3, 3], truth["joint_positions"], atol=1e-4)
    np.testing.assert_allclose(truth["motion_T_world_root"][::2][:n], truth["T_world_root"], atol=1e-9)


def test_masks_are_the_rendered_animal(capture: Capture) -> None:
    """The stored mask equals the truth's, and the animal's joints project into or close to it."""
    video, truth = capture.videos[0], capture.videos[0].ground_truth
    hits = 0
    for k in range(len(video)):
        np.testing.assert_array_equal(video.mask(k), truth["agent_mask"][k])
        points = transform_points(inverse(truth["T_world_camera"][k]), truth["joint_positions"][k].astype(float))
        u, v, _ = video.intrinsics.project(points[:13])
        ys, xs = np.nonzero(truth["agent_mask"][k])
        if len(xs):
            hits += bool(np.hypot(np.median(xs) - u.mean(), np.median(ys) - v.mean()) < 8)
    assert hits >= 0.8 * len(video)


def test_depth_of_two_frames_agrees_where_both_see_the_scene(capture: Capture) -> None:
    """Points of one frame, moved by the true poses, lie on the depth of another frame."""
    video, truth = capture.videos[0], capture.videos[0].ground_truth
    source, target = 0, 5
    points = video.intrinsics.unproject(truth["depth"][source]).reshape(-1, 3)
    known = (truth["depth"][source] > 0).ravel() & ~truth["agent_mask"][source].ravel()
    world = transform_points(truth["T_world_camera"][source], points[known])
    u, v, z = video.intrinsics.project(transform_points(inverse(truth["T_world_camera"][target]), world))
    column, row = np.rint(u).astype(int), np.rint(v).astype(int)
    inside = (z > 0.1) & (column >= 0) & (column < 96) & (row >= 0) & (row < 72)
    other = truth["depth"][target][row[inside], column[inside]]
    error = np.abs(other - z[inside])[other > 0]
    assert inside.sum() > 300 and np.median(error) < 0.012


def test_the_walkthrough_and_the_videos_share_the_scene_frame(capture: Capture) -> None:
    """The floor under the animal in a video is the floor of the walkthrough's frame, which is not at zero."""
    tour, truth = capture.walkthrough, capture.videos[0].ground_truth
    tour_truth = tour.ground_truth
    np.testing.assert_allclose(tour.T_world_camera, tour_truth["T_world_camera"], atol=1e-6)
    heights = []
    for k in range(len(tour)):
        points = tour.intrinsics.unproject(tour.depth(k)).reshape(-1, 3)[tour.depth(k).ravel() > 0]
        heights.append(transform_points(tour.T_world_camera[k], points)[:, 2])
    floor = np.percentile(np.concatenate(heights), 1)
    home_floor = truth["T_scene_home"][2, 3]
    assert abs(floor - home_floor) < 0.06 and home_floor < -1.0
    assert (truth["joint_positions"][..., 2] > home_floor - 0.02).all()


def test_measured_depth_errs_like_a_sensor(capture: Capture) -> None:
    video, truth = capture.videos[0], capture.videos[0].ground_truth
    measured = np.stack([video.depth(k) for k in range(len(video))])
    known = (measured > 0) & (truth["depth"] > 0)
    error = np.abs(measured - truth["depth"])[known]
    assert 0.001 < np.median(error) < 0.02
    lost = 1 - known.sum() / (truth["depth"] > 0).sum()
    assert 0.002 < lost < 0.3


def test_the_second_camera_sees_the_animal_from_elsewhere(capture: Capture) -> None:
    video = capture.videos[0]
    truth, second = video.ground_truth, video.second_camera
    apart = np.linalg.norm(second.T_world_camera[:, :3, 3] - truth["T_world_camera"][:, :3, 3], axis=1)
    assert apart.min() > 0.3
    k = 4
    points = transform_points(inverse(second.T_world_camera[k]), truth["joint_positions"][k].astype(float))
    u, v, z = second.intrinsics.project(points)
    assert (z > 0).all() and abs(np.median(u) - 48) < 40


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    config = SynthesizeConfig(
        videos=1, seconds=0.6, size="64x48", walkthrough_seconds=1.0, fps=5, workers=1, rooms=2, seed=4, moves=0
    )
    synthesize(tmp_path / "a", config)
    synthesize(tmp_path / "b", config)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


@pytest.mark.parametrize("body", ["dog", "rabbit"])
def test_every_animal_is_filmed_on_the_floor_of_its_home(tmp_path: Path, body: Body) -> None:
    config = SynthesizeConfig(
        videos=1, seconds=0.6, size="64x48", walkthrough=False, second_camera=False, fps=5, workers=1, rooms=2, seed=4,
        body=body,
    )  # fmt: skip
    synthesize(tmp_path / body, config)
    assert check_capture(tmp_path / body) == []
    truth = Capture.open(tmp_path / body).videos[0].ground_truth
    assert tuple(truth["joint_names"].tolist()) == QUADRUPED_NAMES
    assert truth["agent_mask"].sum(axis=(1, 2)).min() > 10
    paws = truth["joint_positions"][:, [name.endswith("_paw") for name in QUADRUPED_NAMES], 2]
    assert (np.abs(paws - truth["T_scene_home"][2, 3]) < 0.2).all()


def test_work_is_resumed_and_never_mixed(capture: Capture) -> None:
    before = (capture.folder / "v00" / "transforms.json").stat().st_mtime_ns
    assert synthesize(capture.folder, CONFIG)["frames"] == 0
    assert (capture.folder / "v00" / "transforms.json").stat().st_mtime_ns == before
    with pytest.raises(CaptureError, match="another configuration"):
        synthesize(capture.folder, SynthesizeConfig(seed=99))


def test_other_folders_and_animals_are_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(CaptureError, match="not empty"):
        synthesize(tmp_path, CONFIG)
    with pytest.raises(ConfigError, match="unicorn"):
        synthesize(tmp_path / "new", SynthesizeConfig(body="unicorn"))  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_odometry_drifts_by_about_one_percent_and_keeps_gravity() -> None:
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 6 * np.pi, 600)
    truth = np.tile(np.eye(4), (600, 1, 1))
    truth[:, :3, 3] = np.stack([2 * np.cos(angle), 2 * np.sin(angle), 1.4 + 0 * angle], -1)
    length = np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).sum()
    ends, tilts = [], []
    for _ in range(60):
        believed = drifting_odometry(rng, truth)
        relative, true = inverse(believed[0]) @ believed, inverse(truth[0]) @ truth
        step = np.linalg.norm(np.diff(believed[:, :3, 3], axis=0), axis=1).sum()
        assert abs(step / length - 1) < 0.04
        ends.append(np.linalg.norm(relative[:, :3, 3] - true[:, :3, 3], axis=1).max() / length)
        tilts.append(np.arccos(np.clip(believed[:, 2, 2], -1, 1)).max())
        assert geodesic_angle(relative[-1, :3, :3], true[-1, :3, :3]) < np.deg2rad(2)
    assert 0.0005 < np.median(ends) < 0.02 and np.rad2deg(max(tilts)) < 1.0


def test_a_sensor_without_noise_tells_the_truth() -> None:
    depth = np.random.default_rng(0).uniform(0.5, 4, (72, 96)).astype(np.float32)
    intrinsics = Intrinsics.from_fov(0.9, 96, 72)
    np.testing.assert_array_equal(DepthSensor(intrinsics, np.random.default_rng(0), 0.0).measure(depth), depth)
    picture = np.random.default_rng(0).integers(0, 170, (72, 96, 3)).astype(np.uint8)
    developed = CameraSensor(Appearance(), np.random.default_rng(0)).develop(picture)
    assert np.abs(developed.astype(int) - picture).max() <= 1


def test_white_balance_acts_on_linear_light() -> None:
    """Half the red light of sRGB 188 (linear 0.5) is linear 0.25, which is sRGB 137."""
    picture = np.full((8, 8, 3), 188, np.uint8)
    developed = CameraSensor(Appearance(white_balance=(0.5, 1.0, 1.0)), np.random.default_rng(0)).develop(picture)
    np.testing.assert_allclose(developed[0, 0], [137, 188, 188], atol=1)


@pytest.mark.parametrize("style", list(HABITS))
def test_observers_walk_in_free_space_and_keep_their_distance(style: str) -> None:
    home = build_home(4, rooms=2)
    target = np.array([*home.nav.nearest_free(home.rooms[0].center), 0.2])
    person = Observer(home, np.random.default_rng(1), style, target)
    steps, seen, speeds = 400, 0, []
    for _ in range(steps):
        pose = person.step(0.05, target)
        assert home.walk.is_free(person.xy) and 0.8 < pose[2, 3] < 1.5
        view = transform_points(inverse(pose), target[None])[0]
        seen += bool(view[2] > 0 and abs(view[0] / view[2]) < 0.5 and abs(view[1] / view[2]) < 0.4)
        speeds.append(np.linalg.norm(person.velocity[:2]))
    assert seen > 0.9 * steps and max(speeds) < 1.5


def test_the_walkthrough_enters_every_room_and_turns_around() -> None:
    home = build_home(4, rooms=2)
    poses = walkthrough_poses(home, np.random.default_rng(0), np.arange(300) / 10)
    for room in home.rooms:
        x0, y0, x1, y1 = room.bounds
        inside = (poses[:, 0, 3] > x0) & (poses[:, 0, 3] < x1) & (poses[:, 1, 3] > y0) & (poses[:, 1, 3] < y1)
        yaw = np.arctan2(poses[inside, 1, 2], poses[inside, 0, 2])
        assert len(np.unique(((yaw + np.pi) / (np.pi / 4)).astype(int) % 8)) == 8
    assert np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).max() < 0.35
