"""A picture as numbers that another exposure, white balance or gamma hardly changes, and what gravity and depth add."""

from __future__ import annotations

import torch
from torch import Tensor

from ats_sim.reconstruction.registration.neural.relighting import Pictures

DARKEST = 0.02
COLOR, GEOMETRY = 3, 4
METRES = 2.0


def channels(pictures: Pictures, rays: Tensor, *, geometry: bool) -> Tensor:
    """Network input (B, 3 or 7, h, w) of pictures whose pixels look along `rays` (3,h,w) with z = 1.

    Colours: logarithms, of which every channel's own mean and the picture's own spread are taken out, since gains are
    shifts of a logarithm and gamma is its scale. Geometry: the elevation of the ray, the height over the camera, the
    nearness, and whether depth is known; all zero where the vertical or the depth is unknown.
    """
    seen = (~pictures.hidden).to(pictures.rgb.dtype)
    light = torch.log(pictures.rgb + DARKEST)
    total = seen.sum((2, 3), keepdim=True).clamp(min=1.0)
    light = light - (light * seen).sum((2, 3), keepdim=True) / total
    spread = ((light**2 * seen).sum((1, 2, 3), keepdim=True) / (3 * total)).sqrt()
    color = light / (spread + 0.05) * seen
    if not geometry:
        return color
    known = (pictures.depth > 0) & ~pictures.hidden
    along = torch.einsum("bc,chw->bhw", pictures.up, rays)[:, None]
    elevation = along / rays.norm(dim=0)
    height = torch.where(known, along * pictures.depth / METRES, torch.zeros_like(along))
    near = torch.where(known, 1.0 / pictures.depth.clamp(min=0.3), torch.zeros_like(along))
    return torch.cat([color, elevation, height, near, known.to(color.dtype)], dim=1)
