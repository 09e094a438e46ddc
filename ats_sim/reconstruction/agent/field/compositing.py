"""Several media on one ray: their intervals sorted by depth, each dimmed by all that lies before it.

Agent-to-Sim renders scene and agent together in this way (after Total-Recon, Song et al. 2023): an armchair hides the
animal behind it, and the animal the armchair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ats_sim.reconstruction.scene.field.density import interval_depths, interval_opacity


@dataclass(frozen=True, eq=False)
class Medium:
    """One field along R rays, in intervals between samples."""

    depth: Tensor
    """(R, I) where each interval stops what it stops, metres."""
    opacity: Tensor
    """(R, I) share that it stops."""

    @classmethod
    def of(cls, distance: Tensor, depths: Tensor, width: float) -> Medium:
        """Of signed distances (R, S) at rising depths (R, S); `width` (m) is the scale of the surface."""
        return cls(interval_depths(distance, depths), interval_opacity(distance, width))


def shares(media: Sequence[Medium]) -> list[Tensor]:
    """What each interval (R, I) of each medium adds to its ray's pixel."""
    depth = torch.cat([medium.depth for medium in media], dim=1)
    opacity = torch.cat([medium.opacity for medium in media], dim=1)
    order = depth.argsort(dim=1, stable=True)
    stopped = opacity.gather(1, order)
    passed = torch.cumprod(torch.cat([torch.ones_like(stopped[:, :1]), 1.0 - stopped], dim=1), dim=1)[:, :-1]
    share = torch.zeros_like(opacity).scatter(1, order, passed * stopped)
    return list(torch.split(share, [medium.opacity.shape[1] for medium in media], dim=1))
