"""Plans: what an agent means to do for the next 5.6 s, and what it may know when it makes one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError, PolicyError
from ats_sim.geometry import inverse, transform_points
from ats_sim.perception import FUTURE, unpack_motion

Signals = dict[str, Array]
"""Values per stage (goal, path, pose) in the ego frame."""
MOST_GUIDANCE = 20.0
"""Strongest classifier-free guidance that anybody may ask for."""


@dataclass(frozen=True)
class Awareness:
    """What the agent may know; what is switched off is hidden from every network."""

    scene: bool = True
    """See the home around it."""
    observer: bool = True
    """See the observer."""
    past: bool = True
    """Remember its own last 0.8 s."""


@dataclass(frozen=True, eq=False)
class Plan:
    """5.6 s of intended motion at 10 Hz, in the world frame; entry 0 is 0.1 s after the perception."""

    T_world_ego: Array
    """(4, 4) the ego frame the plan was made in."""
    goal: Array
    """(3,) where the root should be at the end, metres."""
    path: Array
    """(56, 3) root positions, metres."""
    root_rotations: Array
    """(56, 3, 3) root rotations."""
    joint_rotations: Array
    """(56, J, 3) axis-angle."""
    intention: Array = field(default_factory=lambda: np.zeros((0, 3)))
    """(1 + K, 3) the noise that goal and path were drawn from, world axes; empty where none is to last."""

    def state(self) -> dict[str, Array]:
        """All arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, stored: Mapping[str, Array], joints: int) -> "Plan":
        """Read back what `state` returned, each number in its own precision; KeyError or ArrayError where it is
        incomplete."""
        shapes: dict[str, tuple[int | None, ...]] = {
            "T_world_ego": (4, 4),
            "goal": (3,),
            "path": (FUTURE, 3),
            "root_rotations": (FUTURE, 3, 3),
            "joint_rotations": (FUTURE, joints, 3),
            "intention": (None, 3),
        }
        return cls(**{name: checked(name, stored[name], shapes[name], dtype=stored[name].dtype) for name in shapes})


def plans_from_ego(T_world_ego: Array, goals: Array, paths: Array, poses: Array, noise: Array) -> list[Plan]:
    """Bring N drawn goals (N, 3), paths (N, 56, 3), packed poses (N, 56, D) and their noise (N, 1 + K, 3) from ego
    frames (N, 4, 4) to the world frame."""
    _, rotations, joints = unpack_motion(np.concatenate([paths, poses], axis=-1))
    world_goals = transform_points(T_world_ego, goals[:, None])[:, 0]
    world_paths = transform_points(T_world_ego, paths)
    turns = T_world_ego[:, :3, :3]
    intentions = noise @ np.swapaxes(turns, -1, -2)
    parts = T_world_ego, world_goals, world_paths, turns[:, None] @ rotations, joints, intentions
    return [Plan(*own) for own in zip(*parts, strict=True)]


def carried_on(plan: Plan | None, keep: float, T_world_ego: Array, fresh: Array) -> Array:
    """The noise (1 + K, 3), ego axes, that a new goal and path are drawn from.

    Drawn afresh twice a second, goals would pull the agent to and fro. So an intention lasts: the noise behind the
    running plan, kept in world axes while the agent turns, fades into fresh noise by an autoregression that leaves it
    standard normal. What the agent perceives still moves the goal at once.

    Args:
        plan: The running plan; None or a plan without an intention begins a new one.
        keep: Correlation with the running plan's noise, 0 to 1.
        T_world_ego: (4, 4) the new ego frame.
        fresh: (1 + K, 3) standard normal noise, ego axes.
    """
    if plan is None or plan.intention.shape != fresh.shape:
        return fresh
    carried = plan.intention @ T_world_ego[:3, :3]
    return np.asarray(keep * carried + np.sqrt(1.0 - keep**2) * fresh)


def forced_signals(goal: Array | None, path: Array | None, T_world_ego: Array) -> Signals:
    """A forced goal (3,) and path (56, 3), given in the world frame, in an ego frame; a forced path also says the goal.

    Raises:
        PolicyError: If one has the wrong shape or is not finite.
    """
    signals: Signals = {}
    if goal is None and path is None:
        return signals
    T_ego_world = inverse(T_world_ego)
    try:
        if path is not None:
            signals["path"] = transform_points(T_ego_world, checked("paths", path, (FUTURE, 3)))
            signals["goal"] = signals["path"][-1]
        if goal is not None:
            signals["goal"] = transform_points(T_ego_world, checked("goals", goal, (3,))[None])[0]
    except ArrayError as error:
        raise PolicyError(str(error)) from error
    return signals


def awareness_rows(awareness: Awareness | Sequence[Awareness], count: int) -> Array:
    """(N, 4) float32 switches: 1 where scene, observer, past and guide may be seen.

    Raises:
        PolicyError: If there is neither one for all nor one each.
    """
    each = [awareness] * count if isinstance(awareness, Awareness) else awareness
    if len(each) != count:
        raise PolicyError(f"awareness: {len(each)} entries for {count} agents, want one or one each")
    return np.array([[a.scene, a.observer, a.past, True] for a in each], dtype=np.float32)
