"""Feature maps and how they are read between their cells; the one interface that every kind of feature has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ats_sim.arrays import Array


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """One level of features over a picture."""

    values: Array
    """(h, w, C) float16, of unit length at every cell (but for raw intensities)."""
    cells_per_pixel: tuple[float, float]
    """Along x and y. A cell's centre stands where the picture's area that it covers has its own."""

    def to_cells(self, pixels: Array) -> Array:
        """Cell coordinates (...,2) of pixel coordinates (...,2); both have centres at integers."""
        return np.asarray((pixels + 0.5) * np.array(self.cells_per_pixel) - 0.5)

    def read(self, pixels: Array) -> tuple[Array, Array, Array]:
        """Bilinear reading at pixels (n,2): values (n,C), their slope (n,C,2) per pixel, and which pixels lie within
        the outermost cell centres (n,); values outside are 0."""
        height, width, channels = self.values.shape
        cell = self.to_cells(pixels)
        inside = np.all((cell >= 0) & (cell <= np.array([width - 1, height - 1])), axis=1)
        cell = np.where(inside[:, None], cell, 0.0)
        base = np.minimum(np.floor(cell).astype(np.int64), [max(width - 2, 0), max(height - 2, 0)])
        right, down = (cell - base).astype(np.float32).T[..., None]
        flat = self.values.reshape(-1, channels)
        corner = base[:, 1] * width + base[:, 0]
        along, below = int(width > 1), width * int(height > 1)
        a, b = flat[corner].astype(np.float32), flat[corner + along].astype(np.float32)
        c, d = flat[corner + below].astype(np.float32), flat[corner + along + below].astype(np.float32)
        top, bottom = a + (b - a) * right, c + (d - c) * right
        slope_x = ((b - a) * (1 - down) + (d - c) * down) * self.cells_per_pixel[0]
        slope_y = (bottom - top) * self.cells_per_pixel[1]
        keep = inside[:, None].astype(np.float32)
        value = (top + (bottom - top) * down) * keep
        return value, np.stack([slope_x * keep, slope_y * keep], axis=-1), inside


@dataclass(frozen=True, eq=False)
class FeaturePyramid:
    """A picture's features, coarse and fine: the coarse level has the wider reach, the fine one the last word."""

    coarse: FeatureMap
    """Large cells."""
    fine: FeatureMap
    """Small cells."""

    @property
    def levels(self) -> tuple[FeatureMap, FeatureMap]:
        """Coarse, then fine."""
        return self.coarse, self.fine


class DenseFeatures(Protocol):
    """Something that describes every place of a picture."""

    @property
    def channels(self) -> int:
        """C, the same on both levels."""

    @property
    def key(self) -> str:
        """Hash of everything that the result depends on beside the picture."""

    def describe(self, rgb: Array) -> FeaturePyramid:
        """Features of a picture (H,W,3) uint8."""


def working_size(width: int, height: int, longest: int, multiple: int) -> tuple[int, int]:
    """Width and height that a picture is resized to: no side above `longest`, both whole multiples."""
    factor = min(1.0, longest / max(width, height))
    return (
        max(multiple, round(width * factor / multiple) * multiple),
        max(multiple, round(height * factor / multiple) * multiple),
    )
