"""How sure a device is of its depth, on the scales that formats use."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.importing.options import Confidence

LEVELS: Mapping[Confidence, int] = {"low": 0, "medium": 1, "high": 2}
"""ARKit's own."""
EIGHT_BIT_LEVELS: Mapping[Confidence, int] = {"low": 0, "medium": 50, "high": 255}
"""Polycam's; the middle one was 54 and is 127."""


def sure(depth: Array, confidence: Array | None, least: int) -> Array:
    """Depth (h, w) without what the device is less sure of; all of it where it says nothing."""
    if confidence is None or confidence.shape != depth.shape:
        return depth
    return np.where(confidence >= least, depth, np.float32(0.0))
