"""What was recorded of the agent and its observer, on the 10 Hz clock and in the home frame: by a reconstruction, or
remembered by a home."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError, TrainingError
from ats_sim.files import read_json, read_npz
from ats_sim.geometry import exp_so3, interpolate_poses, log_so3
from ats_sim.home import Home
from ats_sim.perception import FUTURE, HZ
from ats_sim.progress import track
from ats_sim.recorded import FILE as REMEMBERED

MAX_MOTION_GAP = 0.25
"""Seconds between two seen poses over which motion may be interpolated."""
MAX_CAMERA_GAP = 0.5
"""Seconds between two registered cameras over which the observer may be interpolated."""
MAX_UNSEEN = FUTURE / HZ
"""Seconds out of sight over which one may still guess where the agent was."""
PACE_SPAN = 0.5
"""Seconds before an agent is lost from which its pace is taken."""
MIN_FRAMES = 2


@dataclass(frozen=True, eq=False)
class Recording:
    """One video's motion."""

    name: str
    """The video's name."""
    T_world_root: Array
    """(N, 4, 4) root poses at 10 Hz, home frame."""
    joint_rotations: Array
    """(N, J, 3) axis-angle."""
    observer: Array
    """(N, 3) camera centres, home frame."""
    valid: Array
    """(N,) bool: agent and observer were both seen here."""
    bridged: Array
    """(N,) bool: the agent was seen here, or out of sight for no more than `MAX_UNSEEN` and is where it likely went."""


def home_of(source: Path) -> Home:
    """The home that behaviour is learned for: a reconstruction's own, or the source itself where that is a home.

    Raises:
        HomeError: If it does not hold together.
    """
    inner = source / "home"
    return Home.load(inner if inner.is_dir() else source, require_policy=False)


def recorded_files(source: Path, home: Home) -> tuple[Path, ...]:
    """The files that `load_recordings` reads."""
    if (source / "home").is_dir():
        return source / "motion.npz", source / "cameras.json"
    return (home.file(REMEMBERED),)


def load_recordings(source: Path, home: Home) -> tuple[Recording, ...]:
    """Read `motion.npz` and `cameras.json` of a reconstruction, or what a home remembers of them.

    Args:
        source: The reconstruction's folder; anything else is taken as the home itself.
        home: Its home (the frame everything is moved to, and the skeleton it must fit).

    Returns:
        One recording per accepted video that has motion, by name.

    Raises:
        TrainingError: If a file is missing or corrupt, does not fit the home's skeleton, or nothing is left.
    """
    if not (source / "home").is_dir():
        return _remembered(home)
    return _reconstructed(source, home)


def _remembered(home: Home) -> tuple[Recording, ...]:
    found = []
    for kept in home.recordings:
        seen = kept.valid
        if seen.sum() >= MIN_FRAMES:
            animal = (kept.time[seen], kept.T_world_root[seen], kept.joint_rotations[seen])
            found.append(_on_clock(kept.name, *animal, kept.time, kept.T_world_camera))
    if not found:
        raise TrainingError(
            f"{home.folder}: this home remembers no videos of its animal (recordings.npz), so that nothing can be "
            "learned from it; pass the reconstruction it was made of"
        )
    return tuple(found)


