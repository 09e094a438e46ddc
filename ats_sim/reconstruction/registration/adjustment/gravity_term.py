"""Phones know which way is down: each camera keeps the pitch and roll that its device felt; yaw stays free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import skew


@dataclass(frozen=True, eq=False)
class GravityTerm:
    """Up as each camera felt it against up as its pose has it: two degrees of freedom a frame."""

    up: Array
    """(N, 3) unit vectors, camera frame."""
    sigma: float = 0.02
    """Expected error, radians: tracking keeps the vertical within a degree or so."""
    strength: float = 1.0
    """How many frames of these count as one: the error of a device's vertical is the same all along a video."""

    @classmethod
    def of(cls, T_odometry_camera: Array) -> GravityTerm:
        """The vertical of poses (N,4,4) in a frame whose z is up; all frames together count as ten."""
        count = len(T_odometry_camera)
        return cls(np.asarray(T_odometry_camera[:, 2, :3]), strength=min(1.0, 10.0 / max(count, 1)))

    def linearize(self, T_world_camera: Array) -> tuple[Array, Array]:
        """Hessian blocks (N,6,6) and gradients (N,6)."""
        up = T_world_camera[:, 2, :3]
        jacobian = skew(up)
        weight = self.strength / self.sigma**2
        blocks, slopes = np.zeros((len(up), 6, 6)), np.zeros((len(up), 6))
        blocks[:, :3, :3] = weight * np.swapaxes(jacobian, 1, 2) @ jacobian
        slopes[:, :3] = weight * np.einsum("nij,ni->nj", jacobian, up - self.up)
        return blocks, slopes

    def cost(self, T_world_camera: Array) -> float:
        """Half the weighted squares."""
        return float(0.5 * self.strength * ((T_world_camera[:, 2, :3] - self.up) ** 2).sum() / self.sigma**2)
