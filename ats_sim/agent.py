"""One agent: it remembers its last 0.8 s, follows its plan frame by frame, and never walks into what is solid."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.course import BODY_RADIUS
from ats_sim.footing import Footing
from ats_sim.perception import FUTURE, PAST, AgentHistory
from ats_sim.plan import Awareness, Plan
from ats_sim.seam import Seam
from ats_sim.sliding import Disc
from ats_sim.snapshot import own_part
from ats_sim.stretch import Stretch
from ats_sim.walking import moved, standing, walked

PATIENCE = 2  # blocked frames before another plan is asked for
PUSHED_ASIDE = 0.1  # metres from where a step should have ended that count as blocked
NEARBY = 0.1  # metres beyond touching at which the bodies of others are looked at
FRAMES_LEFT: Array = np.minimum(np.add.outer(np.arange(FUTURE), np.arange(FUTURE)), FUTURE - 1)
"""(56, 56) frames of a plan still to walk, by how many have been; the last is held."""


@dataclass(frozen=True)
class Steering:
    """What the user imposes on an agent."""

    awareness: Awareness = Awareness()
    """What it may know."""
    goal: Array | None = None
    """(3,) where it was sent, world frame; its mind is told of stages on the way there (`routes`)."""
    path: Array | None = None
    """(56, 3) forced root positions, world frame."""
    guidance: float = 1.0
    """Strength of classifier-free guidance; 1 is the mind as it is."""


class Agent:
    """State of one agent in the world frame."""

    def __init__(self, footing: Footing, horizon: int) -> None:
        """Stand at the origin, `place` before use; `horizon` is how many frames lie between two plans."""
        self.footing = footing
        """Its body, and what is solid around it."""
        self.horizon = horizon
        joints = footing.skeleton.num_joints
        self.roots = np.tile(np.eye(4), (PAST, 1, 1))
        """(8, 4, 4) root poses, the last is now."""
        self.joints = np.zeros((PAST, joints, 3))
        """(8, J, 3) joint rotations, the last is now."""
        self.drawn = np.zeros((PAST, joints, 3))
        """(8, J, 3) the same as the mind drew them: it knows nothing of the steps that its legs take."""
        self.plan: Plan | None = None
        """The running plan."""
        self.executed = 0
        """Frames of the running plan that have been walked."""
        self.until_due = 0
        """Frames until a plan is due. A plan drawn early, after a block, does not put off the next: agents that began
        together go on thinking together, in one batch."""
        self.blocked_frames = 0
        """Frames of the running plan in a row in which something solid was in the way."""
        self.steering = Steering()
        """What the user imposes."""
        self.forced_left = 0
        """Frames of a forced path still to walk."""
        self._must_plan = True
        self._seam = Seam.none(joints)
        self._walked: Stretch = standing(footing, self.roots[-2:], self.joints[-2:])
        self._now = 1  # frame of the stretch that is now; the one before it is the last moment

    def place(self, roots: Array, joints: Array) -> None:
        """Begin anew with a history: root poses (8, 4, 4) and joint rotations (8, J, 3), the last is now."""
        self.roots = np.array(roots, dtype=np.float64)
        self.joints = np.array(joints, dtype=np.float64)
        self.drawn = self.joints.copy()
        self.plan, self.executed, self.until_due, self.blocked_frames = None, 0, 0, 0
        self._must_plan = True
        self._seam = Seam.none(self.footing.skeleton.num_joints)
        self._walked, self._now = standing(self.footing, self.roots[-2:], self.joints[-2:]), 1

    def steer(self, steering: Steering) -> None:
        """Impose something; the agent plans anew before its next step."""
        if steering.path is not self.steering.path:
            self.forced_left = 0 if steering.path is None else FUTURE
        self.steering = steering
        self._must_plan = True

    @property
    def T_world_root(self) -> Array:
        """(4, 4) current root pose."""
        return np.asarray(self.roots[-1])

    @property
    def joint_rotations(self) -> Array:
        """(J, 3) current joint rotations, axis-angle."""
        return np.asarray(self.joints[-1])

    @property
    def joint_positions(self) -> Array:
        """(J, 3) where the joints are, metres."""
        return np.asarray(self._walked.positions[self._now])

    @property
    def joint_distances(self) -> Array:
        """(J,) metres of free space at every joint, negative inside something."""
        return np.asarray(self._walked.distances[self._now])

    @property
    def velocity(self) -> Array:
        """(6,) linear (m/s) and angular (rad/s) velocity of the root over the last step, world frame."""
        return np.asarray(self._walked.velocities[self._now])

    @property
    def foot_skate(self) -> float:
        """Speed (m/s) at which standing feet slid in the last step."""
        return float(self._walked.foot_skate[self._now])

    @property
    def floating(self) -> float:
        """Metres by which the body hangs above what should carry it."""
        return float(self._walked.floating[self._now])

    @property
    def blocked(self) -> bool:
        """Whether something solid kept the agent from its plan in the last step."""
        return bool(self._walked.blocked[self._now])

    @property
    def history(self) -> AgentHistory:
        """Copy of the last 8 frames, as the mind knows them."""
        return AgentHistory(self.roots.copy(), self.drawn.copy())

    @property
    def wants_plan(self) -> bool:
        """Whether a new plan is due: none yet, asked for, its time has come, or blocked for a while."""
        due = self.plan is None or self._must_plan or self.until_due <= 0
        return due or self.blocked_frames >= PATIENCE

    def dreaming(self) -> "Agent":
        """A copy that draws its next plan without a look at the running one."""
        copy = self.copy()
        copy._must_plan = True
        return copy

    def copy(self) -> "Agent":
        """Another agent in the same state; what one does does not touch the other."""
        copy = Agent.__new__(Agent)
        # Arrays are replaced, never written into, so sharing them is safe.
        copy.__dict__.update(self.__dict__)
        return copy

    def running_plan(self) -> Plan | None:
        """The running plan, whose intention the next carries on, unless it ran into something or was overruled."""
        return None if self._must_plan or self.blocked_frames >= PATIENCE else self.plan

    def follow(self, obstacles: Sequence[Disc] = ()) -> None:
        """Walk one frame of the plan, around others who may not be walked into."""
        plan = self.plan
        if plan is None:
            self._stay()
            return
        near = tuple(disc for disc in obstacles if self._is_near(plan, disc))
        if near or self._now + 1 >= self._walked.frames:
            _walk_ahead([self], near)
        self._now += 1
        self._remember()
        self.blocked_frames = self.blocked_frames + 1 if self.blocked else 0
        self.executed += 1
        self.until_due -= 1
        self._advance_forced_path()

    def pushed_to(self, root: Array, joints: Array) -> None:
        """End the last step at a root pose (4, 4) and joint rotations (J, 3) that physics made of what was planned."""
        aside = math.dist(root[:3, 3], self.roots[-1, :3, 3]) > PUSHED_ASIDE
        self.blocked_frames += int(aside and not self.blocked)
        before, meant = (self._walked.between(now, now + 1) for now in (self._now - 1, self._now))
        self._walked = before.followed_by(moved(self.footing, before, meant, root, joints, aside or self.blocked))
        self._now = 1
        for history in ("roots", "joints", "drawn"):
            setattr(self, history, np.concatenate([getattr(self, history)[:-1], getattr(self._walked, history)[-1:]]))

    def _stay(self) -> None:
        self._walked = standing(self.footing, self.roots[[-1, -1]], self.joints[[-1, -1]])
        self._now = 1
        self._remember()

    def _is_near(self, plan: Plan, disc: Disc) -> bool:
        """Whether somebody is about where this agent is or means to be next."""
        x, y, radius = disc
        reach = radius + BODY_RADIUS + NEARBY
        here, there = self.roots[-1, :2, 3], plan.path[min(self.executed, FUTURE - 1)]
        return min(math.hypot(here[0] - x, here[1] - y), math.hypot(there[0] - x, there[1] - y)) < reach

    def _remember(self) -> None:
        """Take the stretch's present frame into the history."""
        walked, now = self._walked, slice(self._now, self._now + 1)
        self.roots = np.concatenate([self.roots[1:], walked.roots[now]])
        self.joints = np.concatenate([self.joints[1:], walked.joints[now]])
        self.drawn = np.concatenate([self.drawn[1:], walked.drawn[now]])

    def _advance_forced_path(self) -> None:
        """A forced path is walked once: its begin moves along, and at its end the agent is free again."""
        path = self.steering.path
        if path is None:
            return
        self.forced_left -= 1
        rest = np.concatenate([path[1:], path[-1:]])
        self.steering = replace(self.steering, path=rest if self.forced_left > 0 else None)

    def remaining_path(self) -> Array:
        """(56, 3) planned root positions from the next frame on, the end held; the present place without a plan."""
        if self.plan is None:
            return np.tile(self.roots[-1, :3, 3], (FUTURE, 1))
        return np.asarray(self.plan.path[FRAMES_LEFT[min(self.executed, FUTURE - 1)]])

    def goal(self) -> Array:
        """(3,) where the plan ends; the present place without a plan."""
        return np.array(self.roots[-1, :3, 3] if self.plan is None else self.plan.goal)

    def state(self) -> dict[str, Array]:
        """Everything the agent's future depends on, as named arrays."""
        counts = [self.executed, self.until_due, self.blocked_frames, self.forced_left, int(self._must_plan), self._now]
        stored = {
            "roots": self.roots,
            "joints": self.joints,
            "drawn": self.drawn,
            "counts": np.array(counts, dtype=np.int64),
        }
        stored |= {f"seam_{name}": value for name, value in self._seam.state().items()}
        stored |= {f"walked_{name}": value for name, value in self._walked.state().items()}
        if self.plan is not None:
            stored |= {f"plan_{name}": value for name, value in self.plan.state().items()}
        steering = self.steering
        stored["awareness"] = np.array(list(asdict(steering.awareness).values()))
        stored["guidance"] = np.array(steering.guidance)
        forced = {"forced_goal": steering.goal, "forced_path": steering.path}
        return stored | {name: value for name, value in forced.items() if value is not None}

    def load_state(self, stored: Mapping[str, Array]) -> None:
        """Continue from what `state` returned; raises KeyError or ArrayError where it is incomplete."""
        joints = self.footing.skeleton.num_joints
        self.roots = checked("roots", stored["roots"], (PAST, 4, 4)).copy()
        self.joints = checked("joints", stored["joints"], (PAST, joints, 3)).copy()
        self.drawn = checked("drawn", stored["drawn"], (PAST, joints, 3)).copy()
        counts = checked("counts", stored["counts"], (6,), dtype=np.int64)
        self.executed, self.until_due, self.blocked_frames, self.forced_left = (int(count) for count in counts[:4])
        self._must_plan = bool(counts[4])
        self._walked = Stretch.from_state(own_part(stored, "walked_"), joints)
        self._now = int(np.clip(counts[5], 1, self._walked.frames - 1))
        self._seam = Seam.from_state(own_part(stored, "seam_"), joints)
        self.plan = Plan.from_state(own_part(stored, "plan_"), joints) if "plan_path" in stored else None
        scene, observer, past = (bool(flag) for flag in stored["awareness"])
        self.steering = Steering(
            Awareness(scene, observer, past),
            stored.get("forced_goal"),
            stored.get("forced_path"),
            float(stored["guidance"]),
        )


