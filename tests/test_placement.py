"""Videos placed in several processes come out as those placed one after another, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration import placement
from ats_sim.reconstruction.registration.register import register
from ats_sim.reconstruction.registration.verifier import Verdict
from ats_sim.reconstruction.registration.video_registration import Track
from tests.toy_room import write_capture

WEAK = Track(np.eye(4)[None], np.zeros(1), Verdict(0.80, 0.11, 0.43, 0.76), support=0.0, margin=0.09)
"""A video laid into the wrong room of a home without a walkthrough, 2.8 m off: what the pipeline measured of it."""
SERIAL = ReconstructConfig(preset="fast", workers=1)


def test_what_shape_alone_proposed_needs_colours_that_fit_well() -> None:
    assert WEAK.verdict.decision == "accept" and not WEAK.ambiguous
    assert WEAK.decision == "review" and "shape" in WEAK.reason
    for better in (replace(WEAK, support=40.0), replace(WEAK, verdict=replace(WEAK.verdict, color=0.7))):
        assert better.decision == "accept" and not better.reason


def test_two_processes_place_videos_and_grow_the_map_as_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = Capture.open(write_capture(tmp_path / "c", foreign=True))
    placed_here: list[str] = []
    original = placement.place_video

    def spied(scene: object, video: Video, *rest: object) -> object:
        placed_here.append(video.name)
        return original(scene, video, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(placement, "place_video", spied)
    one = register(capture, SERIAL).videos
    assert placed_here[:3] == ["v00", "v01", "v02"]
    placed_here.clear()
    monkeypatch.setattr(placement, "WORTH_PROCESSES", 0)
    two = register(capture, replace(SERIAL, workers=2)).videos
    # Only the stranger, tried again by itself, was not worth a process.
    assert placed_here == ["v02"]
    assert {video.accepted for video in one.values()} == {True, False}
    for name, video in one.items():
        assert np.array_equal(video.T_world_camera, two[name].T_world_camera)
        assert np.array_equal(video.confidence, two[name].confidence)
        assert video.quality == two[name].quality and video.reason == two[name].reason
