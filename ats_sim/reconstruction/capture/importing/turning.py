"""Quarter turns of pictures about the view axis, with their lens and their pose."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics

QUARTER: Array = np.array([[0.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
"""T_camera_turned: from a camera whose picture was turned once, counter-clockwise, to the one that took it."""


def turned_picture(picture: Array, quarters: int) -> Array:
    """A picture (H, W, ...) turned counter-clockwise."""
    return np.ascontiguousarray(np.rot90(picture, quarters))


def turned_intrinsics(intrinsics: Intrinsics, quarters: int) -> Intrinsics:
    """The lens of pictures that were turned."""
    for _ in range(quarters % 4):
        intrinsics = Intrinsics(
            intrinsics.fl_y, intrinsics.fl_x, intrinsics.cy, intrinsics.width - 1 - intrinsics.cx,
            intrinsics.height, intrinsics.width,
        )  # fmt: skip
    return intrinsics


def turned_poses(T_world_camera: Array, quarters: int) -> Array:
    """Poses (N, 4, 4) of the cameras whose pictures were turned."""
    return T_world_camera @ np.linalg.matrix_power(QUARTER, quarters % 4)


def quarters_to_upright(T_world_camera: Array) -> int:
    """How often pictures (N) must be turned for up (z of the world) to be up in them.

    Looking straight down or up there is no such turn; those frames weigh nothing.
    """
    up = np.swapaxes(T_world_camera[:, :3, :3], 1, 2)[:, :2, 2].sum(axis=0)  # where up points in the picture, y down
    return int(np.argmax([up @ side for side in ((0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))]))
