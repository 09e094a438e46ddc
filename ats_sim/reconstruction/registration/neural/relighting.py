"""Training pictures as another day, another camera and another guest would have left them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.neural.view import View

EXPOSURE_STOPS = 2.0
WHITE_BALANCE = 0.12
GAMMA = (0.75, 1.35)
SHADING = 0.3
NOISE = (0.002, 0.03)
DEPTH_NOISE = 0.012
BLOBS = 3
NO_DEPTH = 0.3
NO_GRAVITY = 0.15
TILT = 0.02
"""Radians; gravity is known within 2 degrees, which this exceeds now and then."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """A batch as the network is shown it."""

    rgb: Tensor
    """(B, 3, h, w) in 0..1."""
    depth: Tensor
    """(B, 1, h, w) metres, 0 = unknown."""
    hidden: Tensor
    """(B, 1, h, w) bool: to be ignored."""
    up: Tensor
    """(B, 3) the vertical in camera axes, zero where unknown."""


def shown(view: View, up: Array | None) -> Pictures:
    """A view as a batch of one; `up` (3,) is the vertical in camera axes."""
    vertical = np.asarray(up if up is not None else np.zeros(3), dtype=np.float32)
    return Pictures(
        torch.from_numpy(view.rgb.copy()).permute(2, 0, 1)[None].to(torch.float32) / 255.0,
        torch.from_numpy(view.depth.copy())[None, None],
        torch.from_numpy(view.hidden.copy())[None, None],
        torch.from_numpy(vertical)[None],
    )


def on_device(pictures: Pictures, device: str) -> Pictures:
    """The batch where the network is."""
    return Pictures(*(getattr(pictures, name).to(device) for name in ("rgb", "depth", "hidden", "up")))


def disturbed(pictures: Pictures, generator: torch.Generator) -> tuple[Pictures, Tensor]:
    """A batch relit and soiled, and the pixels (B,1,h,w) whose surface is covered by something that is not there."""
    rgb = relit(pictures.rgb, generator)
    blobs, masked = _blobs(rgb, generator)
    paint = _uniform((len(rgb), 3, 1, 1), generator, 0.05, 0.95) + 0.05 * torch.randn(rgb.shape, generator=generator)
    rgb = torch.where(blobs, paint.clamp(0, 1), rgb)
    noise = _uniform((len(rgb), 1, 1, 1), generator, *NOISE)
    rgb = (rgb + noise * torch.randn(rgb.shape, generator=generator)).clamp(0, 1)
    known, up = _less_known(pictures, generator)
    depth = pictures.depth * (1 + DEPTH_NOISE * torch.randn(pictures.depth.shape, generator=generator))
    nearer = _uniform((len(rgb), 1, 1, 1), generator, 0.4, 0.9)
    depth = torch.where(blobs, nearer * pictures.depth, depth) * known
    return Pictures(rgb, depth, pictures.hidden | (blobs & masked), up), blobs


def relit(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """Colours (B,3,h,w) under another exposure (within 2 stops), white balance, gamma and smooth shading."""
    count, _, height, width = rgb.shape
    gain = torch.exp2(_uniform((count, 1, 1, 1), generator, -EXPOSURE_STOPS, EXPOSURE_STOPS))
    gain = gain * torch.exp(WHITE_BALANCE * torch.randn(count, 3, 1, 1, generator=generator))
    shading = SHADING * torch.randn(count, 1, 3, 4, generator=generator)
    shading = shading + 0.3 * SHADING * torch.randn(count, 3, 3, 4, generator=generator)
    shading = functional.interpolate(shading, (height, width), mode="bilinear", align_corners=True)
    gamma = _uniform((count, 1, 1, 1), generator, *GAMMA)
    light = rgb.clamp(min=1e-3) ** 2.2 * gain * torch.exp(shading)
    # Soft clipping, as cameras do: bright walls lose contrast before they lose everything.
    soft = torch.where(light < 0.75, light, 0.75 + 0.25 * (1 - torch.exp(-(light - 0.75) / 0.25)))
    return soft ** (gamma / 2.2)


def _blobs(rgb: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Up to three ellipses and rectangles (B,1,h,w), and per picture (B,1,1,1) whether a mask names them."""
    count, _, height, width = rgb.shape
    rows = torch.linspace(-1, 1, height)[:, None]
    columns = torch.linspace(-1, 1, width)[None, :]
    covered = torch.zeros(count, height, width, dtype=torch.bool)
    for _ in range(BLOBS):
        centre = _uniform((count, 2, 1, 1), generator, -1, 1)
        size = _uniform((count, 2, 1, 1), generator, 0.06, 0.35)
        power = torch.where(torch.rand(count, 1, 1, generator=generator) < 0.5, 2.0, 12.0)
        across = ((rows - centre[:, 0]).abs() / size[:, 0]) ** power + (
            (columns - centre[:, 1]).abs() / size[:, 1]
        ) ** power
        covered |= (across < 1) & (torch.rand(count, 1, 1, generator=generator) < 0.6)
    return covered[:, None], torch.rand(count, 1, 1, 1, generator=generator) < 0.5


def _less_known(pictures: Pictures, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Where depth stays known (B,1,h,w), and the vertical (B,3), a little wrong and now and then unknown."""
    count, _, height, width = pictures.depth.shape
    holes = functional.interpolate(torch.rand(count, 1, 6, 8, generator=generator), (height, width), mode="bilinear")
    share = _uniform((count, 1, 1, 1), generator, 0.0, 0.35)
    known = (holes > share) & (torch.rand(count, 1, 1, 1, generator=generator) >= NO_DEPTH)
    up = functional.normalize(pictures.up + TILT * torch.randn(count, 3, generator=generator), dim=1)
    told = torch.rand(count, 1, generator=generator) >= NO_GRAVITY
    return known, up * told * (pictures.up.abs().sum(1, keepdim=True) > 0)


def _uniform(shape: tuple[int, ...], generator: torch.Generator, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)
