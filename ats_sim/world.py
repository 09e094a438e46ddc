"""A home brought to life: bodies, observer, agents, time and randomness, in steps of 0.1 s.

All that the future depends on is in `snapshot()`; continuing and restoring give the same bits, in another process too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ats_sim.agent import Agent, root_margin
from ats_sim.arrays import Array, checked
from ats_sim.errors import ConfigError
from ats_sim.geometry import Intrinsics, exp_so3, log_so3, rigid
from ats_sim.home import Home
from ats_sim.measures import DT, Measures, measure
from ats_sim.observer import Observer, ObserverOptions, checked_action
from ats_sim.perception import HZ, PAST
from ats_sim.physics import Bodies
from ats_sim.planning import Mind, imagine, plan_due
from ats_sim.reset_options import read_reset_options
from ats_sim.snapshot import pack, pack_rng, unpack, unpack_rng
from ats_sim.starts import find_starts

MAX_AGENTS = 16
FACING_JITTER = 0.3  # radians; an episode begins with the agent in view, not dead centre
STEEPEST_START = 0.6  # radians; nobody begins staring at their own feet
MAX_FUTURES, MAX_FUTURE_STEPS = 256, 600
EYES = Intrinsics.from_fov(float(np.deg2rad(60.0)), 128, 96)


@dataclass(frozen=True, eq=False)
class Moment:
    """Poses at some instant between the last step and now, for drawing more smoothly than the world's clock."""

    T_world_camera: Array
    """(4, 4) the observer's eyes."""
    agents: tuple[tuple[Array, Array], ...]
    """Root pose (4, 4) and joint rotations (J, 3) per agent."""


