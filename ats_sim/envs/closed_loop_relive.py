"""Recorded moments lived anew: the same place, past and observer, but the simulated animal decides what comes next.

A camera follows an animal, so what an observer does in a video depends on what the animal did before. An animal that
lives a whole video anew soon is elsewhere, and meets the same person in other ways. Where every moment starts as it was
recorded and lasts two seconds, recorded and simulated animal answer the same questions: an animal simulated perfectly
has exactly the recorded reaction, and whatever else may look like a reaction is in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.envs.closed_loop_reaction import AFTER, BEFORE, NEAR, Moments, joined, moments_of
from ats_sim.envs.closed_loop_track import Track, plain_track
from ats_sim.perception import HZ, PAST
from ats_sim.plan import Awareness
from ats_sim.planning import think
from ats_sim.recorded import Recording
from ats_sim.world import World

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


def lived_anew(worlds: Sequence[World], moments: Sequence[Anew], awareness: Awareness, first_seed: int) -> list[Track]:
    """Moments, at most one per world, with two other seconds after each; seeds count up from the first."""
    used = list(worlds[: len(moments)])
    was = [as_recorded(moment) for moment in moments]
    for index, (world, moment) in enumerate(zip(used, moments, strict=True)):
        start = (moment.frame - PAST + 1) / HZ
        options = {
            "awareness": awareness,
            "replay": {"video": moment.recording.name, "start": start, "samples": 1},
        }
        world.reset(np.random.default_rng(first_seed + index), options, plans=False)
    think(used)
    roots, joints = [track.roots.copy() for track in was], [track.joints.copy() for track in was]
    for frame in range(BEFORE + 1, BEFORE + 1 + AFTER):
        for world in used:
            world.advance(np.zeros(4))
        think(used)
        for index, world in enumerate(used):
            roots[index][frame] = world.agents[0].T_world_root
            joints[index][frame] = world.agents[0].joint_rotations
    return [plain_track(t.name, r, j, t.observer, t.valid) for t, r, j in zip(was, roots, joints, strict=True)]


def meetings(moments: Sequence[Anew], tracks: Sequence[Track]) -> list[Moments]:
    """The meetings in the tracks of moments, gathered per video."""
    videos: dict[str, list[Track]] = {}
    for moment, track in zip(moments, tracks, strict=True):
        videos.setdefault(moment.recording.name, []).append(track)
    return [joined(moments_of(part)) for part in videos.values()]
