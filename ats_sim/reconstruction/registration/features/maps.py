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
    """(h, w, C) float16 or float32, of unit length at every cell (but for raw intensities)."""
    cells_per_pixel: tuple[float, float]
    """Along x and y. A cell's centre stands where the picture's area that it covers has its own."""

    def unpacked(self) -> FeatureMap:
        """In single precision: twice as large, and several times as fast to read."""
        return FeatureMap(self.values.astype(np.float32), self.cells_per_pixel)

    def to_cells(self, pixels: Array) -> Array:
        """Cell coordinates (...,2) of pixel coordinates (...,2); both have centres at integers."""
        return np.asarray((pixels + 0.5) * np.array(self.cells_per_pixel) - 0.5)

    def read(self, pixels: Array) -> tuple[Array, Array, Array]:
        """Bilinear reading at pixels (n,2): values (n,C), their slope (2,n,C) per pixel along x and y, and which pixels
        lie within the outermost cell centres (n,); values outside are 0."""
        (top_left, top_right, low_left, low_right), right, down, inside = self._around(pixels)
        first, second = top_right - top_left, low_right - low_left
        top, bottom = top_left + first * right, low_left + second * right
        rise = bottom - top
        keep = inside[:, None].astype(np.float32)
        slope_x = (first + (second - first) * down) * (keep * np.float32(self.cells_per_pixel[0]))
        slope_y = rise * (keep * np.float32(self.cells_per_pixel[1]))
        return (top + rise * down) * keep, np.stack([slope_x, slope_y]), inside

    def values_at(self, pixels: Array) -> tuple[Array, Array]:
        """As :meth:`read`, without slopes."""
        (top_left, top_right, low_left, low_right), right, down, inside = self._around(pixels)
        top = top_left + (top_right - top_left) * right
        value = top + (low_left + (low_right - low_left) * right - top) * down
        return value * inside[:, None].astype(np.float32), inside

    def _around(self, pixels: Array) -> tuple[list[Array], Array, Array, Array]:
        """The four cells about each pixel (n,C), how far right and down of the first it lies (n,1), and whether it is
        within the outermost cell centres (n,)."""
        height, width, channels = self.values.shape
        cell = self.to_cells(pixels)
        inside = np.all((cell >= 0) & (cell <= np.array([width - 1, height - 1])), axis=1)
        cell = np.where(inside[:, None], cell, 0.0)
        base = np.minimum(np.floor(cell).astype(np.int64), [max(width - 2, 0), max(height - 2, 0)])
        right, down = (cell - base).astype(np.float32).T[..., None]
        flat = self.values.reshape(-1, channels)
        corner = base[:, 1] * width + base[:, 0]
        along, below = int(width > 1), width * int(height > 1)
        steps = (0, along, below, along + below)
        cells = [flat.take(corner + step, axis=0).astype(np.float32, copy=False) for step in steps]
        return cells, right, down, inside


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