def _reconstructed(recon: Path, home: Home) -> tuple[Recording, ...]:
    motion = read_npz(recon / "motion.npz", TrainingError)
    cameras = read_json(recon / "cameras.json", TrainingError)
    videos = cameras.get("videos") if isinstance(cameras, dict) else None
    if not isinstance(videos, dict):
        raise TrainingError(f"{recon}/cameras.json: no 'videos' in it; run `ats reconstruct` again")
    moved = sorted({name.rsplit("/", 1)[0] for name in motion})
    recordings = []
    for name in track(moved, "reading recordings"):
        if not videos.get(name, {}).get("accepted", False):
            continue
        try:
            recording = _recording(name, motion, videos[name]["frames"], home)
        except (ArrayError, KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{recon}: video {name}: {error}; run `ats reconstruct` again") from error
        if recording is not None:
            recordings.append(recording)
    if not recordings:
        raise TrainingError(f"{recon}: none of the videos {moved} is registered and shows the agent")
    return tuple(recordings)


def _recording(name: str, motion: Mapping[str, Array], frames: list[dict[str, Any]], home: Home) -> Recording | None:
    joints = home.skeleton.num_joints
    seen = np.asarray(motion[f"{name}/valid"], dtype=bool)
    time = np.asarray(motion[f"{name}/time"], dtype=np.float64)[seen]
    if len(time) < MIN_FRAMES:
        return None
    roots = checked("T_world_root", motion[f"{name}/T_world_root"][seen], (len(time), 4, 4))
    rotations = checked("joint_rotations", motion[f"{name}/joint_rotations"][seen], (len(time), joints, 3))
    registered = [frame for frame in frames if frame.get("registered", True)]
    camera_time = np.array([frame["time"] for frame in registered], dtype=np.float64)
    if len(camera_time) < MIN_FRAMES:
        return None
    cameras = checked("T_world_camera", [frame["T_world_camera"] for frame in registered], (len(camera_time), 4, 4))
    for what, times in (("motion", time), ("cameras", camera_time)):
        if (np.diff(times) <= 0.0).any():
            raise ArrayError(f"{what}: times do not rise")
    T = home.T_home_scene
    return _on_clock(name, time, T @ roots, rotations, camera_time, T @ cameras)


def _on_clock(name: str, time: Array, roots: Array, rotations: Array, camera_time: Array, cameras: Array) -> Recording:
    """Seen root poses (N, 4, 4) and joints (N, J, 3) at times (N,), and cameras (M, 4, 4) at theirs, home frame."""
    clock = time[0] + np.arange(int(np.floor((time[-1] - time[0]) * HZ + 1e-6)) + 1) / HZ
    moved = _running_on(time, roots[:, :3, 3], clock)
    return Recording(
        name=name,
        T_world_root=interpolate_poses(time, roots, moved),
        joint_rotations=_interpolate_rotations(time, rotations, moved),
        observer=interpolate_poses(camera_time, cameras, clock)[:, :3, 3],
        valid=_covered(time, clock, MAX_MOTION_GAP) & _covered(camera_time, clock, MAX_CAMERA_GAP),
        bridged=_covered(time, clock, MAX_UNSEEN),
    )


def _running_on(time: Array, places: Array, clock: Array) -> Array:
    """Times (M,) at which to interpolate places (N, 3) seen at times (N,), so that an agent out of sight goes on as
    fast as it was last seen to go, straight to where it is seen again, and waits there.

    What leaves the picture mostly runs away: an even pace lags .45 m behind the true animal of synthesized videos, in
    gaps of up to 6 s, this .32 m (and goes .73 m instead of .55 m of the true .70 m in the first second of 1 to 2).
    """
    moved = clock.copy()
    for gap in np.flatnonzero(np.diff(time) > MAX_MOTION_GAP):
        start, end = time[gap], time[gap + 1]
        before = np.array([np.interp(start - PACE_SPAN, time, axis) for axis in places.T])
        way, step = places[gap + 1] - places[gap], places[gap] - before
        # The pace toward where it is seen again, relative to an even one.
        rush = (step @ way) / PACE_SPAN * (end - start) / max(float(way @ way), 1e-6)
        inside = (clock > start) & (clock < end)
        moved[inside] = np.minimum(start + max(rush, 1.0) * (clock[inside] - start), end)
    return moved


def _interpolate_rotations(times: Array, rotation_vectors: Array, query: Array) -> Array:
    """Axis-angle vectors (N, J, 3) at times (N,) along geodesics to query times (M,): (M, J, 3)."""
    after = np.clip(np.searchsorted(times, query, side="right"), 1, len(times) - 1)
    share = np.clip((query - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)[:, None, None]
    start, end = exp_so3(rotation_vectors[after - 1]), exp_so3(rotation_vectors[after])
    turn = log_so3(np.swapaxes(start, -1, -2) @ end)
    return log_so3(start @ exp_so3(share * turn))


def _covered(times: Array, query: Array, max_gap: float) -> Array:
    """Whether each query time (M,) lies on a sample (N,), or between two that are at most `max_gap` apart."""
    after = np.clip(np.searchsorted(times, query - 1e-6), 0, len(times) - 1)
    before = np.clip(np.searchsorted(times, query + 1e-6) - 1, 0, len(times) - 1)
    within = (query >= times[0] - 1e-6) & (query <= times[-1] + 1e-6)
    return within & (times[after] - times[before] <= max_gap)
