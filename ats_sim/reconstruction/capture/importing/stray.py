"""Stray Scanner (iPhone, iPad): a folder of `rgb.mp4`, `depth/I.png` (mm), `confidence/I.png` (0, 1, 2) and tables.

`odometry.csv` has a row a frame: time, number, x y z, qx qy qz qw, camera to world with OpenCV axes in ARKit's world,
whose y is up; newer versions add fx, fy, cx, cy of the frame. `camera_matrix.csv` is K of the colour pictures
(https://docs.strayrobots.io/apps/scanner/format.html, and the app's own encoder).
"""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.reconstruction.capture.importing.confidence import LEVELS, sure
from ats_sim.reconstruction.capture.importing.film import Film
from ats_sim.reconstruction.capture.importing.options import ImportOptions
from ats_sim.reconstruction.capture.importing.pictures import depths, picture
from ats_sim.reconstruction.capture.importing.recording import (
    Y_UP,
    Lens,
    Recording,
    aligned,
    lens_of_matrix,
    poses_from,
    straight_lens,
)
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles

MARKER = "odometry.csv"
_POSE, _LENS = slice(2, 9), slice(9, 13)


def read(files: SourceFiles, options: ImportOptions) -> Recording:
    """The recording at a place; raises CaptureError saying what is missing."""
    rows = _rows(files)
    stored, unsure = files.numbered("depth", ".png"), files.numbered("confidence", ".png")
    film = Film(files, "rgb.mp4")
    frames = [index for index in range(min(len(rows), len(film))) if index in stored]
    if not frames:
        raise CaptureError(f"{files.where}: no frame has picture, odometry and depth; copy the whole folder.")
    least = LEVELS[options.confidence]

    def depth(index: int) -> Array:
        import cv2

        frame = frames[index]
        level = picture(files, unsure[frame], cv2.IMREAD_UNCHANGED) if frame in unsure else None
        return sure(depths(files, stored[frame], 1e-3), level, least)

    width, height = film.size
    shape = depth(0).shape
    lenses = _lenses(files, rows, frames, width, height)
    rows = rows[frames]
    return Recording(
        name=files.name,
        times=rows[:, 0] - rows[0, 0],
        T_world_camera=poses_from(rows[:, _POSE][:, [3, 4, 5, 6, 0, 1, 2]], files.where),
        up=Y_UP,
        color_lenses=lenses,
        depth_lenses=[aligned(lens, shape) for lens in lenses],
        color=lambda index: film.picture(frames[index]),
        depth=depth,
    )


def _rows(files: SourceFiles) -> Array:
    table = files.table("odometry.csv", columns=9)
    try:
        return np.array([[float(word) for word in row[: len(table[-1])]] for row in table[1:]])
    except ValueError as error:
        raise CaptureError(f"{files.where}: odometry.csv holds what is no number ({error}).") from error


def _lenses(files: SourceFiles, rows: Array, frames: list[int], width: int, height: int) -> list[Lens]:
    if rows.shape[1] >= _LENS.stop and (rows[:, _LENS.start : _LENS.start + 2] > 0).all():
        return [straight_lens(row[_LENS].tolist(), width, height) for row in rows[frames]]
    matrix = files.matrix("camera_matrix.csv", [(3, 3)])
    return [lens_of_matrix(matrix, width, height)] * len(frames)
