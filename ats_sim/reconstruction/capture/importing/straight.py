"""Pictures as one straight pinhole would have taken them: undistorted, of one size, colours laid onto depth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.capture.importing.recording import Lens, straight_lens


def common_pinhole(lenses: Sequence[Lens], longest_side: int) -> Intrinsics:
    """The median lens without its distortion, with pictures of at most that width and height.

    A phone's lens moves a little from frame to frame (its stabiliser, its focus); a video of a capture has one.
    """
    first = lenses[0].intrinsics
    sized = [lens.intrinsics.resized(first.width, first.height) for lens in lenses]
    middle = np.median([[one.fl_x, one.fl_y, one.cx, one.cy] for one in sized], axis=0)
    whole = straight_lens(middle.tolist(), first.width, first.height).intrinsics
    return whole.scaled(min(1.0, longest_side / max(whole.width, whole.height)))


def straightened(picture: Array, lens: Lens, target: Intrinsics, *, smooth: bool) -> Array:
    """A picture (H, W) or (H, W, C) seen by the target's pinhole; 0 where the lens did not see.

    ``smooth`` averages what becomes smaller, as colours want it; depth and masks take the nearest pixel, as a mean of
    two surfaces lies on neither.
    """
    import cv2

    height, width = picture.shape[:2]
    if (width, height) != (lens.intrinsics.width, lens.intrinsics.height):
        lens = Lens(lens.intrinsics.resized(width, height), lens.distortion)
    shrink = target.fl_x / lens.intrinsics.fl_x
    if smooth and shrink < 1.0:
        small = lens.intrinsics.scaled(shrink)
        picture = cv2.resize(picture, (small.width, small.height), interpolation=cv2.INTER_AREA)
        lens = Lens(small, lens.distortion)
    if lens.distortion is None and lens.intrinsics == target:
        return picture
    bent = () if lens.distortion is None else tuple(map(float, lens.distortion))
    across, down = _sources(lens.intrinsics, bent, target)
    return np.asarray(cv2.remap(picture, across, down, cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST))


@lru_cache(maxsize=8)
def _sources(lens: Intrinsics, distortion: tuple[float, ...], target: Intrinsics) -> tuple[Array, Array]:
    """Which pixel (H, W) of the lens's picture each of the target's sees, across and down."""
    import cv2

    size = (target.width, target.height)
    bent = np.array(distortion) if distortion else None
    across, down = cv2.initUndistortRectifyMap(lens.matrix, bent, None, target.matrix, size, cv2.CV_32FC1)
    return np.asarray(across), np.asarray(down)
