"""Where along a ray the agent is asked: around its expected surface, and a body's depth before it."""

from __future__ import annotations

import torch
from torch import Tensor

NEAREST = 0.1
BEFORE = 0.4
"""Metres before the expected surface from which on the agent is looked for."""


def around(guide: Tensor, band: float, surface: int, free: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rising z-depths (R, free + surface), stratified, around expected ones (R,): first between 0.4 m and `band` (m)
    before them, then `band` to either side; and which of them (free + surface,) are those before."""
    jitter = torch.rand((len(guide), free + surface), generator=generator).to(guide)
    near = (guide - band).clamp(min=NEAREST)
    first = (guide - BEFORE).clamp(min=0.5 * NEAREST)
    before = first[:, None] + (near - first)[:, None] * _strata(free, jitter[:, :free])
    beside = near[:, None] + 2.0 * band * _strata(surface, jitter[:, free:])
    return torch.cat([before, beside], dim=1), torch.arange(free + surface, device=guide.device) < free


def _strata(count: int, jitter: Tensor) -> Tensor:
    return (torch.arange(count, device=jitter.device) + jitter) / max(count, 1)
