"""Recorded moments lived anew: the same place, past and observer, but the simulated animal decides what comes next.

A camera follows an animal, so what an observer does in a video depends on what the animal did before. An animal that
lives a whole video anew soon is elsewhere, and meets the same person in other ways. Where every moment starts as it was
recorded and lasts two seconds, recorded and simulated animal answer the same questions: an animal simulated perfectly
has exactly the recorded reaction, and whatever else may look like a reaction is in both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_reaction import AFTER, BEFORE, NEAR, Moments, joined, moments_of
from ats_sim.envs.closed_loop_track import Track, plain_track
from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.perception import HZ, PAST
from ats_sim.plan import Awareness
from ats_sim.recorded import Recording

APART = 3
"""Frames between two moments of a video, at least."""


@dataclass(frozen=True)
class Anew:
    """A recorded moment."""

    recording: Recording
    """The video."""
    frame: int
    """Its present; 0.8 s before and 2 s after it are known."""


def recorded_moments(recordings: tuple[Recording, ...], limit: int) -> list[Anew]:
    """Up to `limit` moments with the observer within 2.5 m, 0.3 s apart or more, spread evenly over the videos."""
    found = []
    for recording in recordings:
        span = BEFORE + AFTER + 1
        known = np.convolve(recording.valid, np.ones(span), "valid") == span if len(recording.time) >= span else []
        frames = np.flatnonzero(known)[::APART] + BEFORE
        gap = recording.T_world_root[frames, :2, 3] - recording.T_world_camera[frames, :2, 3]
        found += [Anew(recording, int(frame)) for frame in frames[np.linalg.norm(gap, axis=1) <= NEAR]]
    chosen = np.linspace(0, len(found) - 1, min(limit, len(found))).round().astype(int)
    return [found[index] for index in chosen]


def as_recorded(moment: Anew) -> Track:
    """The moment as it was: 0.8 s before, 2 s after."""
    one, part = moment.recording, slice(moment.frame - BEFORE, moment.frame + AFTER + 1)
    eyes = one.T_world_camera[part, :3, 3]
    return plain_track(one.name, one.T_world_root[part], one.joint_rotations[part], eyes, one.valid[part])


def lived_anew(env: ATSHomeEnv, moment: Anew, awareness: Awareness, seed: int) -> Track:
    """The moment with two other seconds after it."""
    was = as_recorded(moment)
    start = (moment.frame - PAST + 1) / HZ
    replay = {"video": was.name, "start": start, "samples": 1}
    env.reset(seed=seed, options={"awareness": awareness, "replay": replay})
    agent, still = env.world.agents[0], np.zeros(4, np.float32)
    roots, joints = [], []
    for _ in range(AFTER):
        env.step(still)
        roots.append(agent.T_world_root.copy())
        joints.append(agent.joint_rotations.copy())
    now = BEFORE + 1
    return plain_track(was.name, _then(was.roots, now, roots), _then(was.joints, now, joints), was.observer, was.valid)


def meetings(moments: list[Anew], live: Callable[[int, Anew], Track]) -> list[Moments]:
    """What `live(index, moment)` makes of each moment, gathered per video."""
    videos: dict[str, list[Track]] = {}
    for index, moment in enumerate(moments):
        videos.setdefault(moment.recording.name, []).append(live(index, moment))
    return [joined(moments_of(tracks)) for tracks in videos.values()]


def _then(past: Array, now: int, future: list[Array]) -> Array:
    return np.concatenate([past[:now], np.array(future)])
