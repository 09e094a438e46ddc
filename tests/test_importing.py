"""Recordings of other programs become captures: geometry, colours and time survive, what is wrong is put right or told.

The recordings are written by tests/foreign_recordings.py after the formats' own descriptions, with SciPy's rotations;
what is true of them is the toy room's ray casting.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.cli import main
from ats_sim.errors import AtsError, CaptureError, ConfigError
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.capture.format import Capture, Video, check_capture
from ats_sim.reconstruction.capture.importing.agreement import TURNS, fit_of_poses
from ats_sim.reconstruction.capture.importing.levelling import measured_up, rotation_between
from ats_sim.reconstruction.capture.importing.options import ImportOptions
from ats_sim.reconstruction.capture.importing.recording import Lens
from ats_sim.reconstruction.capture.importing.straight import straightened
from ats_sim.reconstruction.capture.importing.take_in import import_recordings
from ats_sim.reconstruction.scene.raycast import Raycaster
from tests import foreign_recordings as foreign
from tests.foreign_recordings import DEPTH_SIZE, FPS, WRITERS, Clip
from tests.toy_room import room

SURE = slice(12, -12)
"""Rows whose depth every format is sure of."""


@pytest.fixture(scope="module")
def filmed() -> Clip:
    return foreign.clip()


def taken(format: str, source: Path, output: Path, **options: object) -> tuple[Video, dict]:
    """The only video of a capture that was imported, and what was said of it."""
    outcome = import_recordings(format.split()[0], source, output, ImportOptions(**options))
    assert check_capture(output) == []
    capture = Capture.open(output)
    assert len(capture.recordings) == 1 and not outcome["refused"]
    return capture.recordings[0], outcome["taken"][0]


def frame_between(video: Video, poses: Array) -> Array:
    """T_video_scene: the rigid motion between a video's own frame and the truth's; checks that there is but one."""
    motions = video.T_world_camera @ np.linalg.inv(poses)
    assert np.abs(motions - motions[0]).max() < 2e-3
    return motions[0]


@pytest.mark.parametrize("format", WRITERS)
def test_what_was_filmed_survives(format: str, filmed: Clip, tmp_path: Path) -> None:
    video, said = taken(format, WRITERS[format](tmp_path / "rec", filmed), tmp_path / "capture", fps=30)
    kept = [k for k in range(len(filmed.poses)) if format != "scannet" or k != 3]
    assert len(video) == len(kept) and said["has_poses"] and video.pose_source == "odometry"
    rate = 30.0 / FPS if format in ("scannet", "7scenes") else 1.0  # these do not tell time: the Kinect's rate
    np.testing.assert_allclose(video.times, filmed.times[kept] / rate, atol=1e-5)
    motion = frame_between(video, filmed.poses[kept])
    tilt = np.degrees(np.arccos(np.clip(motion[2, 2], -1, 1)))
    assert tilt < (1.0 if format in ("record3d", "record3d exr", "7scenes") else 0.01)
    caster = Raycaster(room())
    for index in (0, len(kept) // 2):
        depth, _, rgb = caster.render(video.intrinsics, filmed.poses[kept[index]])
        measured, known = video.depth(index)[SURE], video.depth(index)[SURE] > 0
        assert known.mean() > 0.97
        assert np.quantile(np.abs(measured - depth[SURE])[known], 0.95) < 0.01
        assert np.abs(video.rgb(index).astype(float) - rgb).mean() < 12.0


@pytest.mark.parametrize("format", ["record3d", "stray", "polycam"])
def test_what_a_phone_guesses_is_dropped_on_demand(format: str, filmed: Clip, tmp_path: Path) -> None:
    source = WRITERS[format](tmp_path / "rec", filmed)
    strict, _ = taken(format, source, tmp_path / "strict")
    assert (strict.depth(0)[:10] == 0).all() and (strict.depth(0)[10:] > 0).all()
    every, _ = taken(format, source, tmp_path / "every", confidence="low")
    assert (every.depth(0) > 0).all()
    near, _ = taken(format, source, tmp_path / "near", farthest=1.5)
    assert 0.0 < near.depth(0).max() < 1.501


def test_masks_are_turned_from_nerfstudios_sense(filmed: Clip, tmp_path: Path) -> None:
    video, _ = taken("nerfstudio", foreign.write_nerfstudio(tmp_path / "rec", filmed), tmp_path / "capture")
    mask = video.mask(0)
    assert mask is not None and mask[22:28, 42:58].all() and not mask[:18].any() and not mask[:, :38].any()


def test_bent_pictures_are_straightened() -> None:
    """Against OpenCV's other direction: a bent picture made point by point from a straight one."""
    lens = Intrinsics(200.0, 205.0, 158.0, 117.0, 320, 240)
    bend = np.array([-0.18, 0.05, 0.002, -0.001, 0.0])
    straight = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (240, 320, 3)), (0, 0), 4.0)
    straight = (10 * (straight - 127.5)).astype(np.float32)
    v, u = np.mgrid[:240, :320]
    points = np.stack([u, v], axis=-1).reshape(-1, 1, 2).astype(np.float64)
    sources = cv2.undistortPoints(points, lens.matrix, bend, P=lens.matrix).reshape(240, 320, 2).astype(np.float32)
    bent = cv2.remap(straight, sources[..., 0], sources[..., 1], cv2.INTER_LINEAR)
    again = straightened(bent, Lens(lens, bend), lens, smooth=True)
    inner = (slice(40, -40), slice(50, -50))
    assert np.abs(again - straight)[inner].mean() < 0.05 * np.abs(bent - straight)[inner].mean()


