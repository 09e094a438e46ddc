"""What physics engines make of the animal's rigs: how far their joints are from ours, recorded and random poses."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ats_sim.geometry import exp_so3, quaternion_from_matrix, rigid, transform_points
from ats_sim.home import Home
from ats_sim.reconstruction.export.for_engines import recorded_stretches
from ats_sim.reconstruction.export.urdf_hinges import hinge_angles, write_hinge_urdf

Row = tuple[str, str, str]
MISSING = "not installed"


def pybullet_rows(home: Home, poses: int = 200) -> Iterator[Row]:
    """PyBullet: both rigs over recorded poses and as many random ones."""
    with tempfile.TemporaryDirectory() as folder:
        hinges = Path(folder) / "agent_hinges.urdf"
        write_hinge_urdf(hinges, home.agent, recorded_stretches(home))
        for name, file in (("agent.urdf", home.urdf_path), ("agent_hinges.urdf", hinges)):
            joints, off = pybullet_off(file, home, tried_poses(home, poses))
            yield name, "PyBullet", f"{joints} joints; off over {2 * poses} poses: {1e3 * off:.4f} mm"


def pybullet_off(file: Path, home: Home, poses: np.ndarray) -> tuple[int, float]:
    """How many joints PyBullet finds in a rig of the home's agent, and how far (m) its links are from ours at most."""
    import pybullet

    client = pybullet.connect(pybullet.DIRECT)
    try:
        flags = pybullet.URDF_USE_INERTIA_FROM_FILE
        body = pybullet.loadURDF(str(file), useFixedBase=True, flags=flags, physicsClientId=client)
        far = max(_pybullet_off(client, body, home, pose) for pose in poses)
        return int(pybullet.getNumJoints(body, physicsClientId=client)), far
    finally:
        pybullet.disconnect(client)


def _pybullet_off(client: int, body: int, home: Home, pose: np.ndarray) -> float:
    import pybullet

    skeleton, links = home.skeleton, {}
    for k in range(pybullet.getNumJoints(body, physicsClientId=client)):
        info = pybullet.getJointInfo(body, k, physicsClientId=client)
        links[info[12].decode()] = k
        joint, axis = info[1].decode().rsplit("_", 1)
        turn = pose[skeleton.joint_names.index(joint)]
        if axis == "joint":
            quaternion = quaternion_from_matrix(exp_so3(turn)).tolist()
            pybullet.resetJointStateMultiDof(body, k, quaternion, physicsClientId=client)
        else:
            pybullet.resetJointState(body, k, hinge_angles(turn)["xyz".index(axis)], physicsClientId=client)
    states = [pybullet.getLinkState(body, links[name], 0, 1, client) for name in skeleton.joint_names[1:]]
    seen = transform_points(np.linalg.inv(root_of(client, body)), np.array([state[4] for state in states]))
    return float(np.linalg.norm(seen - skeleton.forward_kinematics(np.eye(4), pose)[1:, :3, 3], axis=1).max())


def root_of(client: int, body: int) -> np.ndarray:
    """(4, 4) where a body's root link is: the engine itself speaks of its centre of mass."""
    import pybullet

    place, turn = pybullet.getBasePositionAndOrientation(body, physicsClientId=client)
    _, _, _, middle, turned, *_ = pybullet.getDynamicsInfo(body, -1, physicsClientId=client)
    place, turn = pybullet.multiplyTransforms(place, turn, *pybullet.invertTransform(middle, turned))
    return rigid(np.array(pybullet.getMatrixFromQuaternion(turn)).reshape(3, 3), np.array(place))


def mujoco_rows(home: Home, poses: int = 200) -> Iterator[Row]:
    """MuJoCo: the rig of hinges; it refuses masses and inertias that no body can have."""
    if importlib.util.find_spec("mujoco") is None:
        yield "agent_hinges.urdf", "MuJoCo", MISSING
        return
    import mujoco

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent_hinges.urdf"
        write_hinge_urdf(path, home.agent, recorded_stretches(home))
        model = mujoco.MjModel.from_xml_path(str(path))
    state, names, far = mujoco.MjData(model), home.skeleton.joint_names, 0.0
    for pose in tried_poses(home, poses):
        for name, angles in zip(names[1:], hinge_angles(pose)[1:], strict=True):
            for axis, angle in zip("xyz", angles, strict=True):
                state.joint(f"{name}_{axis}").qpos = angle
        mujoco.mj_kinematics(model, state)
        ours = home.skeleton.forward_kinematics(np.eye(4), pose)[1:, :3, 3]
        far = max(far, np.linalg.norm(np.array([state.body(n).xpos for n in names[1:]]) - ours, axis=1).max())
    said = f"{model.njnt} hinges, all limited; off over {2 * poses} poses: {1e3 * far:.4f} mm"
    yield "agent_hinges.urdf", f"MuJoCo {mujoco.__version__}", said


def tried_poses(home: Home, count: int) -> np.ndarray:
    """(2 count, J, 3) recorded poses and random ones."""
    recorded = np.concatenate(recorded_stretches(home))
    rng = np.random.default_rng(0)
    chosen = recorded[rng.integers(0, len(recorded), count)]
    return np.concatenate([chosen, rng.normal(0, 0.35, chosen.shape)])
