"""Structure from motion by pycolmap: the walkthrough's and the videos' pictures together, no depth and no odometry.

Intrinsics are given and kept, the animal is masked, and pairs are those a user would name: near in time within a
recording, and each picture of a video with each of the walkthrough. Every model that comes out is put into the room's
frame by the similarity that lays its walkthrough pictures on their metric places. pycolmap lives in another
environment, which calls this file as a script:

    python benchmarks/registration_sfm.py FOLDER POSES.npz
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

Poses = dict[str, list["np.ndarray | None"]]
"""Per video the T_world_camera (4,4) of its frames, None where lost."""
SCAN_FRAMES = 75
FEATURES = 2000
STEPS = (1, 2, 3, 4, 6, 8, 12)
"""Between pictures of one recording that are matched."""
FEWEST_COMMON = 4
"""Pictures of the walkthrough in a model, without which it has no place in the room."""
LAID = 0.1
"""Metres within which a walkthrough picture counts as laid on its place."""


def by_sfm(python: str, capture: Any, every: int, scratch: Path) -> tuple[Poses, float]:
    """Poses of every `every`-th frame of all videos, and the CPU seconds another interpreter took for them."""
    folder, taken = scratch / "sfm", scratch / "sfm-poses.npz"
    export(capture, every, folder)
    subprocess.run([python, __file__, str(folder), str(taken)], check=True, stdout=subprocess.DEVNULL)
    found = np.load(taken)
    poses = {v.name: [found.get(_name(v.name, i)) for i in range(0, len(v), every)] for v in capture.videos}
    return poses, float(found["cpu_s"])


def export(capture: Any, every: int, folder: Path) -> None:
    """Pictures, masks, pairs and the walkthrough's centres, as COLMAP wants them."""
    scan = capture.walkthrough
    chosen = {scan.name: [int(i) for i in np.unique(np.linspace(0, len(scan) - 1, SCAN_FRAMES).astype(int))]}
    chosen |= {video.name: list(range(0, len(video), every)) for video in capture.videos}
    job: dict[str, np.ndarray] = {}
    for video in (scan, *capture.videos):
        c = video.intrinsics
        # COLMAP's first pixel has its centre at 0.5.
        job[f"camera/{video.name}"] = np.array([c.fl_x, c.fl_y, c.cx + 0.5, c.cy + 0.5])
        for i in chosen[video.name]:
            _picture(video, i, folder)
    for i in chosen[scan.name]:
        job[f"centre/{_name(scan.name, i)}"] = scan.T_world_camera[i][:3, 3]
    (folder / "pairs.txt").write_text("".join(f"{a} {b}\n" for a, b in pairs(scan.name, chosen)))
    np.savez(folder / "job.npz", **job)  # type: ignore[arg-type]


def pairs(scan: str, chosen: dict[str, list[int]]) -> list[tuple[str, str]]:
    """Names of pictures to match."""
    out = []
    for recording, indices in chosen.items():
        names = [_name(recording, i) for i in indices]
        out += [(names[i], names[i + step]) for step in STEPS for i in range(len(names) - step)]
        if recording != scan:
            out += [(name, _name(scan, i)) for name in names for i in chosen[scan]]
    return out


def _name(recording: str, index: int) -> str:
    return f"{recording}/{index:05d}.png"


def _picture(video: Any, index: int, folder: Path) -> None:
    import cv2

    name = _name(video.name, index)
    for kind in ("images", "masks"):
        (folder / kind / video.name).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "images" / name), cv2.cvtColor(video.rgb(index), cv2.COLOR_RGB2BGR))
    mask = video.mask(index)
    allowed = np.ones(video.rgb(index).shape[:2], bool) if mask is None else ~mask
    cv2.imwrite(str(folder / "masks" / f"{name}.png"), allowed.astype(np.uint8) * 255)


def solve(folder: Path, taken: Path) -> None:
    """The other interpreter's part."""
    import pycolmap  # type: ignore[import-not-found]

    job = np.load(folder / "job.npz")
    began = time.process_time()
    out: dict[str, Any] = {}
    for model in _models(pycolmap, job, folder):
        motions = {image.name: image.cam_from_world() for image in model.images.values() if image.has_pose}
        scan = [name for name in motions if f"centre/{name}" in job.files]
        if len(scan) < FEWEST_COMMON:
            continue
        options = pycolmap.RANSACOptions(max_error=LAID, random_seed=0)
        places = np.array([_centre(motions[name]) for name in scan])
        laid = pycolmap.estimate_sim3d_robust(places, np.array([job[f"centre/{name}"] for name in scan]), options)
        if laid is None:
            continue
        laid = laid["tgt_from_src"] if isinstance(laid, dict) else laid
        turn = laid.rotation.matrix()
        for name, motion in motions.items():
            if name in out or name in scan:
                continue
            out[name] = T = np.eye(4)
            T[:3, :3] = turn @ motion.rotation.matrix().T
            T[:3, 3] = laid.scale * turn @ _centre(motion) + laid.translation
    np.savez(taken, cpu_s=time.process_time() - began, **out)


def _models(pycolmap: Any, job: Any, folder: Path) -> list[Any]:
    """Models, the largest first."""
    database, images = folder / "database.db", folder / "images"
    database.unlink(missing_ok=True)
    extraction = pycolmap.FeatureExtractionOptions(num_threads=1, use_gpu=False)
    extraction.sift.max_num_features = FEATURES
    for recording in sorted(key.split("/")[1] for key in job.files if key.startswith("camera/")):
        reader = pycolmap.ImageReaderOptions(camera_model="PINHOLE", mask_path=str(folder / "masks"))
        reader.camera_params = ",".join(str(float(value)) for value in job[f"camera/{recording}"])
        names = sorted(str(path.relative_to(images)) for path in (images / recording).iterdir())
        pycolmap.extract_features(
            database, images, names, pycolmap.CameraMode.PER_FOLDER, reader, extraction, device=pycolmap.Device.cpu
        )
    matching = pycolmap.FeatureMatchingOptions(num_threads=1, use_gpu=False)
    pairing = pycolmap.ImportedPairingOptions(match_list_path=str(folder / "pairs.txt"))
    pycolmap.match_image_pairs(database, matching, pairing, device=pycolmap.Device.cpu)
    options = pycolmap.IncrementalPipelineOptions(num_threads=1, random_seed=0)
    options.ba_refine_focal_length = options.ba_refine_extra_params = False
    options.mapper.abs_pose_refine_focal_length = options.mapper.abs_pose_refine_extra_params = False
    (folder / "models").mkdir(exist_ok=True)
    models = pycolmap.incremental_mapping(database, images, folder / "models", options)
    return sorted(models.values(), key=lambda model: -model.num_reg_images())


def _centre(motion: Any) -> Any:
    return -motion.rotation.matrix().T @ motion.translation


if __name__ == "__main__":
    solve(Path(sys.argv[1]), Path(sys.argv[2]))
