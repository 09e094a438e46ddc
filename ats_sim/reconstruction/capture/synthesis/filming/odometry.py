"""What a device believes of its own way: an arbitrary frame with z up, and a drift that grows with the distance."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, rigid, yaw_matrix

_DRIFT = 0.01
_YAW_DRIFT = np.deg2rad(0.06)
_TILT = np.deg2rad(0.5)


def drifting_odometry(rng: np.random.Generator, T_world_camera: Array, times: float = 1.0) -> Array:
    """Poses (N, 4, 4) in the device's frame.

    Drift of the position is about 1 % of the distance (scale and direction), of the heading about 0.06 degrees per
    root-metre, both so many times stronger; gravity stays within half a degree.
    """
    drift = times * _DRIFT
    steps = np.diff(T_world_camera[:, :3, 3], axis=0)
    length = np.linalg.norm(steps, axis=1)
    yaw = np.concatenate([[0.0], np.cumsum(rng.normal(0, 1, len(steps)) * times * _YAW_DRIFT * np.sqrt(length))])
    scale = 1 + rng.normal(0, 0.6 * drift)
    believed = np.einsum("nij,nj->ni", yaw_matrix(yaw[:-1]), steps) * scale
    believed += rng.normal(0, 1, steps.shape) * (0.5 * drift * length)[:, None]
    position = T_world_camera[:1, :3, 3] + np.concatenate([np.zeros((1, 3)), np.cumsum(believed, axis=0)])
    drifted = rigid(yaw_matrix(yaw) @ T_world_camera[:, :3, :3], position)
    tilt = exp_so3(np.array([*rng.uniform(-_TILT, _TILT, 2) / np.sqrt(2), 0.0]))
    frame = rigid(tilt @ yaw_matrix(rng.uniform(-np.pi, np.pi)), rng.uniform(-4, 4, 3) * [1, 1, 0.3])
    return np.asarray(frame @ drifted)
