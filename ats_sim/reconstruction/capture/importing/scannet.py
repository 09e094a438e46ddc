"""ScanNet's folders, and 7-Scenes': numbered pictures, depth in millimetres and a matrix a frame.

ScanNet, as its reader unpacks it: `color/I.jpg`, `depth/I.png`, `pose/I.txt`, `intrinsic/intrinsic_color.txt` and
`intrinsic_depth.txt`; z is up. 7-Scenes: `frame-I.color.png`, `.depth.png`, `.pose.txt`; 65535 is unknown depth, the
lens is the Kinect's (585 px), the frame is its fusion's own. Both: camera to world with OpenCV axes, 30 frames a
second, -inf where tracking was lost.
"""

from __future__ import annotations

import re

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.capture.importing.options import ImportOptions
from ats_sim.reconstruction.capture.importing.pictures import colors, depths, size_of
from ats_sim.reconstruction.capture.importing.recording import Z_UP, Lens, Recording, lens_of_matrix, rigid_poses
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles

SCANNET_MARKER = "intrinsic/intrinsic_color.txt"
SEVEN_SCENES_MARKER = "frame-000000.color.png"
FPS = 30.0
KINECT = Intrinsics(585.0, 585.0, 320.0, 240.0, 640, 480)
UNKNOWN = np.float32(65.535)
_SEVEN_SCENES = re.compile(r"frame-(\d+)\.(color\.png|depth\.png|pose\.txt)")


def read_scannet(files: SourceFiles, options: ImportOptions) -> Recording:
    """The recording at a place; raises CaptureError saying what is missing."""
    images, stored = files.numbered("color", ".jpg", ".png"), files.numbered("depth", ".png")
    poses = files.numbered("pose", ".txt")
    frames = sorted(set(images) & set(stored) & set(poses))
    if not frames:
        raise CaptureError(f"{files.where}: no frame has color, depth and pose; unpack the .sens file completely.")
    lenses = [
        _lens(files, f"intrinsic/intrinsic_{kind}.txt", size_of(files, names[frames[0]]))
        for kind, names in (("color", images), ("depth", stored))
    ]
    return _recording(files, options, frames, images, stored, poses, lenses, up=Z_UP)


def read_seven_scenes(files: SourceFiles, options: ImportOptions) -> Recording:
    """The sequence at a place; raises CaptureError saying what is missing."""
    images: dict[int, str] = {}
    stored: dict[int, str] = {}
    poses: dict[int, str] = {}
    kinds = {"color.png": images, "depth.png": stored, "pose.txt": poses}
    for name in files.names:
        if found := _SEVEN_SCENES.fullmatch(name):
            kinds[found[2]][int(found[1])] = name
    frames = sorted(set(images) & set(stored) & set(poses))
    if not frames:
        raise CaptureError(f"{files.where}: no frame has color, depth and pose; unpack the sequence completely.")
    lens = Lens(KINECT.resized(*size_of(files, images[frames[0]])))
    return _recording(files, options, frames, images, stored, poses, [lens, lens], up=None)


def _recording(
    files: SourceFiles,
    options: ImportOptions,
    frames: list[int],
    images: dict[int, str],
    stored: dict[int, str],
    poses: dict[int, str],
    lenses: list[Lens],
    up: Array | None,
) -> Recording:
    """Frames whose camera was tracked."""
    matrices = np.stack([files.matrix(poses[frame], [(4, 4)]) for frame in frames])
    tracked = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    if not len(tracked):
        raise CaptureError(f"{files.where}: tracking was lost in every frame.")
    kept = [frames[index] for index in tracked]

    def depth(index: int) -> Array:
        values = depths(files, stored[kept[index]], 1e-3)
        return np.where(values < UNKNOWN, values, np.float32(0.0))

    return Recording(
        name=files.name,
        times=(np.array(kept) - kept[0]) / (options.source_fps or FPS),
        T_world_camera=rigid_poses(matrices[tracked], files.where),
        up=up,
        color_lenses=[lenses[0]] * len(kept),
        depth_lenses=[lenses[1]] * len(kept),
        color=lambda index: colors(files, images[kept[index]]),
        depth=depth,
    )


def _lens(files: SourceFiles, name: str, size: tuple[int, int]) -> Lens:
    return lens_of_matrix(files.matrix(name, [(3, 3), (4, 4)]), *size)
