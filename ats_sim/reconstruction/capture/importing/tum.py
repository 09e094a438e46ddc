"""TUM RGB-D: `rgb.txt`, `depth.txt` (time, file), `groundtruth.txt` (time, x y z, qx qy qz qw, camera to world).

Depth is 16-bit with 5000 a metre, laid onto the colour pictures; the world's z is up. The lens is not in the folder:
`calibration.txt` (fx fy cx cy, as in the ETH3D recordings) is read where there is one, else the published lens of
freiburg1, 2 or 3 is taken by the folder's name (https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats).
"""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.capture.importing.options import ImportOptions
from ats_sim.reconstruction.capture.importing.pictures import colors, depths, size_of
from ats_sim.reconstruction.capture.importing.recording import Z_UP, Lens, Recording, poses_from, straight_lens
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles

MARKER = "rgb.txt"
ASSOCIATED = 0.02
"""Seconds that a picture, its depth and its pose may lie apart."""
METRES = 1 / 5000.0
LENSES = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3, [0.2624, -0.9531, -0.0054, 0.0026, 1.1633]),
    "freiburg2": (520.9, 521.0, 325.1, 249.7, [0.2312, -0.7849, -0.0033, -0.0001, 0.9172]),
    "freiburg3": (535.4, 539.2, 320.1, 247.6, None),
}


def read(files: SourceFiles, options: ImportOptions) -> Recording:
    """The recording at a place; raises CaptureError saying what is missing."""
    color_times, color_names = _listed(files, "rgb.txt")
    depth_times, depth_names = _listed(files, "depth.txt")
    partner = _nearest(color_times, depth_times)
    known = np.abs(depth_times[partner] - color_times) < ASSOCIATED
    poses = None
    if files.has("groundtruth.txt"):
        rows = _numbers(files, "groundtruth.txt", 8)
        closest = _nearest(color_times, rows[:, 0])
        known &= np.abs(rows[closest, 0] - color_times) < ASSOCIATED
        poses = poses_from(rows[closest[known]][:, [4, 5, 6, 7, 1, 2, 3]], files.where)
    frames = np.flatnonzero(known)
    if not len(frames):
        raise CaptureError(f"{files.where}: no picture has a depth (and a pose) within {ASSOCIATED} s.")
    lens = _lens(files, *size_of(files, color_names[frames[0]]))
    return Recording(
        name=files.name,
        times=color_times[frames] - color_times[frames[0]],
        T_world_camera=poses,
        up=Z_UP,
        color_lenses=[lens] * len(frames),
        depth_lenses=[lens] * len(frames),
        color=lambda index: colors(files, color_names[frames[index]]),
        depth=lambda index: depths(files, depth_names[partner[frames[index]]], METRES),
    )


def _listed(files: SourceFiles, name: str) -> tuple[Array, list[str]]:
    rows = files.table(name, columns=2)
    return _times(files, name, rows), [row[1] for row in rows]


def _times(files: SourceFiles, name: str, rows: list[list[str]]) -> Array:
    try:
        return np.array([float(row[0]) for row in rows])
    except ValueError as error:
        raise CaptureError(f"{files.where}: {name} holds a time that is no number ({error}).") from error


def _numbers(files: SourceFiles, name: str, columns: int) -> Array:
    try:
        return np.array([[float(word) for word in row[:columns]] for row in files.table(name, columns)])
    except ValueError as error:
        raise CaptureError(f"{files.where}: {name} holds what is no number ({error}).") from error


def _nearest(wanted: Array, times: Array) -> Array:
    """Index of the time that is nearest to each wanted one."""
    if not len(times):
        return np.zeros(len(wanted), int)
    after = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1))
    if len(times) == 1:
        return np.zeros(len(wanted), int)
    return after - (wanted - times[after - 1] < times[after] - wanted)


def _lens(files: SourceFiles, width: int, height: int) -> Lens:
    if files.has("calibration.txt"):
        row = files.matrix("calibration.txt", [(1, 4)])[0]
        return straight_lens(row, width, height)
    for name, (fl_x, fl_y, cx, cy, distortion) in LENSES.items():
        if name in files.where.lower():
            bent = None if distortion is None else np.array(distortion)
            return Lens(Intrinsics(fl_x, fl_y, cx, cy, 640, 480).resized(width, height), bent)
    raise CaptureError(
        f"{files.where}: nothing says which lens it was; write calibration.txt there with one line: fx fy cx cy"
    )