class World:
    """One home, its agents and its observer."""

    def __init__(
        self,
        home: Home,
        *,
        policy: Mind | None,
        num_agents: int = 1,
        replan_every: int = 5,
        observer: ObserverOptions | None = None,
        eyes: Intrinsics = EYES,
    ) -> None:
        """Build the bodies; `reset` before the first step.

        Args:
            home: A loaded home.
            policy: The agents' mind; None lets them stand still.
            num_agents: How many agents live here.
            replan_every: Steps between two plans.
            observer: The observer's build and speed.
            eyes: The observer's camera, for what is visible.

        Raises:
            ConfigError: If a number is out of range.
            HomeError: If the home has no room for the observer or the agents.
        """
        if not 1 <= num_agents <= MAX_AGENTS or not 1 <= replan_every <= 56:
            raise ConfigError(f"num_agents={num_agents} (1 to {MAX_AGENTS}), replan_every={replan_every} (1 to 56)")
        self.home, self.policy, self.replan_every, self.eyes = home, policy, replan_every, eyes
        self._options = observer or ObserverOptions()
        volume = home.perception
        self.observer = Observer(volume, self._options, DT)
        """The observer's body and eyes."""
        self._margin = root_margin(volume)
        self.agents = [Agent(volume, home.skeleton, self._margin) for _ in range(num_agents)]
        """The agents."""
        self.ticks = 0
        """Steps since the reset."""
        self._rngs = [np.random.Generator(np.random.PCG64(0)) for _ in self.agents]
        self._observer_past = np.zeros((PAST, 3))
        self._starts = find_starts(home, self.observer, self._options.radius, self._margin)
        height = self._options.eye_height + self._options.radius
        self._bodies = Bodies(home, num_agents=num_agents, observer_radius=self._options.radius, observer_height=height)

    @property
    def time(self) -> float:
        """Seconds since the reset."""
        return self.ticks * DT

    def reset(self, rng: np.random.Generator, options: Mapping[str, Any] | None = None) -> None:
        """Begin an episode; everything drawn comes from `rng`, and nothing of the past remains.

        Args:
            rng: Source of all seeds of this episode.
            options: See `reset_options.read_reset_options`.

        Raises:
            ConfigError: If an option is wrong or a start pose is not free. The world is then as it was.
        """
        asked = read_reset_options(options, len(self.agents))
        seeds = rng.integers(2**63, size=1 + len(self.agents))
        draw = np.random.Generator(np.random.PCG64(int(seeds[0])))
        chosen = self._starts.draw_agents(draw, len(self.agents))
        roots, joints = self._starts.roots[chosen].copy(), self._starts.joints[chosen].copy()
        if asked.agent_poses is not None:
            self._refuse_solid(asked.agent_poses)
            roots, joints = np.repeat(asked.agent_poses[:, None], PAST, axis=1), np.zeros_like(joints)
        place = self._observer_start(draw, asked.observer_pose, roots[0, -1, :3, 3])
        self.ticks = 0
        self._rngs = [np.random.Generator(np.random.PCG64(int(seed))) for seed in seeds[1:]]
        self.observer.place(*place)
        self._observer_past = np.repeat(self.observer.T_world_camera[None, :3, 3], PAST, axis=0)
        for agent, root, joint, steering in zip(self.agents, roots, joints, asked.steering, strict=True):
            agent.place(root, joint)
            agent.steer(steering)
        self._think()
        self._place_bodies()

    def step(self, action: object) -> None:
        """Advance by 0.1 s.

        Args:
            action: (4,) floating point array in [-1, 1]: forward, left, yaw left, pitch up.

        Raises:
            ActionError: If the action is anything else. The world is then as it was.
        """
        wanted = checked_action(action)
        self._think()
        self.observer.move(wanted)
        for agent in self.agents:
            agent.follow()
        self._observer_past = np.concatenate([self._observer_past[1:], self.observer.T_world_camera[None, :3, 3]])
        self.ticks += 1
        self._think()
        self._place_bodies()

    def steer(self, index: int = 0, **changes: Any) -> None:
        """Change what is imposed on an agent: any of `awareness`, `goal`, `path`, `guidance`; it plans anew.

        Raises:
            ConfigError: If a change makes no sense.
        """
        if not 0 <= index < len(self.agents):
            raise ConfigError(f"agent {index}: there are {len(self.agents)}")
        asked = read_reset_options(changes, 1).steering[0]
        named = {name: getattr(asked, name) for name in changes if name in ("awareness", "goal", "path", "guidance")}
        if set(named) != set(changes):
            raise ConfigError(f"steer: {sorted(changes)}, want any of awareness, goal, path, guidance")
        self.agents[index].steer(replace(self.agents[index].steering, **named))

    def measure(self) -> Measures:
        """Numbers about the present moment; they depend on the state alone."""
        return measure(self.home, self._bodies, self.eyes, self.observer, self.agents)

    def moment(self, share: float = 1.0) -> Moment:
        """Poses at `share` of the last step: 0 is where it began, 1 is now."""
        before, now = self.observer.last_pose, self.observer.pose
        turn = (now[2] - before[2] + np.pi) % (2.0 * np.pi) - np.pi
        pose = before + share * np.array([now[0] - before[0], now[1] - before[1], turn, now[3] - before[3]])
        agents = []
        for agent in self.agents:
            first, last = agent.roots[-2], agent.roots[-1]
            rotation = exp_so3(share * log_so3(last[:3, :3] @ first[:3, :3].T)) @ first[:3, :3]
            root = rigid(rotation, (1.0 - share) * first[:3, 3] + share * last[:3, 3])
            agents.append((root, (1.0 - share) * agent.joints[-2] + share * agent.joints[-1]))
        return Moment(self.observer.camera_at(pose), tuple(agents))

    def sample_futures(self, n: int, seconds: float) -> Array:
        """Draw what the agents might do while the observer stands still; the world itself does not move.

        Args:
            n: How many futures.
            seconds: How far to look.

        Returns:
            (n, A, T, 4, 4) root poses at 10 Hz, the first 0.1 s from now. The same state gives the same futures.

        Raises:
            ConfigError: If there is no policy, or a number is out of range.
        """
        steps = round(seconds * HZ)
        if self.policy is None or not 1 <= n <= MAX_FUTURES or not 1 <= steps <= MAX_FUTURE_STEPS:
            raise ConfigError(f"sample_futures(n={n}, seconds={seconds}): want a policy, n up to 256, up to 60 s")
        # Copies of the generators are drawn from, so that looking ahead does not change what will happen.
        sources = [unpack_rng(pack_rng(rng)) for rng in self._rngs]
        agents, rngs = [], []
        for _ in range(n):
            for agent, source in zip(self.agents, sources, strict=True):
                agents.append(agent.dreaming())
                rngs.append(np.random.Generator(np.random.PCG64(int(source.integers(2**63)))))
        frames = imagine(self.policy, agents, rngs, self._observer_past, self.replan_every, steps)
        return np.moveaxis(frames.reshape(steps, n, len(self.agents), 4, 4), 0, 2).copy()

    def state(self) -> dict[str, Array]:
        """Everything the future depends on, as named arrays."""
        stored: dict[str, Array] = {
            "home": np.array(self.home.fingerprint),
            "ticks": np.array(self.ticks),
            "observer_pose": self.observer.pose,
            "observer_last_pose": self.observer.last_pose,
            "observer_past": self._observer_past,
        }
        for i, (agent, rng) in enumerate(zip(self.agents, self._rngs, strict=True)):
            stored |= {f"agent{i}_{name}": value for name, value in agent.state().items()}
            stored[f"agent{i}_rng"] = pack_rng(rng)
        return stored

    def load_state(self, stored: Mapping[str, Array]) -> None:
        """Continue from what `state` returned.

        Raises:
            ConfigError: If it is of another home or number of agents, or incomplete. The world is then as it was.
        """
        if str(stored.get("home", "")) != self.home.fingerprint:
            raise ConfigError(f"snapshot: taken in another home (or another build of it) than {self.home.name!r}")
        count = sum(name.startswith("agent") and name.endswith("_rng") for name in stored)
        if count != len(self.agents):
            raise ConfigError(f"snapshot: has {count} agents, this world {len(self.agents)}")
        before = self.state()
        try:
            self._take(stored)
        except (KeyError, TypeError, ValueError) as error:
            self._take(before)
            raise ConfigError(f"snapshot: incomplete or damaged ({error!r})") from error
        self._place_bodies()

    def snapshot(self) -> bytes:
        """The state as one portable blob; works in another process, bit-exact."""
        return pack(self.state())

    def restore(self, blob: bytes) -> None:
        """Continue from a snapshot of the same home and number of agents.

        Raises:
            ConfigError: If the blob is damaged or of another home.
        """
        self.load_state(unpack(blob))

    def close(self) -> None:
        """Give the physics client back; safe to call again."""
        self._bodies.close()

    def _take(self, stored: Mapping[str, Array]) -> None:
        self.ticks = int(stored["ticks"])
        self.observer.pose = checked("observer_pose", stored["observer_pose"], (4,)).copy()
        self.observer.last_pose = checked("observer_last_pose", stored["observer_last_pose"], (4,)).copy()
        self._observer_past = checked("observer_past", stored["observer_past"], (PAST, 3)).copy()
        for i, agent in enumerate(self.agents):
            prefix = f"agent{i}_"
            own = {name.removeprefix(prefix): v for name, v in stored.items() if name.startswith(prefix)}
            agent.load_state(own)
            self._rngs[i] = unpack_rng(own["rng"])

    def _think(self) -> None:
        if self.policy is not None:
            plan_due(self.policy, self.agents, self._rngs, self._observer_past, self.replan_every)

    def _place_bodies(self) -> None:
        for i, agent in enumerate(self.agents):
            self._bodies.place_agent(i, agent.T_world_root, agent.joint_rotations)
        self._bodies.place_observer(self.observer.feet)

    def _refuse_solid(self, poses: Array) -> None:
        room = self.home.perception.sample_sdf(poses[:, :3, 3])
        if (room < self._margin).any():
            worst = int(room.argmin())
            place = np.round(poses[worst, :3, 3], 2).tolist()
            raise ConfigError(f"agent_poses: agent {worst} at {place} would start inside something")

    def _observer_start(self, rng: np.random.Generator, asked: Array | None, agent: Array) -> Array:
        """(4,) x, y, yaw, pitch; drawn even where it is given, so that the stream does not depend on the options."""
        place = self._starts.draw_observer(rng, agent)
        jitter = float(rng.uniform(-FACING_JITTER, FACING_JITTER))
        if asked is None:
            x, y, z = agent - np.array([place[0], place[1], self._options.eye_height])
            pitch = float(np.clip(np.arctan2(z, np.hypot(x, y)), -STEEPEST_START, STEEPEST_START))
            return np.array([place[0], place[1], np.arctan2(y, x) + jitter, pitch])
        if float(self.observer.clearance(asked[:2])) <= 0.0:
            raise ConfigError(f"observer_pose: {asked[:2].tolist()} is not free; the observer would stand in something")
        return np.array([*asked, 0.0])
