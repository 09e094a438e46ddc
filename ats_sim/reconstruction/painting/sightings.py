"""What many pictures show of one surface, and which few of them suffice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.progress import track
from ats_sim.reconstruction.painting.views import View

SECOND = 0.3
"""What a second good view of a point is worth beside the first."""

NEIGHBOURS = 4
BLURRED = 0.3
"""Least that a blurred picture counts."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """What C views show of P points."""

    scores: Array
    """(C, P) float32, 0 where a view does not show a point."""
    colors: Array
    """(C, P, 3) uint8."""
    pixels: Array
    """(C, P, 2) float32 where in its picture, as shares (0..1) of the width and the height."""
    sharpness: Array
    """(C,) 0..1, less for pictures blurred by motion; the scores have it in them."""

    def of(self, views: Array) -> Sightings:
        """Those of some views only."""
        return Sightings(self.scores[views], self.colors[views], self.pixels[views], self.sharpness[views])


def sightings(views: Sequence[View], points: Array, normals: Array) -> Sightings:
    """Look at points (P, 3) with normals (P, 3) from every view; blurred pictures score less than sharp ones."""
    scores = np.zeros((len(views), len(points)), dtype=np.float32)
    colors = np.zeros((len(views), len(points), 3), dtype=np.uint8)
    places = np.zeros((len(views), len(points), 2), dtype=np.float32)
    crispness = np.zeros(len(views))
    for row, view in enumerate(track(views, "look at the scene")):
        picture = view.picture()
        index, pixels, score = picture.sees(points, normals)
        scores[row, index], colors[row, index] = score, picture.colors(pixels)
        places[row, index] = (pixels + 0.5) / np.array(picture.depth.shape[::-1], dtype=np.float32)
        crispness[row] = picture.crispness()
    sharp = beside_neighbours(crispness, [view.video.name for view in views])
    return Sightings(scores * sharp[:, None].astype(np.float32), colors, places, sharp)


def chosen_views(scores: Array, count: int) -> Array:
    """Indices of at most `count` views that together show every point well, and well from a second view.

    Greedy: each next view adds the most to the sum over points of the best score's root and a little of the second
    best's.
    """
    value = np.sqrt(scores)
    best, second = np.zeros(value.shape[1], np.float32), np.zeros(value.shape[1], np.float32)
    chosen: list[int] = []
    for _ in range(min(count, len(value))):
        first = np.maximum(value, best)
        other = np.maximum(second, np.minimum(value, best))
        added = (first - best).sum(1) + SECOND * (other - second).sum(1)
        added[chosen] = -1.0
        winner = int(np.argmax(added))
        if added[winner] <= 1e-6:
            break
        chosen.append(winner)
        best, second = first[winner], other[winner]
    return np.array(chosen, dtype=int)


def beside_neighbours(crispness: Array, names: Sequence[str]) -> Array:
    """(C,) 0..1: how crisp each picture is beside those taken before and after it in the same recording."""
    sharp = np.ones(len(crispness))
    for row, name in enumerate(names):
        near = slice(max(0, row - NEIGHBOURS), row + NEIGHBOURS + 1)
        usual = np.median([c for c, other in zip(crispness[near], names[near], strict=True) if other == name])
        sharp[row] = np.clip(crispness[row] / max(float(usual), 1e-9), BLURRED, 1.0)
    return sharp
