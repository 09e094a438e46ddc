"""How far bundle adjustment brings badly placed videos, by features and by colours, in the light as filmed and worse.

Each video's own odometry is put down wrongly (by default 3 degrees about its middle and 8 cm off), or as the classical
registration placed it (--start classical), and adjusted against the walkthrough. Truth is used to place and to score.

python -m benchmarks.adjustment CAPTURE [--relight] [--start classical] [--features own photometric]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ats_sim.geometry import exp_so3, inverse, rigid
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.video import Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.adjustment.stage import adjust_registered
from ats_sim.reconstruction.registration.cameras import RegisteredVideo
from ats_sim.reconstruction.registration.register import register
from ats_sim.reconstruction.scene.fusion import empty_volume, fuse
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.scores.registration import camera_errors, rigid_alignment
from benchmarks.known_cameras import truth_of, walkthrough_of

LOOKS = ((1.8, 0.3), (-1.8, -0.3), (1.2, -0.35), (-1.2, 0.35))
"""Stops and warmth of the videos, in turn."""


def main() -> None:
    """Adjust and print a markdown row for each kind of features."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--relight", action="store_true", help="expose and tint each video by up to 1.8 stops")
    parser.add_argument("--start", default="wrong", choices=("wrong", "classical"))
    parser.add_argument("--degrees", type=float, default=3.0)
    parser.add_argument("--metres", type=float, default=0.08)
    parser.add_argument("--features", nargs="+", default=["own", "photometric"])
    parser.add_argument("--preset", default="default", choices=("fast", "default", "full"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.capture
        if arguments.relight:
            folder = relit(folder, Path(scratch) / folder.name)
        capture = Capture.open(folder)
        config = ReconstructConfig(preset=arguments.preset).resolved()
        if arguments.start == "classical":
            start = register(capture, config).videos
        else:
            start = {v.name: misplaced(v, arguments.degrees, arguments.metres, i) for i, v in enumerate(capture.videos)}
        sys.stdout.write("| features | rot deg mean | max | centre cm mean | max | CPU s |\n|" + " --- |" * 6 + "\n")
        show("start", capture, start, 0.0)
        base = first_map(capture, config)
        for name in arguments.features:
            settings = replace(config, method="full", features="dinov2" if name == "dinov2" else "own")
            if name == "photometric":
                settings = replace(settings, ablate=("photometric-ba",))
            began = time.process_time()
            show(name, capture, adjust_registered(capture, base, start, settings), time.process_time() - began)


def first_map(capture: Capture, config: ReconstructConfig) -> TsdfVolume:
    """The walkthrough alone, fused."""
    part = walkthrough_of(capture).thinned(config.max_fused_frames or 500)
    volume = empty_volume([part], max(config.voxel_size or 0.0, 0.04))
    fuse(volume, part, use_masks=False)
    return volume


def misplaced(video: Video, degrees: float, metres: float, seed: int) -> RegisteredVideo:
    """The video's odometry (the truth where it has none) fitted to the truth as one, then turned and shifted."""
    rng, true = np.random.default_rng([seed, 3]), truth_of(video)
    poses = true if video.T_world_camera is None else video.T_world_camera
    poses = rigid_alignment(poses, true) @ poses
    axis, shift = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
    middle = rigid(np.eye(3), true[:, :3, 3].mean(0))
    wrong = middle @ rigid(exp_so3(axis * np.radians(degrees)), metres * shift) @ inverse(middle)
    ones = np.ones(len(video))
    return RegisteredVideo(True, "", video.intrinsics, video.times, wrong @ poses, ones, ones.astype(bool), {})


def show(name: str, capture: Capture, videos: dict[str, RegisteredVideo], seconds: float) -> None:
    """One row."""
    each = [
        camera_errors(videos[v.name].T_world_camera, truth_of(v)) for v in capture.videos if videos[v.name].accepted
    ]
    turn = [e["rotation_deg"] for e in each]
    away = [100 * e["centre_m"] for e in each]
    sys.stdout.write(
        f"| {name} | {np.mean([t.mean() for t in turn]):.3f} | {max(t.max() for t in turn):.2f} "
        f"| {np.mean([a.mean() for a in away]):.2f} | {max(a.max() for a in away):.1f} | {seconds:.0f} |\n"
    )
    sys.stdout.flush()


def relit(source: Path, target: Path) -> Path:
    """A copy whose videos have other exposure, white balance and slow shading; the walkthrough stays."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("second_camera", "images"))
    for recording in Capture.open(source).recordings:
        (target / recording.name / "images").mkdir()
        number = int(recording.name[1:]) if recording.name[1:].isdigit() else None
        for path in recording.image_paths:
            out = target / recording.name / "images" / path.name
            if number is None:
                shutil.copy(path, out)
            else:
                _develop(path, out, number)
    return target


def _develop(path: Path, out: Path, number: int) -> None:
    stops, warmth = LOOKS[number % len(LOOKS)]
    stored = cv2.imread(str(path))
    if stored is None:
        raise SystemExit(f"{path}: no picture")
    picture = stored.astype(np.float32) / 255.0
    height, width = picture.shape[:2]
    coarse = np.random.default_rng(number).uniform(-0.7, 0.7, size=(3, 4)).astype(np.float32)
    shade = np.exp2(stops + cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    light = picture**2.2 * shade[..., None] * np.exp([-0.5 * warmth, 0.0, 0.5 * warmth])
    light = np.where(light < 0.75, light, 1.0 - 0.25 * np.exp(-(light - 0.75) / 0.25))
    grain = np.random.default_rng([number, int(path.stem)]).normal(scale=2.5, size=picture.shape)
    developed = np.clip(255.0 * light ** (1 / 2.2) + grain + 0.5, 0, 255).astype(np.uint8)
    cv2.imwrite(str(out), developed, [cv2.IMWRITE_JPEG_QUALITY, 92])


if __name__ == "__main__":
    main()
