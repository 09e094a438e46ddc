"""What goes into a picture and what comes out: cameras, light, frames.

Cameras follow OpenCV (x right, y down, z forward) with pixel centres at integers: the camera-frame point
``(X, Y, Z)`` lands on column ``fl_x X / Z + cx`` and row ``fl_y Y / Z + cy``, and the first pixel covers
columns -0.5 to 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics, inverse


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in the world.

    Raises ArrayError if the pose is not a finite 4x4 matrix and RenderError if the planes make no sense.
    """

    intrinsics: Intrinsics
    """Focal lengths and principal point in pixels, with the picture's size."""
    T_world_camera: Array
    """(4, 4) pose, OpenCV axes, metres."""
    near: float = 0.02
    """Nearest z-depth drawn, metres."""
    far: float = 100.0
    """Farthest z-depth drawn, metres."""
    cut_height: float | None = None
    """World z above which nothing is drawn (takes the roof off for a bird's eye), metres."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "T_world_camera", checked("T_world_camera", self.T_world_camera, (4, 4)))
        if not 0.0 < self.near < self.far:
            raise RenderError(f"camera planes near={self.near} far={self.far} m: near must be positive, far beyond it.")
        if self.intrinsics.width < 1 or self.intrinsics.height < 1:
            size = f"{self.intrinsics.width}x{self.intrinsics.height}"
            raise RenderError(f"camera of {size} pixels: width and height must be at least 1.")

    @property
    def position(self) -> Array:
        """(3,) eye point in the world, metres."""
        return np.asarray(self.T_world_camera[:3, 3])

    def rays(self) -> Array:
        """World directions (H, W, 3) through the pixel centres, scaled so that one unit is one metre of z-depth."""
        intrinsics = self.intrinsics
        x = (np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fl_x
        y = (np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fl_y
        R_world_camera = self.T_world_camera[:3, :3]
        # Three small products instead of one (H*W, 3) matmul, which wakes a thread pool for nothing.
        across = x[None, :, None] * R_world_camera[:, 0]
        down = y[:, None, None] * R_world_camera[:, 1]
        return across + down + R_world_camera[:, 2]

    def clip_matrix(self) -> Array:
        """(4, 4) world to GL clip space; picture row 0 is the first row of the framebuffer, so nothing is flipped."""
        intrinsics, near, far = self.intrinsics, self.near, self.far
        width, height = intrinsics.width, intrinsics.height
        projection = np.zeros((4, 4))
        projection[0, 0] = 2.0 * intrinsics.fl_x / width
        projection[0, 2] = (2.0 * intrinsics.cx + 1.0) / width - 1.0
        projection[1, 1] = 2.0 * intrinsics.fl_y / height
        projection[1, 2] = (2.0 * intrinsics.cy + 1.0) / height - 1.0
        projection[2, 2] = (far + near) / (far - near)
        projection[2, 3] = -2.0 * far * near / (far - near)
        projection[3, 2] = 1.0
        return projection @ inverse(self.T_world_camera)


@dataclass(frozen=True)
class Frame:
    """One picture with everything known about its pixels."""

    rgb: Array
    """(H, W, 3) uint8, sRGB."""
    depth: Array
    """(H, W) float32 z-depth in metres, 0 where nothing was drawn."""
    labels: Array
    """(H, W) int32 label given when the mesh was added, 0 where nothing was drawn; drawn in the same pass as colour and
    depth, so that they agree in every pixel. What a home's labels mean is in ats_sim.rendering.labels."""


@dataclass(frozen=True)
class Lighting:
    """Ambient light, one distant lamp and the sky behind everything; light is linear, colours are RGB."""

    ambient: float = 0.58
    """Light from everywhere, as a factor on the surface colour."""
    strength: float = 0.45
    """Light of the lamp on a surface that faces it, as a factor on the surface colour."""
    direction: tuple[float, float, float] = (0.22, 0.16, 0.96)
    """From the scene towards the lamp, world frame; need not have length one."""
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Multiplies all light: exposure and white balance."""
    shadow: float = 0.75
    """How much of the lamp a shadow takes away, 0 to 1; only meshes added with casts_shadow cast one."""
    horizon: tuple[int, int, int] = (206, 219, 230)
    """sRGB of the sky at eye height."""
    zenith: tuple[int, int, int] = (122, 164, 208)
    """sRGB of the sky overhead."""

    def __post_init__(self) -> None:
        values = np.array([self.ambient, self.strength, *self.direction, *self.color, self.shadow])
        if not np.isfinite(values).all() or not np.any(self.direction):
            raise RenderError(f"lighting {self}: every number must be finite and the direction must not be zero.")

    @property
    def to_lamp(self) -> Array:
        """(3,) unit vector towards the lamp, world frame."""
        direction = np.array(self.direction, dtype=np.float64)
        return direction / np.linalg.norm(direction)
