"""Bodies in a physics engine: the agents' capsule rigs and the observer, where the simulation puts them.

This is the only file that imports pybullet. Everything here is kinematic: bodies are put where the simulation says,
nothing is ever integrated, so a picture of the state is its poses and needs no engine snapshot. The engine itself
costs 30 MB and 60 microseconds a pose, so it starts when something first asks it and hears only the newest poses.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import AtsError, HomeError
from ats_sim.geometry import quaternion_from_matrix, rigid
from ats_sim.home import Home
from ats_sim.rig import read_rig
from ats_sim.sight import SightLines


class Bodies:
    """The agents' and the observer's bodies in a home; `close()` ends this world's physics client only."""

    def __init__(self, home: Home, *, num_agents: int, observer_radius: float, observer_height: float) -> None:
        """Check the shapes; the engine is started when first asked.

        Raises:
            HomeError: If a collision shape or the rig is damaged.
        """
        self._home, self._rig = home, read_rig(home.urdf_path, home.skeleton)
        self._sight = SightLines.of(home)
        self._observer_radius, self._observer_height = observer_radius, observer_height
        still = np.zeros((home.skeleton.num_joints, 3))
        self._agent_poses: list[tuple[Array, Array]] = [(np.eye(4), still)] * num_agents
        self._feet = np.zeros(3)
        self._moved_agents = set(range(num_agents))
        self._observer_moved = True
        self._closed = False
        self._client: int | None = None

    def place_agent(self, index: int, T_world_root: Array, joint_rotations: Array) -> None:
        """Move an agent's rig to a root pose (4, 4) and joint rotations (J, 3) axis-angle."""
        self._refuse_closed()
        self._agent_poses[index] = (T_world_root.copy(), joint_rotations.copy())
        self._moved_agents.add(index)

    def place_observer(self, position: Array) -> None:
        """Stand the observer's capsule on a floor point (3,)."""
        self._refuse_closed()
        self._feet, self._observer_moved = position.copy(), True

    def blocked(self, starts: Array, ends: Array) -> Array:
        """Whether the home stands between points (N, 3) and (N, 3); agents and observer are looked through."""
        self._refuse_closed()
        return self._sight.blocked(starts, ends)

    def agent_gap(self, index: int, reach: float = 1.0) -> float:
        """Smallest distance (m) between an agent's rig and the observer's body, negative when they overlap; at most
        `reach`.

        Raises:
            HomeError: If the engine refuses the rig.
        """
        client = self._current()
        points = self._engine.getClosestPoints(self._agents[index], self._observer, reach, physicsClientId=client)
        return min([float(point[8]) for point in points], default=reach)

    def link_positions(self, index: int) -> dict[str, Array]:
        """World positions (3,) of an agent's joints by link name, as the engine sees them; raises like `agent_gap`."""
        client, body = self._current(), self._agents[index]
        count = self._engine.getNumJoints(body, physicsClientId=client)
        found = {}
        for link in range(count):
            name = self._engine.getJointInfo(body, link, physicsClientId=client)[12].decode()
            state = self._engine.getLinkState(body, link, computeForwardKinematics=1, physicsClientId=client)
            found[name] = np.array(state[4])
        return found

    def close(self) -> None:
        """Disconnect; safe to call again."""
        client, self._client, self._closed = self._client, None, True
        if client is not None and self._engine.isConnected(client):
            self._engine.disconnect(physicsClientId=client)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise AtsError("the physics world is closed; make a new environment")

    def _live(self) -> int:
        """The client, started and built if need be."""
        self._refuse_closed()
        if self._client is None:
            self._engine = _engine()
            self._client = int(self._engine.connect(self._engine.DIRECT))
            try:
                self._build(self._client)
            except self._engine.error as error:
                self.close()
                raise HomeError(f"{self._home.folder}: the physics engine refuses the rig ({error})") from error
        return self._client

    def _current(self) -> int:
        """The client, with all bodies where they were last put."""
        client = self._live()
        for index in sorted(self._moved_agents):
            self._put_agent(client, index)
        self._moved_agents.clear()
        if self._observer_moved:
            x, y, z = (float(part) for part in self._feet)
            centre = [x, y, z + 0.5 * self._observer_height]
            still = [0.0, 0.0, 0.0, 1.0]
            self._engine.resetBasePositionAndOrientation(self._observer, centre, still, physicsClientId=client)
            self._observer_moved = False
        return client

    def _put_agent(self, client: int, index: int) -> None:
        body, (T_world_root, joint_rotations) = self._agents[index], self._agent_poses[index]
        rotation, position = T_world_root[:3, :3], T_world_root[:3, 3]
        # The engine places the base link's centre of mass, which need not be the root.
        position = position + rotation @ self._root_to_mass[:3, 3]
        turned = quaternion_from_matrix(rotation @ self._root_to_mass[:3, :3])
        self._engine.resetBasePositionAndOrientation(body, position.tolist(), turned.tolist(), physicsClientId=client)
        if self._links:
            vectors = joint_rotations[self._link_joints]
            half = 0.5 * np.linalg.norm(vectors, axis=1, keepdims=True)
            quaternions = np.concatenate([vectors * 0.5 * np.sinc(half / np.pi), np.cos(half)], axis=1)
            self._engine.resetJointStatesMultiDof(body, self._links, quaternions.tolist(), physicsClientId=client)

    def _build(self, client: int) -> None:
        """Set the engine up and load all bodies once; afterwards they are only moved."""
        self._configure(client)
        self._agents = [self._load_rig(client, index) for index in range(len(self._agent_poses))]
        self._observer = self._load_observer(client)
        self._find_links(client)

    def _configure(self, client: int) -> None:
        # Without ordered pairs results depend on the engine's history; with file caching a rewritten rig loads as
        # its old self.
        self._engine.setPhysicsEngineParameter(
            deterministicOverlappingPairs=1, enableFileCaching=0, physicsClientId=client
        )

    def _load_observer(self, client: int) -> int:
        body = self._capsule(client, 0.0)
        self._group(client, body, 1, 0)
        return body

    def _load_rig(self, client: int, index: int) -> int:
        body = self._read_urdf(client, fixed=True)
        self._group(client, body, 1, 0)  # no pairs are ever wanted, only closest points
        return body

    def _capsule(self, client: int, mass: float) -> int:
        engine, radius = self._engine, self._observer_radius
        length = max(self._observer_height - 2.0 * radius, 0.01)
        shape = engine.createCollisionShape(engine.GEOM_CAPSULE, radius=radius, height=length, physicsClientId=client)
        return int(engine.createMultiBody(mass, shape, physicsClientId=client))

    def _read_urdf(self, client: int, *, fixed: bool) -> int:
        flags, path = self._engine.URDF_USE_INERTIA_FROM_FILE, str(self._home.urdf_path)
        with _silent():
            return int(self._engine.loadURDF(path, useFixedBase=fixed, flags=flags, physicsClientId=client))

    def _group(self, client: int, body: int, group: int, mask: int) -> None:
        for link in range(-1, self._engine.getNumJoints(body, physicsClientId=client)):
            self._engine.setCollisionFilterGroupMask(body, link, group, mask, physicsClientId=client)

    def _find_links(self, client: int) -> None:
        """Find the engine's links that the skeleton moves, and where the base's mass lies."""
        engine, body = self._engine, self._agents[0]
        inertia = engine.getDynamicsInfo(body, -1, physicsClientId=client)
        turn = np.array(engine.getMatrixFromQuaternion(inertia[4])).reshape(3, 3)
        self._root_to_mass = rigid(turn, np.array(inertia[3]))
        joints, links = [], []
        for link in range(engine.getNumJoints(body, physicsClientId=client)):
            described = engine.getJointInfo(body, link, physicsClientId=client)
            if described[2] == engine.JOINT_SPHERICAL and described[12].decode() in self._rig.joint_of_link:
                joints.append(self._rig.joint_of_link[described[12].decode()])
                links.append(link)
        self._link_joints, self._links = np.array(joints, dtype=np.int64), links


def _engine() -> ModuleType:
    """Import pybullet without its greeting on the terminal."""
    with _silent():
        import pybullet
    engine: ModuleType = pybullet
    return engine


@contextmanager
def _silent() -> Iterator[None]:
    """Send the terminal's two file descriptors to nowhere: the engine prints from C++, below `sys.stdout`."""
    try:
        kept = [os.dup(descriptor) for descriptor in (1, 2)]
    except OSError:  # no terminal at all: nothing to silence
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        yield
    finally:
        # The engine's words may still wait in the C library's buffer and would come out later.
        if os.name == "posix":
            ctypes.CDLL(None).fflush(None)
        for descriptor, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)
        os.close(nowhere)
