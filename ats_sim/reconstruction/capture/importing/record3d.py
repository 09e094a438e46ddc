"""Record3D (iPhone, iPad): `.r3d` files, and its export "EXR + JPG".

A `.r3d` is a zip of `metadata` (JSON), `rgbd/I.jpg`, `rgbd/I.depth` (float32 metres) and `rgbd/I.conf` (0, 1, 2), the
last two LZFSE-compressed; the export is a folder of `metadata.json`, `rgb/I.jpg` and `depth/I.exr`. K is column-major
and of the colour pictures; poses are (qx qy qz qw x y z), camera to world, with OpenGL axes, relative to where the
recording began, so that nothing says which way is up (https://github.com/marek-simonik/record3d/issues/27).
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.geometry import OPENCV_FROM_OPENGL, Intrinsics
from ats_sim.reconstruction.capture.importing.confidence import LEVELS, sure
from ats_sim.reconstruction.capture.importing.options import ImportOptions
from ats_sim.reconstruction.capture.importing.pictures import colors
from ats_sim.reconstruction.capture.importing.recording import Lens, Recording, aligned, poses_from
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles

MARKER = "metadata"


def read(files: SourceFiles, options: ImportOptions) -> Recording:
    """The recording at a place; raises CaptureError saying what is missing."""
    is_export = not files.has("metadata")
    record = files.json("metadata.json" if is_export else "metadata")
    pictures = files.numbered("rgb" if is_export else "rgbd", ".jpg", ".png")
    stored = files.numbered("depth", ".exr") if is_export else files.numbered("rgbd", ".depth")
    poses = _poses(files, record)
    frames = sorted(index for index in pictures if index in stored and index < len(poses))
    if not frames:
        raise CaptureError(
            f"{files.where}: no frame has a picture, a depth and a pose. In Record3D choose the export "
            '"Shareable/Internal format (.r3d)" or "EXR + JPG sequence"; others hold no poses.'
        )
    intrinsics = _intrinsics(files, record)
    of_depth = _exr(files, stored) if is_export else _lzfse(files, record, stored, LEVELS[options.confidence])
    depth_lens = aligned(Lens(intrinsics), of_depth(frames[0]).shape)
    times = _times(files, record, len(poses))[frames]
    return Recording(
        name=files.name,
        times=times - times[0],
        T_world_camera=poses[frames],
        up=None,
        color_lenses=[Lens(intrinsics)] * len(frames),
        depth_lenses=[depth_lens] * len(frames),
        color=lambda index: colors(files, pictures[frames[index]]),
        depth=lambda index: of_depth(frames[index]),
    )


def _intrinsics(files: SourceFiles, record: dict) -> Intrinsics:
    try:
        matrix = np.array(record["K"], float).reshape(3, 3).T
        return Intrinsics(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], int(record["w"]), int(record["h"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(f"{files.where}: the metadata's K, w or h is missing or wrong ({error}).") from error


def _times(files: SourceFiles, record: dict, count: int) -> Array:
    stamps = record.get("frameTimestamps")
    try:
        times = np.arange(count) / float(record["fps"]) if stamps is None else np.array(stamps, float)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CaptureError(f"{files.where}: the metadata's fps or frameTimestamps is wrong ({error}).") from error
    if times.shape != (count,):
        raise CaptureError(f"{files.where}: the metadata has {times.size} times for {count} poses.")
    return times


def _poses(files: SourceFiles, record: dict) -> Array:
    try:
        rows = np.array(record["poses"], float).reshape(-1, 7)
        start = np.array(record.get("initPose") or [0, 0, 0, 1, 0, 0, 0], float).reshape(1, 7)
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(f"{files.where}: the metadata's poses are missing or wrong ({error}).") from error
    if len(rows) and np.ptp(rows, axis=0).max() == 0.0 and len(rows) > 1:
        raise CaptureError(f"{files.where}: the camera never moves in it; selfie (FaceID) recordings hold no poses.")
    poses = poses_from(rows, files.where)
    begins_at_zero = len(poses) > 0 and np.allclose(poses[0], np.eye(4), atol=1e-3)
    if begins_at_zero:
        poses = poses_from(start, files.where) @ poses
    return poses @ OPENCV_FROM_OPENGL


def _lzfse(files: SourceFiles, record: dict, stored: dict[int, str], least: int) -> Callable[[int], Array]:
    def unpacked(name: str, kind: type) -> Array:
        try:
            import lzfse
        except ImportError as error:
            raise CaptureError("reading .r3d files needs the package lzfse: pip install lzfse") from error
        try:
            return np.frombuffer(lzfse.decompress(files.read(name)), kind)
        except (lzfse.error, ValueError) as error:
            raise CaptureError(f"{files.where}: {name} is no LZFSE picture ({error}).") from error

    def depth(frame: int) -> Array:
        name = stored[frame]
        values = unpacked(name, np.float32)
        height, width = _depth_shape(record, values.size)
        if values.size != height * width:
            raise CaptureError(f"{files.where}: {name} holds {values.size} values, not {height} x {width}.")
        values = np.nan_to_num(values.reshape(height, width), nan=0.0, posinf=0.0, neginf=0.0)
        unsure = name.removesuffix(".depth") + ".conf"
        return sure(values, unpacked(unsure, np.uint8).reshape(height, width) if files.has(unsure) else None, least)

    return depth


def _depth_shape(record: dict, size: int) -> tuple[int, int]:
    """Older versions do not say the size of depth: it has the pictures' shape or the sensor's, turned as they are."""
    if "dh" in record and "dw" in record:
        return int(record["dh"]), int(record["dw"])
    height, width = int(record["h"]), int(record["w"])
    if size == height * width:
        return height, width
    return (256, 192) if height > width else (192, 256)


def _exr(files: SourceFiles, stored: dict[int, str]) -> Callable[[int], Array]:
    def depth(frame: int) -> Array:
        name = stored[frame]
        try:
            import Imath
            import OpenEXR
        except ImportError as error:
            raise CaptureError("reading .exr files needs the package OpenEXR: pip install OpenEXR") from error
        try:
            opened = OpenEXR.InputFile(io.BytesIO(files.read(name)))
            header = opened.header()
            channel = next(kind for kind in ("R", "Y", "Z", *header["channels"]) if kind in header["channels"])
            values = np.frombuffer(opened.channel(channel, Imath.PixelType(Imath.PixelType.FLOAT)), np.float32)
            window = header["dataWindow"]
            values = values.reshape(window.max.y - window.min.y + 1, window.max.x - window.min.x + 1)
        except (OSError, ValueError, KeyError, StopIteration) as error:
            raise CaptureError(f"{files.where}: {name} is no OpenEXR picture ({error}).") from error
        return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)

    return depth
