"""Polycam's raw data (iPhone, iPad; developer mode): the usual scan of an empty home.

`keyframes/` holds `corrected_cameras/I.json`, `corrected_images/I.jpg` (after Polycam's own adjustment; else `cameras`
and `images`), `depth/I.png` (mm) and `confidence/I.png` (0, 54 or 127, 255). t_ij is camera to world, row by row, with
OpenGL axes in ARKit's world, whose y is up; names are microseconds (https://github.com/PolyCam/polyform).
"""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.geometry import OPENCV_FROM_OPENGL
from ats_sim.reconstruction.capture.importing.confidence import EIGHT_BIT_LEVELS, sure
from ats_sim.reconstruction.capture.importing.options import ImportOptions
from ats_sim.reconstruction.capture.importing.pictures import colors, depths, picture
from ats_sim.reconstruction.capture.importing.recording import (
    Y_UP,
    Lens,
    Recording,
    aligned,
    rigid_poses,
    straight_lens,
)
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles

MARKER = "keyframes/"
_MICROSECOND = 1e-6


def read(files: SourceFiles, options: ImportOptions) -> Recording:
    """The scan at a place; raises CaptureError saying what is missing."""
    corrected = "corrected_" if files.numbered("keyframes/corrected_cameras", ".json") else ""
    cameras = files.numbered(f"keyframes/{corrected}cameras", ".json")
    images = files.numbered(f"keyframes/{corrected}images", ".jpg", ".png")
    stored, unsure = (files.numbered(f"keyframes/{kind}", ".png") for kind in ("depth", "confidence"))
    frames = sorted(set(cameras) & set(images) & set(stored))
    if not frames:
        raise CaptureError(
            f"{files.where}: no keyframe has camera, picture and depth. Scan in LiDAR mode, and export "
            '"raw data" with the developer mode switched on.'
        )
    records = [files.json(cameras[frame]) for frame in frames]
    least = EIGHT_BIT_LEVELS[options.confidence]

    def depth(index: int) -> Array:
        import cv2

        frame = frames[index]
        level = picture(files, unsure[frame], cv2.IMREAD_UNCHANGED) if frame in unsure else None
        return sure(depths(files, stored[frame], 1e-3), level, least)

    lenses = [_lens(files, cameras[frame], record) for frame, record in zip(frames, records, strict=True)]
    shape = depth(0).shape
    matrices = np.stack([_matrix(files, cameras[f], record) for f, record in zip(frames, records, strict=True)])
    return Recording(
        name=files.name,
        times=(np.array(frames) - frames[0]) * _MICROSECOND,
        T_world_camera=rigid_poses(matrices, files.where) @ OPENCV_FROM_OPENGL,
        up=Y_UP,
        color_lenses=lenses,
        depth_lenses=[aligned(lens, shape) for lens in lenses],
        color=lambda index: colors(files, images[frames[index]]),
        depth=depth,
    )


def _lens(files: SourceFiles, name: str, record: dict) -> Lens:
    try:
        numbers = [float(record[key]) for key in ("fx", "fy", "cx", "cy")]
        return straight_lens(numbers, int(record["width"]), int(record["height"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(f"{files.where}: {name} has no sound fx, fy, cx, cy, width and height ({error}).") from error


def _matrix(files: SourceFiles, name: str, record: dict) -> Array:
    try:
        rows = [[float(record[f"t_{row}{column}"]) for column in range(4)] for row in range(3)]
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(f"{files.where}: {name} has no sound t_00 to t_23 ({error}).") from error
    return np.array([*rows, [0.0, 0.0, 0.0, 1.0]])
