"""Bodies in a physics engine: the home, the agents' capsule rigs, the observer; rays and closest points between them.

This is the only file that imports pybullet. Everything is kinematic: bodies are put where the simulation says, nothing
is ever integrated, so a picture of the state is its poses and needs no engine snapshot.
"""

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from ats_sim.arrays import Array
from ats_sim.collision import read_collision
from ats_sim.errors import AtsError, HomeError
from ats_sim.geometry import quaternion_from_matrix, rigid
from ats_sim.home import Home
from ats_sim.rig import read_rig

HOME_GROUP, AGENT_GROUP, OBSERVER_GROUP = 1, 2, 4
MAX_CHUNK_FACES = 40_000  # the engine takes at most 131,072 vertices (three per face, unshared) from memory
MAX_RAYS = 16_000  # one call answers 16,383 and silently drops the next


class Bodies:
    """One physics client with a home, its agents and an observer; `close()` ends this client only."""

    def __init__(self, home: Home, *, num_agents: int, observer_radius: float, observer_height: float) -> None:
        """Build all bodies once; afterwards they are only moved.

        Raises:
            HomeError: If a collision shape or the rig is damaged or refused by the engine.
        """
        self._rig = read_rig(home.urdf_path, home.skeleton)
        shapes = read_collision(home.collision_paths)
        self._engine = _engine()
        self._client: int | None = self._engine.connect(self._engine.DIRECT)
        try:
            self._configure()
            concave = "collision.obj" in home.files
            self._home = [self._static(vertices, faces, concave) for vertices, faces in _chunks(shapes)]
            self._agents = [self._load_rig(home.urdf_path) for _ in range(num_agents)]
            self._observer_shift = 0.5 * observer_height
            self._observer = self._capsule(observer_radius, observer_height)
            self._link_joints, self._moved = self._links()
        except self._engine.error as error:
            self.close()
            raise HomeError(f"{home.folder}: the physics engine refuses the home's bodies ({error})") from error

    def place_agent(self, index: int, T_world_root: Array, joint_rotations: Array) -> None:
        """Move an agent's rig to a root pose (4, 4) and joint rotations (J, 3) axis-angle."""
        client, body = self._live(), self._agents[index]
        rotation, position = T_world_root[:3, :3], T_world_root[:3, 3]
        # The engine places the base link's centre of mass, which need not be the root.
        position = position + rotation @ self._root_to_mass[:3, 3]
        turned = quaternion_from_matrix(rotation @ self._root_to_mass[:3, :3])
        self._engine.resetBasePositionAndOrientation(body, position.tolist(), turned.tolist(), physicsClientId=client)
        if self._moved:
            vectors = joint_rotations[self._link_joints]
            half = 0.5 * np.linalg.norm(vectors, axis=1, keepdims=True)
            quaternions = np.concatenate([vectors * 0.5 * np.sinc(half / np.pi), np.cos(half)], axis=1)
            self._engine.resetJointStatesMultiDof(body, self._moved, quaternions.tolist(), physicsClientId=client)

    def place_observer(self, position: Array) -> None:
        """Stand the observer's capsule on a floor point (3,)."""
        centre = [float(position[0]), float(position[1]), float(position[2]) + self._observer_shift]
        self._engine.resetBasePositionAndOrientation(
            self._observer, centre, [0.0, 0.0, 0.0, 1.0], physicsClientId=self._live()
        )

    def blocked(self, starts: Array, ends: Array) -> Array:
        """Whether the home stands between points (N, 3) and (N, 3); agents and observer are looked through."""
        client = self._live()
        hits = []
        for first in range(0, len(starts), MAX_RAYS):
            chunk = slice(first, first + MAX_RAYS)
            answers = self._engine.rayTestBatch(
                starts[chunk].tolist(), ends[chunk].tolist(), collisionFilterMask=HOME_GROUP, physicsClientId=client
            )
            hits += [answer[0] >= 0 for answer in answers]
        return np.array(hits, dtype=bool)

    def agent_gap(self, index: int, reach: float = 1.0) -> float:
        """Smallest distance (m) between an agent's rig and the observer's body, negative when they overlap; at most
        `reach`."""
        points = self._engine.getClosestPoints(self._agents[index], self._observer, reach, physicsClientId=self._live())
        return min([float(point[8]) for point in points], default=reach)

    def link_positions(self, index: int) -> dict[str, Array]:
        """World positions (3,) of an agent's joints by link name, as the engine sees them."""
        client, body = self._live(), self._agents[index]
        count = self._engine.getNumJoints(body, physicsClientId=client)
        found = {}
        for link in range(count):
            name = self._engine.getJointInfo(body, link, physicsClientId=client)[12].decode()
            state = self._engine.getLinkState(body, link, computeForwardKinematics=1, physicsClientId=client)
            found[name] = np.array(state[4])
        return found

    def close(self) -> None:
        """Disconnect; safe to call again."""
        client, self._client = self._client, None
        if client is not None and self._engine.isConnected(client):
            self._engine.disconnect(physicsClientId=client)

    def _live(self) -> int:
        if self._client is None:
            raise AtsError("the physics world is closed; make a new environment")
        return self._client

    def _configure(self) -> None:
        # Without ordered pairs results depend on the engine's history; with file caching a rewritten rig loads as
        # its old self.
        self._engine.setPhysicsEngineParameter(
            deterministicOverlappingPairs=1, enableFileCaching=0, physicsClientId=self._live()
        )

    def _static(self, vertices: Array, faces: Array, concave: bool) -> int:
        engine, client = self._engine, self._live()
        shape = {"vertices": vertices.tolist()}
        if concave:
            shape |= {"indices": faces.reshape(-1).tolist(), "flags": engine.GEOM_FORCE_CONCAVE_TRIMESH}
        collision = engine.createCollisionShape(engine.GEOM_MESH, physicsClientId=client, **shape)
        body = engine.createMultiBody(0.0, collision, physicsClientId=client)
        self._group(body, HOME_GROUP)
        return int(body)

    def _capsule(self, radius: float, height: float) -> int:
        engine, client = self._engine, self._live()
        collision = engine.createCollisionShape(
            engine.GEOM_CAPSULE, radius=radius, height=max(height - 2.0 * radius, 0.01), physicsClientId=client
        )
        body = engine.createMultiBody(0.0, collision, physicsClientId=client)
        self._group(body, OBSERVER_GROUP)
        return int(body)

    def _load_rig(self, path: Path) -> int:
        engine = self._engine
        with _silent():
            body = engine.loadURDF(str(path), useFixedBase=True, physicsClientId=self._live())
        self._group(body, AGENT_GROUP)
        return int(body)

    def _group(self, body: int, group: int) -> None:
        # No pairs are ever wanted, only rays and closest points; a ray needs the home to answer all groups.
        mask = -1 if group == HOME_GROUP else 0
        links = range(-1, self._engine.getNumJoints(body, physicsClientId=self._live()))
        for link in links:
            self._engine.setCollisionFilterGroupMask(body, link, group, mask, physicsClientId=self._live())

    def _links(self) -> tuple[Array, list[int]]:
        """Skeleton joints and engine joints of the rig's moving links, in the same order."""
        self._root_to_mass = np.eye(4)
        if not self._agents:
            return np.zeros(0, np.int64), []
        body, client = self._agents[0], self._live()
        inertia = self._engine.getDynamicsInfo(body, -1, physicsClientId=client)
        turn = np.array(self._engine.getMatrixFromQuaternion(inertia[4])).reshape(3, 3)
        self._root_to_mass = rigid(turn, np.array(inertia[3]))
        joints, links = [], []
        for link in range(self._engine.getNumJoints(body, physicsClientId=client)):
            described = self._engine.getJointInfo(body, link, physicsClientId=client)
            if described[2] == self._engine.JOINT_SPHERICAL and described[12].decode() in self._rig.joint_of_link:
                joints.append(self._rig.joint_of_link[described[12].decode()])
                links.append(link)
        return np.array(joints, dtype=np.int64), links


def _chunks(shapes: Sequence[tuple[Array, Array]]) -> Iterator[tuple[Array, Array]]:
    """Cut meshes that are too large for one shape; each chunk keeps only its own vertices."""
    for vertices, faces in shapes:
        if len(faces) <= MAX_CHUNK_FACES and len(vertices) <= 3 * MAX_CHUNK_FACES:
            yield vertices, faces
            continue
        for first in range(0, len(faces), MAX_CHUNK_FACES):
            used, local = np.unique(faces[first : first + MAX_CHUNK_FACES], return_inverse=True)
            yield vertices[used], local.reshape(-1, 3)


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
