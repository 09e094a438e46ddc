"""What a home remembers of its videos (`recordings.npz`): the real animal and its observer, side by side, at 10 Hz."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError, HomeError
from ats_sim.files import read_npz, write_npz
from ats_sim.geometry import Intrinsics, exp_so3, log_so3, rigid
from ats_sim.manifest import CLOCKS

HZ = CLOCKS["behaviour_hz"]
FILE = "recordings.npz"
MAX_FRAMES = 200_000
JOINT_STEP, PLACE_STEP = 1e-3, 5e-4
"""Radians and metres to which recordings are rounded, far below what a reconstruction knows."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One video, home frame."""

    name: str
    """The video's name."""
    time: Array
    """(N,) seconds at 10 Hz."""
    T_world_root: Array
    """(N, 4, 4) root poses."""
    joint_rotations: Array
    """(N, J, 3) axis-angle."""
    T_world_camera: Array
    """(N, 4, 4) the observer's camera, OpenCV axes."""
    valid: Array
    """(N,) bool: animal and camera were both known here."""
    lens: Intrinsics | None = None
    """The observer's camera; None in homes that were made before it was kept."""

    def __post_init__(self) -> None:
        time = checked(f"{self.name}: time", self.time, (None,))
        count = len(time)
        if count < 2 or not np.allclose(np.diff(time), 1.0 / HZ, atol=1e-6):
            raise ArrayError(f"{self.name}: times do not run at {HZ} Hz")
        joints = checked(f"{self.name}: joint_rotations", self.joint_rotations, (count, None, 3))
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "joint_rotations", joints)
        for name in ("T_world_root", "T_world_camera"):
            object.__setattr__(self, name, checked(f"{self.name}: {name}", getattr(self, name), (count, 4, 4)))
        object.__setattr__(self, "valid", checked(f"{self.name}: valid", self.valid, (count,), dtype=bool))


def write_recordings(path: Path, recordings: Sequence[Recording]) -> None:
    """Write recordings, rounded to what is worth keeping, so that the file is small."""
    arrays: dict[str, Array] = {}
    for recording in recordings:
        name = recording.name
        arrays[f"{name}/start"] = np.array(recording.time[0])
        arrays[f"{name}/root"] = _packed(recording.T_world_root)
        arrays[f"{name}/camera"] = _packed(recording.T_world_camera)
        arrays[f"{name}/joints"] = np.round(recording.joint_rotations / JOINT_STEP).astype(np.int16)
        arrays[f"{name}/valid"] = np.asarray(recording.valid, dtype=bool)
        if recording.lens is not None:
            arrays[f"{name}/lens"] = np.array(list(recording.lens.to_json().values()), dtype=np.float64)
    write_npz(path, **arrays)


def read_recordings(path: Path, num_joints: int) -> tuple[Recording, ...]:
    """Read what `write_recordings` wrote, by name.

    Raises:
        HomeError: If the file is corrupt, too long, or is about another number of joints.
    """
    stored = read_npz(path, HomeError)
    names = sorted({name.rpartition("/")[0] for name in stored})
    recordings = []
    for name in names:
        try:
            parts = {part: stored[f"{name}/{part}"] for part in ("start", "root", "camera", "joints", "valid")}
            count = len(parts["root"])
            if count > MAX_FRAMES:
                raise ArrayError(f"{count} frames, more than {MAX_FRAMES}")
            joints = checked("joints", parts["joints"], (count, num_joints, 3)) * JOINT_STEP
            time = float(checked("start", parts["start"], ())) + np.arange(count) / HZ
            root, camera = _unpacked("root", parts["root"]), _unpacked("camera", parts["camera"])
            lens = _lens(stored[f"{name}/lens"]) if f"{name}/lens" in stored else None
            recordings.append(Recording(name, time, root, joints, camera, parts["valid"], lens))
        except (ArrayError, KeyError, TypeError) as error:
            raise HomeError(f"{path}: recording {name!r}: {error}; export the home again") from error
    return tuple(recordings)


def _lens(numbers: Array) -> Intrinsics:
    fl_x, fl_y, cx, cy, width, height = checked("lens", numbers, (6,)).tolist()
    return Intrinsics(fl_x, fl_y, cx, cy, int(width), int(height))


def _packed(transforms: Array) -> Array:
    """(N, 6) int32 steps: position, then rotation vector."""
    vectors = log_so3(transforms[:, :3, :3])
    steps = np.concatenate([transforms[:, :3, 3] / PLACE_STEP, vectors / JOINT_STEP], axis=1)
    return np.round(steps).astype(np.int32)


def _unpacked(name: str, steps: Array) -> Array:
    values = checked(name, steps, (None, 6))
    return rigid(exp_so3(values[:, 3:] * JOINT_STEP), values[:, :3] * PLACE_STEP)
