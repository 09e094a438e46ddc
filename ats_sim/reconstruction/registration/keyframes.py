"""Frames worth optimising: a camera that stands still needs no more than one a second."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle

MOVED = 0.10
TURNED = np.radians(7.0)
LONGEST = 1.0


def choose_keyframes(T_odometry_camera: Array, times: Array) -> Array:
    """Indices (K,) of the first and the last frame and of every frame 10 cm, 7 degrees or 1 s after the one before."""
    chosen = [0]
    for i in range(1, len(times)):
        last = T_odometry_camera[chosen[-1]]
        moved = np.linalg.norm(T_odometry_camera[i, :3, 3] - last[:3, 3]) > MOVED
        if (
            moved
            or times[i] - times[chosen[-1]] >= LONGEST
            or geodesic_angle(last[:3, :3], T_odometry_camera[i, :3, :3]) > TURNED
        ):
            chosen.append(i)
    if chosen[-1] != len(times) - 1:
        chosen.append(len(times) - 1)
    return np.array(chosen)
