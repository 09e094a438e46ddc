"""Captures: what is written is read back, and every way a folder can be broken gives one clear error."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import CaptureError
from ats_sim.geometry import Intrinsics, look_at
from ats_sim.reconstruction.capture.format import Capture, CaptureWriter, check_capture

INTRINSICS = Intrinsics(40.0, 41.0, 23.3, 17.6, 48, 36)
FRAMES = 4


def wall_depth(distance: float) -> np.ndarray:
    """A wall at a slant, with an unknown corner."""
    depth = distance + 0.01 * np.arange(48)[None, :] + np.zeros((36, 1))
    depth[:5, :5] = 0.0
    return depth.astype(np.float32)


def pose(index: int) -> np.ndarray:
    return look_at(np.array([0.1 * index, 0.0, 1.4]), np.array([2.0, 0.3 * index, 0.5]))


def write(folder: Path) -> Path:
    """A sound capture of a walkthrough and one video."""
    writer = CaptureWriter(folder)
    picture = np.arange(36 * 48 * 3, dtype=np.uint8).reshape(36, 48, 3) // 4 + 60
    for name in ("walkthrough", "v00"):
        source = "odometry" if name == "v00" else None
        with writer.recording(name, INTRINSICS, 5.0, pose_source=source) as video:
            for index in range(FRAMES):
                mask = wall_depth(1.0) > 1.2 if name == "v00" else None
                video.add(index / 5, picture, wall_depth(1 + index), T_world_camera=pose(index), mask=mask)
    writer.finish(walkthrough="walkthrough", videos=["v00"], provenance="a test")
    return folder


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write(tmp_path / "capture")


def edit(path: Path, change: Callable[[dict], object]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_what_was_written_is_read_back(capture: Path) -> None:
    opened = Capture.open(capture)
    video = opened.videos[0]
    assert opened.walkthrough is not None and len(opened.recordings) == 2 and opened.provenance == "a test"
    assert len(video) == FRAMES and video.fps == 5.0 and video.intrinsics == INTRINSICS
    assert video.has_odometry and video.pose_source == "odometry" and opened.video("v00") is video
    np.testing.assert_allclose(video.times, np.arange(FRAMES) / 5)
    np.testing.assert_allclose(video.T_world_camera, np.stack([pose(k) for k in range(FRAMES)]), atol=1e-9)
    np.testing.assert_allclose(video.depth(2), wall_depth(3.0), atol=5.1e-4)
    assert video.depth(2).dtype == np.float32 and (video.depth(2)[:5, :5] == 0).all()
    np.testing.assert_array_equal(video.mask(0), wall_depth(1.0) > 1.2)
    assert video.rgb(0).shape == (36, 48, 3) and opened.walkthrough.mask(0) is None
    assert check_capture(capture) == []


def test_opengl_poses_on_disk_look_along_minus_z(capture: Path) -> None:
    frame = json.loads((capture / "v00" / "transforms.json").read_text())["frames"][1]
    matrix = np.array(frame["transform_matrix"])
    towards = np.array([2.0, 0.3, 0.5]) - matrix[:3, 3]
    np.testing.assert_allclose(-matrix[:3, 2], towards / np.linalg.norm(towards), atol=1e-9)


def test_scan_free_and_pose_free_captures_are_legal(capture: Path) -> None:
    edit(capture / "capture.json", lambda record: record.update(walkthrough=None))
    edit(capture / "v00" / "transforms.json", lambda record: [f.pop("transform_matrix") for f in record["frames"]])
    opened = Capture.open(capture)
    assert opened.walkthrough is None and not opened.videos[0].has_odometry
    assert opened.videos[0].T_world_camera is None


def set_frame(key: str, value: object) -> Callable[[dict], object]:
    return lambda record: record["frames"][2].update({key: value})


NAN_POSE = np.full((4, 4), np.nan).tolist()
SCALED = (np.diag([2.0, 2.0, 2.0, 1.0])).tolist()
TRANSFORMS = "v00/transforms.json"

BROKEN_RECORDS = [
    pytest.param("capture.json", lambda r: r.update(format="ats-capture/9"), "ats-capture/9", id="format"),
    pytest.param("capture.json", lambda r: r.pop("walkthrough"), "null", id="walkthrough unnamed"),
    pytest.param("capture.json", lambda r: r.update(walkthrough="tour"), "tour", id="walkthrough missing"),
    pytest.param("capture.json", lambda r: r.update(videos=["v00", "v07"]), "v07", id="video missing"),
    pytest.param("capture.json", lambda r: r.update(videos=["../v00"]), r"\.\./v00", id="name leaves the folder"),
    pytest.param("capture.json", lambda r: r.update(videos=["v00", "v00"]), "twice", id="video twice"),
    pytest.param("capture.json", lambda r: r.update(videos=[]), "no video of the animal yet", id="no videos"),
    pytest.param(TRANSFORMS, lambda r: r.update(fl_x=0), "fl_x", id="focal length"),
    pytest.param(TRANSFORMS, lambda r: r.pop("cy"), "cy", id="principal point"),
    pytest.param(TRANSFORMS, lambda r: r.update(w=50), "48x36.*50x36", id="size"),
    pytest.param(TRANSFORMS, lambda r: r.update(k1=0.1), "distortion", id="distortion"),
    pytest.param(TRANSFORMS, lambda r: r.update(frames=[]), "frames", id="no frames"),
    pytest.param(TRANSFORMS, lambda r: r["frames"][2].pop("depth_file_path"), "frame 2.*depth", id="depth unnamed"),
    pytest.param(TRANSFORMS, set_frame("file_path", "images/9.jpg"), "frame 2.*9.jpg", id="image missing"),
    pytest.param(TRANSFORMS, set_frame("file_path", "../capture.json"), "frame 2.*outside", id="image outside"),
    pytest.param(TRANSFORMS, set_frame("transform_matrix", NAN_POSE), "frame 2.*finite", id="pose nan"),
    pytest.param(TRANSFORMS, set_frame("transform_matrix", SCALED), "frame 2.*rigid", id="pose scaled"),
    pytest.param(TRANSFORMS, set_frame("transform_matrix", [[1, 2], [3, 4]]), "frame 2.*shape", id="pose shape"),
    pytest.param(TRANSFORMS, lambda r: r["frames"][2].pop("transform_matrix"), "frame 2", id="pose missing"),
    pytest.param(TRANSFORMS, set_frame("time", 0.1), "frame 2.*0.1", id="time runs back"),
    pytest.param(TRANSFORMS, set_frame("time", "late"), "frame 2.*late", id="time no number"),
    pytest.param(TRANSFORMS, lambda r: r["frames"][2].pop("mask_path"), "frame 2.*mask", id="mask missing"),
]


@pytest.mark.parametrize(("name", "change", "message"), BROKEN_RECORDS)
def test_broken_records_name_file_and_frame(capture: Path, name: str, change: Callable, message: str) -> None:
    edit(capture / name, change)
    with pytest.raises(CaptureError, match=message):
        Capture.open(capture)
    assert len(check_capture(capture)) == 1


def test_a_walkthrough_without_poses_is_refused(capture: Path) -> None:
    edit(capture / "walkthrough/transforms.json", lambda r: [f.pop("transform_matrix") for f in r["frames"]])
    with pytest.raises(CaptureError, match="metric poses"):
        Capture.open(capture)


@pytest.mark.parametrize("broken", ["not json", "[1, 2]", '{"format": '])
def test_unreadable_json(capture: Path, broken: str) -> None:
    (capture / "v00/transforms.json").write_text(broken)
    with pytest.raises(CaptureError, match="transforms.json"):
        Capture.open(capture)


@pytest.mark.parametrize("name", ["images/000001.jpg", "depth/000001.png", "masks/000001.png"])
def test_a_missing_file_is_named_at_open(capture: Path, name: str) -> None:
    (capture / "v00" / name).unlink()
    with pytest.raises(CaptureError, match=rf"frame 1.*{name}.*missing"):
        Capture.open(capture)


@pytest.mark.parametrize("name", ["images/000001.jpg", "depth/000001.png", "masks/000001.png"])
def test_a_truncated_picture_is_an_error_when_read(capture: Path, name: str) -> None:
    path = capture / "v00" / name
    path.write_bytes(path.read_bytes()[:-25])
    video = Capture.open(capture).videos[0]
    with pytest.raises(CaptureError, match=r"000001\.\w+: the picture is truncated"):
        for read in (video.rgb, video.depth, video.mask):
            read(1)
    assert len(check_capture(capture)) == 1


def test_depth_of_eight_bits_is_refused(capture: Path) -> None:
    shutil.copy(capture / "v00/masks/000000.png", capture / "v00/depth/000000.png")
    with pytest.raises(CaptureError, match="uint16"):
        Capture.open(capture).videos[0].depth(0)


def test_all_problems_are_listed_at_once(capture: Path) -> None:
    edit(capture / TRANSFORMS, set_frame("transform_matrix", NAN_POSE))
    (capture / "walkthrough/depth/000000.png").unlink()
    assert len(check_capture(capture)) == 2


def test_a_failed_recording_leaves_nothing_behind(tmp_path: Path) -> None:
    writer = CaptureWriter(tmp_path / "capture")
    with pytest.raises(CaptureError, match="pixels"), writer.recording("v00", INTRINSICS, 5.0) as video:
        video.add(0.0, np.zeros((36, 48, 3), np.uint8), wall_depth(1.0))
        video.add(0.2, np.zeros((30, 48, 3), np.uint8), wall_depth(1.0))
    assert list((tmp_path / "capture").iterdir()) == []
    with pytest.raises(CaptureError, match="never written"):
        writer.finish(walkthrough=None, videos=["v00"], provenance="")


def test_the_real_recording_opens(shared_data: Path) -> None:
    capture = Capture.open(shared_data / "rooms-fox")
    assert [len(video) for video in capture.recordings] == [178, 41, 52, 34, 52]
    assert [video.has_odometry for video in capture.videos] == [True, True, True, False]
    video = capture.videos[0]
    truth = video.ground_truth
    assert truth is not None
    np.testing.assert_array_equal(video.mask(7), truth["agent_mask"][7])
    known = (truth["depth"][7] > 0) & ~truth["agent_mask"][7]
    np.testing.assert_allclose(video.depth(7)[known], truth["depth"][7][known], atol=1e-3)
    with pytest.raises(CaptureError, match="no frame 41"):
        video.rgb(41)
