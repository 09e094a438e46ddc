"""Features on disk, found again by the content of the picture and of the model; whole or absent, nothing unpickled."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.reconstruction.registration.features.maps import DenseFeatures, FeatureMap, FeaturePyramid

FORMAT = "ats-features/1"


class CachedFeatures:
    """Features that are computed once. A file that is broken or of another shape is made anew."""

    def __init__(self, features: DenseFeatures, folder: Path) -> None:
        self._features, self._folder = features, Path(folder)

    @property
    def channels(self) -> int:
        """As the features behind."""
        return self._features.channels

    @property
    def key(self) -> str:
        """As the features behind."""
        return self._features.key

    def describe(self, rgb: Array) -> FeaturePyramid:
        """Features of a picture (H,W,3) uint8, from the disk where they were computed before."""
        path = self.path(rgb)
        found = _read(path, self.channels)
        if found is None:
            found = self._features.describe(rgb)
            _write(path, found)
        return found

    def path(self, rgb: Array) -> Path:
        """Where the features of a picture are kept."""
        total = hashlib.sha256(f"{FORMAT}/{self.key}/{rgb.shape}".encode())
        total.update(np.ascontiguousarray(rgb).tobytes())
        name = total.hexdigest()
        return self._folder / name[:2] / f"{name}.safetensors"


def _write(path: Path, pyramid: FeaturePyramid) -> None:
    tensors = {
        "coarse": np.ascontiguousarray(pyramid.coarse.values),
        "fine": np.ascontiguousarray(pyramid.fine.values),
        "cells_per_pixel": np.array([pyramid.coarse.cells_per_pixel, pyramid.fine.cells_per_pixel]),
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"format": FORMAT})


def _read(path: Path, channels: int) -> FeaturePyramid | None:
    try:
        with safe_open(path, framework="numpy") as stored:
            if (stored.metadata() or {}).get("format") != FORMAT:
                return None
            maps = [stored.get_tensor(name) for name in ("coarse", "fine")]
            scales = stored.get_tensor("cells_per_pixel")
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    whole = all(m.dtype == np.float16 and m.ndim == 3 and m.shape[2] == channels and np.isfinite(m).all() for m in maps)
    if not whole or scales.shape != (2, 2) or not np.isfinite(scales).all() or (scales <= 0).any():
        return None
    coarse, fine = (FeatureMap(m, (float(s[0]), float(s[1]))) for m, s in zip(maps, scales, strict=True))
    return FeaturePyramid(coarse, fine)
