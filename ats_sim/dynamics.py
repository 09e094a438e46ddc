"""Bodies with weight: each agent's rig is led along its plan and meets the home, the others and the observer for real.

The engine is used as a function: before every step all its bodies are taken apart from each other and put back by
the state that is kept here. So nothing of the engine's own history (contact points, warm starts) lives on, and going on
from a stored state gives the same bits as never having stopped, in another process too.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.collision import chunks, read_collision
from ats_sim.geometry import inverse, matrix_from_quaternion, quaternion_from_matrix, rigid
from ats_sim.home import Home
from ats_sim.physics import Bodies
from ats_sim.puppet import GRAVITY, Glide, Hand, Lean, Strength, glide, quaternions, rotation_vectors, turned_short

HOME_GROUP, OBSERVER_GROUP, FIRST_AGENT_GROUP = 1, 2, 4  # every agent is a group of its own
SUBSTEPS_PER_SECOND = 240
SOLVER_ITERATIONS = 20  # with fewer the joints sag under the weight of the body
MAX_CHUNK_FACES = 40_000  # the engine takes at most 131,072 vertices (three per face, unshared) from memory
HOME_FRICTION, AGENT_FRICTION, OBSERVER_FRICTION = 1.0, 0.8, 0.3  # the engine multiplies those of the two that touch
OBSERVER_MASS = 70.0  # kg
OBSERVER_STIFFNESS, OBSERVER_DAMPING = 4000.0, 200.0  # N/m and N s/m: trousers; an animal in a corner is not shot out
FASTEST_WALK = 10.0  # m/s; an observer who would have to be faster is simply there, and hits nobody on the way
APART = 100.0  # metres between bodies that are to forget each other
FORGETTING = 12  # moves apart: the engine looks at a tenth of its pairs each time
MOVING = ("base_pose", "base_velocity", "joint_pose", "joint_velocity")  # what of the state the engine changes
LOST = 0.01  # metres that a root may be pressed into something before it is put back where it was


class DynamicBodies(Bodies):
    """Bodies that gravity, walls and legs act on; what `track` makes of the plans is read back with `poses`."""

    def __init__(
        self,
        home: Home,
        *,
        num_agents: int,
        observer_radius: float,
        observer_height: float,
        strength: Strength | None = None,
    ) -> None:
        """As `Bodies`, and how strongly the agents follow their plans."""
        super().__init__(home, num_agents=num_agents, observer_radius=observer_radius, observer_height=observer_height)
        self._strength = strength or Strength()
        self._all_agents = sum(FIRST_AGENT_GROUP << index for index in range(num_agents))
        self._state: dict[str, Array] = {}

    def track(self, targets: Sequence[tuple[Array, Array]], feet: Array, dt: float = 0.1) -> None:
        """Let time pass while all agents follow their targets and the observer walks to a floor point.

        Args:
            targets: Per agent, where its plan wants it at the end: root pose (4, 4) and joint rotations (J, 3).
            feet: (3,) floor point on which the observer stands at the end.
            dt: Seconds.
        """
        client, before = self._current(), self.save()
        self._push_state(client)
        substeps = max(1, round(dt * SUBSTEPS_PER_SECOND))
        aims = [self._lean(index).beyond(*target) for index, target in enumerate(targets)]
        ways = self._ways(aims, substeps, dt)
        stood, walk = self._observer_walk(np.asarray(feet, dtype=np.float64), dt)
        for substep in range(substeps):
            for index, way in enumerate(ways):
                self._lead(client, index, way, substep)
            self._walk_observer(client, stood + walk * (substep * dt / substeps), walk)
            self._hold_observer(client)
            self._engine.stepSimulation(physicsClientId=client)
        self._state |= self._pulled(client) | {
            "aimed_roots": np.array([root for root, _ in aims]),
            "aimed_joints": np.array([joints for _, joints in aims]),
            "observer_feet": np.array(feet, dtype=np.float64),
        }
        if self._rescued(before):
            self._push_state(client)
        for index, (target, reached) in enumerate(zip(targets, self.poses(), strict=True)):
            lean = self._lean(index).learned(target, reached)
            self._state["lean"][index] = np.concatenate([[lean.shift, lean.turn], lean.fold])

    def poses(self) -> list[tuple[Array, Array]]:
        """Where every agent is: root pose (4, 4) and joint rotations (J, 3), axis-angle of length at most pi."""
        self._current()
        found = []
        for pose, turned in zip(self._state["base_pose"], self._state["joint_pose"], strict=True):
            T_world_mass = rigid(matrix_from_quaternion(pose[3:]), pose[:3])
            joints = np.zeros((self._home.skeleton.num_joints, 3))
            joints[self._link_joints] = rotation_vectors(turned)
            found.append((T_world_mass @ inverse(self._root_to_mass), joints))
        return found

    def save(self) -> dict[str, Array]:
        """All that the bodies' future depends on, as named arrays: poses, velocities and the targets they are at."""
        self._current()
        return {name: value.copy() for name, value in self._state.items()}

    def load(self, stored: Mapping[str, Array]) -> None:
        """Continue from what `save` returned; raises KeyError or ArrayError where it is incomplete."""
        client = self._current()
        taken = {name: checked(name, stored[name], value.shape).copy() for name, value in self._state.items()}
        self._state = taken
        self._push_state(client)

    def _ways(self, aims: Sequence[tuple[Array, Array]], substeps: int, dt: float) -> list[Glide]:
        """What every agent's body goes along in a step, from its last aim to its next."""
        ways, last, moved = [], self._state, self._link_joints
        for root, joints, (next_root, next_joints) in zip(last["aimed_roots"], last["aimed_joints"], aims, strict=True):
            # The engine places and leads the base link's centre of mass, which need not be the root.
            roots = (root @ self._root_to_mass, next_root @ self._root_to_mass)
            ways.append(glide(roots, (joints[moved], next_joints[moved]), substeps, dt))
        return ways

    def _lean(self, index: int) -> Lean:
        shift, turn, *fold = self._state["lean"][index]
        return Lean(shift, turn, np.array(fold))

    def _current(self) -> int:
        """The client; whoever was placed since the last call stands there at rest."""
        self._live()
        placed = sorted(self._moved_agents)
        for index in placed:
            root, joints = self._agent_poses[index]
            T_world_mass, state = root @ self._root_to_mass, self._state
            state["base_pose"][index] = [*T_world_mass[:3, 3], *quaternion_from_matrix(T_world_mass[:3, :3])]
            state["joint_pose"][index] = quaternions(joints[self._link_joints])
            state["base_velocity"][index], state["joint_velocity"][index] = 0.0, 0.0
            state["aimed_roots"][index], state["aimed_joints"][index], state["lean"][index] = root, joints, 0.0
        if self._observer_moved:
            self._state["observer_feet"] = np.array(self._feet, dtype=np.float64)
        return super()._current()

    def _configure(self, client: int) -> None:
        super()._configure(client)
        self._engine.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / SUBSTEPS_PER_SECOND, numSolverIterations=SOLVER_ITERATIONS, physicsClientId=client
        )
        self._engine.setGravity(0.0, 0.0, -GRAVITY, physicsClientId=client)

    def _build(self, client: int) -> None:
        super()._build(client)
        engine, count, joints = self._engine, len(self._agents), self._home.skeleton.num_joints
        for vertices, faces in chunks(read_collision(self._home.collision_paths), MAX_CHUNK_FACES):
            shape = {"vertices": vertices.tolist()}
            if "collision.obj" in self._home.files:
                shape |= {"indices": faces.reshape(-1).tolist(), "flags": engine.GEOM_FORCE_CONCAVE_TRIMESH}
            collision = engine.createCollisionShape(engine.GEOM_MESH, physicsClientId=client, **shape)
            body = int(engine.createMultiBody(0.0, collision, physicsClientId=client))
            engine.changeDynamics(body, -1, lateralFriction=HOME_FRICTION, physicsClientId=client)
            self._group(client, body, HOME_GROUP, self._all_agents)
        links = [-1, *range(engine.getNumJoints(self._agents[0], physicsClientId=client))]
        masses = np.array([engine.getDynamicsInfo(self._agents[0], i, physicsClientId=client)[0] for i in links])
        places = self._home.skeleton.rest_transforms[[0, *self._link_joints], :3, 3]
        moved = masses[[0, *(link + 1 for link in self._links)]]
        inertia = float((moved * (places**2).sum(1)).sum())
        self._hand = Hand(self._strength, float(masses.sum()), inertia, 1.0 / SUBSTEPS_PER_SECOND)
        self._joint_torque = self._strength.joint * GRAVITY * float(masses.sum())
        self._state = {
            "base_pose": np.zeros((count, 7)),
            "base_velocity": np.zeros((count, 6)),
            "joint_pose": np.zeros((count, len(self._links), 4)),
            "joint_velocity": np.zeros((count, len(self._links), 3)),
            "aimed_roots": np.tile(np.eye(4), (count, 1, 1)),
            "aimed_joints": np.zeros((count, joints, 3)),
            "lean": np.zeros((count, 2 + joints, 3)),
            "observer_feet": np.zeros(3),
        }

    def _load_rig(self, client: int, index: int) -> int:
        body, own = self._read_urdf(client, fixed=False), FIRST_AGENT_GROUP << index
        # An agent's links never meet each other, and must not even be pairs: which pairs the engine happens to keep
        # decides the order of its sums.
        self._group(client, body, own, (HOME_GROUP | OBSERVER_GROUP | self._all_agents) & ~own)
        for link in range(-1, self._engine.getNumJoints(body, physicsClientId=client)):
            self._loosen(client, body, link, AGENT_FRICTION)
        count = self._engine.getNumJoints(body, physicsClientId=client)
        for link in range(count):
            # The engine brakes every joint by default.
            self._engine.setJointMotorControlMultiDof(
                body, link, self._engine.POSITION_CONTROL, targetPosition=[0.0, 0.0, 0.0, 1.0],
                positionGain=0.0, velocityGain=0.0, force=[0.0, 0.0, 0.0], physicsClientId=client,
            )  # fmt: skip
        return body

    def _load_observer(self, client: int) -> int:
        body = self._capsule(client, OBSERVER_MASS)
        self._group(client, body, OBSERVER_GROUP, self._all_agents)
        self._loosen(client, body, -1, OBSERVER_FRICTION)
        self._engine.changeDynamics(
            body, -1, contactStiffness=OBSERVER_STIFFNESS, contactDamping=OBSERVER_DAMPING, physicsClientId=client
        )
        return body

    def _loosen(self, client: int, body: int, link: int, friction: float) -> None:
        """No air drag and no sleep; one change a call, because the engine drops some when several come together."""
        awake = self._engine.ACTIVATION_STATE_DISABLE_SLEEPING
        for change in (
            {"linearDamping": 0.0}, {"angularDamping": 0.0}, {"activationState": awake}, {"lateralFriction": friction}
        ):  # fmt: skip
            self._engine.changeDynamics(body, link, physicsClientId=client, **change)

    def _lead(self, client: int, index: int, way: Glide, substep: int) -> None:
        """Set the motors of one agent and let the hand hold its trunk for one substep."""
        engine, body, count = self._engine, self._agents[index], len(self._links)
        if count:
            engine.setJointMotorControlMultiDofArray(
                body, self._links, engine.POSITION_CONTROL, targetPositions=way.joints[substep].tolist(),
                targetVelocities=way.joint_spins.tolist(), positionGains=[self._strength.stiffness] * count,
                velocityGains=[1.0] * count, forces=[[self._joint_torque] * 3] * count, physicsClientId=client,
            )  # fmt: skip
        place, turned = engine.getBasePositionAndOrientation(body, physicsClientId=client)
        velocity, spin = engine.getBaseVelocity(body, physicsClientId=client)
        behind = way.positions[substep] - np.array(place)
        force = self._hand.force(behind, way.velocity - np.array(velocity), float(way.velocity[2]))
        short = turned_short(way.rotations[substep], np.array(turned))
        torque = self._hand.torque(short, way.spin - np.array(spin))
        engine.applyExternalForce(body, -1, force.tolist(), place, engine.WORLD_FRAME, physicsClientId=client)
        engine.applyExternalTorque(body, -1, torque.tolist(), engine.WORLD_FRAME, physicsClientId=client)

    def _observer_walk(self, feet: Array, dt: float) -> tuple[Array, Array]:
        """Where the observer's walk to a floor point begins (3,) and how fast it is (3,), m/s."""
        walk = (feet - self._state["observer_feet"]) / dt
        if float(np.linalg.norm(walk)) > FASTEST_WALK:
            return feet, np.zeros(3)
        return self._state["observer_feet"], walk

    def _walk_observer(self, client: int, feet: Array, velocity: Array) -> None:
        """Put the observer on its way with its speed: nothing stops it, and contacts feel how fast it comes."""
        engine, body = self._engine, self._observer
        centre = feet + [0.0, 0.0, 0.5 * self._observer_height]
        engine.resetBasePositionAndOrientation(body, centre.tolist(), [0.0, 0.0, 0.0, 1.0], physicsClientId=client)
        engine.resetBaseVelocity(body, velocity.tolist(), [0.0, 0.0, 0.0], physicsClientId=client)

    def _hold_observer(self, client: int) -> None:
        held, where = [0.0, 0.0, OBSERVER_MASS * GRAVITY], [0.0, 0.0, 0.0]
        self._engine.applyExternalForce(
            self._observer, -1, held, where, self._engine.LINK_FRAME, physicsClientId=client
        )  # the capsule never turns, so its own frame is the world's

    def _push_state(self, client: int) -> None:
        """Make the engine forget all contacts, then put every body where the state says."""
        engine, bodies = self._engine, [*self._agents, self._observer]
        for turn in range(FORGETTING):
            for number, body in enumerate(bodies):
                far = [0.0, 0.0, APART * (number + 1 + 0.1 * (turn % 2))]
                engine.resetBasePositionAndOrientation(body, far, [0.0, 0.0, 0.0, 1.0], physicsClientId=client)
            engine.performCollisionDetection(physicsClientId=client)
        state = self._state
        for index, body in enumerate(self._agents):
            pose, speed = state["base_pose"][index].tolist(), state["base_velocity"][index].tolist()
            engine.resetBasePositionAndOrientation(body, pose[:3], pose[3:], physicsClientId=client)
            engine.resetBaseVelocity(body, speed[:3], speed[3:], physicsClientId=client)
            if self._links:
                engine.resetJointStatesMultiDof(
                    body, self._links, state["joint_pose"][index].tolist(), state["joint_velocity"][index].tolist(),
                    physicsClientId=client,
                )  # fmt: skip
        self._walk_observer(client, state["observer_feet"], np.zeros(3))

    def _pulled(self, client: int) -> dict[str, Array]:
        """All agents' poses and velocities as the engine has them."""
        engine, poses, speeds, turns, spins = self._engine, [], [], [], []
        for body in self._agents:
            place, turned = engine.getBasePositionAndOrientation(body, physicsClientId=client)
            velocity, spin = engine.getBaseVelocity(body, physicsClientId=client)
            joints = engine.getJointStatesMultiDof(body, self._links, physicsClientId=client) if self._links else []
            poses.append([*place, *turned])
            speeds.append([*velocity, *spin])
            turns.append([joint[0] for joint in joints])
            spins.append([joint[1] for joint in joints])
        count, links = len(self._agents), len(self._links)
        return {
            "base_pose": np.array(poses),
            "base_velocity": np.array(speeds),
            "joint_pose": np.array(turns, dtype=np.float64).reshape(count, links, 4),
            "joint_velocity": np.array(spins, dtype=np.float64).reshape(count, links, 3),
        }

    def _rescued(self, before: Mapping[str, Array]) -> bool:
        """Put agents that went through something, or were pressed into it, back to where the step began, at rest."""
        lost = [index for index in range(len(self._agents)) if self._is_lost(before, index)]
        for index in lost:
            for name in ("base_pose", "joint_pose"):
                self._state[name][index] = before[name][index]
            for name in ("base_velocity", "joint_velocity"):
                self._state[name][index] = 0.0
        return bool(lost)

    def _is_lost(self, before: Mapping[str, Array], index: int) -> bool:
        if not all(np.isfinite(self._state[name][index]).all() for name in MOVING):
            return True
        ends = np.stack([before["base_pose"][index, :3], self._state["base_pose"][index, :3]])
        was, now = self._home.perception.sample_sdf(ends)
        return bool(now < min(-LOST, was) or self._sight.blocked(ends[:1], ends[1:])[0])
