"""The rig of plain hinges moves like the skeleton in two physics engines, within limits that hold what was recorded."""

import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np
import pytest

pybullet = pytest.importorskip("pybullet")

from test_export_urdf import turned_body  # noqa: E402

from ats_sim.geometry import exp_so3  # noqa: E402
from ats_sim.home import Home  # noqa: E402
from ats_sim.mesh import SkinnedMesh  # noqa: E402
from ats_sim.reconstruction.agent.templates.quadruped import quadruped_template  # noqa: E402
from ats_sim.reconstruction.export.srdf import capsule_gaps, write_srdf  # noqa: E402
from ats_sim.reconstruction.export.urdf import Capsule, capsules, write_urdf  # noqa: E402
from ats_sim.reconstruction.export.urdf_hinges import capsule_inertia, hinge_angles, write_hinge_urdf  # noqa: E402
from benchmarks.engine_rigs import pybullet_off, root_of, tried_poses  # noqa: E402

MILLIMETRE = 1e-3


def random_poses(joints: int, count: int = 8) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.35, (count, joints, 3))


def bundled() -> tuple[SkinnedMesh, np.ndarray]:
    """The bundled animal and poses it was recorded in."""
    home = Home.load("default")
    poses = np.concatenate([one.joint_rotations[one.valid] for one in home.recordings])
    return home.agent, poses[:: len(poses) // 40]


def template() -> tuple[SkinnedMesh, np.ndarray]:
    return quadruped_template(), random_poses(26)


def turned() -> tuple[SkinnedMesh, np.ndarray]:
    return turned_body(), random_poses(4)


def test_three_hinges_make_the_rotation() -> None:
    vectors = random_poses(30)
    x, y, z = np.moveaxis(hinge_angles(vectors)[..., None] * np.eye(3), -2, 0)
    np.testing.assert_allclose(exp_so3(x) @ exp_so3(y) @ exp_so3(z), exp_so3(vectors), atol=1e-9)


@pytest.mark.parametrize("make", [template, turned, bundled])
def test_pybullet_moves_it_like_the_skeleton(tmp_path: Path, make: object) -> None:
    skinned, poses = make()  # type: ignore[operator]
    write_hinge_urdf(tmp_path / "agent.urdf", skinned, [poses])
    client = pybullet.connect(pybullet.DIRECT)
    try:
        body = pybullet.loadURDF(str(tmp_path / "agent.urdf"), useFixedBase=True, physicsClientId=client)
        infos = [pybullet.getJointInfo(body, k, physicsClientId=client) for k in range(pybullet.getNumJoints(body))]
        links = {info[12].decode(): k for k, info in enumerate(infos)}
        for rotations in poses:
            angles = dict(zip(skinned.skeleton.joint_names, hinge_angles(rotations), strict=True))
            for k, info in enumerate(infos):
                joint, axis = info[1].decode().rsplit("_", 1)
                angle = angles[joint]["xyz".index(axis)]
                assert info[8] <= angle <= info[9] and 0 < info[9] - info[8] < 2 * np.pi
                pybullet.resetJointState(body, k, angle, physicsClientId=client)
            world = skinned.skeleton.forward_kinematics(np.eye(4), rotations)
            # The engine says where the base's centre of mass is; places are compared relative to the root.
            root = root_of(client, body)
            for j, name in enumerate(skinned.skeleton.joint_names[1:], 1):
                place = pybullet.getLinkState(body, links[name], computeForwardKinematics=1, physicsClientId=client)[4]
                np.testing.assert_allclose((np.linalg.inv(root) @ [*place, 1])[:3], world[j, :3, 3], atol=MILLIMETRE)
    finally:
        pybullet.disconnect(client)


def test_the_bundled_rig_follows_its_recordings() -> None:
    home = Home.load("default")
    joints, off = pybullet_off(home.urdf_path, home, tried_poses(home, 40))
    assert joints == 25 and off < MILLIMETRE


@pytest.mark.parametrize("make", [template, turned, bundled])
def test_mujoco_moves_it_like_the_skeleton(tmp_path: Path, make: object) -> None:
    mujoco = pytest.importorskip("mujoco")
    skinned, poses = make()  # type: ignore[operator]
    write_hinge_urdf(tmp_path / "agent.urdf", skinned, [poses])
    # It refuses masses and inertias that no body can have.
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "agent.urdf"))
    state = mujoco.MjData(model)
    assert model.njnt == 3 * (skinned.skeleton.num_joints - 1) and model.jnt_limited.all()
    for rotations in poses:
        angles = hinge_angles(rotations)
        for joint, name in enumerate(skinned.skeleton.joint_names[1:], 1):
            for k, axis in enumerate("xyz"):
                state.joint(f"{name}_{axis}").qpos = angles[joint, k]
        mujoco.mj_kinematics(model, state)
        world = skinned.skeleton.forward_kinematics(np.eye(4), rotations)
        for joint, name in enumerate(skinned.skeleton.joint_names[1:], 1):
            np.testing.assert_allclose(state.body(name).xpos, world[joint, :3, 3], atol=MILLIMETRE)
            np.testing.assert_allclose(state.body(name).xmat.reshape(3, 3), world[joint, :3, :3], atol=MILLIMETRE)


