"""A tree of joints: forward kinematics and skinning.

Joint 0 is the root (identity rest, zero rotation; the middle of the trunk, x forward, y left, z up). A pose is the
root's place and one axis-angle rotation per joint, applied after the rest transform in the joint's own frame:

    G[0] = T_world_root,    G[j] = G[parent[j]] @ joint_rest[j] @ exp(joint_rotations[j])
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError
from ats_sim.geometry import exp_so3, inverse, matrix_from_quaternion, quaternion_from_matrix, rigid

MAX_JOINTS = 127  # PyBullet cuts longer chains silently.

QUADRUPED_NAMES: tuple[str, ...] = (
    "root", "spine1", "spine2", "spine3", "head",
    "left_shoulder", "left_upper_arm", "left_forearm", "left_front_paw",
    "right_shoulder", "right_upper_arm", "right_forearm", "right_front_paw",
    "tail1", "tail2", "tail3", "tail4", "tail5",
    "left_thigh", "left_shank", "left_hock", "left_hind_paw",
    "right_thigh", "right_shank", "right_hock", "right_hind_paw",
)  # fmt: skip
QUADRUPED_PARENTS: tuple[int, ...] = (
    -1, 0, 1, 2, 3,
    3, 5, 6, 7,
    3, 9, 10, 11,
    0, 13, 14, 15, 16,
    0, 18, 19, 20,
    0, 22, 23, 24,
)  # fmt: skip
PAWS: tuple[str, ...] = ("left_front_paw", "right_front_paw", "left_hind_paw", "right_hind_paw")
"""The joints a quadruped stands on, in the order in which files list them."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A rooted tree of J joints, parents before children."""

    joint_names: tuple[str, ...]
    """J different names; the first is the root's."""
    joint_parents: Array
    """(J,) index of each joint's parent, -1 for the root."""
    joint_rest: Array
    """(J, 4, 4) transform from each joint's rest frame to its parent's; identity for the root."""

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        if not 1 <= count <= MAX_JOINTS or len(set(self.joint_names)) != count:
            raise ArrayError(f"skeleton: {count} joint names, want 1 to {MAX_JOINTS}, all different")
        parents = checked("skeleton.joint_parents", self.joint_parents, (count,), dtype=np.int64)
        rest = checked("skeleton.joint_rest", self.joint_rest, (count, 4, 4))
        for joint in range(1, count):
            if not 0 <= parents[joint] < joint:
                name = self.joint_names[joint]
                raise ArrayError(f"skeleton: joint {joint} '{name}' has parent {parents[joint]}; parents come first")
        if parents[0] != -1 or not np.allclose(rest[0], np.eye(4), atol=1e-6):
            raise ArrayError("skeleton: joint 0 must be the root, with parent -1 and an identity rest transform")
        with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers end as "not rigid", not as a warning
            unit = np.swapaxes(rest[:, :3, :3], -1, -2) @ rest[:, :3, :3]
            flipped = np.linalg.det(rest[:, :3, :3]) < 0
        if not np.allclose(unit, np.eye(3), atol=1e-3) or flipped.any():
            raise ArrayError("skeleton.joint_rest: a rest transform is not rigid")
        object.__setattr__(self, "joint_parents", parents)
        object.__setattr__(self, "joint_rest", rest)

    @property
    def num_joints(self) -> int:
        """J, the root included."""
        return len(self.joint_names)

    @cached_property
    def rest_transforms(self) -> Array:
        """(J, 4, 4) transform from each joint's rest frame to the root frame."""
        return self.forward_kinematics(np.eye(4), np.zeros((self.num_joints, 3)))

    @cached_property
    def _levels(self) -> list[Array]:
        """Joints grouped by depth below the root: one batched product per level instead of one per joint."""
        depth = np.zeros(self.num_joints, dtype=np.int64)
        for joint in range(1, self.num_joints):
            depth[joint] = depth[self.joint_parents[joint]] + 1
        return [np.flatnonzero(depth == level) for level in range(1, int(depth.max(initial=0)) + 1)]

    def forward_kinematics(self, T_world_root: Array, joint_rotations: Array) -> Array:
        """World transforms of all joints.

        Args:
            T_world_root: (..., 4, 4) pose of the root.
            joint_rotations: (..., J, 3) axis-angle after the rest rotation, in the joint's own frame; the root's is
                ignored.

        Returns:
            (..., J, 4, 4).
        """
        rotations = exp_so3(joint_rotations)
        batch = np.broadcast_shapes(np.shape(T_world_root)[:-2], rotations.shape[:-3])
        rotations = np.broadcast_to(rotations, (*batch, *rotations.shape[-3:]))
        local = self.joint_rest @ rigid(rotations, np.zeros(3))
        world = np.empty((*batch, self.num_joints, 4, 4))
        world[..., 0, :, :] = T_world_root
        for joints in self._levels:
            world[..., joints, :, :] = world[..., self.joint_parents[joints], :, :] @ local[..., joints, :, :]
        return world

    def skinning_transforms(self, joint_transforms: Array) -> Array:
        """Maps (..., J, 4, 4) from root-frame rest points to posed world points, per joint."""
        return joint_transforms @ inverse(self.rest_transforms)

    def mirror(self) -> Array:
        """(J,) index of each joint's left-right partner, by the names' `left_` and `right_`; others are their own."""
        index = {name: i for i, name in enumerate(self.joint_names)}
        swap = {"left_": "right_", "right_": "left_"}
        partners = []
        for i, name in enumerate(self.joint_names):
            other = next((new + name.removeprefix(old) for old, new in swap.items() if name.startswith(old)), name)
            partners.append(index.get(other, i))
        return np.array(partners)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON under the names of `agent_skeleton.json`."""
        return {
            "joint_names": list(self.joint_names),
            "joint_parents": self.joint_parents.tolist(),
            "joint_rest": self.joint_rest.tolist(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote.

        Raises:
            ArrayError: If a field is missing or no valid tree.
        """
        try:
            names = tuple(str(name) for name in value["joint_names"])
            return cls(names, np.asarray(value["joint_parents"]), np.asarray(value["joint_rest"], dtype=np.float64))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ArrayError):
                raise
            raise ArrayError(f"skeleton: needs joint_names, joint_parents, joint_rest ({error!r})") from error