@pytest.mark.parametrize(("roll", "quarters"), [(np.pi / 2, 1), (-np.pi / 2, 3), (np.pi, 2)])
def test_pictures_that_lie_on_their_side_are_turned_upright(roll: float, quarters: int, tmp_path: Path) -> None:
    filmed = foreign.clip(frames=10, roll=roll)
    video, said = taken("stray", foreign.write_stray(tmp_path / "rec", filmed), tmp_path / "capture")
    up_in_picture = video.T_world_camera[:, 2, :2].mean(axis=0)
    assert up_in_picture[1] < -0.9 and abs(up_in_picture[0]) < 0.1
    assert any("turned by" in remark for remark in said["remarks"])
    upright = DEPTH_SIZE if quarters == 2 else DEPTH_SIZE[::-1]
    assert (video.intrinsics.width, video.intrinsics.height) == upright
    depth, _, _ = Raycaster(room()).render(video.intrinsics, filmed.poses[4] @ _spin(-roll))
    np.testing.assert_allclose(np.median(np.abs(video.depth(4) - depth)[video.depth(4) > 0]), 0.0, atol=0.005)


def _spin(angle: float) -> Array:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_pictures_that_were_turned_without_their_poses_are_found_out(
    quarters: int, filmed: Clip, tmp_path: Path
) -> None:
    spun = foreign.turned(filmed, quarters)
    video, said = taken("nerfstudio", foreign.write_nerfstudio(tmp_path / "rec", replace(spun)), tmp_path / "capture")
    assert "axes" in said["remarks"][0]
    assert abs(frame_between(video, filmed.poses)[2, 2] - 1.0) < 1e-5
    assert (video.intrinsics.width, video.intrinsics.height) == DEPTH_SIZE  # and they are upright again


def test_axes_of_another_convention_are_found_out(filmed: Clip, tmp_path: Path) -> None:
    source = foreign.write_polycam(tmp_path / "rec", filmed, axes=np.eye(4))
    video, said = taken("polycam", source, tmp_path / "capture")
    assert "flipped" in said["remarks"][0]
    frame_between(video, filmed.poses)


def test_poses_that_fit_nothing_are_left_out_of_videos_and_refused_in_a_walkthrough(
    filmed: Clip, tmp_path: Path
) -> None:
    wrong = replace(filmed, poses=filmed.poses[np.random.default_rng(1).permutation(len(filmed.poses))])
    source = foreign.write_polycam(tmp_path / "rec", wrong)
    video, said = taken("polycam", source, tmp_path / "capture")
    assert not video.has_odometry and "left out" in said["remarks"][0]
    with pytest.raises(CaptureError, match="walkthrough defines"):
        import_recordings("polycam", source, tmp_path / "scan", ImportOptions(walkthrough=True))
    assert not (tmp_path / "scan" / "walkthrough").exists()


def test_every_turn_is_told_from_every_other(filmed: Clip) -> None:
    lens = filmed.lens.resized(*DEPTH_SIZE)
    frames = np.stack([np.arange(16), np.arange(16) + 2], axis=1)
    pairs = [(filmed.depths[a], filmed.depths[b]) for a, b in frames]
    for name, turn in TURNS.items():
        told = fit_of_poses(pairs, lens, (filmed.poses @ np.linalg.inv(turn))[frames])
        assert told.turn == name and told.share > 0.95


