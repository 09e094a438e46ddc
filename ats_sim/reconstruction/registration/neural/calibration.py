"""How sure a single-frame pose is: from the share of matches that agree to the probability of being right."""

from __future__ import annotations

import numpy as np
import torch

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle
from ats_sim.reconstruction.registration.neural.batches import pictures_of, up_in_camera
from ats_sim.reconstruction.registration.neural.lessons import Lessons
from ats_sim.reconstruction.registration.neural.relighting import disturbed
from ats_sim.reconstruction.registration.neural.scene_coordinates import SceneCoordinates
from ats_sim.reconstruction.registration.neural.view import View

RIGHT_POSITION, RIGHT_ROTATION = 0.25, np.radians(10.0)
PRIOR = 2.0
"""Pseudo-counts that keep the slope finite where right and wrong are separable."""


def calibrated(localizer: SceneCoordinates, renders: Lessons, seed: int) -> None:
    """Fit the localizer's confidence on disturbed renders that it has not learned from."""
    shares, right = [], []
    generator = torch.Generator().manual_seed(seed)
    pictures, _ = disturbed(pictures_of(renders, np.arange(len(renders))), generator)
    rgb = (pictures.rgb.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    for i, T in enumerate(renders.T_world_camera):
        depth, hidden = pictures.depth[i, 0].numpy(), pictures.hidden[i, 0].numpy()
        found = localizer.estimate(View(rgb[i], depth, hidden, renders.intrinsics), up_in_camera(T))
        if found is None:
            continue
        shares.append(found[1])
        away = np.linalg.norm(found[0][:3, 3] - T[:3, 3])
        turn = geodesic_angle(found[0][:3, :3], T[:3, :3])
        right.append(float(away < RIGHT_POSITION and turn < RIGHT_ROTATION))
    localizer.calibration = logistic(np.array(shares), np.array(right))


def logistic(values: Array, right: Array, iterations: int = 30) -> tuple[float, float]:
    """Slope (never negative) and shift of the logit of `right` (n,) 0/1 over `values` (n,), by Newton with Platt's
    softened targets (Platt 1999)."""
    if not len(values):
        return 0.0, -2.0
    yes, no = right.sum(), len(right) - right.sum()
    target = np.where(right > 0.5, (yes + PRIOR) / (yes + 2 * PRIOR), PRIOR / (no + 2 * PRIOR))
    design = np.column_stack([values, np.ones(len(values))])
    fit = np.zeros(2)
    for _ in range(iterations):
        probability = 1.0 / (1.0 + np.exp(-np.clip(design @ fit, -30, 30)))
        weight = np.maximum(probability * (1 - probability), 1e-6)
        hessian = (design * weight[:, None]).T @ design + 1e-3 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (target - probability) - 1e-3 * fit)
        fit = fit + np.clip(step, -5.0, 5.0)
    if fit[0] < 0:
        return 0.0, float(np.log((yes + PRIOR) / (no + PRIOR)))
    return float(fit[0]), float(fit[1])
