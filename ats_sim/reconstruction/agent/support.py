"""What is below a place: the scene where it was seen, the floor where it has a hole."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.scene.raycast import Raycaster


def support_heights(places: Array, caster: Raycaster, floor: float, seat: float = 0.0) -> Array:
    """World height (K,) of what feet stand on below roots at places (K, 3): the surface there, or the floor where the
    scene has a hole or the surface is nearer than `seat`, metres."""
    above = places + [0.0, 0.0, 0.1]
    distance, _, _ = caster.cast(above, np.tile([0.0, 0.0, -1.0], (len(places), 1)))
    heights = above[:, 2] - np.where(np.isfinite(distance), distance, above[:, 2] - floor)
    sits = (seat > 0.0) & (places[:, 2] - heights < seat)
    return np.where(np.isfinite(distance) & (heights > floor - 0.15) & ~sits, heights, floor)