def test_a_camera_that_stands_still_tells_nothing(filmed: Clip) -> None:
    still = np.repeat(filmed.poses[:1], 8, axis=0).reshape(4, 2, 4, 4)
    fit = fit_of_poses([(filmed.depths[0], filmed.depths[0])] * 4, filmed.lens.resized(*DEPTH_SIZE), still)
    assert fit.turn == "as recorded" and np.isnan(fit.share)


@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (0.5, 0.3, 2.0), (1.5, -2.0, 0.1)])
def test_up_is_measured(filmed: Clip, tilt: tuple[float, float, float]) -> None:
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_rotvec(tilt).as_matrix()
    noise = np.random.default_rng(2)
    noisy = [depth * (1 + 0.004 * noise.standard_normal(depth.shape)) for depth in filmed.depths]
    up = measured_up(noisy, filmed.lens.resized(*DEPTH_SIZE), turn @ filmed.poses[:, :3, :3])
    assert up is not None and np.degrees(np.arccos(up @ turn[:, 2])) < 1.0


def test_nothing_flat_tells_no_up(filmed: Clip) -> None:
    ball = np.linspace(0.4, 3.0, 96 * 128).reshape(96, 128)
    assert measured_up([ball] * 3, filmed.lens.resized(*DEPTH_SIZE), filmed.poses[:3, :3, :3]) is None


@pytest.mark.parametrize("target", [[0, 0, 1], [0, 0, -1], [0.6, 0, 0.8], [1, 0, 0]])
def test_the_smallest_rotation(target: list[float]) -> None:
    first, second = np.array([0.0, 0.0, 1.0]), np.array(target, float)
    rotation = rotation_between(first, second)
    np.testing.assert_allclose(rotation @ first, second, atol=1e-12)
    np.testing.assert_allclose(np.trace(rotation), 1 + 2 * (first @ second), atol=1e-9)


def test_faster_recordings_are_thinned_evenly(filmed: Clip, tmp_path: Path) -> None:
    source = foreign.write_nerfstudio(tmp_path / "rec", filmed)
    video, _ = taken("nerfstudio", source, tmp_path / "capture", fps=5)
    np.testing.assert_allclose(video.times, np.arange(12) / 5, atol=1e-6)
    assert video.fps == pytest.approx(5.0)


def test_a_capture_grows_day_by_day(filmed: Clip, tmp_path: Path) -> None:
    output, day = tmp_path / "capture", tmp_path / "day"
    import_recordings(
        "polycam", foreign.write_polycam(tmp_path / "scan", filmed), output, ImportOptions(walkthrough=True)
    )
    foreign.write_record3d(
        day / "morning", replace(filmed, poses=filmed.poses[:8], colors=filmed.colors[:8], depths=filmed.depths[:8])
    )
    foreign.write_record3d(
        day / "noon", replace(filmed, poses=filmed.poses[8:], colors=filmed.colors[8:], depths=filmed.depths[8:])
    )
    outcome = import_recordings("record3d", day, output, ImportOptions())
    assert [one["name"] for one in outcome["taken"]] == ["v00", "v01"]
    capture = Capture.open(output)
    assert capture.walkthrough is not None and [video.name for video in capture.videos] == ["v00", "v01"]
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.png")}
    (day / "noon.r3d").rename(day / "later.r3d")  # a new name makes no new recording
    foreign.write_record3d(day / "evening", foreign.part(filmed, slice(4, 20)))
    (day / "broken.r3d").write_bytes(b"PK\x03\x04 no zip at all")
    foreign.zipped(day / "empty.r3d", {"metadata": "{}"})
    outcome = import_recordings("record3d", day, output, ImportOptions())
    assert [one["name"] for one in outcome["taken"]] == ["v02"]
    assert sorted(outcome["kept"].values()) == ["v00", "v01"] and set(outcome["refused"]) == {"broken", "empty"}
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
    assert check_capture(output) == []


