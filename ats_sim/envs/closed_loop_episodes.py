"""Live through seeded episodes under different observers and keep what happened as tracks.

Observers: `sits` stands still, `chases` turns to the animal and walks at it at full speed, `replay` goes along the
recorded camera paths, so that the animal meets the very people it met in the videos. Each may meet an animal to which
something is hidden: the observer, the scene, or its own past.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_track import Track
from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.geometry import matrix_from_quaternion
from ats_sim.home import Home
from ats_sim.perception import HZ, PAST
from ats_sim.plan import Awareness
from ats_sim.replay import LEAST_FRAMES

YAW_RATE = np.pi / 2
"""The observer's top turning speed, rad/s."""
FACING = 0.7
"""Radians off the animal's direction within which a chaser walks."""


@dataclass(frozen=True)
class Kind:
    """Whom the animal meets and what it may know."""

    name: str
    """What reports call it."""
    observer: Literal["sits", "chases", "replay"]
    """How the observer moves."""
    awareness: Awareness = Awareness()
    """What the animal may know."""


KINDS = (
    Kind("sits", "sits"),
    Kind("chases", "chases"),
    Kind("chases, observer hidden", "chases", Awareness(observer=False)),
    Kind("sits, scene hidden", "sits", Awareness(scene=False)),
    Kind("sits, past hidden", "sits", Awareness(past=False)),
)
REPLAYS = (
    Kind("replay", "replay"),
    Kind("replay, observer hidden", "replay", Awareness(observer=False)),
)


@dataclass(frozen=True)
class ReplayStart:
    """Where in which video a replayed observer sets out."""

    video: str
    """Name of the recording."""
    seconds: float
    """Seconds after its first frame."""


def replay_starts(home: Home, episodes: int, seconds: float) -> list[ReplayStart]:
    """Starts (one per episode): all videos from their beginning, then all an episode later, and round again.

    Empty where the home has no recordings in which the animal is known for 0.8 s.
    """
    found: list[ReplayStart] = []
    for recording in home.recordings:
        valid = recording.valid
        known = (np.convolve(valid, np.ones(PAST), "valid") == PAST)[: max(len(valid) - LEAST_FRAMES, 0)]
        for begin in range(0, len(known), max(round(seconds * HZ), 1)):
            later = np.flatnonzero(known[begin:])
            if len(later) and later[0] < seconds * HZ / 2:
                found.append(ReplayStart(recording.name, (begin + int(later[0])) / HZ))
    found.sort(key=lambda start: round(start.seconds / seconds))
    return [found[i % len(found)] for i in range(episodes)] if found else []


def live(env: ATSHomeEnv, kind: Kind, seed: int, count: int, start: ReplayStart | None = None) -> Track:
    """Live through one episode of at most `count` steps; a replayed video may end earlier."""
    options: dict[str, Any] = {"awareness": kind.awareness}
    if start is not None:
        options["replay"] = {"video": start.video, "start": start.seconds, "samples": 1}
    observation, _ = env.reset(seed=seed, options=options)
    rows = [_row(env)]
    for _ in range(count):
        action = chase(observation) if kind.observer == "chases" else np.zeros(4, np.float32)
        observation, *_ = env.step(action)
        rows.append(_row(env))
        if env.world.replay is not None and env.world.replay.finished:
            break
    roots, joints, eyes, joined, inside = (np.array(column) for column in zip(*rows, strict=True))
    return Track(f"{kind.name} {seed}", roots, joints, eyes, np.ones(len(rows), dtype=bool), joined, inside)


def live_all(env: ATSHomeEnv, kind: Kind, episodes: int, seconds: float) -> "Iterator[Track]":
    """One track per seed 0 to `episodes` - 1; none where a replay is asked for and nothing was recorded."""
    starts: list[Any] = [None] * episodes
    if kind.observer == "replay":
        starts = list(replay_starts(env.world.home, episodes, seconds))
    for seed, start in enumerate(starts):
        yield live(env, kind, seed, round(seconds * HZ), start)


def chase(observation: dict[str, Array]) -> Array:
    """The action (4,) that turns to the first agent and walks at it."""
    offset = observation["agent_position"][:2] - observation["observer_position"][:2]
    forward = matrix_from_quaternion(observation["observer_rotation"])[:2, 2]
    turn = np.arctan2(offset[1], offset[0]) - np.arctan2(forward[1], forward[0])
    turn = np.arctan2(np.sin(turn), np.cos(turn))
    walk = 1.0 if abs(turn) < FACING else 0.0
    return np.array([walk, 0.0, np.clip(turn * HZ / YAW_RATE, -1.0, 1.0), 0.0], dtype=np.float32)


def _row(env: ATSHomeEnv) -> tuple[Array, Array, Array, bool, float]:
    """Root pose, joints, eyes, whether a plan was taken up just now, and how much of it lies inside something."""
    world = env.world
    agent = world.agents[0]
    path = agent.remaining_path()
    inside = float((world.home.perception.sample_sdf(path) < 0.0).mean())
    eyes = world.observer.T_world_camera[:3, 3].copy()
    return agent.T_world_root.copy(), agent.joint_rotations.copy(), eyes, agent.executed == 0, inside
