"""The lamp's own camera: an orthographic box around everything that casts a shadow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import look_at
from ats_sim.rendering.body import Body
from ats_sim.rendering.frame import Camera

RESOLUTIONS = (96, 192, 320, 512)
TEXEL = 0.011
"""A map is as fine as this where the largest resolution allows it, metres; finer ones show the samples one by one."""
SOFTNESS = 0.014
"""Spacing of the soft samples, metres."""
REACH = 1.6
"""How far behind the casters a shadow still falls, metres."""
MARGIN = 0.08
BIAS = 0.015
"""Offset towards the lamp that keeps a surface from shading itself, metres."""


@dataclass(frozen=True)
class ShadowBox:
    """Where shadows are computed."""

    T_shadow_world: Array
    """(4, 4) world to box: x and y in 0..1 over the map, z in 0..1 from the lamp on."""
    size: Array
    """(3,) metres of the box along its axes."""

    @classmethod
    def around(cls, casters: Iterable[Body], to_lamp: Array) -> ShadowBox:
        """The box around the casters' hulls, seen from the lamp (unit direction (3,))."""
        R_lamp_world = _lamp_frame(tuple(to_lamp))
        points = np.concatenate([body.hull() for body in casters]) @ R_lamp_world.T
        low, high = points.min(0) - MARGIN, points.max(0) + MARGIN
        side = float(max(high[:2] - low[:2]))
        size = np.array([side, side, high[2] - low[2] + REACH])
        T_shadow_world = np.eye(4)
        T_shadow_world[:3, :3] = R_lamp_world / size[:, None]
        T_shadow_world[:3, 3] = -low / size
        return cls(T_shadow_world, size)

    @property
    def resolution(self) -> int:
        """Pixels along each side of a map that is fine enough for this box."""
        return next((pixels for pixels in RESOLUTIONS if self.size[0] <= pixels * TEXEL), RESOLUTIONS[-1])

    @property
    def axes(self) -> Array:
        """(2, 3) unit world directions of the map's x and y."""
        return self.T_shadow_world[:2, :3] * self.size[:2, None]

    def biased(self) -> Array:
        """T_shadow_world (4, 4) with the points that ask moved a little towards the lamp."""
        moved = self.T_shadow_world.copy()
        moved[2, 3] -= BIAS / self.size[2]
        return moved

    def corners(self) -> Array:
        """(8, 3) corners in the world, metres."""
        unit_corners = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
        T_world_shadow = np.linalg.inv(self.T_shadow_world)
        return np.asarray(unit_corners @ T_world_shadow[:3, :3].T + T_world_shadow[:3, 3])


@lru_cache(maxsize=8)
def _lamp_frame(to_lamp: tuple[float, ...]) -> Array:
    """(3, 3) rotation from the world to the lamp's axes."""
    return look_at(np.zeros(3), -np.array(to_lamp))[:3, :3].T


def screen_rectangle(points: Array, camera: Camera) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) in pixels around world points (N, 3); None if they are out of the picture.

    Points behind the camera could be anywhere, so then it is the whole picture.
    """
    width, height = camera.intrinsics.width, camera.intrinsics.height
    in_camera = (points - camera.position) @ camera.T_world_camera[:3, :3]
    if in_camera[:, 2].min() <= camera.near:
        return (0, 0, width, height) if in_camera[:, 2].max() > camera.near else None
    u, v, _ = camera.intrinsics.project(in_camera)
    left, right = max(0, int(np.floor(u.min()))), min(width, int(np.ceil(u.max())) + 1)
    top, low = max(0, int(np.floor(v.min()))), min(height, int(np.ceil(v.max())) + 1)
    return (left, top, right - left, low - top) if right > left and low > top else None
