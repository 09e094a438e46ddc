"""Videos placed in several processes come out as those placed one after another, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.geometry import rigid
from ats_sim.reconstruction import processes
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration import placement
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.observation import observe
from ats_sim.reconstruction.registration.register import register
from ats_sim.reconstruction.registration.verifier import Verdict
from ats_sim.reconstruction.registration.video_registration import LEAST_AGREEMENT, Track, agreement
from ats_sim.reconstruction.scene.fusion import PosedFrames, empty_volume
from tests.toy_room import write_capture

WEAK = Track(np.eye(4)[None], np.zeros(1), Verdict(0.80, 0.11, 0.43, 0.76), support=0.0, margin=0.09)
"""A video laid into the wrong room of a home without a walkthrough, 2.8 m off: what the pipeline measured of it."""
SERIAL = ReconstructConfig(preset="fast", workers=1)


def test_what_shape_alone_proposed_needs_details_that_agree_or_colours_that_fit_well() -> None:
    assert WEAK.verdict.decision == "accept" and not WEAK.ambiguous
    assert WEAK.decision == "review" and "shape" in WEAK.reason
    good = replace(WEAK, verdict=replace(WEAK.verdict, color=0.9), support=40.0)
    for better in (replace(WEAK, support=40.0), replace(good, support=0.0), replace(WEAK, agreement=0.4)):
        assert better.decision == "accept" and not better.reason
    chance = replace(good, agreement=0.09)
    assert chance.decision == "review" and "9% agree" in chance.reason


def test_the_limit_on_details_parts_the_nearest_right_and_wrong_places_that_were_seen() -> None:
    """Of 126 right and 15 wrong ones in and between three homes whose shape and colours fit."""
    fits = Track(np.eye(4)[None], np.zeros(1), Verdict(0.94, 0.03, 0.82, 0.98), support=40.0, margin=0.2)
    assert replace(fits, agreement=0.36).decision == "accept"
    for wrong in (0.21, 0.24):
        assert replace(fits, agreement=wrong).decision == "review"


def test_details_agree_in_the_right_place_alone(tmp_path: Path) -> None:
    """What is seen there lies where the map has it; shifted by a foot, or of another home, it does by chance only."""
    capture = Capture.open(write_capture(tmp_path / "c", odometry=(True,), foreign=True))
    scan = capture.walkthrough
    assert scan is not None and scan.T_world_camera is not None
    seen = [observe(scan, i, use_mask=False, keypoints=400).keypoints for i in range(len(scan))]
    volume = empty_volume([PosedFrames(scan, np.arange(len(scan)), scan.T_world_camera)], 0.1)
    scene = Map(volume, KeypointMap.build(seen, scan.T_world_camera))
    own, foreign = (
        [observe(video, i, use_mask=True, keypoints=400) for i in range(0, len(video), 4)] for video in capture.videos
    )
    truth = capture.videos[0].ground_truth
    assert truth is not None
    right = truth["T_world_camera"][::4]
    wrong = rigid(np.eye(3), np.array([0.3, 0.0, 0.0])) @ right
    camera = capture.videos[0].intrinsics
    assert agreement(scene, own, camera, right) > 2 * LEAST_AGREEMENT
    for chance in (agreement(scene, own, camera, wrong), agreement(scene, foreign, camera, right)):
        assert not chance >= LEAST_AGREEMENT


def test_two_processes_place_videos_and_grow_the_map_as_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = Capture.open(write_capture(tmp_path / "c", foreign=True))
    placed_here: list[str] = []
    original = placement.prepare

    def spied(video: Video, *rest: object) -> object:
        placed_here.append(video.name)
        return original(video, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(placement, "prepare", spied)
    one = register(capture, SERIAL).videos
    assert placed_here[:3] == ["v00", "v01", "v02"]
    placed_here.clear()
    monkeypatch.setattr(placement, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(processes, "can_spawn", lambda: True)  # tests run by xdist seem to have no main script
    two = register(capture, replace(SERIAL, workers=2)).videos
    # Only the stranger, tried again by itself, was not worth a process.
    assert placed_here == ["v02"]
    assert {video.accepted for video in one.values()} == {True, False}
    for name, video in one.items():
        assert np.array_equal(video.T_world_camera, two[name].T_world_camera)
        assert np.array_equal(video.confidence, two[name].confidence)
        assert video.quality == two[name].quality and video.reason == two[name].reason
