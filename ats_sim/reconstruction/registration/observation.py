"""What registration keeps of a frame: its keypoints and a thin cloud of coloured depth points, the agent left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.capture.format import Video
from ats_sim.reconstruction.registration.keypoints import FrameKeypoints, detect
from ats_sim.reconstruction.registration.neural.view import View

POINTS = 500
NEAREST, FARTHEST = 0.2, 6.0
EDGE = 0.05


@dataclass(frozen=True, eq=False)
class Observation:
    """One frame, ready to be registered."""

    keypoints: FrameKeypoints
    """Keypoints with descriptors."""
    points: Array
    """(P, 3) camera-frame points, NaN where the picture has fewer."""
    colors: Array
    """(P, 3) uint8."""
    view: View | None = None
    """The small picture that learned localizers see."""


def observe(video: Video, index: int, *, use_mask: bool, keypoints: int) -> Observation:
    """Read one frame; agent pixels are left out where masks are used and exist."""
    rgb, depth = video.rgb(index), video.depth(index)
    mask = video.mask(index) if use_mask else None
    found = detect(rgb, depth, video.intrinsics, mask, keypoints)
    points, colors = surface_points(rgb, depth, video.intrinsics, mask)
    return Observation(found, points, colors, View.of(rgb, depth, mask, video.intrinsics))


def surface_points(
    rgb: Array, depth: Array, intrinsics: Intrinsics, mask: Array | None, count: int = POINTS
) -> tuple[Array, Array]:
    """`count` points (P,3) and colours (P,3) spread evenly over the pixels whose depth is sure: no edges, no agent."""
    usable = reliable(depth, mask) & (depth > NEAREST) & (depth < FARTHEST)
    pixel = np.flatnonzero(usable)
    points, colors = np.full((count, 3), np.nan), np.zeros((count, 3), dtype=np.uint8)
    if len(pixel):
        chosen = pixel[np.linspace(0, len(pixel) - 1, min(count, len(pixel))).astype(int)]
        row, column = np.divmod(chosen, depth.shape[1])
        z = depth[row, column].astype(np.float64)
        points[: len(z)] = np.column_stack(
            [(column - intrinsics.cx) / intrinsics.fl_x * z, (row - intrinsics.cy) / intrinsics.fl_y * z, z]
        )
        colors[: len(z)] = rgb[row, column]
    return points, colors


def reliable(depth: Array, mask: Array | None, edge: float = EDGE) -> Array:
    """Pixels (H,W) with depth, away from depth edges (where sensors mix both sides) and from the agent's outline."""
    known = depth > 0
    low = cv2.erode(np.where(known, depth, np.float32(1e3)).astype(np.float32), np.ones((3, 3), np.uint8))
    high = cv2.dilate(np.where(known, depth, np.float32(0)).astype(np.float32), np.ones((3, 3), np.uint8))
    smooth = known & (high - low < edge * np.maximum(depth, 0.5))
    return np.asarray(smooth if mask is None else smooth & ~around(mask))


def unbent(depth: Array, edge: float = EDGE) -> Array:
    """Pixels (H,W) with depth where the surface does not jump or bend by more than a share of it.

    The inverse depth of a plane is linear in the pixels, so that a floor or ceiling seen at a grazing angle is smooth,
    however steep: `reliable` takes it for an edge from a few metres on, which is right for few sure points, but leaves
    holes where surfaces are wanted. A crease, on the other hand, is reliable but bent.
    """
    known = depth > 0
    inverse = np.where(known, 1.0 / np.maximum(depth, 1e-3), 0.0)
    bent = np.zeros(depth.shape, dtype=bool)
    for before, here, after in _neighbours():
        bend = np.abs(inverse[before] + inverse[after] - 2.0 * inverse[here])
        told = known[before] & known[here] & known[after]
        bent[here] |= told & (bend * np.maximum(depth[here], 0.5) > edge)
    # Sensors mix both sides of an edge: the pixels beside it are not sure either.
    return np.asarray(known & (cv2.dilate(bent.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0))


def around(mask: Array) -> Array:
    """Pixels (H,W) of a mask and near its outline."""
    reach = 2 * max(2, mask.shape[1] // 80) + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0)


def _neighbours() -> Iterator[tuple[tuple[slice, ...], ...]]:
    """Slices of the pixels before, here and after, along columns and along rows."""
    every = slice(None)
    cuts = [slice(0, -2), slice(1, -1), slice(2, None)]
    yield tuple((every, cut) for cut in cuts)
    yield tuple((cut, every) for cut in cuts)


def stacked(observations: Sequence[Observation]) -> tuple[Array, Array]:
    """Points (N,P,3) and colours (N,P,3) of N frames."""
    return np.stack([o.points for o in observations]), np.stack([o.colors for o in observations])