@pytest.mark.parametrize("make", [template, turned, bundled])
def test_masses_and_inertias_are_those_of_bodies(tmp_path: Path, make: object) -> None:
    skinned, poses = make()  # type: ignore[operator]
    write_urdf(tmp_path / "agent.urdf", skinned)
    write_hinge_urdf(tmp_path / "hinges.urdf", skinned, [poses])
    total = {}
    for name in ("agent.urdf", "hinges.urdf"):
        links = xml.parse(tmp_path / name).getroot().findall("link")
        total[name] = 0.0
        for link in links:
            mass, inertia = link.find("inertial/mass"), link.find("inertial/inertia")
            assert mass is not None and inertia is not None and float(mass.get("value", "0")) > 0
            a, b, c = sorted(float(inertia.get(key, "0")) for key in ("ixx", "iyy", "izz"))
            assert a > 0 and a + b >= c * (1 - 1e-3)
            total[name] += float(mass.get("value", "0"))
    stubs = 2e-3 * (skinned.skeleton.num_joints - 1)
    assert total["hinges.urdf"] == pytest.approx(total["agent.urdf"] + stubs, abs=1e-3)


@pytest.mark.parametrize(("radius", "length"), [(0.05, 0.2), (0.08, 0.01), (0.01, 0.3)])
def test_inertia_of_a_capsule_by_throwing_points(radius: float, length: float) -> None:
    half = np.array([radius, radius, radius + length / 2])
    points = np.random.default_rng(0).uniform(-half, half, (400_000, 3))
    axis = np.clip(points[:, 2], -length / 2, length / 2)
    points = points[np.hypot(np.hypot(points[:, 0], points[:, 1]), points[:, 2] - axis) < radius]
    shape = Capsule(np.eye(4), radius, length)
    x, y, z = (shape.mass * (points**2).mean(0)).tolist()
    assert capsule_inertia(shape) == pytest.approx((0.5 * (x + y) + z, x + y), rel=0.02)


def test_gaps_between_capsules_are_the_engine_s(tmp_path: Path) -> None:
    skinned, poses = template()
    transforms = skinned.skeleton.forward_kinematics(np.eye(4), poses[:2])
    shapes = capsules(skinned)
    gaps = capsule_gaps(shapes, transforms)
    client = pybullet.connect(pybullet.DIRECT)
    try:
        for pose in range(2):
            bodies = [_body(client, shape, T) for shape, T in zip(shapes, transforms[pose], strict=True)]
            for a in range(0, 26, 3):
                for b in range(a + 1, 26, 2):
                    (point, *_) = pybullet.getClosestPoints(bodies[a], bodies[b], 5.0, physicsClientId=client)
                    # Deep inside each other the engine's way out is another; both must say that they overlap.
                    assert point[8] == pytest.approx(gaps[pose, a, b], abs=2e-3) or max(point[8], gaps[pose, a, b]) < 0
            pybullet.resetSimulation(physicsClientId=client)
    finally:
        pybullet.disconnect(client)


def _body(client: int, shape: Capsule, T_world_joint: np.ndarray) -> int:
    form = pybullet.createCollisionShape(
        pybullet.GEOM_CAPSULE, radius=shape.radius, height=shape.length, physicsClientId=client
    )
    pose = T_world_joint @ shape.pose
    turn = xyzw(pose[:3, :3])
    return int(pybullet.createMultiBody(0.0, form, -1, pose[:3, 3].tolist(), turn, physicsClientId=client))


def xyzw(rotation: np.ndarray) -> list[float]:
    from scipy.spatial.transform import Rotation

    return [float(value) for value in Rotation.from_matrix(rotation).as_quat()]


def test_what_touches_at_rest_is_let_through(tmp_path: Path) -> None:
    skinned, poses = bundled()
    write_srdf(tmp_path / "agent.srdf", skinned, poses)
    listed = xml.parse(tmp_path / "agent.srdf").getroot().findall("disable_collisions")
    pairs = {frozenset((pair.get("link1"), pair.get("link2"))) for pair in listed}
    names, parents = skinned.skeleton.joint_names, skinned.skeleton.joint_parents
    assert all(frozenset((names[j], names[parents[j]])) in pairs for j in range(1, 26))
    gaps = capsule_gaps(capsules(skinned), skinned.skeleton.rest_transforms[None])[0]
    touching = {frozenset((names[a], names[b])) for a in range(26) for b in range(a) if gaps[a, b] < 0}
    assert touching <= pairs
    assert len(pairs) < 45 and frozenset(("left_front_paw", "right_front_paw")) not in pairs
