"""The template in torch: a body's shape and poses as differentiable functions of their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.agent.template import JointPriors, Shape
from ats_sim.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class RestBody:
    """A shaped body at rest, root frame."""

    joints: Tensor
    """(J, 3) joint places."""
    offsets: Tensor
    """(J, 3) joint places relative to their parents."""
    vertices: Tensor
    """(V, 3)."""
    normals: Tensor
    """(V, 3) unit normals."""


class TorchBody:
    """Linear-blend skinning of the template, batched over frames. Joint frames are parallel to the root's at rest."""

    def __init__(self, template: SkinnedMesh, device: str = "cpu", priors: JointPriors | None = None) -> None:
        skeleton = template.skeleton
        priors = priors or JointPriors.alike(skeleton.num_joints)
        self.stiffness = _tensor(priors.stiffness, device)
        self.one_way = _tensor(priors.one_way, device) if priors.one_way.any() else None
        self.template = template
        self.device = device
        self.parents = skeleton.joint_parents.tolist()
        self.levels = _levels(skeleton)
        self.mirror = torch.as_tensor(skeleton.mirror(), device=device)
        self.offsets = _tensor(skeleton.joint_rest[:, :3, 3], device)
        self.vertices = _tensor(template.mesh.vertices, device)
        self.normals = _tensor(template.mesh.vertex_normals(), device)
        self.faces = torch.as_tensor(template.mesh.faces.astype(np.int64), device=device)
        self.weights = _tensor(template.dense_weights(), device)
        self.axes = _tensor(_bone_axes(skeleton), device)
        self.neighbours = _tensor_laplacian(template.mesh, device)

    def rest(self, log_scales: Tensor, log_girths: Tensor, vertex_offsets: Tensor) -> RestBody:
        """The body of a shape: log scales and girths (J,) (left and right are averaged), offsets (V,) along normals."""
        scales = torch.exp(0.5 * (log_scales + log_scales[self.mirror]))
        girths = scales * torch.exp(0.5 * (log_girths + log_girths[self.mirror]))
        old = [torch.zeros(3, device=self.offsets.device)]
        new = [torch.zeros(3, device=self.offsets.device)]
        offsets = [torch.zeros(3, device=self.offsets.device)]
        for joint in range(1, len(self.parents)):
            parent = self.parents[joint]
            offset = self.offsets[joint] * scales[parent]
            offsets.append(offset)
            old.append(old[parent] + self.offsets[joint])
            new.append(new[parent] + offset)
        places, stretched = torch.stack(old), torch.stack(new)
        local = self.vertices[:, None] - places
        along = (local * self.axes).sum(-1, keepdim=True) * self.axes
        resized = stretched + scales[:, None] * along + girths[:, None] * (local - along)
        moved = (self.weights[..., None] * resized).sum(1)
        vertices = moved + vertex_offsets[:, None] * self.normals
        return RestBody(stretched, torch.stack(offsets), vertices, self._normals(vertices))

    def pose(self, rest: RestBody, places: Tensor, roots: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
        """Posed vertices and unit normals (B, V, 3) in the world.

        Args:
            rest: The body.
            places: (B, 3) root positions.
            roots: (B, 3, 3) root rotations.
            joints: (B, J, 3) axis-angle; the root's entry is not used.
        """
        local = exp_so3(joints)
        batch = len(places)
        rotations = [roots] + [roots] * (len(self.parents) - 1)
        centres = [places] + [places] * (len(self.parents) - 1)
        for level in self.levels:
            parents = [self.parents[j] for j in level]
            above = torch.stack([rotations[p] for p in parents], 1)
            turned = above @ local[:, level]
            moved = torch.stack([centres[p] for p in parents], 1) + (above @ rest.offsets[level, :, None])[..., 0]
            for k, joint in enumerate(level):
                rotations[joint], centres[joint] = turned[:, k], moved[:, k]
        rotation, centre = torch.stack(rotations, 1), torch.stack(centres, 1)
        shift = centre - (rotation @ rest.joints[:, :, None])[..., 0]
        maps = torch.cat([rotation.reshape(batch, -1, 9), shift], dim=-1)
        blended = torch.einsum("vj,bjk->bvk", self.weights, maps)
        turn = blended[..., :9].reshape(batch, -1, 3, 3)
        vertices = torch.einsum("bvij,vj->bvi", turn, rest.vertices) + blended[..., 9:]
        normals = torch.einsum("bvij,vj->bvi", turn, rest.normals)
        return vertices, normals / normals.norm(dim=-1, keepdim=True).clamp_min(1e-6)

    def _normals(self, vertices: Tensor) -> Tensor:
        a, b, c = (vertices[self.faces[:, i]] for i in range(3))
        across = torch.linalg.cross(b - a, c - a)
        summed = torch.zeros_like(vertices)
        for corner in range(3):
            summed = summed.index_add(0, self.faces[:, corner], across)
        normals: Tensor = summed / summed.norm(dim=-1, keepdim=True).clamp_min(1e-9)
        return normals


def exp_so3(vector: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3); smooth at zero."""
    square = (vector * vector).sum(-1)[..., None, None].clamp_min(1e-10)
    angle = square.sqrt()
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*vector.shape[:-1], 3, 3)
    eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return eye + torch.sin(angle) / angle * cross + (1 - torch.cos(angle)) / square * (cross @ cross)


def shaped(body: TorchBody, shape: Shape) -> SkinnedMesh:
    """The template with a shape applied, as a plain skinned mesh whose skeleton has the shape's bone lengths."""
    with torch.no_grad():
        rest = body.rest(*(_tensor(v, body.device) for v in (shape.log_scales, shape.log_girths, shape.offsets)))
    template = body.template
    joint_rest = np.tile(np.eye(4), (template.skeleton.num_joints, 1, 1))
    joint_rest[:, :3, 3] = rest.offsets.cpu().numpy()
    skeleton = Skeleton(template.skeleton.joint_names, template.skeleton.joint_parents, joint_rest)
    mesh = TriangleMesh(rest.vertices.cpu().numpy(), template.mesh.faces, template.mesh.colors)
    return SkinnedMesh(mesh, template.skin_joints, template.skin_weights, skeleton)


def _bone_axes(skeleton: Skeleton) -> Array:
    """(J, 3) unit direction of each joint's bone at rest: to its first child, or on from its parent at a tip."""
    axes = np.tile([1.0, 0.0, 0.0], (skeleton.num_joints, 1))
    for joint in range(1, skeleton.num_joints):
        children = np.flatnonzero(skeleton.joint_parents == joint)
        offset = skeleton.joint_rest[children[0] if len(children) else joint, :3, 3]
        axes[joint] = offset / max(float(np.linalg.norm(offset)), 1e-9)
    if "head" in skeleton.joint_names:
        head = skeleton.joint_names.index("head")
        forward, _, up = skeleton.rest_transforms[head, :3, 3]
        # Carried before the trunk it points forward, however its neck runs; carried above it, it points up.
        axes[head] = [1.0, 0.0, 0.0] if forward > up else [0.0, 0.0, 1.0]
    return axes


def _levels(skeleton: Skeleton) -> list[list[int]]:
    depth = [0] * skeleton.num_joints
    for joint in range(1, skeleton.num_joints):
        depth[joint] = depth[int(skeleton.joint_parents[joint])] + 1
    return [[j for j, d in enumerate(depth) if d == level] for level in range(1, max(depth) + 1)]


def _tensor_laplacian(mesh: TriangleMesh, device: str) -> Tensor:
    """(V, V) dense matrix that subtracts from a vertex' value the mean of its neighbours'."""
    count = len(mesh.vertices)
    near = np.zeros((count, count), dtype=np.float32)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        near[mesh.faces[:, a], mesh.faces[:, b]] = 1.0
        near[mesh.faces[:, b], mesh.faces[:, a]] = 1.0
    return _tensor(np.eye(count) - near / np.maximum(near.sum(1, keepdims=True), 1.0), device)


def _tensor(values: Array, device: str) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float32), device=device)
