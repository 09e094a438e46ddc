"""Decoding the pictures of a recording."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.reconstruction.capture.importing.source_files import SourceFiles


def picture(files: SourceFiles, name: str, flag: int) -> Array:
    """A decoded picture, as OpenCV's `imdecode` gives it under ``flag``; raises CaptureError where it is none."""
    import cv2

    try:
        decoded = cv2.imdecode(np.frombuffer(files.read(name), np.uint8), flag)
    except cv2.error as error:
        raise CaptureError(f"{files.where}: the picture {name} cannot be decoded ({error}).") from error
    if decoded is None:
        raise CaptureError(f"{files.where}: {name} cannot be decoded; pictures must be JPEG or PNG, depth 16-bit PNG.")
    return np.asarray(decoded)


def colors(files: SourceFiles, name: str) -> Array:
    """Colours (H, W, 3) uint8 of a picture, as it lies there (a turn in its EXIF is not followed)."""
    import cv2

    return np.ascontiguousarray(picture(files, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)[..., ::-1])


def depths(files: SourceFiles, name: str, metres: float) -> Array:
    """Depths (h, w) float32 of a 16-bit picture whose unit is so many metres."""
    import cv2

    stored = picture(files, name, cv2.IMREAD_UNCHANGED)
    if stored.dtype != np.uint16 or stored.ndim != 2:
        raise CaptureError(f"{files.where}: {name} holds {stored.dtype} {stored.shape}, must be 16-bit grey depth.")
    return stored.astype(np.float32) * np.float32(metres)


def size_of(files: SourceFiles, name: str) -> tuple[int, int]:
    """Width and height of a picture."""
    import cv2

    height, width = picture(files, name, cv2.IMREAD_UNCHANGED).shape[:2]
    return width, height
