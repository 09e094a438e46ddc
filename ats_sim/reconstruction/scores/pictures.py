"""How well rendered pictures agree with the true ones."""

from __future__ import annotations

import numpy as np
from skimage.metrics import structural_similarity

from ats_sim.arrays import Array

TOLERANCES = {"10cm": 0.10, "5cm": 0.05}


def depth_accuracy(rendered: Array, true: Array, where: Array, tolerance: float) -> float | None:
    """Share of the pixels `where` (H,W) with true depth whose rendered depth is less than `tolerance` (m) off. What is
    not rendered counts as wrong; what has no true depth is left out. None where nothing is left."""
    counted = where & (true > 0)
    if not counted.any():
        return None
    right = (rendered > 0) & (np.abs(rendered - true) < tolerance)
    return float(right[counted].mean())


def depth_scores(rendered: Array, true: Array, agent: Array) -> dict[str, float | None]:
    """DepthAcc over all pixels, the true agent's and the others, at 10 and 5 cm."""
    parts = {"all": np.ones_like(agent), "agent": agent, "background": ~agent}
    return {
        f"depth_acc_{part}_{name}": depth_accuracy(rendered, true, where, tolerance)
        for part, where in parts.items()
        for name, tolerance in TOLERANCES.items()
    }


def intersection_over_union(first: Array, second: Array) -> float | None:
    """Of two masks (H,W); None where both are empty."""
    union = int((first | second).sum())
    return None if union == 0 else float((first & second).sum() / union)


def psnr(rendered: Array, true: Array) -> float:
    """Peak signal-to-noise ratio in dB of two uint8 pictures (at most 99)."""
    error = float(np.mean((rendered.astype(np.float64) - true.astype(np.float64)) ** 2))
    return 99.0 if error < 1e-9 else float(min(99.0, 10.0 * np.log10(255.0**2 / error)))


def color_matched(rendered: Array, true: Array) -> Array:
    """The rendered picture with one gain per channel that fits the true one best: exposure is not the model's fault."""
    first, second = rendered.astype(np.float64), true.astype(np.float64)
    gain = (first * second).sum((0, 1)) / np.maximum((first**2).sum((0, 1)), 1.0)
    return np.asarray(np.rint(first * gain).clip(0, 255).astype(np.uint8))


def picture_scores(rendered: Array, true: Array) -> dict[str, float]:
    """PSNR as rendered and after a per-channel gain, and SSIM (7x7 windows)."""
    return {
        "psnr": psnr(rendered, true),
        "psnr_color_matched": psnr(color_matched(rendered, true), true),
        "ssim": float(structural_similarity(rendered, true, channel_axis=2, data_range=255)),
    }
