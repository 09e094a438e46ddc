"""Two places of ETH/UCY with a map: how far is it to the next obstacle, and which way is it away from it?"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, map_coordinates

from ats_sim.arrays import Array

PLACES = {"eth": "seq_eth", "hotel": "seq_hotel"}
CELL, MARGIN = 0.1, 4.0
"""Metres: of a cell, and around everything that was walked on."""
FAR = 2.0
"""Metres from where on an obstacle does not count."""


def read_annotation(folder: Path) -> Array:
    """Frame, person, x, y (R, 4) of a place, as first annotated: every 0.4 s, by the right clock."""
    return np.loadtxt(folder / "obsmat.txt")[:, [0, 1, 2, 4]]


@dataclass(frozen=True, eq=False)
class DistanceField:
    """Signed metres to the edge of the nearest obstacle, negative inside, on a grid of the ground."""

    corner: Array
    """(2,) metres: the first cell's middle."""
    distance: Array
    """(X, Y) metres."""

    @classmethod
    def read(cls, folder: Path, walked: Array) -> Self:
        """From a place's picture of obstacles and its homography (row, column, 1 to ground), around points (R, 2)."""
        picture = np.asarray(Image.open(folder / "map.png").convert("L"))
        to_picture = np.linalg.inv(np.loadtxt(folder / "H.txt"))
        corner = walked.min(0) - MARGIN
        count = np.ceil((walked.max(0) + MARGIN - corner) / CELL).astype(int)
        grid = corner + CELL * np.stack(np.meshgrid(*map(np.arange, count), indexing="ij"), -1)
        spot = np.concatenate([grid, np.ones((*count, 1))], -1) @ to_picture.T
        row, column = np.moveaxis(np.round(spot[..., :2] / spot[..., 2:]).astype(int), -1, 0)
        shown = (row >= 0) & (row < picture.shape[0]) & (column >= 0) & (column < picture.shape[1])
        # What the picture does not show is taken to be free.
        blocked = np.where(shown, picture[row * shown, column * shown] > 127, False)
        outside, inside = (distance_transform_edt(side) for side in (~blocked, blocked))
        return cls(corner, CELL * (outside - inside + np.where(blocked, 0.5, -0.5)))

    def look_up(self, points: Array) -> Array:
        """Metres (...) at points (..., 2), bilinear; beyond the grid what its edge says."""
        cells = np.moveaxis((points - self.corner) / CELL, -1, 0)
        return np.asarray(map_coordinates(self.distance, cells, order=1, mode="nearest"))

    @cached_property
    def slope(self) -> list[Array]:
        """How the distance grows along either axis, per cell."""
        return list(np.gradient(self.distance))

    def away(self, points: Array) -> Array:
        """Unit steps (..., 2) that lead off the nearest obstacle."""
        cells = np.moveaxis((points - self.corner) / CELL, -1, 0)
        slope = np.stack([map_coordinates(side, cells, order=1, mode="nearest") for side in self.slope], -1)
        return slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-6)

    def crossed(self, origins: Array, paths: Array, between: int = 8) -> Array:
        """Whether paths (N, K, T, 2) from origins (N, 2) ever lead over an obstacle (N, K), looked at so many places
        from one step to the next: walls are thinner than a step is long."""
        whole = np.concatenate([np.broadcast_to(origins[:, None, None], (*paths.shape[:2], 1, 2)), paths], axis=2)
        share = np.arange(1, between + 1)[:, None] / between
        dense = whole[:, :, :-1, None] + share * np.diff(whole, axis=2)[:, :, :, None]
        return np.asarray((self.look_up(dense) < 0.0).any((-2, -1)))
