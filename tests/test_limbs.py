"""Limbs melt into one closed, symmetric, smoothly skinned body."""

from dataclasses import replace

import numpy as np
import pytest

from ats_sim.errors import ReconstructionError
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.limbs import Limb, limb_mesh, round_cone_distance
from ats_sim.skeleton import Skeleton


@pytest.fixture(scope="module")
def cross() -> tuple[Skeleton, list[Limb]]:
    """A trunk with one arm on each side and a head that no other limb touches but the trunk."""
    rest = np.tile(np.eye(4), (4, 1, 1))
    rest[1, :3, 3], rest[2, :3, 3], rest[3, :3, 3] = (0.1, 0, 0), (0, 0.05, 0), (0, -0.05, 0)
    skeleton = Skeleton(("root", "head", "left_arm", "right_arm"), np.array([-1, 0, 0, 0]), rest)
    limbs = [
        Limb("root", (-0.1, 0, 0), (0.1, 0, 0), 0.05, 0.04),
        Limb("head", (0, 0, 0), (0.08, 0, 0), 0.04, 0.03),
        Limb("left_arm", (0, 0, 0), (0, 0.15, -0.02), 0.03, 0.02),
        Limb("right_arm", (0, 0, 0), (0, -0.15, -0.02), 0.03, 0.02),
    ]
    return skeleton, limbs


@pytest.fixture(scope="module", params=[None, 1200])
def body(request: pytest.FixtureRequest, cross: tuple[Skeleton, list[Limb]]) -> SkinnedMesh:
    return limb_mesh(*cross, voxel=0.01, faces=request.param)


def test_round_cone_distance_equals_dense_sampling_of_its_spheres() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(scale=0.3, size=(200, 3))
    start, end = np.array([0.0, 0.1, 0.0]), np.array([0.3, 0.0, 0.2])
    share = np.linspace(0, 1, 4001)[:, None]
    centres, radii = start + share * (end - start), 0.1 - 0.06 * share[:, 0]
    sampled = np.min(np.linalg.norm(points[:, None] - centres, axis=-1) - radii, axis=1)
    np.testing.assert_allclose(round_cone_distance(points, start, end, 0.1, 0.04), sampled, atol=1e-4)


def test_mesh_is_closed_and_faces_outward(body: SkinnedMesh) -> None:
    import trimesh

    solid = trimesh.Trimesh(body.mesh.vertices, body.mesh.faces, process=False)
    assert solid.is_watertight and solid.is_winding_consistent and solid.volume > 0


def test_surface_lies_on_the_limbs(body: SkinnedMesh, cross: tuple[Skeleton, list[Limb]]) -> None:
    skeleton, limbs = cross
    offsets = skeleton.rest_transforms[:, :3, 3]
    distances = [
        round_cone_distance(
            body.mesh.vertices,
            offsets[skeleton.joint_names.index(limb.joint)] + limb.start,
            offsets[skeleton.joint_names.index(limb.joint)] + limb.end,
            limb.radius_start,
            limb.radius_end,
        )
        for limb in limbs
    ]
    nearest = np.min(distances, axis=0)
    assert nearest.min() > -0.006 and nearest.max() < 0.02


def test_weights_are_convex_and_sparse_at_the_limb_tips(body: SkinnedMesh) -> None:
    assert (body.skin_weights >= 0).all()
    np.testing.assert_allclose(body.skin_weights.sum(1), 1.0, atol=1e-5)
    tip = np.argmax(body.mesh.vertices[:, 1])
    assert body.skin_joints[tip, 0] == 2 and body.skin_weights[tip, 0] > 0.95


def test_a_bent_arm_moves_and_the_other_arm_stays(body: SkinnedMesh) -> None:
    bend = np.zeros((4, 3))
    bend[2] = (0.8, 0, 0)
    moved = np.linalg.norm(body.posed(np.eye(4), bend) - body.mesh.vertices, axis=1)
    assert moved[body.mesh.vertices[:, 1] > 0.17].min() > 0.05
    assert moved[body.mesh.vertices[:, 1] < -0.07].max() < 1e-3


def test_symmetric_limbs_give_a_symmetric_surface(body: SkinnedMesh) -> None:
    from scipy.spatial import cKDTree

    mirrored = body.mesh.vertices * [1, -1, 1]
    distance, _ = cKDTree(body.mesh.vertices).query(mirrored)
    assert distance.mean() < 0.005


def test_wrong_limbs_are_refused(cross: tuple[Skeleton, list[Limb]]) -> None:
    skeleton, limbs = cross
    with pytest.raises(ReconstructionError, match="wing"):
        limb_mesh(skeleton, [replace(limbs[0], joint="wing")])
    with pytest.raises(ReconstructionError, match="pieces"):
        limb_mesh(skeleton, [*limbs, Limb("head", (1, 0, 0), (1.1, 0, 0), 0.05, 0.05)])
