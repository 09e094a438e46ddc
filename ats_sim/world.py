"""A home brought to life: bodies, observer, agents, time and randomness, in steps of 0.1 s.

All that the future depends on is in `snapshot()`; continuing and restoring give the same bits, in another process too.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from ats_sim.agent import Agent
from ats_sim.arrays import Array, checked
from ats_sim.dynamics import DynamicBodies
from ats_sim.errors import ConfigError
from ats_sim.footing import footing_of
from ats_sim.futures import futures
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.likeness import HABITS, likeness_of
from ats_sim.measures import DT, Household, Measures, measure
from ats_sim.moment import Moment, moment_between
from ats_sim.observer import FLOOR, Observer, ObserverOptions, checked_action
from ats_sim.opening import draw_opening, refuse_outside
from ats_sim.perception import FUTURE, PAST
from ats_sim.physics import Bodies
from ats_sim.planning import Mind, Thinker, agents_in_the_way, attended, bodies_of_others, think, thinkers_of
from ats_sim.replay import Replay
from ats_sim.reset_options import changed, read_reset_options
from ats_sim.snapshot import own_part, pack, pack_rng, unpack, unpack_rng
from ats_sim.starts import starts_of

__all__ = ["Moment", "Physics", "World"]

Physics = Literal["kinematic", "dynamic"]
MAX_AGENTS = 16
EYES = Intrinsics.from_fov(float(np.deg2rad(60.0)), 128, 96)


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
        physics: Physics = "kinematic",
    ) -> None:
        """Build the bodies; `reset` before the first step.

        Args:
            home: A loaded home.
            policy: The agents' mind; None lets them stand still.
            num_agents: How many agents live here.
            replan_every: Steps between two plans.
            observer: The observer's build and speed.
            eyes: The observer's camera, for what is visible.
            physics: "kinematic" puts bodies where plan and home allow; "dynamic" gives them weight, and gravity, walls,
                the observer's legs and other agents push back (about thirty times as slow).

        Raises:
            ConfigError: If a number is out of range.
            HomeError: If the home has no room for the observer or the agents.
        """
        if not 1 <= num_agents <= MAX_AGENTS:
            raise ConfigError(f"num_agents={num_agents}: want 1 to {MAX_AGENTS}")
        if not 1 <= replan_every <= FUTURE:
            raise ConfigError(f"replan_every={replan_every}: want 1 to {FUTURE} steps")
        self.home, self.policy, self.eyes = home, policy, eyes
        options = observer or ObserverOptions()
        self.observer = Observer(home.perception, options, DT)
        """The observer's body and eyes."""
        self._footing = footing_of(home)
        self.agents = [Agent(self._footing, replan_every) for _ in range(num_agents)]
        """The agents."""
        self.ticks = 0
        """Steps since the reset."""
        self.replay: Replay | None = None
        """The video that is lived through again, if any."""
        self._samples: list[Agent] = []  # further samples of the first agent beside a replay
        self._rngs = [np.random.Generator(np.random.PCG64(0)) for _ in self.agents]
        self._likeness = likeness_of(home)
        self._unlike = [0] * PAST  # habits of who filmed that the observer left, step by step
        self._starts = starts_of(home, self._footing, self.observer)
        if physics not in get_args(Physics):
            raise ConfigError(f"physics={physics!r}: there is {', '.join(repr(one) for one in get_args(Physics))}")
        kind = DynamicBodies if physics == "dynamic" else Bodies
        height = options.eye_height + options.radius
        self._bodies = kind(home, num_agents=num_agents, observer_radius=options.radius, observer_height=height)

    @property
    def time(self) -> float:
        """Seconds since the reset."""
        return self.ticks * DT

    @property
    def stance(self) -> str:
        """How the observer moves: "walk", "run" or "crouch"."""
        return self.observer.stance

    @property
    def observer_unlike(self) -> float:
        """Share (0 to 1) of the last 0.8 s' heights, speeds, turns and distances to the first agent that whoever filmed
        the home did not show; 0 where nothing was recorded."""
        return sum(self._unlike) / (HABITS * PAST)

    def set_stance(self, stance: str) -> None:
        """Let the observer walk, run or crouch from the next step on.

        Raises:
            ConfigError: If there is no such stance.
        """
        self.observer.take_stance(stance)

    def reset(self, rng: np.random.Generator, options: Mapping[str, Any] | None = None, *, plans: bool = True) -> None:
        """Begin an episode; everything drawn comes from `rng`, and nothing of the past remains.

        Args:
            rng: Source of all seeds of this episode.
            options: See `reset_options.read_reset_options`.
            plans: Draw the first plans at once; if not, `planning.think` draws those of many worlds together.

        Raises:
            ConfigError: If an option is wrong or a start pose is not free. The world is then as it was.
        """
        asked = read_reset_options(options, len(self.agents))
        if asked.replay is not None and self.policy is None:
            raise ConfigError("replay: nobody has a mind here, so there is nothing to compare with the recording")
        opening = draw_opening(rng, asked, self._starts, self._footing, self.observer, self.home.recordings)
        self.ticks, self.replay = 0, opening.replay
        self._rngs = [np.random.Generator(np.random.PCG64(int(seed))) for seed in opening.seeds]
        opening.place(self.observer)
        self._unlike = [0] * PAST
        for agent, root, joint, steering in zip(
            self.agents, opening.roots, opening.joints, asked.steering, strict=True
        ):
            agent.place(root, joint)
            agent.steer(steering)
        self._samples = [self.agents[0].copy() for _ in range(len(self._rngs) - len(self.agents))]
        if plans:
            think([self])
        self._place_bodies()

    def step(self, action: object) -> None:
        """Advance by 0.1 s.

        Args:
            action: (4,) floating point array in [-1, 1]: forward, left, yaw left, pitch up. While a video is lived
                through again, the observer follows its camera instead.

        Raises:
            ActionError: If the action is anything else. The world is then as it was.
        """
        wanted = checked_action(action)
        think([self])
        self.advance(wanted)
        think([self])

    def advance(self, wanted: Array) -> None:
        """Move everybody by 0.1 s along plans that `planning.think` has drawn; `wanted` (4,) is a checked action."""
        if self.replay is not None and not self.replay.finished:
            self.replay.advance()
            self.observer.stand_at(self.replay.T_world_camera)
        else:
            self.observer.move(wanted, self._discs())
        feet = self.observer.feet
        for index, agent in enumerate(self.agents):
            agent.follow(bodies_of_others(self.agents, index, feet))
        self._move_bodies(feet)
        for sample in self._samples:
            sample.follow(bodies_of_others([sample], 0, feet))
        if self._likeness is not None:
            seen, pose, last = self.agents[0].T_world_root, self.observer.pose, self.observer.last_pose
            self._unlike = [*self._unlike[1:], self._likeness.count_unlike(pose, last, seen)]
        self.ticks += 1
        if self.replay is not None:
            simulated = [self.agents[0], *self._samples]
            self.replay.compare(np.array([agent.T_world_root[:3, 3] for agent in simulated]))

    def thinkers(self) -> list[Thinker]:
        """All agents that may be due to think, with what each attends to."""
        count = len(self.agents)
        own = thinkers_of(self.agents, self._rngs[:count], self.observer.track)
        shadows = zip(self._samples, self._rngs[count:], strict=True)
        return own + [Thinker(sample, rng, self.observer.track) for sample, rng in shadows]

    def attention(self) -> Array:
        """(A,) whom each agent attends to: 0 the observer, i + 1 agent i, -1 nobody."""
        return attended(self.agents, self.observer.eyes)

    def steer(self, index: int = 0, **changes: Any) -> None:
        """Change what is imposed on an agent: any of `awareness`, `goal`, `path`, `guidance`; it plans anew.

        Raises:
            ConfigError: If a change makes no sense.
        """
        if not 0 <= index < len(self.agents):
            raise ConfigError(f"agent {index}: there are {len(self.agents)}")
        steering = changed(self.agents[index].steering, changes)
        refuse_outside(self._footing, steering)
        self.agents[index].steer(steering)

    def measure(self) -> Measures:
        """Numbers about the present moment; they depend on the state alone."""
        return measure([self.household()]).of(0)

    def household(self) -> Household:
        """Everybody here, for those who measure many worlds together."""
        return Household(self._footing, self._bodies, self.eyes, self.observer, self.agents)

    def moment(self, share: float = 1.0) -> Moment:
        """Poses at `share` of the last step: 0 is where it began, 1 is now."""
        return moment_between(self.observer, self.agents, share)

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
        if self.policy is None:
            raise ConfigError("sample_futures: nobody has a mind here")
        return futures(self.policy, self.agents, self._rngs, self.observer, n, seconds)

    def state(self) -> dict[str, Array]:
        """Everything the future depends on, as named arrays."""
        stored: dict[str, Array] = {
            "home": np.array(self.home.fingerprint),
            "setup": np.array(self._setup),
            "ticks": np.array(self.ticks),
            "unlike": np.array(self._unlike),
            **{f"observer_{name}": value for name, value in self.observer.state().items()},
        }
        for i, (agent, rng) in enumerate(zip([*self.agents, *self._samples], self._rngs, strict=True)):
            kind = f"agent{i}_" if i < len(self.agents) else f"sample{i - len(self.agents)}_"
            stored |= {f"{kind}{name}": value for name, value in agent.state().items()}
            stored[f"{kind}rng"] = pack_rng(rng)
        if self.replay is not None:
            stored |= {f"replay_{name}": value for name, value in self.replay.state().items()}
        if isinstance(self._bodies, DynamicBodies):
            stored |= {f"bodies_{name}": value for name, value in self._bodies.save().items()}
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
        setup = str(stored.get("setup", "unknown"))
        if setup != self._setup:
            raise ConfigError(f"snapshot: taken with {setup}, this world has {self._setup}")
        before = self.state()
        try:
            self._take(stored)
        except (KeyError, TypeError, ValueError) as error:
            self._take(before)
            raise ConfigError(f"snapshot: incomplete or damaged ({error!r})") from error

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

    @property
    def _setup(self) -> str:
        """What makes the same state go on in another way."""
        physics = "dynamic" if isinstance(self._bodies, DynamicBodies) else "kinematic"
        return f"physics={physics!r}, replan_every={self.agents[0].horizon}"

    def _take(self, stored: Mapping[str, Array]) -> None:
        self.ticks = int(stored["ticks"])
        self.observer.load_state(own_part(stored, "observer_"))
        self._unlike = [int(count) for count in checked("unlike", stored["unlike"], (PAST,))]
        replay = own_part(stored, "replay_")
        self.replay = Replay.from_state(replay, {r.name: r for r in self.home.recordings}) if replay else None
        self._samples = [self.agents[0].copy() for _ in range(self.replay.samples - 1)] if self.replay else []
        parts = [own_part(stored, f"agent{i}_") for i in range(len(self.agents))]
        parts += [own_part(stored, f"sample{i}_") for i in range(len(self._samples))]
        for agent, own in zip([*self.agents, *self._samples], parts, strict=True):
            agent.load_state(own)
        self._rngs = [unpack_rng(own["rng"]) for own in parts]
        self._place_bodies()
        if isinstance(self._bodies, DynamicBodies):
            self._bodies.load(own_part(stored, "bodies_"))

    def _discs(self) -> list[tuple[float, float, float]]:
        """Agents that the observer may not walk into; those with weight give way."""
        has_weight = isinstance(self._bodies, DynamicBodies)
        return [] if has_weight else agents_in_the_way(self.agents, *self.observer.pose[FLOOR:].tolist())

    def _move_bodies(self, feet: Array) -> None:
        """Put the bodies where everybody is; bodies with weight go there as far as the world lets them."""
        if not isinstance(self._bodies, DynamicBodies):
            self._place_bodies()
            return
        self._bodies.track([(agent.T_world_root, agent.joint_rotations) for agent in self.agents], feet)
        for agent, (root, joints) in zip(self.agents, self._bodies.poses(), strict=True):
            agent.pushed_to(root, joints)

    def _place_bodies(self) -> None:
        for i, agent in enumerate(self.agents):
            self._bodies.place_agent(i, agent.T_world_root, agent.joint_rotations)
        self._bodies.place_observer(self.observer.feet)
