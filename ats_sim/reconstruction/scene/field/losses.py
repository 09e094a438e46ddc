"""What the field is asked to agree with: colour, depth, distances along rays, free space, slope one, features."""

from __future__ import annotations

import torch
from torch import Tensor

from ats_sim.reconstruction.scene.field.rays import Rays
from ats_sim.reconstruction.scene.field.rendering import Rendered

UNIT = 0.1
"""Lengths are counted in units of 10 cm."""
FREE_MARGIN = 0.02
"""Free space measured free lies at least so far from every surface, metres."""
LEAST_OPACITY = 0.3
LONGEST_DEPTH_ERROR = 0.2
EIKONAL_POINTS = 256
CORNERS = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))


def ray_losses(rendered: Rendered, rays: Rays, depths: Tensor, is_free: Tensor, truncation: float) -> dict[str, Tensor]:
    """Losses of rendered rays whose samples lie at depths (R, S), those of `is_free` (S,) in free space."""
    weight = rays.weight / rays.weight.sum().clamp(min=1e-6)
    color = (rendered.color - rays.color).abs().mean(dim=1)
    met = (rendered.opacity.detach() > LEAST_OPACITY).float()
    away = (rendered.depth - rays.depth).abs().clamp(max=LONGEST_DEPTH_ERROR) / UNIT
    around, before = rendered.distance[:, ~is_free], rendered.distance[:, is_free]
    along = (rays.depth[:, None] - depths[:, ~is_free]) * rays.direction.norm(dim=1)[:, None]
    target = (along * rays.cosine[:, None]).clamp(-truncation, truncation)
    losses = {
        "color": (weight * color).sum(),
        "depth": (weight * met * away).sum(),
        "sdf": (weight * (around - target).abs().mean(dim=1)).sum() / UNIT,
        "free": torch.relu(FREE_MARGIN - before).mean() / UNIT if before.numel() else color.sum() * 0.0,
    }
    if rendered.feature is not None and rays.feature is not None:
        known = rays.feature.any(dim=1).float()
        off = (rendered.feature - rays.feature).square().sum(dim=1)
        losses["feature"] = (weight * known * off).sum()
    return losses


def eikonal_probes(points: Tensor, step: float) -> Tensor:
    """Where (4 N, 3) distances are needed for the slope at points (N, 3): the corners of a tetrahedron of a grid cell's
    size. Differences see as far as the grid's own cells, and cost no second derivative."""
    return (points[:, None] + step * torch.tensor(CORNERS).to(points)).reshape(-1, 3)


def eikonal_loss(distance: Tensor, step: float, truncation: float) -> Tensor:
    """Mean squared departure of the slope from one, from distances (4 N,) at :func:`eikonal_probes`."""
    around = distance.reshape(-1, 4)
    slope = (around @ torch.tensor(CORNERS).to(distance)) / (4.0 * step)
    length = slope.square().sum(dim=1).clamp(min=1e-8).sqrt()
    inside = (around.detach().abs().amax(dim=1) < 0.9 * truncation).float()
    return (inside * (length - 1.0).square()).sum() / inside.sum().clamp(min=1.0)
