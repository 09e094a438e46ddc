"""The field's coarse shape: signed distances on a grid, trilinear in between, begun from the fused volume.

A dense grid is smooth over a whole voxel, so cameras can be moved through it; hash grids are not (their measured basin
for poses is a sixth of that).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ats_sim.arrays import Array
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


class Grid(nn.Module):
    """Channels (C, X, Y, Z) over a box of the world; `learned` or constant."""

    origin: Tensor
    extent: Tensor

    def __init__(self, values: Array, origin: Array, voxel_size: float, *, learned: bool) -> None:
        super().__init__()
        tensor = torch.as_tensor(np.ascontiguousarray(values, dtype=np.float32))[None]
        if learned:
            self.values = nn.Parameter(tensor)
        else:
            self.register_buffer("values", tensor)
        extent = (np.array(values.shape[1:]) - 1) * voxel_size
        self.register_buffer("origin", torch.as_tensor(origin, dtype=torch.float32))
        self.register_buffer("extent", torch.as_tensor(extent, dtype=torch.float32))

    def forward(self, points: Tensor) -> Tensor:
        """Values (N, C) at world points (N, 3); outside the box those at its rim."""
        place = 2.0 * (points - self.origin) / self.extent - 1.0
        # grid_sample names axes x, y, z from the last one backwards.
        where = place.flip(-1)[None, None, None]
        found = F.grid_sample(self.values, where, mode="bilinear", padding_mode="border", align_corners=True)
        return found[0, :, 0, 0].T


def completed_distance(volume: TsdfVolume) -> Array:
    """Distances (X, Y, Z) of a fused volume, with those of the nearest seen voxel where nothing was seen: behind a
    surface it goes on as deep as the truncation."""
    from scipy import ndimage

    seen = volume.weight > 0
    if seen.all() or not seen.any():
        return volume.distance
    away, nearest = ndimage.distance_transform_edt(~seen, sampling=volume.voxel_size, return_indices=True)
    distance = volume.distance[tuple(nearest)]
    deeper = np.where(distance < 0.5 * volume.voxel_size, distance - away, distance)
    return np.asarray(np.clip(deeper, -volume.truncation, volume.truncation), dtype=np.float32)


def completed_color(volume: TsdfVolume) -> Array:
    """Colours (3, X, Y, Z) in 0..1, those of the nearest painted voxel where there is none."""
    from scipy import ndimage

    painted = volume.color.any(axis=-1)
    if not painted.any():
        return np.full((3, *volume.shape), 0.5, np.float32)
    nearest = ndimage.distance_transform_edt(~painted, return_distances=False, return_indices=True)
    return np.moveaxis(volume.color[tuple(nearest)], -1, 0) / np.float32(255.0)
