"""Live through seeded episodes under different observers and keep what happened as tracks.

Observers: `sits` stands still, `chases` turns to the animal and walks at it at full speed, `replay` goes along the
recorded camera paths, so that the animal meets the very people it met in the videos. Each may meet an animal to which
something is hidden: the observer, the scene, or its own past.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_track import Track
from ats_sim.home import Home
from ats_sim.perception import HZ, PAST
from ats_sim.plan import Awareness
from ats_sim.planning import think
from ats_sim.replay import LEAST_FRAMES
from ats_sim.world import World

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


Start = ReplayStart | None


@dataclass(frozen=True, eq=False)
class Row:
    """What is noted of a step."""

    root: Array
    """(4, 4)."""
    joints: Array
    """(J, 3)."""
    eyes: Array
    """(3,) of the observer."""
    joined: bool
    """A plan was taken up just now."""
    inside: float
    """Share of the planned path inside something solid."""
    last: bool
    """The video that is replayed ends here."""


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


def live(worlds: Sequence[World], kind: Kind, seeds: Sequence[int], count: int, starts: Sequence[Start]) -> list[Track]:
    """Live through one episode of at most `count` steps per world, all thinking together; a video may end earlier.

    The same seed gives the same episode in whatever company.
    """
    used = list(worlds[: len(seeds)])
    for world, seed, start in zip(used, seeds, starts, strict=True):
        options: dict[str, Any] = {"awareness": kind.awareness}
        if start is not None:
            options["replay"] = {"video": start.video, "start": start.seconds, "samples": 1}
        world.reset(np.random.default_rng(seed), options, plans=False)
    think(used)
    rows = [[_row(world)] for world in used]
    for _ in range(count):
        for world in used:
            world.advance(chase(world) if kind.observer == "chases" else np.zeros(4))
        think(used)
        for world, known in zip(used, rows, strict=True):
            if not _is_over(world, known):
                known.append(_row(world))
    return [_track(f"{kind.name} {seed}", known) for seed, known in zip(seeds, rows, strict=True)]


def live_all(worlds: Sequence[World], kind: Kind, episodes: int, seconds: float) -> "Iterator[Track]":
    """One track per seed 0 to `episodes` - 1; none where a replay is asked for and nothing was recorded."""
    starts: list[Start] = [None] * episodes
    if kind.observer == "replay":
        starts = list(replay_starts(worlds[0].home, episodes, seconds))
    for first in range(0, len(starts), len(worlds)):
        part = starts[first : first + len(worlds)]
        yield from live(worlds, kind, range(first, first + len(part)), round(seconds * HZ), part)


def chase(world: World) -> Array:
    """The action (4,) that turns to the first agent and walks at it."""
    x, y, yaw = (float(value) for value in world.observer.pose[:3])
    offset = world.agents[0].T_world_root[:2, 3] - [x, y]
    turn = np.arctan2(offset[1], offset[0]) - yaw
    turn = np.arctan2(np.sin(turn), np.cos(turn))
    walk = 1.0 if abs(turn) < FACING else 0.0
    return np.array([walk, 0.0, np.clip(turn * HZ / YAW_RATE, -1.0, 1.0), 0.0])


def _is_over(world: World, known: list[Row]) -> bool:
    """Whether a replayed video ended before this step: its last frame has been noted then."""
    return world.replay is not None and world.replay.finished and len(known) > 1 and known[-1].last


def _row(world: World) -> Row:
    agent = world.agents[0]
    return Row(
        root=agent.T_world_root.copy(),
        joints=agent.joint_rotations.copy(),
        eyes=world.observer.T_world_camera[:3, 3].copy(),
        joined=agent.executed == 0,
        inside=float((world.home.perception.sample_sdf(agent.remaining_path()) < 0.0).mean()),
        last=world.replay is not None and world.replay.finished,
    )


def _track(name: str, rows: list[Row]) -> Track:
    return Track(
        name,
        np.array([row.root for row in rows]),
        np.array([row.joints for row in rows]),
        np.array([row.eyes for row in rows]),
        np.ones(len(rows), dtype=bool),
        np.array([row.joined for row in rows]),
        np.array([row.inside for row in rows]),
    )
