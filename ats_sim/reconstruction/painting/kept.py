"""The few best looks that pictures had at each texel, and the colour they agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

KEPT = 4
"""Views kept per texel."""
SHARPNESS = 6.0
"""How fast a view's say drops with its score; large = the best view decides."""
OUTLIER = 30.0
"""Levels away from the other views from where on a view loses its say."""
BATCH = 400_000


@dataclass(frozen=True, eq=False)
class Kept:
    """The best views of N texels so far."""

    scores: Array
    """(N, K) float32, 0 = none."""
    colors: Array
    """(N, K, 3) uint8, exposure taken out."""

    @classmethod
    def empty(cls, count: int, views: int = KEPT) -> Kept:
        """Nothing seen yet of `count` texels, of which `views` sightings each are kept."""
        return cls(np.zeros((count, views), np.float32), np.zeros((count, views, 3), np.uint8))

    def offer(self, index: Array, scores: Array, colors: Array) -> None:
        """Texels `index` (M,) take the new view in place of their worst one where it is better."""
        worst = self.scores[index].argmin(1)
        better = scores > self.scores[index, worst]
        index, worst = index[better], worst[better]
        self.scores[index, worst] = scores[better]
        self.colors[index, worst] = colors[better]

    def blended(self, sharpness: float = SHARPNESS) -> tuple[Array, Array]:
        """Colours (N, 3) float32 and how well each texel was seen (N,), its best score."""
        count = len(self.scores)
        colors, best = np.zeros((count, 3), np.float32), self.scores.max(1, initial=0.0)
        for first in range(0, count, BATCH):
            part = slice(first, first + BATCH)
            colors[part] = _robust_mean(self.scores[part], self.colors[part].astype(np.float32), best[part], sharpness)
        return colors, best


def _robust_mean(scores: Array, colors: Array, best: Array, sharpness: float) -> Array:
    """(N, 3): views count by score against the best one's, and little where they differ from what most views show."""
    seen = scores > 0
    missing = np.where(seen[..., None], colors, np.nan)
    missing[~seen.any(1)] = 0.0
    middle = np.nanmedian(missing, axis=1, keepdims=True)
    apart = np.abs(colors - middle).max(-1)
    weight = (scores / np.maximum(best, 1e-9)[:, None]) ** sharpness / (1.0 + (apart / OUTLIER) ** 4)
    total = np.maximum(weight.sum(1), 1e-9)
    return np.asarray(np.einsum("nk,nkc->nc", weight, colors) / total[:, None])