def test_a_recording_can_be_taken_in_otherwise_once_its_folder_is_gone(filmed: Clip, tmp_path: Path) -> None:
    output, source = tmp_path / "capture", foreign.write_nerfstudio(tmp_path / "rec", filmed)
    import_recordings("nerfstudio", source, output, ImportOptions())
    outcome = import_recordings("nerfstudio", source, output, ImportOptions(fps=5.0))
    assert f"delete {output / 'v00'}" in outcome["kept"]["rec"] and len(Capture.open(output).videos[0]) == 24
    shutil.rmtree(output / "v00")
    outcome = import_recordings("nerfstudio", source, output, ImportOptions(fps=5.0))
    assert outcome["taken"][0]["name"] == "v00" and len(Capture.open(output).videos[0]) == 12
    # An export with the right depth is another recording, though its pictures and poses are the same.
    far = replace(filmed, depths=[1.1 * depth for depth in filmed.depths])
    outcome = import_recordings("nerfstudio", foreign.write_nerfstudio(tmp_path / "far", far), output, ImportOptions())
    assert outcome["taken"][0]["name"] == "v01"


def test_captures_are_no_recordings_and_a_lone_walkthrough_is_told(
    filmed: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = foreign.write_nerfstudio(tmp_path / "rec", filmed)
    words = ["import", "nerfstudio", str(tmp_path), "-o", str(tmp_path / "capture"), "--walkthrough"]
    assert main(words) == 0 and "ats import" in capsys.readouterr().err
    assert check_capture(tmp_path / "capture") == [
        f"{tmp_path / 'capture'}: holds a walkthrough and no video of the animal yet; `ats import` adds some"
    ]
    assert main(words) == 0  # the capture's own transforms.json is no second recording
    assert "was there already" in capsys.readouterr().out
    assert main(["check", str(source)]) == 1
    with pytest.raises(CaptureError, match="is no capture"):
        Capture.open(source)


def test_poses_that_never_see_the_same_are_not_believed(filmed: Clip) -> None:
    lens = filmed.lens.resized(*DEPTH_SIZE)
    apart = filmed.poses[[0, 2, 4, 6]].copy()
    away = apart.copy()
    away[:, :3, 3] += 50.0
    pairs = [(filmed.depths[k], filmed.depths[k]) for k in (0, 2, 4, 6)]
    assert fit_of_poses(pairs, lens, np.stack([apart, away], axis=1)).turn == ""


def test_short_recordings_and_wrong_units_are_told(filmed: Clip, tmp_path: Path) -> None:
    small = replace(filmed, depths=[10.0 * depth for depth in filmed.depths])
    _, said = taken("nerfstudio", foreign.write_nerfstudio(tmp_path / "rec", filmed), tmp_path / "capture")
    assert any("2.3 s" in remark for remark in said["remarks"])
    source = foreign.write_nerfstudio(tmp_path / "small", small)
    outcome = import_recordings("nerfstudio", source, tmp_path / "other", ImportOptions())
    assert any("unit" in remark for remark in outcome["taken"][0]["remarks"])


def test_a_second_walkthrough_is_refused(filmed: Clip, tmp_path: Path) -> None:
    output = tmp_path / "capture"
    source = foreign.write_nerfstudio(tmp_path / "rec", filmed)
    import_recordings("nerfstudio", source, output, ImportOptions(walkthrough=True))
    again = foreign.write_tum(tmp_path / "other", filmed)
    with pytest.raises(CaptureError, match="has a walkthrough already"):
        import_recordings("tum", again, output, ImportOptions(walkthrough=True))


def _spoil(format: str, place: Path, filmed: Clip, how: str) -> Path:
    """A recording with one thing wrong."""
    if format == "record3d":
        files = foreign.r3d_files(filmed, **({"K": [1, 2, 3]} if how == "K" else {}))
        if how == "no poses":
            files["metadata"] = json.dumps({**json.loads(files["metadata"]), "poses": []})
        if how == "nan":
            poses = json.loads(files["metadata"])["poses"]
            poses[2][1] = float("nan")
            files["metadata"] = json.dumps({**json.loads(files["metadata"]), "poses": poses})
        if how == "depth":
            files["rgbd/0.depth"] = b"bvx2 no such thing"
        if how == "jpeg":
            files["rgbd/0.jpg"] = b"\xff\xd8 no jpeg"
        if how == "selfie":
            files["metadata"] = json.dumps({**json.loads(files["metadata"]), "poses": [[0, 0, 0, 1, 0, 0, 0]] * 24})
        return foreign.zipped(place.with_suffix(".r3d"), files)
    source = WRITERS[format](place, filmed)
    frame = {"file_path": "a", "depth_file_path": "b"}
    changes = {
        "film": ("rgb.mp4", b"\x00\x00\x00\x18ftypmp42 cut off"),
        "table": ("odometry.csv", b"timestamp, frame\n1, 2\n"),
        "words": ("groundtruth.txt", b"0 a b c d e f g\n"),
        "lens": ("calibration.txt", b"525 525\n"),
        "list": ("rgb.txt", b"0.1\n"),
        "bent": ("transforms.json", json.dumps({"camera_model": "OPENCV_FISHEYE", "frames": [frame]}).encode()),
        "flat": ("transforms.json", json.dumps({"frames": [{"file_path": "a"}]}).encode()),
        "text": ("transforms.json", b"{"),
        "pose": ("pose/1.txt", b"1 0 0 0\n0 2 0 0\n0 0 1 0\n0 0 0 1\n"),
        "eight bit": ("depth/0.png", foreign.png(np.zeros((96, 128), np.uint8))),
    }  # fmt: skip
    name, content = changes[how]
    (source / name).write_bytes(content)
    return source


@pytest.mark.parametrize(
    ("format", "how", "message"),
    [
        ("record3d", "K", "K, w or h"),
        ("record3d", "no poses", "no frame has a picture, a depth and a pose"),
        ("record3d", "nan", "pose of frame 2"),
        ("record3d", "depth", "no LZFSE"),
        ("record3d", "jpeg", "cannot be decoded"),
        ("record3d", "selfie", "selfie"),
        ("stray", "film", "no film that can be read"),
        ("stray", "table", "columns"),
        ("tum", "words", "no number"),
        ("tum", "lens", "matrix of shape"),
        ("tum", "list", "columns"),
        ("nerfstudio", "bent", "OPENCV_FISHEYE"),
        ("nerfstudio", "flat", "no frame has a depth_file_path"),
        ("nerfstudio", "text", "no JSON"),
        ("scannet", "pose", "no rigid motion"),
        ("scannet", "eight bit", "16-bit"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_left_behind(
    format: str, how: str, message: str, filmed: Clip, tmp_path: Path
) -> None:
    source = _spoil(format, tmp_path / "rec", filmed, how)
    with pytest.raises(AtsError, match=message) as told:
        import_recordings(format, source, tmp_path / "capture", ImportOptions())
    assert str(tmp_path / "rec") in str(told.value)
    assert not (tmp_path / "capture" / "v00").exists() and not (tmp_path / "capture" / "capture.json").exists()


def test_places_without_recordings(filmed: Clip, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no such file"):
        import_recordings("stray", tmp_path / "nowhere", tmp_path / "out", ImportOptions())
    with pytest.raises(CaptureError, match="holds no Stray Scanner folder"):
        import_recordings("stray", tmp_path, tmp_path / "out", ImportOptions())
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(CaptureError, match="neither a folder nor a zip"):
        import_recordings("polycam", tmp_path / "note.txt", tmp_path / "out", ImportOptions())
    with pytest.raises(ConfigError, match="has no depth"):
        import_recordings("mp4", tmp_path / "note.txt", tmp_path / "out", ImportOptions())
    with pytest.raises(CaptureError, match="not empty and no capture"):
        import_recordings("polycam", foreign.write_polycam(tmp_path / "rec", filmed), tmp_path, ImportOptions())
    for name in "ab":
        foreign.write(tmp_path / "two" / name, {"transforms.json": "{}"})
    with pytest.raises(ConfigError, match="2 recordings .a, b."):
        import_recordings("nerfstudio", tmp_path / "two", tmp_path / "out", ImportOptions(walkthrough=True))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("changes", [{"fps": 0.0}, {"longest_side": 10}, {"farthest": -1.0}, {"source_fps": 0.0}])
def test_options_are_checked(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="--"):
        ImportOptions(**changes)


def test_the_command(filmed: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = tmp_path / "day"
    foreign.write_record3d(day / "noon", filmed)
    words = ["import", "record3d", str(day), "-o", str(tmp_path / "capture"), "--json", str(tmp_path / "said.json")]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "v00 <- noon: 24 frames of 128x96" in said.out and "ats reconstruct" in said.err
    assert json.loads((tmp_path / "said.json").read_text())["taken"][0]["source"] == "noon"
    foreign.zipped(day / "empty.r3d", {"metadata": "{}"})
    assert main(words) == 1
    assert "empty was left out" in capsys.readouterr().out
