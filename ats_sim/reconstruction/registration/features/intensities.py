"""Plain colours as "features": what photometric bundle adjustment compares, kept for the ablation."""

from __future__ import annotations

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.features.maps import FeatureMap, FeaturePyramid, working_size

FINE_STRIDE, COARSE_STRIDE = 2, 8


class Intensities:
    """Colours in 0..1, blurred to the same two cell sizes as the descriptor's."""

    channels = 3

    def __init__(self, *, longest: int = 256) -> None:
        self._longest = longest

    @property
    def key(self) -> str:
        """Name and working size."""
        return f"intensities/{self._longest}"

    def describe(self, rgb: Array) -> FeaturePyramid:
        """Colours of a picture (H,W,3) uint8."""
        height, width = rgb.shape[:2]
        size = working_size(width, height, self._longest, COARSE_STRIDE)
        levels = []
        for stride in (COARSE_STRIDE, FINE_STRIDE):
            cells = (size[0] // stride, size[1] // stride)
            small = cv2.resize(rgb, cells, interpolation=cv2.INTER_AREA).astype(np.float16) / np.float16(255.0)
            levels.append(FeatureMap(small.astype(np.float16), (cells[0] / width, cells[1] / height)))
        return FeaturePyramid(*levels)
