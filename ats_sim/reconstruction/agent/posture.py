"""A way to hold a body, which a fit may begin from where no small step leads there from standing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, rigid
from ats_sim.mesh import SkinnedMesh
from ats_sim.skeleton import Skeleton


@dataclass(frozen=True)
class Posture:
    """One way to hold the body."""

    pitch: float = 0.0
    """Of the trunk against the ground, positive nose down, radians."""
    bends: Mapping[str, float] | None = None
    """Radians about the lateral axis by joint name, without left_ and right_."""
    turns: Mapping[str, float] | None = None
    """Radians about the vertical, positive to the left."""

    def joint_rotations(self, skeleton: Skeleton) -> Array:
        """(J, 3) axis-angle."""
        joints = np.zeros((skeleton.num_joints, 3))
        for axis, angles in ((1, self.bends or {}), (2, self.turns or {})):
            for joint, name in enumerate(skeleton.joint_names):
                joints[joint, axis] = angles.get(name.removeprefix("left_").removeprefix("right_"), 0.0)
        return joints

    @property
    def T_level_root(self) -> Array:
        """(4, 4) the root's pose in a frame that keeps its heading but stays level."""
        return rigid(exp_so3(np.array([0.0, self.pitch, 0.0])), np.zeros(3))

    def held(self, body: SkinnedMesh) -> Array:
        """Vertices (V, 3) of a body that holds it, in the level frame."""
        return body.posed(self.T_level_root, self.joint_rotations(body.skeleton))


STANDING = Posture()
