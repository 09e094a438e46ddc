"""From signed distances along a ray to the weights of volume rendering.

NeuS rather than VolSDF: a NeuS ray's transmittance depends on the distances at the samples alone (it telescopes), so a
dozen samples of any spacing give exact weights, where VolSDF integrates a density and needs samples closer than the
surface's width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def interval_opacity(distance: Tensor, width: float) -> Tensor:
    """Share (R, S-1) of what comes that each interval between samples with signed distances (R, S) stops.

    Wang et al. 2021, equation 13: the chance to be stopped between two samples is the relative drop of the logistic
    function of the distance; `width` (m) is its scale.
    """
    # A ray that begins behind a surface has no share to lose: log space keeps the ratio finite.
    log_open = torch.nn.functional.logsigmoid(distance / width)
    return 1.0 - torch.exp((log_open[:, 1:] - log_open[:, :-1]).clamp(max=0.0))


def interval_weights(distance: Tensor, width: float) -> Tensor:
    """Weights (R, S-1) of the intervals between samples of a ray with signed distances (R, S)."""
    opacity = interval_opacity(distance, width)
    passed = torch.cumprod(torch.cat([torch.ones_like(distance[:, :1]), 1.0 - opacity], dim=1), dim=1)
    return passed[:, :-1] * opacity


def interval_depths(distance: Tensor, depth: Tensor) -> Tensor:
    """Depth (R, S-1) that stands for each interval: where the distance passes zero, else its end closer to that."""
    first, second = distance[:, :-1], distance[:, 1:]
    share = (first / (first - second).clamp(min=1e-6)).clamp(0.0, 1.0)
    return depth[:, :-1] + share * (depth[:, 1:] - depth[:, :-1])