def linear_blend_skinning(
    vertices: Array, skin_joints: Array, skin_weights: Array, skinning_transforms: Array
) -> Array:
    """Pose vertices by the weighted mean of their joints' transforms.

    Args:
        vertices: (V, 3) rest vertices, root frame.
        skin_joints: (V, K) joint indices.
        skin_weights: (V, K), rows sum to 1.
        skinning_transforms: (J, 4, 4) from `Skeleton.skinning_transforms`.

    Returns:
        (V, 3) world points.
    """
    blended = np.einsum("vk,vkij->vij", skin_weights, skinning_transforms[skin_joints][..., :3, :])
    return np.einsum("vij,vj->vi", blended[..., :3], vertices) + blended[..., 3]


def dual_quaternion_skinning(
    vertices: Array, skin_joints: Array, skin_weights: Array, skinning_transforms: Array
) -> Array:
    """Pose vertices by blended dual quaternions, which keep volume at twisted joints (ATS section 3.1).

    Arguments and result as in `linear_blend_skinning`. Signs are aligned to each vertex' strongest joint.
    """
    real = quaternion_from_matrix(skinning_transforms[:, :3, :3])[skin_joints]
    strongest = np.take_along_axis(real, np.argmax(skin_weights, axis=1)[:, None, None], axis=1)
    weights = skin_weights * np.where((real * strongest).sum(-1) < 0.0, -1.0, 1.0)
    translation = skinning_transforms[skin_joints][..., :3, 3]
    dual = 0.5 * _quaternion_product(np.concatenate([translation, np.zeros_like(translation[..., :1])], -1), real)
    real = (weights[..., None] * real).sum(1)
    dual = (weights[..., None] * dual).sum(1)
    norm = np.linalg.norm(real, axis=-1, keepdims=True)
    real, dual = real / norm, dual / norm
    shift = 2.0 * _quaternion_product(dual, real * [-1.0, -1.0, -1.0, 1.0])[..., :3]
    return np.einsum("vij,vj->vi", matrix_from_quaternion(real), vertices) + shift


def _quaternion_product(left: Array, right: Array) -> Array:
    """Hamilton product of quaternions xyzw (..., 4)."""
    a, s = left[..., :3], left[..., 3:]
    b, t = right[..., :3], right[..., 3:]
    return np.concatenate([s * b + t * a + np.cross(a, b), s * t - (a * b).sum(-1, keepdims=True)], axis=-1)
