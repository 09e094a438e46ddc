"""Cameras that benchmarks take for granted: those of the walkthrough, and the true ones of videos."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.scene.fusion import PosedFrames


def walkthrough_of(capture: Capture) -> PosedFrames:
    """All frames of the walkthrough with their own cameras; SystemExit where there is none."""
    scan = capture.walkthrough
    if scan is None or scan.T_world_camera is None:
        raise SystemExit(f"{capture.folder}: needs a walkthrough with poses")
    return PosedFrames(scan, np.arange(len(scan)), scan.T_world_camera)


def truth_of(video: Video) -> Array:
    """True cameras (N,4,4); SystemExit where they are unknown."""
    if video.ground_truth is None:
        raise SystemExit(f"{video.folder}: has no ground truth")
    return np.asarray(video.ground_truth["T_world_camera"])
