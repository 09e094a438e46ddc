"""nerfstudio's `transforms.json` with depth: what `ns-process-data` makes of many apps' recordings.

Camera to world with OpenGL axes, z up; depth in 16-bit millimetres (or `depth_unit_scale_factor`); masks are black
where nerfstudio must not look, which is where the animal is. Lenses may be bent (k1, k2, p1, p2, k3) and differ from
frame to frame.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.geometry import OPENCV_FROM_OPENGL
from ats_sim.reconstruction.capture.importing.options import ImportOptions
from ats_sim.reconstruction.capture.importing.pictures import colors, depths, picture
from ats_sim.reconstruction.capture.importing.recording import (
    Z_UP,
    Lens,
    Recording,
    aligned,
    rigid_poses,
    straight_lens,
)
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles

MARKER = "transforms.json"
STRAIGHT_ENOUGH = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "SIMPLE_RADIAL", "RADIAL", None)
_DISTORTION = ("k1", "k2", "p1", "p2", "k3")


def read(files: SourceFiles, options: ImportOptions) -> Recording:
    """The recording at a place; raises CaptureError saying what is missing."""
    record = files.json("transforms.json")
    frames = record.get("frames")
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise CaptureError(f"{files.where}: transforms.json has no list of frames.")
    if not frames:
        raise CaptureError(f"{files.where}: transforms.json has no frames.")
    frames = [frame for frame in frames if frame.get("depth_file_path") and frame.get("file_path")]
    if not frames:
        raise CaptureError(f"{files.where}: no frame has a depth_file_path; without depth nothing can be rebuilt.")
    if record.get("camera_model") not in STRAIGHT_ENOUGH:
        raise CaptureError(f"{files.where}: camera_model {record['camera_model']!r}; undistort the pictures first.")
    times = _times(files, record, frames, options)
    order = np.argsort(times, kind="stable")
    frames, times = [frames[index] for index in order], times[order]
    unit = _number(files, record, "depth_unit_scale_factor", 1e-3)
    lenses = [_lens(files, {**record, **frame}) for frame in frames]
    shape = depths(files, frames[0]["depth_file_path"], unit).shape
    has_masks = all(frame.get("mask_path") for frame in frames)

    def mask(index: int) -> Array:
        import cv2

        return picture(files, frames[index]["mask_path"], cv2.IMREAD_GRAYSCALE) < 128

    return Recording(
        name=files.name,
        times=times - times[0],
        T_world_camera=_poses(files, frames),
        up=Z_UP,
        color_lenses=lenses,
        depth_lenses=[aligned(lens, shape) for lens in lenses],
        color=lambda index: colors(files, frames[index]["file_path"]),
        depth=lambda index: depths(files, frames[index]["depth_file_path"], unit),
        mask=mask if has_masks else None,
    )


def _number(files: SourceFiles, record: dict[str, Any], key: str, default: float | None = None) -> float:
    value = record.get(key, default)
    if value is None:
        raise CaptureError(f"{files.where}: {key} is missing in transforms.json.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise CaptureError(f"{files.where}: {key} of transforms.json is {value!r}, must be a number.")
    return float(value)


def _times(files: SourceFiles, record: dict[str, Any], frames: list[dict[str, Any]], options: ImportOptions) -> Array:
    if all("time" in frame for frame in frames):
        return np.array([_number(files, frame, "time") for frame in frames])
    fps = options.source_fps or record.get("fps")
    if not fps:
        raise CaptureError(f"{files.where}: neither time nor fps is in transforms.json; say --source-fps.")
    return np.arange(len(frames)) / _number(files, {"fps": fps}, "fps")


def _lens(files: SourceFiles, record: dict[str, Any]) -> Lens:
    numbers = [_number(files, record, key) for key in ("fl_x", "fl_y", "cx", "cy", "w", "h")]
    bent = np.array([_number(files, record, key, 0.0) for key in _DISTORTION])
    lens = straight_lens(numbers[:4], int(numbers[4]), int(numbers[5]))
    return replace(lens, distortion=bent) if bent.any() else lens


def _poses(files: SourceFiles, frames: list[dict[str, Any]]) -> Array | None:
    if not any("transform_matrix" in frame for frame in frames):
        return None
    try:
        matrices = np.array([frame["transform_matrix"] for frame in frames], float).reshape(len(frames), -1, 4)
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(f"{files.where}: a frame's transform_matrix is missing or wrong ({error}).") from error
    bottom = np.tile([[[0.0, 0.0, 0.0, 1.0]]], (len(frames), 1, 1))
    return rigid_poses(np.concatenate([matrices[:, :3], bottom], axis=1), files.where) @ OPENCV_FROM_OPENGL
