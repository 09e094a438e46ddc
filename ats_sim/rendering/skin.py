"""How a drawn body bends: the skin of its split vertices, and boxes that hold whatever pose it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.geometry import inverse
from ats_sim.mesh import SkinnedMesh
from ats_sim.skeleton import linear_blend_skinning

FELT = 1e-4
"""A weight below this moves no vertex visibly."""


@dataclass(eq=False)
class Skin:
    """A skinned mesh in its current pose.

    Normals turn with the same blended transforms as the vertices, on the graphics side and here alike.
    """

    skinned: SkinnedMesh
    """The rest shape with its weights."""
    maps: Array
    """(J, 4, 4) from root-frame rest points to posed points, per joint."""
    carried: Array
    """(M,) joints that move any vertex."""
    corners: Array
    """(M, 8, 3) corners of the box around the rest vertices that each of those joints moves."""

    @classmethod
    def of(cls, skinned: SkinnedMesh) -> Skin:
        """A skin in the rest pose."""
        felt = skinned.skin_weights > FELT
        joints, boxes = [], []
        for joint in range(skinned.skeleton.num_joints):
            moved = skinned.mesh.vertices[(felt & (skinned.skin_joints == joint)).any(1)]
            if len(moved):
                joints.append(joint)
                boxes.append(box_corners(moved.min(0), moved.max(0)))
        rest = np.tile(np.eye(4), (skinned.skeleton.num_joints, 1, 1))
        return cls(skinned, rest, np.array(joints), np.stack(boxes))

    def pose(self, joint_transforms: Array) -> None:
        """Take joint transforms (J, 4, 4) as `Skeleton.forward_kinematics` gives them; ArrayError on another shape."""
        checked("joint_transforms", joint_transforms, self.maps.shape)
        self.maps = joint_transforms @ inverse(self.skinned.skeleton.rest_transforms)

    def vertices(self) -> Array:
        """(V, 3) float32 posed vertices, metres."""
        skinned = self.skinned
        maps = self.maps.astype(np.float32)
        return linear_blend_skinning(skinned.mesh.vertices, skinned.skin_joints, skinned.skin_weights, maps)

    def normals(self, rest: Array, source: Array) -> Array:
        """(V', 3) posed normals of split vertices from their rest normals (V', 3) and original vertices (V',)."""
        joints, weights = self.skinned.skin_joints[source], self.skinned.skin_weights[source]
        blended = np.einsum("vk,vkij->vij", weights, self.maps[joints, :3, :3].astype(np.float32))
        return np.asarray(np.einsum("vij,vj->vi", blended, rest))

    def hull(self) -> Array:
        """(8 M, 3) points whose convex hull holds every posed vertex: each vertex is a mean of points inside."""
        maps = self.maps[self.carried]
        return np.asarray(self.corners @ maps[:, :3, :3].transpose(0, 2, 1) + maps[:, None, :3, 3]).reshape(-1, 3)


def box_corners(low: Array, high: Array) -> Array:
    """(8, 3) corners of the box from low (3,) to high (3,)."""
    return np.stack(np.meshgrid(*np.stack([low, high], axis=1), indexing="ij"), axis=-1).reshape(-1, 3)
