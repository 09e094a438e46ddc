"""One recording of a capture: a folder with ``transforms.json``, pictures, depth and perhaps masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.files import read_json, read_npz
from ats_sim.geometry import OPENCV_FROM_OPENGL, Intrinsics, project_to_so3
from ats_sim.reconstruction.capture.image_files import picture_size, read_picture

_FILE_KEYS = {"file_path": True, "depth_file_path": True, "mask_path": False}
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")


@dataclass(frozen=True)
class Video:
    """A posed or unposed RGB-D video. Use ``Video.open``; every index runs from 0 to ``len(video) - 1``.

    ``times`` (N,) seconds, rising. ``T_world_camera`` (N, 4, 4) with OpenCV axes, or None where the recording has no
    poses: in the walkthrough they are metric and define the scene frame, in a video they are the device's odometry in
    a frame of its own whose z is up.
    """

    folder: Path
    name: str
    intrinsics: Intrinsics
    fps: float
    times: Array
    T_world_camera: Array | None
    pose_source: str
    image_paths: tuple[Path, ...]
    depth_paths: tuple[Path, ...]
    mask_paths: tuple[Path, ...]
    depth_scale: float

    @classmethod
    def open(cls, folder: Path, *, needs_poses: bool = False) -> Video:
        """Reads and validates a recording's folder; raises CaptureError naming the file and the frame."""
        source = Path(folder) / "transforms.json"
        record = read_json(source, CaptureError)
        if not isinstance(record, dict):
            raise CaptureError(f"{source}: holds {type(record).__name__}, must be an object with frames.")
        frames = record.get("frames")
        if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
            raise CaptureError(f"{source}: frames must be a list of at least one object.")
        intrinsics = _read_intrinsics(source, record)
        times = _read_times(source, record, frames)
        poses = _read_poses(source, frames)
        if needs_poses and poses is None:
            raise CaptureError(f"{source}: frame 0 has no transform_matrix; a walkthrough needs metric poses.")
        paths = {key: _read_paths(source, frames, key, needed) for key, needed in _FILE_KEYS.items()}
        for kind in paths.values():
            _check_sizes(kind, intrinsics)
        scale = _number(source, record, "depth_unit_scale_factor", 1e-3)
        return cls(
            folder=Path(folder),
            name=Path(folder).name,
            intrinsics=intrinsics,
            fps=_number(source, record, "fps", (len(times) - 1) / max(times[-1] - times[0], 1e-9) or 1.0),
            times=times,
            T_world_camera=poses,
            pose_source=str(record.get("pose_source", "metric" if poses is not None else "none")),
            image_paths=paths["file_path"],
            depth_paths=paths["depth_file_path"],
            mask_paths=paths["mask_path"],
            depth_scale=scale,
        )

    def __len__(self) -> int:
        return len(self.times)

    @property
    def has_odometry(self) -> bool:
        """Whether the recording carries camera poses at all."""
        return self.T_world_camera is not None

    @property
    def has_masks(self) -> bool:
        """Whether every frame has a mask of the agent."""
        return bool(self.mask_paths)

    def rgb(self, index: int) -> Array:
        """Colours (H, W, 3) uint8 of one frame."""
        import cv2

        picture = self._read(self.image_paths, index, cv2.IMREAD_COLOR, np.uint8, 3)
        return np.ascontiguousarray(picture[..., ::-1])

    def depth(self, index: int) -> Array:
        """Depth along the view axis (H, W) float32 in metres, 0 where unknown."""
        import cv2

        return self._read(self.depth_paths, index, cv2.IMREAD_UNCHANGED, np.uint16, 2) * np.float32(self.depth_scale)

    def mask(self, index: int) -> Array | None:
        """Where the agent is (H, W) bool, or None in a recording without masks."""
        import cv2

        if not self.mask_paths:
            return None
        return self._read(self.mask_paths, index, cv2.IMREAD_GRAYSCALE, np.uint8, 2) > 127

    @cached_property
    def ground_truth(self) -> dict[str, Array] | None:
        """What a synthetic recording knows of itself; only evaluation may read it."""
        path = self.folder / "ground_truth.npz"
        return read_npz(path, CaptureError) if path.is_file() else None

    @cached_property
    def second_camera(self) -> Video | None:
        """A synchronised second view in the scene frame; only evaluation may read it."""
        folder = self.folder / "second_camera"
        return Video.open(folder, needs_poses=True) if folder.is_dir() else None

    def _read(self, paths: tuple[Path, ...], index: int, flag: int, dtype: type, dimensions: int) -> Array:
        if not 0 <= index < len(self):
            raise CaptureError(f"{self.folder}: no frame {index}, the recording has {len(self)}.")
        picture = read_picture(paths[index], flag)
        if picture.dtype != dtype or picture.ndim != dimensions:
            wanted = f"{np.dtype(dtype).name} with {dimensions} dimensions"
            raise CaptureError(
                f"{paths[index]} (frame {index}): holds {picture.dtype} {picture.shape}, must be {wanted}."
            )
        return picture


