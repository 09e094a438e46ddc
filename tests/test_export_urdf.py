"""The capsule rig loads in the physics engine and moves exactly like the skeleton."""

from pathlib import Path

import numpy as np
import pytest

pybullet = pytest.importorskip("pybullet")

from ats_sim.geometry import exp_so3, quaternion_from_matrix, rigid  # noqa: E402
from ats_sim.mesh import SkinnedMesh, TriangleMesh  # noqa: E402
from ats_sim.reconstruction.agent.templates.human import human_template  # noqa: E402
from ats_sim.reconstruction.agent.templates.quadruped import quadruped_template  # noqa: E402
from ats_sim.reconstruction.export.urdf import capsules, write_urdf  # noqa: E402
from ats_sim.rig import read_rig  # noqa: E402
from ats_sim.skeleton import Skeleton  # noqa: E402


def turned_body() -> SkinnedMesh:
    """A chain whose rest frames are turned, one of them by a quarter about y (where Euler angles lock)."""
    rng = np.random.default_rng(0)
    rest = [np.eye(4)]
    for turn in ([0.3, 0.2, -0.5], [0.0, np.pi / 2, 0.0], [1.0, -0.4, 2.0]):
        rest.append(rigid(exp_so3(np.array(turn)), rng.uniform(-0.2, 0.2, 3)))
    skeleton = Skeleton(("root", "a", "b", "c"), np.array([-1, 0, 1, 1]), np.stack(rest))
    joints = np.repeat(np.arange(4), 20)
    vertices = skeleton.rest_transforms[joints, :3, 3] + rng.normal(0, [0.08, 0.02, 0.02], (80, 3))
    mesh = TriangleMesh(vertices, np.arange(78).reshape(-1, 3))
    weights = np.tile(np.float32([1, 0, 0, 0]), (80, 1))
    return SkinnedMesh(mesh, np.column_stack([joints, 0 * joints, 0 * joints, 0 * joints]), weights, skeleton)


@pytest.mark.parametrize("make", [quadruped_template, human_template, turned_body])
def test_physics_engine_agrees_with_the_skeleton(tmp_path: Path, make: object) -> None:
    skinned = make()  # type: ignore[operator]
    write_urdf(tmp_path / "agent.urdf", skinned)
    rig = read_rig(tmp_path / "agent.urdf", skinned.skeleton)
    assert len(rig.joint_of_link) == skinned.skeleton.num_joints
    client = pybullet.connect(pybullet.DIRECT)
    try:
        body = pybullet.loadURDF(str(tmp_path / "agent.urdf"), physicsClientId=client)
        assert pybullet.getNumJoints(body, physicsClientId=client) == skinned.skeleton.num_joints - 1
        _compare(client, body, skinned.skeleton)
    finally:
        pybullet.disconnect(client)


def _compare(client: int, body: int, skeleton: Skeleton) -> None:
    rng = np.random.default_rng(1)
    rotations = rng.normal(0, 0.5, (skeleton.num_joints, 3))
    root = rigid(exp_so3(np.array([0.2, -0.3, 1.0])), np.array([1.0, 2.0, 0.4]))
    turn = quaternion_from_matrix(root[:3, :3]).tolist()
    pybullet.resetBasePositionAndOrientation(body, root[:3, 3].tolist(), turn, physicsClientId=client)
    world = skeleton.forward_kinematics(root, rotations)
    index = {}
    for k in range(pybullet.getNumJoints(body, physicsClientId=client)):
        info = pybullet.getJointInfo(body, k, physicsClientId=client)
        joint = skeleton.joint_names.index(info[12].decode())
        index[joint] = k
        quaternion = quaternion_from_matrix(exp_so3(rotations[joint])).tolist()
        pybullet.resetJointStateMultiDof(body, k, quaternion, physicsClientId=client)
    for joint, k in index.items():
        state = pybullet.getLinkState(body, k, computeForwardKinematics=1, physicsClientId=client)
        np.testing.assert_allclose(state[4], world[joint, :3, 3], atol=1e-3)
        turned = np.array(pybullet.getMatrixFromQuaternion(state[5])).reshape(3, 3)
        np.testing.assert_allclose(turned, world[joint, :3, :3], atol=1e-3)


def test_masses_and_sizes_are_an_animal_s() -> None:
    skinned = quadruped_template()
    shapes = capsules(skinned)
    assert 1.0 < sum(shape.mass for shape in shapes) < 8.0
    assert max(shape.radius for shape in shapes) < 0.09
    assert all(shape.radius > 0 and shape.length > 0 for shape in shapes)


def test_masses_are_a_person_s() -> None:
    # Capsules are fatter than what they stand for here and thinner there; 1.70 m weigh 50 to 90 kg.
    assert 50.0 < sum(shape.mass for shape in capsules(human_template())) < 90.0
