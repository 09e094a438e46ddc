"""Which of many frames, points or poses are looked at where not all need be."""

import numpy as np

from ats_sim.arrays import Array


def evenly(count: int, most: int) -> Array:
    """(K,) rising indices of at most `most` of `count` things, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))
