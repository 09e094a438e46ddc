"""What is below a place: the scene where it was seen, the floor where it has a hole."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.scene.raycast import Raycaster


def support_heights(places: Array, caster: Raycaster, floor: float) -> Array:
    """World height (K,) of the surface below places (K, 3); the floor where the scene has a hole."""
    above = places + [0.0, 0.0, 0.1]
    distance, _, _ = caster.cast(above, np.tile([0.0, 0.0, -1.0], (len(places), 1)))
    heights = above[:, 2] - np.where(np.isfinite(distance), distance, above[:, 2] - floor)
    return np.where(np.isfinite(distance) & (heights > floor - 0.15), heights, floor)
