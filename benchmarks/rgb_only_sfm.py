"""Structure from motion by pycolmap for one clip whose lens nobody knows: the other interpreter's part of rgb_only.

    PYTHON benchmarks/rgb_only_sfm.py FOLDER TAKEN.npz

FOLDER holds images/*.png, each as large as the other, and masks/*.png.png where 0 is what must not be matched; without
masks/ everything is matched. TAKEN holds the largest model, in a frame and a size of its own.
"""

from __future__ import annotations

import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

FEATURES = 2000
STEPS = (1, 2, 3, 4, 6, 8, 12)
"""Between pictures that are matched."""
LOOP = 5
"""Every so manieth picture is matched with all others of its kind: a camera may come back."""
LENS = "SIMPLE_RADIAL"
"""Focal length, centre and one distortion; the first and last are found with the poses."""


def pairs(names: list[str]) -> list[tuple[str, str]]:
    """Names of pictures to match."""
    near = [(names[i], names[i + step]) for step in STEPS for i in range(len(names) - step)]
    return list(dict.fromkeys(near + list(combinations(names[::LOOP], 2))))


def solve(folder: Path, taken: Path) -> None:
    """Match, map, and write the largest model."""
    import pycolmap  # type: ignore[import-not-found]

    began = time.process_time()
    models = _models(pycolmap, folder)
    out: dict[str, Any] = {"models": np.array([model.num_reg_images() for model in models])}
    if models:
        out |= _told(models[0])
    np.savez(taken, cpu_s=time.process_time() - began, **out)


def _told(model: Any) -> dict[str, Any]:
    """The model as arrays: frames, cameras, lens, points and which frame saw which point where."""
    images = sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)
    row = {key: k for k, key in enumerate(model.points3D)}
    seen = [(k, row[spot.point3D_id], *spot.xy) for k, i in enumerate(images) for spot in i.get_observation_points2D()]
    lens = next(iter(model.cameras.values()))
    return {
        "frames": np.array([int(Path(image.name).stem) for image in images]),
        "world_to_camera": np.array([np.asarray(image.cam_from_world().matrix()) for image in images]),
        "lens": np.asarray(lens.params),
        "size": np.array([lens.width, lens.height]),
        "points": np.array([point.xyz for point in model.points3D.values()]),
        "colors": np.array([point.color for point in model.points3D.values()]),
        "errors": np.array([point.error for point in model.points3D.values()]),
        # COLMAP's first pixel has its centre at 0.5.
        "seen": np.array(seen) - [0, 0, 0.5, 0.5],
    }


def _models(pycolmap: Any, folder: Path) -> list[Any]:
    """Models, the largest first."""
    database, images = folder / "database.db", folder / "images"
    database.unlink(missing_ok=True)
    names = sorted(path.name for path in images.iterdir())
    (folder / "pairs.txt").write_text("".join(f"{a} {b}\n" for a, b in pairs(names)))
    extraction = pycolmap.FeatureExtractionOptions(num_threads=1, use_gpu=False)
    extraction.sift.max_num_features = FEATURES
    reader = pycolmap.ImageReaderOptions(camera_model=LENS)
    if (folder / "masks").is_dir():
        reader.mask_path = str(folder / "masks")
    pycolmap.extract_features(
        database, images, names, pycolmap.CameraMode.SINGLE, reader, extraction, device=pycolmap.Device.cpu
    )
    matching = pycolmap.FeatureMatchingOptions(num_threads=1, use_gpu=False)
    pairing = pycolmap.ImportedPairingOptions(match_list_path=str(folder / "pairs.txt"))
    pycolmap.match_image_pairs(database, matching, pairing, device=pycolmap.Device.cpu)
    options = pycolmap.IncrementalPipelineOptions(num_threads=1, random_seed=0)
    (folder / "models").mkdir(exist_ok=True)
    found = pycolmap.incremental_mapping(database, images, folder / "models", options)
    return sorted(found.values(), key=lambda model: -model.num_reg_images())


if __name__ == "__main__":
    solve(Path(sys.argv[1]), Path(sys.argv[2]))
