"""What `ats import` measures of recordings, on captures whose truth is known: which way is up, and whether poses fit.

    python -m benchmarks.importing CAPTURE [CAPTURE ...]

Every recording of a capture is handed over with its poses in a frame in which nothing is level, once for every turn
between the axes of poses and pictures that programs were seen to mix up, and once with its poses shuffled. Columns:
"up off": degrees between the measured and the true up; "agree": share of depths that agree under the true poses, the
best share under any other turn, and under shuffled poses; "told": for how many of the eight turns the right one was
named, and whether shuffled poses were left out. The truth of a video is its ground truth, where it has one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.capture.importing import agreement
from ats_sim.reconstruction.capture.importing.bearings import PROBED_SIDE, pairs_of, probed_depth
from ats_sim.reconstruction.capture.importing.levelling import measured_up
from ats_sim.reconstruction.capture.importing.recording import Lens, Recording
from ats_sim.reconstruction.capture.importing.straight import common_pinhole

TILT = exp_so3(np.array([0.7, -0.5, 1.9]))


def main() -> None:
    """Print a row a recording."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path, nargs="+")
    print("| recording | frames | up off ° | agree: true / next turn / shuffled | turns told, shuffled left out |")
    print("|---|---|---|---|---|")
    for folder in parser.parse_args().captures:
        for recording in recordings(Capture.open(folder)):
            print(f"| {folder.name} {recording.name} | {len(recording)} | {row(recording)} |", flush=True)


def recordings(capture: Capture) -> Iterator[Recording]:
    """The recordings of a capture whose true poses are known."""
    for video in capture.recordings:
        poses = true_poses(video)
        if poses is not None:
            lens = [Lens(video.intrinsics)] * len(video)
            yield Recording(video.name, video.times, poses, None, lens, lens, video.rgb, video.depth)


def true_poses(video: Video) -> Array | None:
    """T_world_camera (N, 4, 4), z up."""
    truth = video.ground_truth
    if truth is not None:
        return truth["T_world_camera"]
    return video.T_world_camera if video.pose_source == "metric" else None


def row(recording: Recording) -> str:
    """What is measured of one recording."""
    true = recording.T_world_camera
    assert true is not None
    tilted = true.copy()
    tilted[:, :3] = TILT @ true[:, :3]
    frames = pairs_of(recording.times, true)
    lens = common_pinhole(recording.depth_lenses, PROBED_SIDE)
    depths = {int(k): probed_depth(recording, int(k), lens) for k in np.unique(frames)}
    pairs = [(depths[a], depths[b]) for a, b in frames.tolist()]

    def fit(poses: Array) -> agreement.Fit:
        return agreement.fit_of_poses(pairs, lens, poses[frames])

    told = [fit(tilted @ np.linalg.inv(turn)).turn == name for name, turn in agreement.TURNS.items()]
    shares = agreement.shares_of_turns(pairs, lens, tilted[frames])
    shuffled = fit(tilted[np.random.default_rng(0).permutation(len(tilted))])
    chosen = sorted(depths)
    up = measured_up([depths[k] for k in chosen], lens, tilted[chosen, :3, :3])
    off = "not told" if up is None else f"{np.degrees(np.arccos(np.clip(up @ TILT[:, 2], -1.0, 1.0))):.2f}"
    best = max(share for name, share in shares.items() if name != "as recorded")
    agree = f"{shares['as recorded']:.2f} / {best:.2f} / {shuffled.share:.2f}"
    return f"{off} | {agree} | {sum(told)} of {len(told)}, {'yes' if not shuffled.turn else 'no'}"


if __name__ == "__main__":
    main()
