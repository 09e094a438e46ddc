"""One agent: it remembers its last 0.8 s, follows its plan frame by frame, and never walks into what is solid."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.geometry import exp_so3, project_to_so3, rigid
from ats_sim.perception import FUTURE, PAST, AgentHistory
from ats_sim.plan import Awareness, Plan
from ats_sim.seam import Seam
from ats_sim.skeleton import Skeleton
from ats_sim.volume import PerceptionVolume

LEAST_MARGIN, MOST_MARGIN = 0.02, 0.08  # metres of free space that a root keeps
SUBSTEP = 0.03  # metres per piece of a way that touches something
CHECK = 0.01  # metres between two looks at the distance field along a way
PUSHES = 4  # tries to get a point out of something solid
CATCH_UP = 0.05  # metres per frame that an agent may go beyond its plan's stride
MAX_STRIDE = 0.4  # metres per frame, 4 m/s: a cat's sprint in a home
MAX_LIFT = 0.12  # metres per sweep piece that a support may lift the root
STRAYED = 0.2  # metres from the planned place that count as blocked
PATIENCE = 2  # blocked frames before another plan is asked for


@dataclass(frozen=True)
class Steering:
    """What the user imposes on an agent."""

    awareness: Awareness = Awareness()
    """What it may know."""
    goal: Array | None = None
    """(3,) forced goal, world frame."""
    path: Array | None = None
    """(56, 3) forced root positions, world frame."""
    guidance: float = 1.0
    """Strength of classifier-free guidance."""


def root_margin(volume: PerceptionVolume) -> float:
    """Metres of free space that a root keeps: what all but the most cramped recorded roots kept, within bounds.

    A cat on a couch carries its root a hand above the cloth, a scan may be off by some centimetres; the recordings
    know how near is normal in this home.
    """
    room = volume.sample_sdf(volume.agent_roots[:, :3, 3])
    usual = float(np.percentile(room, 2)) if len(room) else LEAST_MARGIN
    return float(np.clip(usual, LEAST_MARGIN, MOST_MARGIN))


class Agent:
    """State of one agent in the world frame."""

    def __init__(self, volume: PerceptionVolume, skeleton: Skeleton, margin: float) -> None:
        """Stand at the origin, `place` before use; `margin` (m) is the free space that the root keeps."""
        self.margin = margin
        self.volume = volume
        """What is solid around it."""
        self.skeleton = skeleton
        self.roots = np.tile(np.eye(4), (PAST, 1, 1))
        """(8, 4, 4) root poses, the last is now."""
        self.joints = np.zeros((PAST, skeleton.num_joints, 3))
        """(8, J, 3) joint rotations, the last is now."""
        self.plan: Plan | None = None
        """The running plan."""
        self.executed = 0
        """Frames of the running plan that have been walked."""
        self.blocked = False
        """Whether something solid kept the agent from its plan in the last step."""
        self.blocked_frames = 0
        """Frames of the running plan in a row in which that was so."""
        self.steering = Steering()
        """What the user imposes."""
        self.forced_left = 0
        """Frames of a forced path still to walk."""
        self._must_plan = True
        self._seam = Seam.none(skeleton.num_joints)

    def place(self, roots: Array, joints: Array) -> None:
        """Begin anew with a history: root poses (8, 4, 4) and joint rotations (8, J, 3), the last is now."""
        self.roots = np.array(roots, dtype=np.float64)
        self.joints = np.array(joints, dtype=np.float64)
        self.plan, self.executed, self.blocked_frames, self.blocked = None, 0, 0, False
        self._must_plan = True
        self._seam = Seam.none(self.skeleton.num_joints)

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
    def history(self) -> AgentHistory:
        """Copy of the last 8 frames."""
        return AgentHistory(self.roots.copy(), self.joints.copy())

    def wants_plan(self, replan_every: int) -> bool:
        """Whether a new plan is due: none yet, asked for, its time has come, used up, or blocked for a while."""
        if self.plan is None or self._must_plan:
            return True
        used_up = self.executed >= min(replan_every, FUTURE)
        return used_up or self.blocked_frames >= PATIENCE

    def dreaming(self) -> "Agent":
        """A copy that draws its next plan without a look at the running one."""
        copy = Agent(self.volume, self.skeleton, self.margin)
        copy.load_state(self.state())
        copy._must_plan = True
        return copy

    def running_plan(self) -> Plan | None:
        """The running plan, whose intention the next carries on, unless it ran into something or was overruled."""
        return None if self._must_plan or self.blocked_frames >= PATIENCE else self.plan

    def adopt(self, plan: Plan) -> None:
        """Follow a new plan from the next step on."""
        self._seam = Seam.between(self.roots, self.joints, plan)
        self.plan = plan
        self.executed = 0
        self.blocked_frames = 0
        self._must_plan = False

    def follow(self) -> None:
        """Walk one frame of the plan."""
        plan = self.plan
        if plan is None:
            self._remember(self.roots[-1], self.joints[-1])
            return
        frame = min(self.executed, FUTURE - 1)
        shift, turn, bend = self._seam.after(self.executed + 1)
        target = plan.path[frame] + shift
        rotation = exp_so3(turn) @ plan.root_rotations[frame]
        joints = _wrapped(plan.joint_rotations[frame] + bend)
        joints[0] = 0.0
        position, stopped = self._swept(target, self._stride(plan, frame))
        strayed = bool(np.linalg.norm(position - target) > STRAYED)
        self.blocked = stopped or strayed
        self.blocked_frames = self.blocked_frames + 1 if self.blocked else 0
        # Products of many rotations drift off the group; a projection per frame keeps them on it.
        self._remember(rigid(project_to_so3(rotation), position), joints)
        self.executed += 1
        self._advance_forced_path()

    def _remember(self, root: Array, joints: Array) -> None:
        self.roots = np.concatenate([self.roots[1:], root[None]])
        self.joints = np.concatenate([self.joints[1:], joints[None]])

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
        return np.array(self.plan.path[np.minimum(np.arange(FUTURE) + self.executed, FUTURE - 1)])

    def goal(self) -> Array:
        """(3,) where the plan ends; the present place without a plan."""
        return np.array(self.roots[-1, :3, 3] if self.plan is None else self.plan.goal)

    def state(self) -> dict[str, Array]:
        """Everything the agent's future depends on, as named arrays."""
        counts = [self.executed, self.blocked_frames, self.forced_left, int(self._must_plan), int(self.blocked)]
        stored = {"roots": self.roots, "joints": self.joints, "counts": np.array(counts, dtype=np.int64)}
        stored |= {f"seam_{name}": value for name, value in vars(self._seam).items()}
        if self.plan is not None:
            stored |= {f"plan_{name}": value for name, value in vars(self.plan).items()}
        steering = self.steering
        stored["awareness"] = np.array(list(asdict(steering.awareness).values()))
        stored["guidance"] = np.array(steering.guidance)
        forced = {"forced_goal": steering.goal, "forced_path": steering.path}
        return stored | {name: value for name, value in forced.items() if value is not None}

    def load_state(self, stored: Mapping[str, Array]) -> None:
        """Continue from what `state` returned; raises KeyError or ArrayError where it is incomplete."""
        joints = self.skeleton.num_joints
        self.roots = checked("roots", stored["roots"], (PAST, 4, 4)).copy()
        self.joints = checked("joints", stored["joints"], (PAST, joints, 3)).copy()
        counts = checked("counts", stored["counts"], (5,), dtype=np.int64)
        self.executed, self.blocked_frames, self.forced_left = (int(count) for count in counts[:3])
        self._must_plan, self.blocked = bool(counts[3]), bool(counts[4])
        self._seam = Seam(
            checked("seam_place", stored["seam_place"], (2, 3)),
            checked("seam_turn", stored["seam_turn"], (2, 3)),
            checked("seam_joints", stored["seam_joints"], (2, joints, 3)),
        )
        self.plan = _stored_plan(stored, joints) if "plan_path" in stored else None
        scene, observer, past = (bool(flag) for flag in stored["awareness"])
        self.steering = Steering(
            Awareness(scene, observer, past),
            stored.get("forced_goal"),
            stored.get("forced_path"),
            float(stored["guidance"]),
        )

    def _stride(self, plan: Plan, frame: int) -> float:
        """Metres that the agent may move in this frame: its own momentum or the plan's stride, and a little more."""
        planned = float(np.linalg.norm(plan.path[frame] - plan.path[frame - 1])) if frame else 0.0
        momentum = float(np.linalg.norm(self.roots[-1, :3, 3] - self.roots[-2, :3, 3]))
        return min(max(planned, momentum) + CATCH_UP, MAX_STRIDE)

    def _swept(self, target: Array, stride: float) -> tuple[Array, bool]:
        """Move towards a target; returns the place reached and whether the way was barred."""
        position = self.roots[-1, :3, 3]
        step = target - position
        length = float(np.linalg.norm(step))
        if length > stride:
            step = step * (stride / length)
            length = stride
        if self._is_free(position, position + step, self.margin):
            return position + step, False
        pieces = max(1, int(np.ceil(length / SUBSTEP)))
        for _ in range(pieces):
            moved = self._freed(position + step / pieces)
            if moved is None or not self._is_free(position, moved, 0.0):
                return position, True
            position = moved
        return position, False

    def _is_free(self, start: Array, end: Array, margin: float) -> bool:
        """Whether a straight way keeps that margin at every centimetre: a push out of a wall may end behind it."""
        count = int(np.ceil(np.linalg.norm(end - start) / CHECK)) + 1
        share = np.linspace(0.0, 1.0, count)[1:] if count > 1 else np.ones(1)
        return bool((self.volume.sample_sdf(start + share[:, None] * (end - start)) >= margin).all())

    def _freed(self, point: Array) -> Array | None:
        """The point itself where it is free, else the nearest place beside or above it, else None."""
        place = point
        for _ in range(PUSHES):
            room = float(self.volume.sample_sdf(place))
            if room >= self.margin:
                return place
            gradient = self.volume.sdf_gradient(place)
            length = float(np.linalg.norm(gradient))
            if length < 1e-6:
                return None
            place = place + gradient / length * (self.margin - room + 1e-3)
            if np.linalg.norm(place - point) > MAX_LIFT:
                return None
        return place if float(self.volume.sample_sdf(place)) >= self.margin else None


def _stored_plan(stored: Mapping[str, Array], joints: int) -> Plan:
    """The plan in a state; its numbers keep their own precision."""
    shapes: dict[str, tuple[int | None, ...]] = {
        "T_world_ego": (4, 4),
        "goal": (3,),
        "path": (FUTURE, 3),
        "root_rotations": (FUTURE, 3, 3),
        "joint_rotations": (FUTURE, joints, 3),
        "intention": (None, 3),
    }
    parts = {name: stored[f"plan_{name}"] for name in shapes}
    return Plan(**{name: checked(name, parts[name], shapes[name], dtype=parts[name].dtype) for name in shapes})


def _wrapped(vectors: Array) -> Array:
    """The same rotations as axis-angle vectors (J, 3) of length at most pi."""
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    turns = np.rint(angle / (2.0 * np.pi))
    safe = np.where(angle > 0.0, angle, 1.0)
    return np.asarray(vectors * (1.0 - 2.0 * np.pi * turns / safe))
