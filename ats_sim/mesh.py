"""Triangle meshes: the scene's, and the agent's with its skin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError
from ats_sim.geometry import transform_points
from ats_sim.skeleton import Skeleton, linear_blend_skinning


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Triangles with a colour per vertex, or a texture, or neither."""

    vertices: Array
    """(V, 3) float32, metres."""
    faces: Array
    """(F, 3) int32 vertex indices, counter-clockwise seen from outside."""
    colors: Array | None = None
    """(V, 3) uint8 sRGB."""
    uv: Array | None = None
    """(V, 2) float32 texture coordinates, origin at the picture's upper left corner (as glTF has it)."""
    texture: Array | None = None
    """(H, W, 3) uint8 sRGB picture that `uv` looks into."""

    def __post_init__(self) -> None:
        vertices = checked("mesh.vertices", self.vertices, (None, 3), dtype=np.float32)
        faces = checked("mesh.faces", self.faces, (None, 3), dtype=np.int32)
        if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise ArrayError(f"mesh.faces: index {faces.min()}..{faces.max()} outside the {len(vertices)} vertices")
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "faces", faces)
        if self.colors is not None:
            object.__setattr__(self, "colors", checked("mesh.colors", self.colors, (len(vertices), 3), dtype=np.uint8))
        if (self.uv is None) != (self.texture is None):
            raise ArrayError("mesh: uv and texture come together or not at all")
        if self.uv is not None:
            object.__setattr__(self, "uv", checked("mesh.uv", self.uv, (len(vertices), 2), dtype=np.float32))
            object.__setattr__(self, "texture", checked("mesh.texture", self.texture, (None, None, 3), dtype=np.uint8))

    def face_normals(self) -> Array:
        """(F, 3) normals as long as twice the triangle's area."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return np.cross(b - a, c - a)

    def vertex_normals(self) -> Array:
        """(V, 3) unit float32 normals, the area-weighted mean of the faces around each vertex.

        Texture coordinates cut a surface into charts and double the vertices along the cuts; the surface itself goes on
        there, so what lies at one place has one normal.
        """
        faces, index = self.faces, None
        if self.uv is not None:
            _, index = np.unique(self.vertices, axis=0, return_inverse=True)
            faces = index.reshape(-1)[faces]
        normals = np.zeros_like(self.vertices)
        weighted = self.face_normals()
        for axis in range(3):
            for corner in range(3):
                normals[:, axis] += np.bincount(faces[:, corner], weighted[:, axis], minlength=len(normals))
        if index is not None:
            normals = normals[index.reshape(-1)]
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.divide(
            normals, length, out=np.tile(np.array([0, 0, 1], np.float32), (len(normals), 1)), where=length > 1e-20
        )

    def transformed(self, transform: Array) -> "TriangleMesh":
        """The mesh moved by a rigid transform (4, 4)."""
        return replace(self, vertices=transform_points(np.asarray(transform), self.vertices).astype(np.float32))


@dataclass(frozen=True, eq=False)
class SkinnedMesh:
    """A mesh in the rest pose and root frame, bound to a skeleton by at most four weights a vertex."""

    mesh: TriangleMesh
    """The rest shape, root frame."""
    skin_joints: Array
    """(V, 4) int32 joint indices."""
    skin_weights: Array
    """(V, 4) float32, rows sum to 1."""
    skeleton: Skeleton
    """The joint tree."""

    def __post_init__(self) -> None:
        count = len(self.mesh.vertices)
        joints = checked("skin_joints", self.skin_joints, (count, 4), dtype=np.int32)
        weights = checked("skin_weights", self.skin_weights, (count, 4), dtype=np.float32)
        if joints.size and (joints.min() < 0 or joints.max() >= self.skeleton.num_joints):
            raise ArrayError(f"skin_joints: index outside the {self.skeleton.num_joints} joints")
        if (weights < 0).any() or not np.allclose(weights.sum(1), 1.0, atol=1e-3):
            raise ArrayError("skin_weights: every vertex needs weights >= 0 that sum to 1")
        object.__setattr__(self, "skin_joints", joints)
        object.__setattr__(self, "skin_weights", weights)

    def dense_weights(self) -> Array:
        """(V, J) float32 how much each joint holds each vertex; rows sum to 1."""
        dense = np.zeros((len(self.mesh.vertices), self.skeleton.num_joints), dtype=np.float32)
        np.add.at(dense, (np.arange(len(dense))[:, None], self.skin_joints), self.skin_weights)
        return dense

    def posed(self, T_world_root: Array, joint_rotations: Array) -> Array:
        """World vertices (V, 3) float32 for a root pose (4, 4) and joint rotations (J, 3) axis-angle."""
        transforms = self.skeleton.forward_kinematics(T_world_root, joint_rotations)
        maps = self.skeleton.skinning_transforms(transforms).astype(np.float32)
        return linear_blend_skinning(self.mesh.vertices, self.skin_joints, self.skin_weights, maps)


def merge(meshes: Sequence[TriangleMesh]) -> TriangleMesh:
    """Join untextured meshes into one; missing colours become light grey.

    Raises:
        ArrayError: If the list is empty or a mesh has a texture (pack an atlas first).
    """
    if not meshes:
        raise ArrayError("merge: no meshes given")
    if any(mesh.texture is not None for mesh in meshes):
        raise ArrayError("merge: cannot join textured meshes; pack their textures into one atlas first")
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    grey = [mesh.colors if mesh.colors is not None else np.full(mesh.vertices.shape, 200, np.uint8) for mesh in meshes]
    return TriangleMesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        faces=np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]),
        colors=np.concatenate(grey),
    )
