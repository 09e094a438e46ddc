"""How bright each picture of a surface was taken, so that all can be made to agree."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.painting.sightings import Sightings

DARKEST, BRIGHTEST = 10.0, 248.0
GAIN_GRID, GAIN_REACH = (9, 12), 1.0
"""Rows and columns of the maps of exposure within a picture, and over how many of them they are smoothed."""
PULL = 0.05
"""Weight of "taken like all others" beside what a view's points say about its exposure."""


def exposure_gains(seen: Sightings, anchors: Array) -> Array:
    """How much brighter than the others each view took each channel: (C, 3) factors.

    The log colour of a point in a view is the point's own plus the view's log gain; both are found by least squares,
    reweighted against points that look different from elsewhere. The geometric mean over `anchors` (C,) bool is 1.
    """
    gains = np.zeros((len(seen.scores), 3))
    if not len(gains):
        return np.exp(gains)
    for channel in range(3):
        level = seen.colors[..., channel].astype(np.float64)
        usable = (seen.scores > 0) & (level > DARKEST) & (level < BRIGHTEST)
        gains[:, channel] = _log_gains(np.log(np.maximum(level, 1.0)), np.where(usable, seen.scores, 0.0))
    known = anchors & (seen.scores > 0).any(1)
    if known.any():
        gains -= gains[known].mean(0)
    return np.exp(gains)


def local_gains(seen: Sightings, gains: Array) -> Array:
    """Coarse maps (C, h, w, 3) of how much brighter than the others each view took each part of its picture.

    One factor per view leaves out its lens's dark corners, shine that moves with the camera and the tone curve; what is
    left over at the points that several views show is smoothed over the picture and added.
    """
    rows, columns = GAIN_GRID
    maps = np.tile(gains[:, None, None], (1, rows, columns, 1)).astype(np.float64)
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    for channel in range(3):
        level = seen.colors[..., channel].astype(np.float64)
        usable = (seen.scores > 0) & (level > DARKEST) & (level < BRIGHTEST)
        base = np.where(usable, np.sqrt(seen.scores), 0.0)
        logs = np.log(np.maximum(level, 1.0)) - np.log(gains[:, None, channel])
        total = np.maximum(base.sum(0), 1e-9)
        rest = logs - (base * logs).sum(0) / total
        weight = base / max(float(base.max(initial=0.0)), 1e-9) / (1.0 + (rest / 0.2) ** 2)
        for view in range(len(gains)):
            index = np.flatnonzero(weight[view])
            u, v = seen.pixels[view, index].T
            near_x = np.exp(-0.5 * ((u[:, None] - x) * columns / GAIN_REACH) ** 2)
            near_y = np.exp(-0.5 * ((v[:, None] - y) * rows / GAIN_REACH) ** 2)
            share = np.einsum("pr,pc,p->rc", near_y, near_x, weight[view, index])
            mean = np.einsum("pr,pc,p->rc", near_y, near_x, weight[view, index] * rest[view, index])
            maps[view, ..., channel] *= np.exp(mean / (share + 0.3))
    return maps


def _log_gains(logs: Array, scores: Array) -> Array:
    """(C,) for logs (C, P) with weights; the points' own values are eliminated, so the system is C by C."""
    base = np.sqrt(scores / max(float(scores.max()), 1e-9))
    gains, weight = np.zeros(len(logs)), base
    for _ in range(8):
        total = np.maximum(weight.sum(0), 1e-9)
        system = np.diag(weight.sum(1)) - (weight / total) @ weight.T
        mean = (weight * logs).sum(0) / total
        # A slight pull to "no gain" keeps errors from adding up from room to room.
        right = (weight * (logs - mean)).sum(1)
        gains = np.linalg.solve(system + np.diag(PULL * weight.sum(1) + 1e-3), right)
        point = (weight * (logs - gains[:, None])).sum(0) / total
        weight = base / (1.0 + ((logs - gains[:, None] - point) / 0.1) ** 2)
    return gains
