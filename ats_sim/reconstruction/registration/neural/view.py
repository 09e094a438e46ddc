"""A frame as the learned localizers see it: small, and with the same angle per pixel whatever the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics

FOCAL = 80.0
"""Focal length in pixels of every view: 96 pixels are 62 degrees."""
MULTIPLE = 8
SMALLEST, LARGEST = 48, 160


@dataclass(frozen=True, eq=False)
class View:
    """A small RGB-D picture."""

    rgb: Array
    """(h, w, 3) uint8."""
    depth: Array
    """(h, w) float32 metres, 0 = unknown."""
    hidden: Array
    """(h, w) bool, where the agent is."""
    intrinsics: Intrinsics
    """Of the small picture."""

    @classmethod
    def of(cls, rgb: Array, depth: Array, hidden: Array | None, intrinsics: Intrinsics) -> View:
        """Shrink a picture (H,W,3) with its depth (H,W) and the pixels (H,W) to be ignored."""
        small = view_camera(intrinsics)
        size = (small.width, small.height)
        mask = np.zeros((small.height, small.width), dtype=bool)
        if hidden is not None:
            mask = cv2.resize(hidden.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.1
        # Depth is picked, not averaged: the mean of two sides of an edge is a place where nothing is.
        picked = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST).astype(np.float32)
        return cls(np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)), picked, mask, small)


def view_camera(intrinsics: Intrinsics) -> Intrinsics:
    """The camera of the small picture; sides are multiples of 8 pixels, which a network can halve three times."""
    width, height = (
        int(np.clip(round(side * FOCAL / focal / MULTIPLE) * MULTIPLE, SMALLEST, LARGEST))
        for side, focal in ((intrinsics.width, intrinsics.fl_x), (intrinsics.height, intrinsics.fl_y))
    )
    return intrinsics.resized(width, height)
