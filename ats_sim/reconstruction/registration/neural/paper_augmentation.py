"""The augmentation of Yang et al. 2024 for their localizer: colour jitter, five rectangles, a centred crop."""

from __future__ import annotations

import torch
from torch import Tensor

from ats_sim.reconstruction.registration.neural.relighting import Pictures

BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.5, 0.2, 0.2, 0.1
RECTANGLES = 5
HALF_SIDE = (0.1, 0.2)
CROP = (0.5, 0.8)


def paper_disturbed(pictures: Pictures, generator: torch.Generator) -> Pictures:
    """Jittered pictures; rectangles and what a crop would cut off are hidden (filled with the mean colour), which keeps
    the angle per pixel where cutting and stretching, as the paper does, would not."""
    hidden = pictures.hidden | _rectangles(pictures.hidden, generator) | _cropped(pictures.hidden, generator)
    return Pictures(jittered(pictures.rgb, generator), pictures.depth, hidden, pictures.up)


def jittered(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation and hue of colours (B,3,h,w) in 0..1, drawn per picture."""
    count = len(rgb)

    def factor(strength: float) -> Tensor:
        return 1 + strength * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)

    rgb = rgb * factor(BRIGHTNESS)
    grey = _grey(rgb)
    rgb = grey.mean((2, 3), keepdim=True) + factor(CONTRAST) * (rgb - grey.mean((2, 3), keepdim=True))
    grey = _grey(rgb)
    rgb = grey + factor(SATURATION) * (rgb - grey)
    # Hue as a turn of colour space about the grey axis (Rodrigues).
    angle = 2 * torch.pi * HUE * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)
    across = (torch.roll(rgb, -1, 1) - torch.roll(rgb, 1, 1)) / 3**0.5
    mean = rgb.mean(1, keepdim=True)
    return (mean + torch.cos(angle) * (rgb - mean) + torch.sin(angle) * across).clamp(0, 1)


def _grey(rgb: Tensor) -> Tensor:
    return (rgb * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)


def _rectangles(like: Tensor, generator: torch.Generator) -> Tensor:
    count, _, height, width = like.shape
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None, :]
    covered = torch.zeros(count, height, width, dtype=torch.bool)
    for _ in range(RECTANGLES):
        centre = torch.rand(count, 2, 1, 1, generator=generator)
        half = HALF_SIDE[0] + (HALF_SIDE[1] - HALF_SIDE[0]) * torch.rand(count, 2, 1, 1, generator=generator)
        covered |= ((rows - centre[:, 0]).abs() < half[:, 0]) & ((columns - centre[:, 1]).abs() < half[:, 1])
    return covered[:, None]


def _cropped(like: Tensor, generator: torch.Generator) -> Tensor:
    """All but the middle 0.5 to 0.8 along the height or the width, in every other picture."""
    count, _, height, width = like.shape
    kept = CROP[0] + (CROP[1] - CROP[0]) * torch.rand(count, 1, 1, 1, generator=generator)
    axis = torch.rand(count, 1, 1, 1, generator=generator)
    rows = torch.linspace(-1, 1, height)[:, None].abs() > kept
    columns = torch.linspace(-1, 1, width)[None, :].abs() > kept
    return (rows & (axis < 0.25)) | (columns & (axis >= 0.25) & (axis < 0.5))
