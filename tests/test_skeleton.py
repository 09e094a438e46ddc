"""Forward kinematics follows its formula; skinning moves vertices with their joints."""

import numpy as np
import pytest

from ats_sim.errors import ArrayError
from ats_sim.geometry import exp_so3, rigid
from ats_sim.mesh import SkinnedMesh, TriangleMesh, merge
from ats_sim.skeleton import (
    QUADRUPED_NAMES,
    QUADRUPED_PARENTS,
    Skeleton,
    dual_quaternion_skinning,
    linear_blend_skinning,
)


def random_quadruped(rng: np.random.Generator) -> Skeleton:
    rest = rigid(exp_so3(0.5 * rng.normal(size=(26, 3))), 0.2 * rng.normal(size=(26, 3)))
    rest[0] = np.eye(4)
    return Skeleton(QUADRUPED_NAMES, np.array(QUADRUPED_PARENTS), rest)


def test_forward_kinematics_is_the_recursion_of_the_format() -> None:
    rng = np.random.default_rng(0)
    skeleton = random_quadruped(rng)
    root = rigid(exp_so3(rng.normal(size=(3, 3))), rng.normal(size=(3, 3)))
    rotations = rng.normal(size=(3, 26, 3))
    batch = skeleton.forward_kinematics(root, rotations)
    for n in range(3):
        world = [root[n]]
        for j in range(1, 26):
            turn = rigid(exp_so3(rotations[n, j]), np.zeros(3))
            world.append(world[QUADRUPED_PARENTS[j]] @ skeleton.joint_rest[j] @ turn)
        np.testing.assert_allclose(batch[n], np.stack(world), atol=1e-12)


def test_json_round_trip_and_mirror() -> None:
    skeleton = random_quadruped(np.random.default_rng(1))
    again = Skeleton.from_json(skeleton.to_json())
    assert again.joint_names == skeleton.joint_names
    np.testing.assert_array_equal(again.joint_rest, skeleton.joint_rest)
    mirror = skeleton.mirror()
    np.testing.assert_array_equal(mirror[mirror], np.arange(26))
    assert QUADRUPED_NAMES[mirror[QUADRUPED_NAMES.index("left_hock")]] == "right_hock"
    assert mirror[QUADRUPED_NAMES.index("tail3")] == QUADRUPED_NAMES.index("tail3")


@pytest.mark.parametrize("skinning", [linear_blend_skinning, dual_quaternion_skinning])
def test_one_joint_per_vertex_moves_rigidly(skinning: object) -> None:
    rng = np.random.default_rng(2)
    skeleton = random_quadruped(rng)
    vertices, joints = rng.normal(size=(50, 3)), rng.integers(0, 26, (50, 1))
    world = skeleton.forward_kinematics(np.eye(4), rng.normal(size=(26, 3)))
    maps = skeleton.skinning_transforms(world)
    posed = skinning(vertices, np.repeat(joints, 4, 1), np.full((50, 4), 0.25), maps)
    homogeneous = np.concatenate([vertices, np.ones((50, 1))], axis=1)
    np.testing.assert_allclose(posed, np.einsum("vij,vj->vi", maps[joints[:, 0]], homogeneous)[:, :3], atol=1e-9)


def test_dual_quaternions_keep_the_length_that_linear_blending_loses() -> None:
    skeleton = Skeleton(("root", "twist"), np.array([-1, 0]), np.stack([np.eye(4), np.eye(4)]))
    maps = skeleton.skinning_transforms(skeleton.forward_kinematics(np.eye(4), np.array([[0.0, 0, 0], [3.0, 0, 0]])))
    arguments = (np.array([[0.0, 1.0, 0.0]]), np.array([[0, 1]]), np.array([[0.5, 0.5]]), maps)
    assert np.linalg.norm(linear_blend_skinning(*arguments)) < 0.1
    assert np.linalg.norm(dual_quaternion_skinning(*arguments)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("names", "parents"),
    [(("a", "a"), [-1, 0]), (("a", "b"), [-1, 1]), (("a", "b"), [0, 0]), (("a", "b"), [-1, -1]), ((), [])],
)
def test_what_is_no_tree_is_refused(names: tuple[str, ...], parents: list[int]) -> None:
    with pytest.raises(ArrayError):
        Skeleton(names, np.array(parents), np.tile(np.eye(4), (len(names), 1, 1)))


def test_rest_that_is_not_rigid_is_refused() -> None:
    rest = np.stack([np.eye(4), np.diag([2.0, 1.0, 1.0, 1.0])])
    with pytest.raises(ArrayError, match="not rigid"):
        Skeleton(("a", "b"), np.array([-1, 0]), rest)


def test_mesh_normals_of_a_sphere_point_outwards_and_merge_keeps_faces() -> None:
    import trimesh

    ball = trimesh.creation.icosphere(3, radius=2.0)
    mesh = TriangleMesh(ball.vertices, ball.faces)
    assert ((mesh.vertex_normals() * mesh.vertices).sum(1) / 2.0).min() > 0.999
    both = merge([mesh, mesh.transformed(rigid(np.eye(3), np.array([5.0, 0, 0])))])
    assert trimesh.Trimesh(both.vertices, both.faces, process=False).volume == pytest.approx(2 * ball.volume, rel=1e-5)


def test_meshes_with_wrong_indices_or_weights_are_refused() -> None:
    corner = np.eye(3, dtype=np.float32)
    with pytest.raises(ArrayError, match="outside"):
        TriangleMesh(corner, [[0, 1, 3]])
    with pytest.raises(ArrayError, match="not finite"):
        TriangleMesh(corner * np.nan, [[0, 1, 2]])
    skeleton = Skeleton(("root",), np.array([-1]), np.eye(4)[None])
    with pytest.raises(ArrayError, match="sum to 1"):
        SkinnedMesh(TriangleMesh(corner, [[0, 1, 2]]), np.zeros((3, 4)), np.full((3, 4), 0.3), skeleton)