def adopt(agents: Sequence[Agent], plans: Sequence[Plan]) -> None:
    """Let agents follow new plans from their next step on; those of one kind get ready for it together."""
    kinds: dict[tuple[Footing, int], list[int]] = {}
    for index, agent in enumerate(agents):
        if agent.until_due <= 0:
            agent.until_due = agent.horizon
        kinds.setdefault((agent.footing, agent.until_due), []).append(index)
    for indices in kinds.values():
        _adopt([agents[index] for index in indices], [plans[index] for index in indices])


def _adopt(agents: Sequence[Agent], plans: Sequence[Plan]) -> None:
    roots, drawn = (np.array([getattr(agent, name)[-2:] for agent in agents]) for name in ("roots", "drawn"))
    seams = Seam.between(roots, drawn, plans).apart()
    for agent, plan, seam in zip(agents, plans, seams, strict=True):
        agent.plan, agent.executed, agent.blocked_frames = plan, 0, 0
        agent._must_plan, agent._seam = False, seam
    # At once, while the agents think: the steps to come are then cheap, unless others get in the way.
    _walk_ahead(agents)


def _walk_ahead(agents: Sequence[Agent], near: Sequence[Disc] = ()) -> None:
    """Work out the frames of agents of one kind, all as far in their plans, until the next plans are due; one frame
    alone where others are near, who move themselves.

    Frames that were worked out before are forgotten: they were of another plan, or did not reckon with others.
    """
    first = agents[0]
    count = 1 if near else max(1, first.until_due)
    past = Stretch.together([agent._walked.between(agent._now - 1, agent._now + 1) for agent in agents])
    seam, plans = Seam.together([agent._seam for agent in agents]), [agent.plan for agent in agents if agent.plan]
    ahead = walked(first.footing, past, plans, seam, first.executed, count, [near] * len(agents))
    for agent, stretch in zip(agents, past.followed_by(ahead).apart(), strict=True):
        agent._walked, agent._now = stretch, 1
