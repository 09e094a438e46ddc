"""Keypoints of one picture: RootSIFT descriptors, lifted to 3D by the depth beneath them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics

CONTRAST = 0.015
DEPTH_STEP = 0.03
FARTHEST = 8.0


@dataclass(frozen=True, eq=False)
class FrameKeypoints:
    """K keypoints of one picture."""

    pixels: Array
    """(K, 2) float64 pixel coordinates."""
    depth: Array
    """(K,) z-depth in metres, 0 where unknown or on an edge."""
    points: Array
    """(K, 3) camera-frame points, metres; only meaningful where depth > 0."""
    descriptors: Array
    """(K, 128) float32 of unit length (RootSIFT)."""

    def __len__(self) -> int:
        return len(self.pixels)


def detect(rgb: Array, depth: Array, intrinsics: Intrinsics, ignore: Array | None, count: int) -> FrameKeypoints:
    """Find at most `count` keypoints in rgb (H,W,3) uint8 outside the pixels to `ignore` (H,W) bool."""
    allowed = None
    if ignore is not None:
        allowed = (cv2.dilate(ignore.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0).astype(np.uint8)
    sift = cv2.SIFT_create(nfeatures=count, contrastThreshold=CONTRAST)  # type: ignore[attr-defined]
    found, descriptors = sift.detectAndCompute(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), allowed)
    if descriptors is None or not len(found):
        return FrameKeypoints(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 3)), np.zeros((0, 128), np.float32))
    # Arandjelovic and Zisserman 2012: the square root of the L1-normalised histogram compares better than SIFT's own.
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)).astype(np.float32)
    pixels = np.array([keypoint.pt for keypoint in found], dtype=np.float64)
    z = _depth_beneath(depth, pixels)
    rays = np.column_stack(
        [
            (pixels[:, 0] - intrinsics.cx) / intrinsics.fl_x,
            (pixels[:, 1] - intrinsics.cy) / intrinsics.fl_y,
            np.ones(len(z)),
        ]
    )
    return FrameKeypoints(pixels, z, rays * z[:, None], root)


def mutual_matches(first: Array, second: Array, ratio: float = 0.85) -> Array:
    """Index pairs (M, 2) of unit descriptors (A,128), (B,128) that are each other's nearest and pass the ratio test."""
    if len(first) < 2 or len(second) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    similarity = first @ second.T
    best = similarity.argmax(axis=1)
    rows = np.arange(len(first))
    top = similarity[rows, best]
    mutual = similarity.argmax(axis=0)[best] == rows
    similarity[rows, best] = -1.0
    rival = similarity.max(axis=1)
    # The small constant makes exact duplicates ambiguous in spite of rounding.
    keep = mutual & (np.sqrt(np.maximum(1.0 - top, 0) + 1e-6) < ratio * np.sqrt(np.maximum(1.0 - rival, 0) + 1e-6))
    return np.column_stack([rows[keep], best[keep]])


def _depth_beneath(depth: Array, pixels: Array) -> Array:
    """Depth at the nearest pixel; 0 where a neighbour is far off (a keypoint on an edge belongs to neither side)."""
    known = np.where(depth > 0, depth, np.nan).astype(np.float32)
    low = cv2.erode(np.where(depth > 0, depth, np.float32(1e3)).astype(np.float32), np.ones((3, 3), np.uint8))
    high = cv2.dilate(np.where(depth > 0, depth, np.float32(0)).astype(np.float32), np.ones((3, 3), np.uint8))
    row = np.clip(np.rint(pixels[:, 1]).astype(int), 0, depth.shape[0] - 1)
    column = np.clip(np.rint(pixels[:, 0]).astype(int), 0, depth.shape[1] - 1)
    value = known[row, column]
    good = (high - low)[row, column] < DEPTH_STEP * (1.0 + np.nan_to_num(value))
    return np.where(good & (value < FARTHEST), np.nan_to_num(value), 0.0).astype(np.float64)
