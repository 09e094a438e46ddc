"""Left and right exchanged: a cat that turns left teaches how to turn right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Mirror:
    """Left and right exchanged, as sign flips and swaps of packed entries."""

    order: Array
    """(D,) where each packed entry comes from."""
    sign: Array
    """(D,)."""
    channel_sign: Array
    """(C,) of the scene patch: features that point left change sign."""

    @classmethod
    def of(cls, skeleton: Skeleton, channels: Sequence[str]) -> "Mirror | None":
        """The mirror of a skeleton, or None where its rest pose is not left-right symmetric."""
        partner = skeleton.mirror()
        flip = np.diag([1.0, -1.0, 1.0])
        rest = skeleton.joint_rest[:, :3, :3]
        if np.abs(flip @ rest @ flip - rest[partner]).max() > 0.1:
            return None
        joints = 9 + 3 * (partner[1:, None] - 1) + np.arange(3)
        order = np.concatenate([np.arange(9), joints.reshape(-1)])
        turn = np.tile([-1.0, 1.0, -1.0], skeleton.num_joints - 1)
        sign = np.concatenate([[1, -1, 1], [1, -1, 1, -1, 1, -1], turn]).astype(np.float32)
        left = [-1.0 if name.endswith("_y") else 1.0 for name in channels]
        return cls(order, sign, np.array(left, dtype=np.float32))

    def motion(self, packed: Array) -> Array:
        """Mirror packed motion (..., D)."""
        return packed[..., self.order] * self.sign

    def points(self, points: Array) -> Array:
        """Mirror ego-frame points (..., 3)."""
        return points * np.array([1.0, -1.0, 1.0], dtype=np.float32)

    def patch(self, patch: Array) -> Array:
        """Mirror a scene patch (C, X, Y, Z)."""
        return patch[:, :, ::-1] * self.channel_sign[:, None, None, None]
