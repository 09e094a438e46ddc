"""What the agent field is asked to agree with, ray by ray."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ats_sim.reconstruction.agent.field.rays import AgentRays
from ats_sim.reconstruction.scene.field.losses import FREE_MARGIN, LEAST_OPACITY, LONGEST_DEPTH_ERROR, UNIT


@dataclass(frozen=True, eq=False)
class Composite:
    """What R rays meet of agent and scene together."""

    color: Tensor
    """(R, 3)."""
    depth: Tensor
    """(R,) metres."""
    opacity: Tensor
    """(R,) 0..1."""
    agent: Tensor
    """(R,) the agent's share of the pixel."""
    feature: Tensor | None
    """(R, C) of the agent alone."""
    distance: Tensor
    """(R, S) the agent's signed distances at its samples."""


def ray_losses(
    seen: Composite, rays: AgentRays, depths: Tensor, is_free: Tensor, truncation: float
) -> dict[str, Tensor]:
    """Losses of rays (with flat axes R) whose samples of the agent lie at depths (R, S), those of `is_free` (S,) before
    where its surface is expected."""
    known = (rays.depth > 0).float()
    met = (seen.opacity.detach() > LEAST_OPACITY).float() * known
    away = (seen.depth - rays.depth).abs().clamp(max=LONGEST_DEPTH_ERROR) / UNIT
    touched = rays.on * known
    along = (rays.depth[:, None] - depths[:, ~is_free]) * rays.direction.norm(dim=1)[:, None]
    target = (along * rays.cosine[:, None]).clamp(-truncation, truncation)
    off = (seen.distance[:, ~is_free].clamp(-truncation, truncation) - target).abs().mean(dim=1)
    losses = {
        "color": (seen.color - rays.color).abs().mean(),
        "depth": _mean(away, met),
        "mask": (seen.agent - rays.on).abs().mean(),
        "sdf": _mean(off, touched) / UNIT,
        "free": _free(seen.distance, rays, depths, is_free) / UNIT,
    }
    if seen.feature is not None and rays.feature is not None:
        told = rays.feature.any(dim=1).float() * rays.on
        losses["feature"] = _mean((seen.feature - rays.feature).square().sum(dim=1), told)
    return losses


def _free(distance: Tensor, rays: AgentRays, depths: Tensor, is_free: Tensor) -> Tensor:
    """How far the agent reaches into space that is known to be free: before its own surface, and all along a ray that
    misses it, up to what the sensor saw there."""
    missed = (1.0 - rays.on)[:, None] * ((rays.depth[:, None] == 0) | (depths < rays.depth[:, None])).float()
    free = torch.where(is_free, 1.0, missed)
    return (torch.relu(FREE_MARGIN - distance) * free).sum() / free.sum().clamp_min(1.0)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(1.0)
