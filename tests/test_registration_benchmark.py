"""The registration benchmark's own arithmetic: what it does to frames, what it counts, and that it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.geometry import exp_so3, rigid
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.registration.cameras import RegisteredVideo
from benchmarks.registration import frame_scores
from benchmarks.registration_captures import Light, Occluder, changed, symmetric_room
from benchmarks.registration_rows import Row, Rows, scored
from benchmarks.registration_sfm import pairs
from tests.toy_room import write_capture


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return Capture.open(write_capture(tmp_path_factory.mktemp("room") / "capture", odometry=(True, True), frames=5))


def test_a_stop_doubles_linear_light_and_white_clips() -> None:
    grey = np.full((2, 2, 3), 100, np.uint8)
    depth = np.ones((2, 2), np.float32)
    brighter, same = Light(stops=1.0)(grey, depth, 0)
    assert abs((brighter[0, 0, 0] / 100.0) ** 2.2 - 2.0) < 0.03 and same is depth
    assert (Light(stops=5.0)(grey, depth, 0)[0] == 255).all()
    warm, _ = Light(warmth=0.3)(grey, depth, 0)
    assert abs(2.2 * np.log(warm[0, 0, 0] / warm[0, 0, 2]) - 0.6) < 0.03 and warm[0, 0, 1] == 100


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_an_occluder_hides_its_share_in_colour_and_depth_and_moves(share: float) -> None:
    rgb, depth = np.zeros((144, 192, 3), np.uint8), np.full((144, 192), 3.0, np.float32)
    hidden = []
    for index in (0, 20):
        seen, near = Occluder(share, 1)(rgb, depth, index)
        hidden.append(near != 3.0)
        assert abs(hidden[-1].mean() - share) < 0.01
        assert seen[hidden[-1]].any() and not seen[~hidden[-1]].any() and near[hidden[-1]].max() < 0.5
    assert (hidden[0] != hidden[1]).any() and not rgb.any() and (depth == 3.0).all()


def test_changed_videos_keep_all_but_what_changes(capture: Capture) -> None:
    darker = changed(capture, lambda number: Light(stops=-1.0 - number))
    for before, after in zip(capture.videos, darker.videos, strict=True):
        assert after.name == before.name and np.array_equal(after.times, before.times)
        assert np.array_equal(after.depth(1), before.depth(1)) and after.rgb(1).mean() < 0.8 * before.rgb(1).mean()
    assert darker.videos[1].rgb(1).mean() < 0.8 * darker.videos[0].rgb(1).mean()


def test_rows_tell_what_was_accepted_from_what_was_guessed(capture: Capture) -> None:
    found = {}
    for number, video in enumerate(capture.videos):
        assert video.ground_truth is not None
        poses = rigid(exp_so3(np.radians([0.0, 0.0, 2.0])), np.zeros(3)) @ video.ground_truth["T_world_camera"]
        poses[:, :3, 3] = video.ground_truth["T_world_camera"][:, :3, 3] + [0.1 + 0.9 * number, 0.0, 0.0]
        ones = np.ones(len(video))
        found[video.name] = RegisteredVideo(True, "", video.intrinsics, video.times, poses, ones, ones > 0, {})
    row = scored(capture, found)
    assert row["accepted"] == 1.0 and row["wrong"] == 1
    assert row["centre_m"] == pytest.approx(0.55) and row["rotation_deg"] == pytest.approx(2.0)
    row = scored(capture, {**found, "v01": replace(found["v01"], accepted=False, reason="no")})
    assert row["accepted"] == 0.5 and row["wrong"] == 0
    assert row["centre_m"] == pytest.approx(0.1) and row["centre_m_all"] == pytest.approx(0.55)
    row = scored(capture, {name: replace(video, accepted=False) for name, video in found.items()})
    assert row["centre_m"] is None and row["worst_m"] is None and row["centre_m_all"] == pytest.approx(0.55)
    json.dumps(row, allow_nan=False)


def test_rows_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    made: list[int] = []

    def make(seed: int) -> Row:
        made.append(seed)
        return {"centre_m": float(seed)}

    for _ in range(2):
        for seed in (1, 2):
            row = Rows(tmp_path / "rows.json").get("t", "full", seed, lambda seed=seed: make(seed))  # type: ignore[misc]
            assert row["centre_m"] == seed
    assert made == [1, 2]


def test_the_symmetric_room_looks_the_same_after_half_a_turn(tmp_path: Path) -> None:
    from ats_sim.reconstruction.scene.raycast import Raycaster
    from benchmarks.registration_captures import _mirrored, _quarter

    capture = symmetric_room(tmp_path / "room")
    video = capture.videos[0]
    assert video.ground_truth is not None
    scan = capture.walkthrough
    assert scan is not None and scan.ground_truth is not None and scan.T_world_camera is not None
    assert np.abs(scan.T_world_camera - scan.ground_truth["T_world_camera"]).max() < 1e-6
    T = video.ground_truth["T_world_camera"][7]
    caster = Raycaster(_mirrored(_quarter(np.random.default_rng(3))))
    turned = rigid(np.diag([-1.0, -1.0, 1.0]), np.zeros(3)) @ T
    (depth, _, rgb), (other, _, painted) = (caster.render(video.intrinsics, pose) for pose in (T, turned))
    assert (depth > 0).all() and np.abs(depth - other).max() < 1e-3
    assert np.abs(rgb.astype(int) - painted).mean() < 1.0
    assert np.abs(video.depth(7) - depth).max() < 2e-3


def test_frames_that_other_programs_lose_count_in_the_recall_alone(capture: Capture) -> None:
    truths = {v.name: v.ground_truth["T_world_camera"] for v in capture.videos if v.ground_truth is not None}
    some = {name: [T if i else None for i, T in enumerate(poses[::2])] for name, poses in truths.items()}
    row = frame_scores(capture, some, every=2)
    assert row["frames"] == 6 and row["lost"] == 2 and row["recall"] == pytest.approx(4 / 6)
    assert row["centre_m"] == pytest.approx(0.0) and row["rotation_deg"] == pytest.approx(0.0, abs=1e-4)
    nothing = frame_scores(capture, {name: [None] * len(poses) for name, poses in truths.items()})
    assert nothing == {"frames": 10, "lost": 10, "recall": 0.0}


def test_pictures_of_videos_are_matched_with_each_other_through_time_and_with_the_whole_walkthrough() -> None:
    chosen = {"scan": [0, 5, 9], "v00": [0, 2], "v01": [0]}
    matched = pairs("scan", chosen)
    assert len(set(matched)) == len(matched) == 3 + 1 + 3 * 3
    assert ("v00/00000.png", "v00/00002.png") in matched and ("v01/00000.png", "scan/00009.png") in matched
