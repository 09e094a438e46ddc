"""Where an animal stands in the observer's picture: the box around its joints."""

from dataclasses import dataclass

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics

NEAREST = 0.05
"""Joints nearer to the lens plane than this, or behind it, are in no picture, metres."""


@dataclass(frozen=True)
class Framing:
    """The box around an animal, in shares of the picture."""

    across: float
    """Middle of the box: -1 at the left edge of the picture, 0 in its middle, 1 at the right edge."""
    down: float
    """Middle of the box: -1 at the top, 1 at the bottom."""
    size: float
    """The larger of width over the picture's width and height over its height; 0 where nothing is in front."""


NOWHERE = Framing(0.0, 0.0, 0.0)


def framing(intrinsics: Intrinsics, T_world_camera: Array, joints: Array) -> Framing:
    """Box around joints (J, 3), world frame, seen by a camera at a pose (4, 4) with OpenCV axes."""
    seen = (joints - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]
    seen = seen[seen[:, 2] > NEAREST]
    if not len(seen):
        return NOWHERE
    u, v, _ = intrinsics.project(seen)
    left, right, top, bottom = float(u.min()), float(u.max()), float(v.min()), float(v.max())
    width, height = intrinsics.width, intrinsics.height
    # Pixel centres lie at integers, so the picture begins half a pixel before the first.
    across = (left + right + 1.0) / width - 1.0
    down = (top + bottom + 1.0) / height - 1.0
    return Framing(across, down, max((right - left) / width, (bottom - top) / height))
