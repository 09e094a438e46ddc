"""The field's shape and colours on the fused volume's own grid, so that everything downstream reads one thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ats_sim.arrays import Array
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

CHUNK = 65_536
CLOSED = 2
"""Holes whose rim is no farther than so many voxels are closed."""
CLOSED_WEIGHT = 0.05
"""What a voxel counts that only the field knows: enough to be meshed."""


@torch.no_grad()
def sampled(field: SceneField, volume: TsdfVolume, recording: int = 0) -> TsdfVolume:
    """A volume of the same grid whose distances and colours (under a recording's light) near surfaces are the field's.

    Free space and what was never seen stay as they were fused, except for narrow gaps in surfaces.
    """
    near, closed = _asked(volume)
    distance, color, weight = volume.distance.copy(), volume.color.copy(), volume.weight.copy()
    cells = np.argwhere(near)
    device = field.distance.origin.device
    code = field.appearance(torch.tensor([recording], device=device))
    for start in range(0, len(cells), CHUNK):
        part = cells[start : start + CHUNK]
        points = torch.as_tensor(part * volume.voxel_size + volume.origin, dtype=torch.float32, device=device)
        embedded = field.embed(points)
        told = field.signed_distance(points, embedded).clamp(-volume.truncation, volume.truncation)
        shown, _ = field.radiance(points, code.expand(len(points), -1), embedded)
        index = tuple(part.T)
        distance[index] = told.cpu().numpy()
        color[index] = 255.0 * shown.clamp(1.0 / 255.0, 1).cpu().numpy()
    weight[closed] = CLOSED_WEIGHT
    return replace(volume, distance=distance, color=color, weight=weight)


def _asked(volume: TsdfVolume) -> tuple[Array, Array]:
    """Voxels (X, Y, Z) bool near surfaces, and unseen ones that lie in narrow gaps between them."""
    from scipy import ndimage

    seen = volume.weight > 0
    band = seen & (np.abs(volume.distance) < 0.99 * volume.truncation)
    closed = ndimage.binary_closing(band, np.ones((3, 3, 3)), iterations=CLOSED) & ~seen
    return band | closed, closed
