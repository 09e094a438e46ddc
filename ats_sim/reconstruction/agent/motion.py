"""Fitted frames on the 10 Hz clock of behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import read_npz, write_npz
from ats_sim.geometry import exp_so3, interpolate_poses, log_so3
from ats_sim.gltf import Animation

HZ = 10.0
LONGEST_GAP = 0.5
"""Seconds without the agent that are bridged."""
SHORTEST_CLIP = 0.5


@dataclass(frozen=True, eq=False)
class VideoMotion:
    """The agent's motion in one video, on the 10 Hz clock, world frame."""

    time: Array
    """(N,) seconds of the video's own clock."""
    T_world_root: Array
    """(N, 4, 4)."""
    joint_rotations: Array
    """(N, J, 3) axis-angle; the root's row is zero."""
    valid: Array
    """(N,) bool: the agent was seen then, or at most 0.5 s lies between two sightings around it."""
    contacts: Array | None = None
    """(N, 4) bool: which paws are down, in the order of `skeleton.PAWS`; (N, 0) where the animal has no such joints,
    None where nobody looked."""


def on_clock(video_times: Array, time: Array, seen: Array, T_world_root: Array, joint_rotations: Array) -> VideoMotion:
    """Resample fitted frames.

    Args:
        video_times: Times of all frames of the video; the clock spans them.
        time: (K,) times of the fitted frames.
        seen: (K,) where there was evidence.
        T_world_root: (K, 4, 4).
        joint_rotations: (K, J, 3).
    """
    clock = video_times[0] + np.arange(int((video_times[-1] - video_times[0]) * HZ + 1e-6) + 1) / HZ
    roots = interpolate_poses(time, T_world_root, clock)
    return VideoMotion(clock, roots, _rotations_at(time, joint_rotations, clock), _valid(clock, time[seen]))


def write_motion(path: Path, motions: dict[str, VideoMotion]) -> None:
    """Write motion.npz, atomically."""
    arrays: dict[str, Array] = {}
    for name, motion in motions.items():
        arrays[f"{name}/time"] = motion.time
        arrays[f"{name}/T_world_root"] = motion.T_world_root
        arrays[f"{name}/joint_rotations"] = motion.joint_rotations.astype(np.float32)
        arrays[f"{name}/valid"] = motion.valid
        if motion.contacts is not None:
            arrays[f"{name}/contacts"] = motion.contacts
    write_npz(path, **arrays)


def read_motion(path: Path) -> dict[str, VideoMotion]:
    """Read motion.npz; one of an older version has no contacts.

    Raises:
        ReconstructionError: If the file is missing, corrupt or lacks an array.
    """
    stored = read_npz(path, ReconstructionError)
    names = sorted({key.split("/")[0] for key in stored})
    try:
        return {
            name: VideoMotion(
                stored[f"{name}/time"],
                stored[f"{name}/T_world_root"],
                stored[f"{name}/joint_rotations"].astype(np.float64),
                stored[f"{name}/valid"].astype(bool),
                stored.get(f"{name}/contacts"),
            )
            for name in names
        }
    except KeyError as missing:
        raise ReconstructionError(f"{path}: lacks {missing}; run the reconstruction again") from missing


def runs(valid: Array, shortest: float = SHORTEST_CLIP * HZ) -> list[slice]:
    """Contiguous stretches of more than `shortest` valid samples: as is, those of at least half a second."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], valid, [False]]).astype(int)))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > shortest]


def clips(motions: dict[str, VideoMotion], longest: float = np.inf, count: int | None = None) -> list[Animation]:
    """Valid stretches as animations, named after their video; the longest `count` of them, each cut at `longest` s."""
    found: list[Animation] = []
    for name, motion in motions.items():
        for k, run in enumerate(runs(motion.valid)):
            stop = run.stop if np.isinf(longest) else min(run.stop, run.start + int(longest * HZ) + 1)
            part = slice(run.start, stop)
            time = motion.time[part] - motion.time[run.start]
            label = name if k == 0 else f"{name}.{k}"
            found.append(Animation(label, time, motion.T_world_root[part], motion.joint_rotations[part]))
    if count is not None:
        kept = {id(clip) for clip in sorted(found, key=lambda clip: -len(clip.time))[:count]}
        found = [clip for clip in found if id(clip) in kept]
    return found


def _rotations_at(time: Array, rotations: Array, query: Array) -> Array:
    """Joint rotations (M, J, 3) between samples, along the shortest turn."""
    if len(time) == 1:
        return np.repeat(rotations, len(query), axis=0)
    after = np.clip(np.searchsorted(time, query, side="right"), 1, len(time) - 1)
    share = np.clip((query - time[after - 1]) / (time[after] - time[after - 1]), 0.0, 1.0)[:, None, None]
    start, end = exp_so3(rotations[after - 1]), exp_so3(rotations[after])
    turn = log_so3(np.swapaxes(start, -1, -2) @ end)
    turned: Array = log_so3(start @ exp_so3(share * turn))
    turned[:, 0] = 0.0
    return turned


def _valid(clock: Array, sightings: Array) -> Array:
    if not len(sightings):
        return np.zeros(len(clock), dtype=bool)
    after = np.searchsorted(sightings, clock - 1e-6)
    before = np.clip(after - 1, 0, len(sightings) - 1)
    close = np.abs(clock[:, None] - sightings[[np.clip(after, 0, len(sightings) - 1), before]].T).min(1) < 0.051
    inside = (after > 0) & (after < len(sightings))
    gap = sightings[np.clip(after, 0, len(sightings) - 1)] - sightings[before]
    return np.asarray(close | (inside & (gap <= LONGEST_GAP + 1e-6)))
