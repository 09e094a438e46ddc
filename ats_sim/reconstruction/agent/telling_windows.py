"""Which stretches of video tell an animal's shape: those in which it stands up, seen from all sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import heading
from ats_sim.reconstruction.agent.observations import Sightings

WINDOW = 12
"""Frames that are fitted together, so that poses run on smoothly."""
SIDES = 8
"""Directions around the animal that are told apart."""


def telling_windows(sightings: Sequence[Sightings], tracks: Sequence[Array], frames: int) -> list[tuple[int, slice]]:
    """Windows with so many frames in all, the most telling first.

    A frame tells of the side that it shows, the more the taller the animal stands in it: one that lies hides its legs.
    A side that is known well has less to tell, so windows are chosen one after the other.

    Args:
        sightings: What V videos show.
        tracks: Root poses (K, 4, 4) of each, from which sides are told.
        frames: How many to choose; at least one window is.

    Returns:
        Pairs of a video's index and frames of it.
    """
    windows, told = [], []
    for index, (one, track) in enumerate(zip(sightings, tracks, strict=True)):
        weight, side = _heights(one) ** 2, _sides(one, track)
        for start in range(0, max(len(one.frames) - WINDOW // 2, 1), WINDOW):
            window = slice(start, min(start + WINDOW, len(one.frames)))
            windows.append((index, window))
            told.append(np.bincount(side[window], weight[window], minlength=SIDES))
    chosen: list[int] = []
    known = np.zeros(SIDES)
    for _ in range(min(max(1, frames // WINDOW), len(windows))):
        gain = np.sqrt(known + np.array(told)).sum(axis=1)
        gain[chosen] = -1.0
        chosen.append(int(np.argmax(gain)))
        known = known + told[chosen[-1]]
    return [windows[k] for k in chosen]


def _heights(one: Sightings) -> Array:
    """How tall (K,) the animal stands, metres; 0 where it is not seen."""
    low, high = np.percentile(one.points[..., 2], [5, 95], axis=1)
    return np.where(one.seen, high - low, 0.0)


def _sides(one: Sightings, track: Array) -> Array:
    """From which of the directions around the animal (K,) int each frame is taken."""
    towards = one.T_world_camera[:, :2, 3] - track[:, :2, 3]
    around = np.arctan2(towards[:, 1], towards[:, 0]) - heading(track[:, :3, :3])
    return np.floor((around / (2 * np.pi) % 1.0) * SIDES).astype(int) % SIDES
