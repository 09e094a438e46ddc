"""What a user may ask of the beginning of an episode, checked and turned into arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ats_sim.agent import Steering
from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError, ConfigError
from ats_sim.geometry import rigid, yaw_matrix
from ats_sim.observer import STANCES
from ats_sim.perception import FUTURE
from ats_sim.plan import MOST_GUIDANCE, Awareness
from ats_sim.replay import ReplayRequest

KNOWN = ("observer_pose", "agent_poses", "goal", "path", "awareness", "guidance", "stance", "replay")
SWITCHES = ("scene", "observer", "past")


@dataclass(frozen=True, eq=False)
class ResetOptions:
    """How an episode begins; None leaves it to chance."""

    observer_pose: Array | None
    """(3,) x, y in metres and yaw in radians."""
    agent_poses: Array | None
    """(A, 4, 4) root poses."""
    steering: tuple[Steering, ...]
    """What is imposed on each of the A agents."""
    stance: str
    """How the observer moves."""
    replay: ReplayRequest | None
    """Which video to live through again."""


def read_reset_options(options: Mapping[str, Any] | None, num_agents: int) -> ResetOptions:
    """Check the `options` of a reset.

    Args:
        options: Any of `observer_pose` (3,) x, y, yaw; `agent_poses` (A, 4) x, y, z, yaw or (A, 4, 4); `goal` (3,) or
            (A, 3); `path` (56, 3) or (A, 56, 3); `awareness` {"scene": bool, "observer": bool, "past": bool};
            `guidance` number; `stance` "walk", "run" or "crouch"; `replay` {"video": name, "start": seconds, "samples":
            K}, of which only the name is needed. One agent's axis may be left out.
        num_agents: A.

    Raises:
        ConfigError: If an option is unknown or its value makes no sense.
    """
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(f"reset options: {options!r}, want a mapping with any of {', '.join(KNOWN)}")
    given = dict(options or {})
    unknown = sorted(set(given) - set(KNOWN), key=str)
    if unknown:
        raise ConfigError(f"reset options: unknown {unknown}; known are {', '.join(KNOWN)}")
    try:
        goals = _per_agent("goal", given.get("goal"), num_agents, (3,))
        paths = _per_agent("path", given.get("path"), num_agents, (FUTURE, 3))
        observer = given.get("observer_pose")
        observer = None if observer is None else checked("observer_pose", observer, (3,))
        guidance = float(checked("guidance", 1.0 if given.get("guidance") is None else given["guidance"], ()))
        if not 0.0 <= guidance <= MOST_GUIDANCE:
            raise ArrayError(f"guidance: {guidance}, want 0 to {MOST_GUIDANCE:.0f} (1 is the mind as it is)")
        poses = _agent_poses(given.get("agent_poses"), num_agents)
    except ArrayError as error:
        raise ConfigError(str(error)) from error
    awareness = read_awareness(given.get("awareness", {}))
    steering = tuple(
        Steering(
            awareness,
            None if goals is None else goals[i],
            None if paths is None else paths[i],
            guidance,
        )
        for i in range(num_agents)
    )
    replay = None if given.get("replay") is None else _replay(given["replay"])
    if replay is not None and (observer is not None or poses is not None):
        raise ConfigError(
            "reset options: a replay begins where its video does; leave out observer_pose and agent_poses"
        )
    return ResetOptions(observer, poses, steering, _stance(given.get("stance", "walk")), replay)


def changed(steering: Steering, changes: Mapping[str, Any]) -> Steering:
    """What is imposed on an agent, with some of `awareness`, `goal`, `path`, `guidance` changed.

    Raises:
        ConfigError: If a change makes no sense.
    """
    if not set(changes) <= {"awareness", "goal", "path", "guidance"}:
        raise ConfigError(f"steer: {sorted(changes)}, want any of awareness, goal, path, guidance")
    asked = read_reset_options(changes, 1).steering[0]
    return replace(steering, **{name: getattr(asked, name) for name in changes})


def read_awareness(switches: object) -> Awareness:
    """Turn `{"scene": bool, "observer": bool, "past": bool}` (each may be missing: on) into an Awareness.

    Raises:
        ConfigError: If it is no mapping, names another switch, or a value is no bool.
    """
    if isinstance(switches, Awareness):
        return switches
    if not isinstance(switches, Mapping) or not set(switches) <= set(SWITCHES):
        raise ConfigError(f"awareness: {switches!r}, want a mapping with any of {', '.join(SWITCHES)}")
    if not all(isinstance(value, bool | np.bool_) for value in switches.values()):
        raise ConfigError(f"awareness: {dict(switches)}, want True or False for each switch")
    return Awareness(**{name: bool(value) for name, value in switches.items()})


def _stance(value: object) -> str:
    if value not in STANCES:
        raise ConfigError(f"stance: {value!r}, want one of {', '.join(STANCES)}")
    return str(value)


def _replay(value: object) -> ReplayRequest:
    if isinstance(value, ReplayRequest):
        return value
    known = {field.name for field in fields(ReplayRequest)}
    if not isinstance(value, Mapping) or not {"video"} <= set(value) <= known:
        raise ConfigError(f"replay: {value!r}, want a mapping with video and, if you like, start and samples")
    try:
        start = float(checked("start", value.get("start", 0.0), ()))
        samples = int(checked("samples", value.get("samples", ReplayRequest.samples), (), dtype=np.int64))
    except ArrayError as error:
        raise ConfigError(f"replay: {error}") from error
    return ReplayRequest(str(value["video"]), start, samples)


def _per_agent(name: str, value: Any, num_agents: int, shape: tuple[int, ...]) -> Array | None:
    """(A, *shape), from that or from one agent's (*shape), which then holds for all."""
    if value is None:
        return None
    if np.ndim(value) == len(shape):
        return np.repeat(checked(name, value, shape)[None], num_agents, axis=0)
    return checked(name, value, (num_agents, *shape)).copy()


def _agent_poses(value: Any, num_agents: int) -> Array | None:
    """(A, 4, 4) root poses from transforms, or from places (A, 4) x, y, z, yaw; one agent's axis may be left out."""
    if value is None:
        return None
    if np.ndim(value) == 3:
        return checked("agent_poses", value, (num_agents, 4, 4)).copy()
    places = [value] if np.ndim(value) == 1 else value
    places = checked("agent_poses", places, (num_agents, 4))
    return rigid(yaw_matrix(places[:, 3]), places[:, :3])
