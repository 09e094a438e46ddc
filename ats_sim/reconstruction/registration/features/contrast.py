"""The contrastive loss: a place's descriptor is nearer to itself in another picture than to any other place there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TEMPERATURE = 0.07
RING = (2.0, 6.0)
RING_POINTS = 6


def read_descriptors(maps: Tensor, pixels: Tensor, width: int, height: int) -> Tensor:
    """Unit descriptors (B,n,C) of maps (B,C,h,w) at pixels (B,n,2) of pictures `width` x `height`, bilinear."""
    size = torch.tensor([width, height], dtype=pixels.dtype, device=pixels.device)
    grid = (pixels + 0.5) / size * 2.0 - 1.0
    read = functional.grid_sample(maps, grid[:, None], mode="bilinear", padding_mode="border", align_corners=False)
    return functional.normalize(read[:, :, 0].transpose(1, 2), dim=2)


def ring(pixels: Tensor, cell: float, generator: torch.Generator) -> Tensor:
    """RING_POINTS pixels (B,n,R,2) around each pixel (B,n,2), 2 to 6 cells away: the rivals that give precision."""
    shape = (*pixels.shape[:2], RING_POINTS)
    angle = torch.rand(shape, generator=generator).to(pixels.device) * (2.0 * torch.pi)
    near, far = RING
    reach = (near + (far - near) * torch.rand(shape, generator=generator).to(pixels.device)) * cell
    return pixels[:, :, None] + torch.stack([angle.cos(), angle.sin()], dim=-1) * reach[..., None]


def info_nce(first: Tensor, second: Tensor, pixels: Tensor, rivals: Tensor, apart: float) -> Tensor:
    """InfoNCE (van den Oord 2018) of descriptors (B,n,C) with their partners (B,n,C) at pixels (B,n,2).

    The other places of the same picture and each place's own `rivals` (B,n,R,C) are negatives, but for places nearer
    than `apart` pixels, which look alike by right.
    """
    logits = first @ second.transpose(1, 2) / TEMPERATURE
    distance = torch.cdist(pixels, pixels)
    diagonal = torch.eye(pixels.shape[1], dtype=torch.bool, device=pixels.device)
    logits = logits.masked_fill((distance < apart) & ~diagonal, -torch.inf)
    close = torch.einsum("bnc,bnrc->bnr", first, rivals) / TEMPERATURE
    true = torch.diagonal(logits, dim1=1, dim2=2)
    return (torch.logsumexp(torch.cat([logits, close], dim=2), dim=2) - true).mean()
