"""What changed, fused once more by recording, so that each layout takes only what agrees with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.scene.fusion import FusedPicture, PosedFrames
from ats_sim.reconstruction.scene.layouts import Epoch, Layouts
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


class RegionVolumes:
    """Per recording, small volumes around everything that moved."""

    def __init__(self, volume: TsdfVolume, layouts: Layouts) -> None:
        self._layouts = layouts
        self._by_recording = [
            [_part_of(volume, region.box) for region in layouts.regions] for _ in range(layouts.count)
        ]

    def integrate(self, recording: int, part: PosedFrames, picture: FusedPicture) -> None:
        """Fuse one picture of a recording."""
        for volume in self._by_recording[recording]:
            volume.integrate(
                picture.depth, picture.rgb, part.video.intrinsics, picture.T_world_camera, weight=part.weight
            )

    def layout(self, volume: TsdfVolume, epoch: Epoch) -> TsdfVolume:
        """A copy of the volume that everything was fused into, as it was in an epoch."""
        out = volume.copy()
        for k, region in enumerate(self._layouts.regions):
            blocked = self._layouts.blocked(epoch, region)
            changed = blocked.any(axis=0)
            parts = [volumes[k] for volumes in self._by_recording]
            distance, weight, color = _merged(parts, ~blocked, volume.truncation)
            out.distance[region.box][changed] = distance[changed]
            out.weight[region.box][changed] = weight[changed]
            out.color[region.box][changed] = color[changed]
        return out


def _part_of(volume: TsdfVolume, box: tuple[slice, slice, slice]) -> TsdfVolume:
    lower = volume.origin + volume.voxel_size * np.array([s.start for s in box])
    upper = volume.origin + volume.voxel_size * np.array([s.stop - 1 for s in box])
    # Rounding must not add a layer of voxels.
    return TsdfVolume.empty(lower, upper - 0.01 * volume.voxel_size, volume.voxel_size, volume.truncation)


def _merged(parts: Sequence[TsdfVolume], allowed: Array, truncation: float) -> tuple[Array, Array, Array]:
    """Weighted means of distance and colour where allowed (R, x, y, z), and the sum of weights."""
    weight = np.stack([part.weight for part in parts]) * allowed
    distance = np.stack([part.distance for part in parts])
    color = np.stack([part.color for part in parts])
    total = weight.sum(axis=0)
    mean = (distance * weight).sum(axis=0) / np.maximum(total, 1e-9)
    painted = weight * color.any(axis=-1)
    shade = (color * painted[..., None]).sum(axis=0) / np.maximum(painted.sum(axis=0), 1e-9)[..., None]
    return np.where(total > 0, mean, truncation).astype(np.float32), total, shade.astype(np.float32)
