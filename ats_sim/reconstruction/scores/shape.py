"""How far the estimated animal's surface is from the true one, wherever it stands.

Both animals are looked at in their root frames, so that the root's own error has no part in it. What a root frame is
("middle of the trunk, x forward, z up") leaves some centimetres and degrees open: ONE rigid motion, without scale, is
fitted for all compared meshes together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from ats_sim.arrays import Array
from ats_sim.geometry import project_to_so3, rigid, transform_points
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.progress import track
from ats_sim.reconstruction.scores.surface import sample_surface, surface_scores
from ats_sim.skeleton import Skeleton, linear_blend_skinning

FIGURES = ("accuracy_m", "completeness_m", "chamfer_m")
SAMPLES = 2000
"""Points of every mesh by which they are laid on each other."""
ROUNDS = 30

Pair = tuple[TriangleMesh, TriangleMesh]
"""The estimated and the true surface."""


def shape_scores(pairs: Sequence[Pair], rng: np.random.Generator) -> dict[str, float]:
    """Accuracy, completeness and their mean, the chamfer distance, in metres: means over pairs of meshes in their root
    frames, after one rigid motion of all estimated ones."""
    alignment = laid_on(pairs, rng)
    rows = [
        surface_scores(estimated.transformed(alignment), true, rng) for estimated, true in track(pairs, "score shapes")
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in FIGURES}


def laid_on(pairs: Sequence[Pair], rng: np.random.Generator) -> Array:
    """T (4, 4) that moves the estimated meshes onto the true ones: closest points both ways, from where they are."""
    alignment = np.eye(4)
    points = [tuple(sample_surface(mesh, SAMPLES, rng)[0].astype(np.float64) for mesh in pair) for pair in pairs]
    trees = [cKDTree(true) for _, true in points]
    for _ in range(ROUNDS):
        moved, wanted = [], []
        for (estimated, true), tree in zip(points, trees, strict=True):
            here = transform_points(alignment, estimated)
            moved += [here, here[cKDTree(here).query(true)[1]]]
            wanted += [true[tree.query(here)[1]], true]
        alignment = _motion(np.concatenate(moved), np.concatenate(wanted)) @ alignment
    return alignment


def in_true_rest(body: SkinnedMesh, joints: Array, true_skeleton: Skeleton, true_joints: Array) -> TriangleMesh:
    """The estimated surface in the TRUE rest pose, root frame: its canonical shape.

    A fitted rest pose may be another one. Where each joint's frame lies in the true joint's is one constant rotation,
    the mean over matching moments; turned by it, every estimated joint takes the true one's direction at rest. Lengths
    remain the estimated ones. What an estimated joint is off by at single moments averages out, what it is always off
    by counts as its rest pose.

    Args:
        body: The estimated animal.
        joints: (N, J, 3) its joint rotations at N moments, axis-angle.
        true_skeleton: The true animal's, of the same J joints.
        true_joints: (N, J, 3) rotations of the true joints at the same moments.
    """
    skeleton = body.skeleton
    mine = skeleton.forward_kinematics(np.eye(4), joints)[..., :3, :3]
    true = true_skeleton.forward_kinematics(np.eye(4), true_joints)[..., :3, :3]
    offsets = project_to_so3((np.swapaxes(mine, -1, -2) @ true).mean(axis=0))
    frames = rigid(true_skeleton.rest_transforms[:, :3, :3] @ np.swapaxes(offsets, -1, -2), np.zeros(3))
    frames[0] = np.eye(4)
    for joint in range(1, skeleton.num_joints):
        parent = frames[skeleton.joint_parents[joint]]
        frames[joint, :3, 3] = parent[:3, :3] @ skeleton.joint_rest[joint, :3, 3] + parent[:3, 3]
    maps = skeleton.skinning_transforms(frames)
    vertices = linear_blend_skinning(body.mesh.vertices, body.skin_joints, body.skin_weights, maps)
    return TriangleMesh(vertices, body.mesh.faces)


def _motion(points: Array, targets: Array) -> Array:
    """The rigid motion (4, 4) of points (N, 3) onto targets (N, 3) with the least squared distances (Kabsch)."""
    middle, goal = points.mean(axis=0), targets.mean(axis=0)
    rotation = project_to_so3((targets - goal).T @ (points - middle))
    return rigid(rotation, goal - rotation @ middle)
