"""How cameras are adjusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COARSE, FINE = 0, 1
TOGETHER = np.inf


@dataclass(frozen=True)
class AdjustmentConfig:
    """How cameras are adjusted."""

    rounds: tuple[tuple[tuple[int, float], ...], ...] = (
        ((COARSE, TOGETHER), (COARSE, 1e4), (FINE, TOGETHER), (FINE, 1e2)),
        ((FINE, 1e2), (FINE, 10.0)),
        ((FINE, 10.0), (FINE, 1.0)),
    )
    """Per round the steps of (level, stiffness): infinitely stiff a video moves as one, at 1 odometry alone ties it."""
    points: int = 600
    """Most landmarks compared in a frame."""
    remembered: int = 1500
    """Most landmarks that one frame adds to the memory."""
    fused: int = 60
    """Most frames of a video that are fused again in a round."""
    unit: bool = True
    """Whether descriptors are unit vectors."""
    sigma: float = 0.35
    """Expected length of the difference of two descriptors of one place."""
    surface: bool = True
    """Whether depth is drawn onto the fused surface as well."""
    exposure: bool = False
    """Fit gain and offset per frame and channel before comparing (raw intensities)."""
    workers: int = 1
    """Videos that are moved side by side, each in a process of its own; the result is the same."""
    use_masks: bool = True
    """Whether the agent's masks may be read."""
    seed: int = 0
    """Of the choice of landmarks."""
