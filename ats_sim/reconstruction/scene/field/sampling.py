"""Where along a ray the field is asked: around the measured depth, and a little in the free space before it."""

from __future__ import annotations

import torch
from torch import Tensor

NEAREST = 0.1
BEHIND = 0.6


def depth_guided(
    depth: Tensor, band: float, surface: int, free: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Sorted z-depths of samples around measured depths (R,).

    Returns:
        Depths (R, free + surface), stratified: first between the camera and the band, then from `band` (m) before the
        surface to 0.6 bands behind it; and which of them (free + surface,) are the free ones.
    """
    count = len(depth)
    jitter = torch.rand((count, free + surface), generator=generator).to(depth)
    start = (depth - band).clamp(min=NEAREST)
    before = NEAREST + (start - NEAREST)[:, None] * (torch.arange(free, device=depth.device) + jitter[:, :free]) / max(
        free, 1
    )
    steps = (torch.arange(surface, device=depth.device) + jitter[:, free:]) / surface
    around = start[:, None] + (depth + BEHIND * band - start)[:, None] * steps
    is_free = torch.arange(free + surface, device=depth.device) < free
    return torch.cat([before, around], dim=1), is_free