def _number(source: Path, record: dict[str, Any], key: str, default: float | None = None) -> float:
    value = record.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value) or value <= 0:
        raise CaptureError(f"{source}: {key} is {value!r}, must be a positive number.")
    return float(value)


def _read_intrinsics(source: Path, record: dict[str, Any]) -> Intrinsics:
    bent = {key: record[key] for key in _DISTORTION if record.get(key)}
    if bent:
        raise CaptureError(f"{source}: lens distortion {bent} is not allowed; undistort the pictures at import.")
    fl_x, fl_y, cx, cy, w, h = (_number(source, record, key) for key in ("fl_x", "fl_y", "cx", "cy", "w", "h"))
    return Intrinsics(fl_x=fl_x, fl_y=fl_y, cx=cx, cy=cy, width=int(w), height=int(h))


def _read_times(source: Path, record: dict[str, Any], frames: list[dict[str, Any]]) -> Array:
    if all("time" not in frame for frame in frames):
        return np.arange(len(frames)) / _number(source, record, "fps")
    for index, frame in enumerate(frames):
        value = frame.get("time")
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise CaptureError(f"{source}: frame {index} has time {value!r}, must be seconds.")
    times = np.array([float(frame["time"]) for frame in frames])
    late = np.flatnonzero(np.diff(times) <= 0)
    if len(late):
        index = int(late[0]) + 1
        raise CaptureError(f"{source}: frame {index} has time {times[index]}, not after {times[index - 1]} before it.")
    return times


def _read_poses(source: Path, frames: list[dict[str, Any]]) -> Array | None:
    posed = ["transform_matrix" in frame for frame in frames]
    if not any(posed):
        return None
    if not all(posed):
        raise CaptureError(f"{source}: frame {posed.index(False)} has no transform_matrix, others have one.")
    return np.stack([_read_pose(f"{source}: frame {k}", frame["transform_matrix"]) for k, frame in enumerate(frames)])


def _read_pose(where: str, value: Any) -> Array:
    try:
        pose = np.array(value, float)
    except (TypeError, ValueError) as error:
        raise CaptureError(f"{where} has a transform_matrix that is no matrix of numbers.") from error
    if pose.shape != (4, 4):
        raise CaptureError(f"{where} has a transform_matrix of shape {pose.shape}, must be (4, 4).")
    if not np.isfinite(pose).all():
        raise CaptureError(f"{where} has a transform_matrix that is not finite.")
    rotation = pose[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=5e-3) or np.linalg.det(rotation) < 0:
        raise CaptureError(f"{where} has a transform_matrix that is no rigid motion; export poses without scale.")
    if not np.allclose(pose[3], [0, 0, 0, 1], atol=1e-6):
        raise CaptureError(f"{where} has a transform_matrix whose last row is {pose[3].tolist()}.")
    camera: Array = pose @ OPENCV_FROM_OPENGL
    camera[:3, :3] = project_to_so3(camera[:3, :3])
    return camera


def _read_paths(source: Path, frames: list[dict[str, Any]], key: str, needed: bool) -> tuple[Path, ...]:
    named = [frame.get(key) for frame in frames]
    if not needed and not any(named):
        return ()
    folder = source.parent
    paths = []
    for index, name in enumerate(named):
        if not isinstance(name, str) or not name:
            raise CaptureError(f"{source}: frame {index} has no {key}.")
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise CaptureError(f"{source}: frame {index} names {name!r}, which lies outside the folder.")
        if not path.is_file():
            raise CaptureError(f"{source}: frame {index} names {name!r}, which is missing.")
        paths.append(path)
    return tuple(paths)


def _check_sizes(paths: tuple[Path, ...], intrinsics: Intrinsics) -> None:
    for index, path in enumerate(paths):
        size = picture_size(path)
        if size != (intrinsics.width, intrinsics.height):
            wanted = f"{intrinsics.width}x{intrinsics.height}"
            raise CaptureError(f"{path} (frame {index}): is {size[0]}x{size[1]} pixels, transforms.json says {wanted}.")
