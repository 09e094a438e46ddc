"""Videos of a home find their place in its walkthrough, and videos of another home are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import ReconstructionError
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.synthesis.filming.odometry import drifting_odometry
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.reconstruction.registration.register import register
from ats_sim.reconstruction.scores.registration import rigid_alignment
from tests.toy_room import pose_errors, write_capture

FAST = ReconstructConfig(preset="fast")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return Capture.open(write_capture(tmp_path_factory.mktemp("room") / "capture", foreign=True))


@pytest.fixture(scope="module")
def cameras(capture: Capture) -> Cameras:
    return register(capture, FAST)


@pytest.mark.parametrize(("name", "degrees", "metres"), [("v00", 0.6, 0.02), ("v01", 0.8, 0.03)])
def test_every_frame_of_a_video_is_placed_with_and_without_odometry(
    capture: Capture, cameras: Cameras, name: str, degrees: float, metres: float
) -> None:
    truth = capture.video(name).ground_truth
    assert truth is not None and cameras.videos[name].accepted, cameras.videos[name].reason
    assert cameras.videos[name].registered.all()
    turn, away = pose_errors(cameras.videos[name].T_world_camera, truth["T_world_camera"])
    assert turn.mean() < degrees and away.mean() < metres


def test_a_device_that_loses_its_way_is_found_back(capture: Capture) -> None:
    video = capture.video("v00")
    assert video.ground_truth is not None
    truth = video.ground_truth["T_world_camera"]
    # Up to 32 cm off where its poses are laid onto the truth; with near looks alone 7 cm remain, up to 27.
    lost = drifting_odometry(np.random.default_rng(0), truth, 120.0)
    found = register(replace(capture, videos=(replace(video, T_world_camera=lost),)), FAST).videos["v00"]
    assert found.accepted, found.reason
    turn, away = pose_errors(found.T_world_camera, truth)
    assert turn.mean() < 1.5 and away.mean() < 0.05 and away.max() < 0.12


def test_a_video_of_another_home_is_rejected_with_a_reason(cameras: Cameras) -> None:
    foreign = cameras.videos["v02"]
    assert not foreign.accepted and not foreign.registered.any()
    assert foreign.reason


def test_shape_alone_finds_the_place_where_keypoints_are_off(capture: Capture) -> None:
    only = Capture(capture.folder, capture.walkthrough, (capture.video("v00"),), "")
    found = register(only, ReconstructConfig(preset="fast", ablate=("keypoints",))).videos["v00"]
    truth = only.videos[0].ground_truth
    assert truth is not None and found.accepted, found.reason
    turn, away = pose_errors(found.T_world_camera, truth["T_world_camera"])
    assert turn.mean() < 0.8 and away.mean() < 0.03


def test_without_a_walkthrough_the_best_covered_video_is_the_frame(tmp_path: Path) -> None:
    capture = Capture.open(write_capture(tmp_path / "c", odometry=(True, True), walkthrough=False))
    found = register(capture, FAST)
    anchors = [name for name, video in found.videos.items() if "anchor" in video.quality]
    assert len(anchors) == 1 and all(video.accepted for video in found.videos.values())
    truth = {video.name: video.ground_truth["T_world_camera"] for video in capture.videos if video.ground_truth}
    T = rigid_alignment(found.videos[anchors[0]].T_world_camera, truth[anchors[0]])
    for name, video in found.videos.items():
        turn, away = pose_errors(T @ video.T_world_camera, truth[name])
        assert turn.mean() < 1.5 and away.mean() < 0.06


def test_without_walkthrough_and_odometry_the_way_out_is_named(tmp_path: Path) -> None:
    capture = Capture.open(write_capture(tmp_path / "c", odometry=(False,), walkthrough=False, frames=3))
    with pytest.raises(ReconstructionError, match="record a walkthrough"):
        register(capture, FAST)


@pytest.mark.slow
def test_the_real_rooms_are_registered_within_centimetres(shared_data: Path) -> None:
    folder = shared_data / "rooms-fox"
    if not folder.is_dir():
        pytest.skip("rooms-fox is not on this machine")
    capture = Capture.open(folder)
    found = register(capture, ReconstructConfig())
    for video in capture.videos:
        truth = video.ground_truth
        assert truth is not None and found.videos[video.name].registered.all()
        turn, away = pose_errors(found.videos[video.name].T_world_camera, truth["T_world_camera"])
        assert turn.mean() < 0.8 and away.mean() < 0.04 and np.max(away) < 0.2
