"""A recording as its reader hands it over: times, poses and lenses at once, pictures when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.geometry import Intrinsics, matrix_from_quaternion, project_to_so3, rigid

Y_UP: Array = np.array([0.0, 1.0, 0.0])
Z_UP: Array = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Lens:
    """A pinhole and how its pictures are bent."""

    intrinsics: Intrinsics
    """Of the pictures as they lie there."""
    distortion: Array | None = None
    """OpenCV's k1, k2, p1, p2, k3 (5,), or None for straight pictures."""


def straight_lens(numbers: Sequence[float], width: int, height: int) -> Lens:
    """A lens without distortion: fl_x, fl_y, cx, cy in pixels of pictures of that size."""
    fl_x, fl_y, cx, cy = (float(number) for number in numbers)
    return Lens(Intrinsics(fl_x, fl_y, cx, cy, width, height))


def lens_of_matrix(matrix: Array, width: int, height: int) -> Lens:
    """A lens without distortion, of its matrix K (3 or 4, 3 or 4)."""
    return straight_lens([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]], width, height)


@dataclass(frozen=True, eq=False)
class Recording:
    """An RGB-D video of N frames as another program left it. Frames are best read in rising order."""

    name: str
    """What it is called, for people."""
    times: Array
    """(N,) seconds, rising, from 0."""
    T_world_camera: Array | None
    """(N, 4, 4) with OpenCV axes in a frame of the device's own, or None."""
    up: Array | None
    """(3,) which way is up in that frame, where the format promises it."""
    color_lenses: Sequence[Lens]
    """N lenses of the colour pictures."""
    depth_lenses: Sequence[Lens]
    """N lenses of the depth pictures."""
    color: Callable[[int], Array]
    """Colours (H, W, 3) uint8 of a frame."""
    depth: Callable[[int], Array]
    """Depths (h, w) float32 of a frame, metres along the view axis, 0 where unknown."""
    mask: Callable[[int], Array] | None = None
    """Where the animal is, (H, W) bool, on the colour pictures."""

    def __post_init__(self) -> None:
        late = np.flatnonzero(~(np.diff(self.times) > 0.0))
        if len(late):
            raise CaptureError(f"{self.name}: time does not rise at frame {late[0] + 1}; export the recording again.")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def digest(self) -> str:
        """Tells recordings apart, wherever their files lie and whatever they are called."""
        parts = [self.times] if self.T_world_camera is None else [self.times, self.T_world_camera]
        middle = self.depth_lenses[len(self) // 2].intrinsics
        parts += [np.array(list(middle.to_json().values())), self.depth(len(self) // 2)]
        return hashlib.sha256(b"".join(np.round(part, 6).tobytes() for part in parts)).hexdigest()[:16]


def aligned(lens: Lens, depth_shape: Sequence[int]) -> Lens:
    """The lens of depth (h, w) that shows just what the colours show."""
    return replace(lens, intrinsics=lens.intrinsics.resized(depth_shape[1], depth_shape[0]))


def poses_from(rows: Array, where: str) -> Array:
    """Transforms (N, 4, 4) of rows (N, 7): quaternion xyzw, then position. Raises CaptureError for what is no pose."""
    length = np.linalg.norm(rows[:, :4], axis=1)
    bad = np.flatnonzero(~(np.isfinite(rows).all(axis=1) & (np.abs(length - 1.0) < 0.01)))
    if len(bad):
        given = np.round(rows[bad[0]], 3).tolist()
        raise CaptureError(f"{where}: the pose of frame {bad[0]} is {given}, no unit quaternion with a position.")
    return rigid(matrix_from_quaternion(rows[:, :4] / length[:, None]), rows[:, 4:])


def rigid_poses(matrices: Array, where: str) -> Array:
    """The same transforms (N, 4, 4) with exact rotations; raises CaptureError for what is no rigid motion."""
    rotation = matrices[:, :3, :3]
    with np.errstate(invalid="ignore"):
        error = np.abs(rotation @ np.swapaxes(rotation, 1, 2) - np.eye(3)).max(axis=(1, 2))
        bad = np.flatnonzero(~(np.isfinite(matrices).all(axis=(1, 2)) & (error < 0.02) & (np.linalg.det(rotation) > 0)))
    if len(bad) and not np.isfinite(matrices[bad[0]]).all():
        raise CaptureError(f"{where}: the pose of frame {bad[0]} holds what is no finite number.")
    if len(bad):
        raise CaptureError(f"{where}: the pose of frame {bad[0]} is no rigid motion; export poses without a scale.")
    return rigid(project_to_so3(rotation), matrices[:, :3, 3])
