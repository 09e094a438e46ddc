"""A localizer learns a home for those videos that found no place without, or at once where nothing else is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, yaw_matrix
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration import register as stage
from ats_sim.reconstruction.registration.growth import Growth
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.neural.frame_poses import FramePoses
from ats_sim.reconstruction.registration.neural.view import View
from tests.toy_room import pose_errors, write_capture


class Teller:
    """Stands for a localizer: places any video by one transform of its odometry, or does not."""

    def __init__(self, T_world_odometry: Array | None) -> None:
        self.T_world_odometry, self.asked, self.studied = T_world_odometry, 0, 0

    def locate_frames(self, views: object, T_odometry_camera: Array | None) -> FramePoses:
        return FramePoses.of([])

    def place_video(self, views: object, T_odometry_camera: Array, *, level: bool) -> tuple[Array, float] | None:
        self.asked += 1
        return None if self.T_world_odometry is None else (self.T_world_odometry, 0.5)

    def study(self, views: list[View], T_world_camera: Array) -> None:
        self.studied += len(views)


class Training:
    """Stands for the training: remembers each time what it was given beside the walkthrough."""

    def __init__(self, taught: Teller) -> None:
        self.taught = taught
        self.lessons: list[list[str]] = []

    def __call__(
        self,
        scene: Map,
        anchor: Video,
        config: ReconstructConfig,
        cache: Path | None,
        grown: list[Growth] | None = None,
    ) -> Map:
        assert anchor.name == "walkthrough"
        self.lessons.append([growth.frames.video.name for growth in grown or []])
        return replace(scene, localizers={"neural": self.taught})


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    folder = tmp_path_factory.mktemp("room") / "capture"
    return Capture.open(write_capture(folder, odometry=(True,), foreign=True))


def options(*generators: str) -> ReconstructConfig:
    return ReconstructConfig(preset="fast", hypotheses=generators)  # type: ignore[arg-type]


def truth_of(video: Video) -> tuple[Array, Array]:
    """True cameras (N,4,4), and where its odometry begins (4,4)."""
    truth = video.ground_truth
    assert truth is not None and video.T_world_camera is not None
    cameras = truth["T_world_camera"]
    return cameras, cameras[0] @ inverse(video.T_world_camera[0])


def test_nothing_is_learned_where_every_video_finds_its_place(
    capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(Teller(None))
    monkeypatch.setattr(stage, "with_localizers", training)
    only = Capture(capture.folder, capture.walkthrough, (capture.video("v00"),), "")
    found = stage.register(only, options("keypoints", "neural"))
    assert found.videos["v00"].accepted and not training.lessons


def test_a_home_is_learned_once_for_what_is_left_from_what_was_placed(
    capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(Teller(None))
    monkeypatch.setattr(stage, "with_localizers", training)
    found = stage.register(capture, options("keypoints", "neural"))
    assert found.videos["v00"].accepted and not found.videos["v01"].accepted
    assert training.lessons == [["v00"]] and training.taught.asked == 1, "the foreign video alone is asked about"


def test_named_alone_it_learns_at_once_and_its_guess_is_refined(
    capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras, T = truth_of(capture.video("v00"))
    nudge = np.eye(4)
    nudge[:3, :3], nudge[:3, 3] = yaw_matrix(np.radians(1.5)), [0.04, -0.03, 0.02]
    training = Training(Teller(T @ nudge))
    monkeypatch.setattr(stage, "with_localizers", training)
    found = stage.register(capture, options("neural"))
    assert training.lessons == [[]] and found.videos["v00"].accepted and not found.videos["v01"].accepted
    turn, away = pose_errors(found.videos["v00"].T_world_camera, cameras)
    assert turn.mean() < 0.8 and away.mean() < 0.03
    assert training.taught.studied > 0, "what was placed is learned from before the rest is tried again"
