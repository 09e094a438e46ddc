"""Truncated signed distance fusion: many depth pictures become one surface and the space known to be free.

Every voxel in a picture's view is compared with the depth there. In front of the surface it is free (distance clipped
to the truncation), near it the signed distance is averaged, behind it nothing is learnt (Curless and Levoy 1996). The
running mean is weighted by the inverse square of depth, as the noise of depth sensors grows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.scene.votes import Tally

SLAB_VOXELS = 60_000
FULL_WEIGHT_DEPTH = 1.5
NEAREST_DEPTH = 0.1
MAX_VOXELS = 120_000_000


@dataclass(frozen=True, eq=False)
class TsdfVolume:
    """A dense grid of distances; :meth:`integrate` updates the arrays in place."""

    origin: Array
    """(3,) world position of the centre of voxel [0, 0, 0], metres."""
    voxel_size: float
    """Edge of a voxel, metres."""
    truncation: float
    """Distances are clipped to this, metres."""
    distance: Array
    """(X, Y, Z) float32 metres, > 0 in free space; starts at the truncation."""
    weight: Array
    """(X, Y, Z) float32, 0 = never seen."""
    color: Array
    """(X, Y, Z, 3) float32, 0..255, mean colour near the surface."""

    @classmethod
    def empty(cls, lower: Array, upper: Array, voxel_size: float, truncation: float | None = None) -> Self:
        """A volume over the box from `lower` (3,) to `upper` (3,) with a truncation of 3.5 voxels by default.

        Raises:
            ReconstructionError: If the box would need more voxels than memory should hold.
        """
        shape = tuple(int(n) for n in np.ceil((np.asarray(upper) - lower) / voxel_size).astype(int) + 1)
        if min(shape) < 2 or int(np.prod(shape)) > MAX_VOXELS:
            raise ReconstructionError(
                f"scene volume of {shape} voxels of {voxel_size} m is not in 2..{MAX_VOXELS}: "
                "check the capture's poses and depth units, or raise voxel_size"
            )
        reach = truncation if truncation is not None else 3.5 * voxel_size
        return cls(
            np.asarray(lower, dtype=np.float64),
            voxel_size,
            reach,
            np.full(shape, reach, dtype=np.float32),
            np.zeros(shape, dtype=np.float32),
            np.zeros((*shape, 3), dtype=np.float32),
        )

    def copy(self) -> Self:
        """A volume of its own with the same content."""
        return replace(self, distance=self.distance.copy(), weight=self.weight.copy(), color=self.color.copy())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        x, y, z = self.distance.shape
        return x, y, z

    def integrate(
        self,
        depth: Array,
        rgb: Array,
        intrinsics: Intrinsics,
        T_world_camera: Array,
        *,
        weight: float = 1.0,
        tally: Tally | None = None,
    ) -> None:
        """Fuse one picture: depth (H,W) metres with 0 = unknown or not to be used, rgb (H,W,3) uint8. Its votes for
        the voxels it sees are counted in `tally`."""
        known = depth > NEAREST_DEPTH
        if not known.any():
            return
        farthest = float(depth[known].max()) + self.truncation
        first, last = self._frustum_box(intrinsics, T_world_camera, farthest)
        if np.any(last <= first):
            return
        step = max(1, SLAB_VOXELS // int(np.prod((last - first)[1:])))
        picture = (np.where(known, depth, 0.0).astype(np.float32).ravel(), rgb.reshape(-1, 3))
        for start in range(int(first[0]), int(last[0]), step):
            block = (slice(start, min(start + step, int(last[0]))), slice(first[1], last[1]), slice(first[2], last[2]))
            self._integrate_block(block, picture, intrinsics, T_world_camera, farthest, weight, tally)

    def sample(self, points: Array) -> tuple[Array, Array, Array]:
        """Trilinear distance (N,), its gradient (N,3) per metre and whether all eight voxels were seen (N,) at world
        points (N,3)."""
        cell = (points - self.origin) / self.voxel_size
        base = np.floor(cell).astype(np.int64)
        inside = np.all((base >= 0) & (base < np.array(self.shape) - 1), axis=1)
        base = np.where(inside[:, None], base, 0)
        share = cell - base
        flat = np.ravel_multi_index(tuple(base.T), self.shape)
        steps = (self.shape[1] * self.shape[2], self.shape[2], 1)
        corner = np.stack(
            [flat + i * steps[0] + j * steps[1] + k * steps[2] for i in (0, 1) for j in (0, 1) for k in (0, 1)], axis=1
        )
        seen = inside & np.all(self.weight.ravel()[corner] > 0, axis=1)
        values = self.distance.ravel()[corner].reshape(-1, 2, 2, 2).astype(np.float64)
        return *_trilinear(values, share, self.voxel_size), seen

    def free(self, points: Array) -> Array:
        """Whether the voxel nearest to each world point (N,3) was seen to be empty, clear of any surface."""
        cell = np.rint((points - self.origin) / self.voxel_size).astype(np.int64)
        inside = np.all((cell >= 0) & (cell < np.array(self.shape)), axis=1)
        index = tuple(np.where(inside[:, None], cell, 0).T)
        return np.asarray(inside & (self.weight[index] > 0) & (self.distance[index] > 0.9 * self.truncation))

    def _frustum_box(self, intrinsics: Intrinsics, T_world_camera: Array, farthest: float) -> tuple[Array, Array]:
        corners = np.array([[u, v] for u in (0, intrinsics.width - 1) for v in (0, intrinsics.height - 1)])
        rays = np.column_stack(
            [
                (corners[:, 0] - intrinsics.cx) / intrinsics.fl_x,
                (corners[:, 1] - intrinsics.cy) / intrinsics.fl_y,
                np.ones(4),
            ]
        )
        ends = np.vstack([np.zeros(3), rays * farthest]) @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]
        cells = (ends - self.origin) / self.voxel_size
        return (
            np.clip(np.floor(cells.min(0)), 0, self.shape).astype(int),
            np.clip(np.ceil(cells.max(0)) + 1, 0, self.shape).astype(int),
        )

    def _integrate_block(
        self,
        block: tuple[slice, slice, slice],
        picture: tuple[Array, Array],
        intrinsics: Intrinsics,
        T_world_camera: Array,
        farthest: float,
        weight: float,
        tally: Tally | None,
    ) -> None:
        """Fuse one picture, depth (H W,) and rgb (H W, 3), into a block of voxels."""
        depth, rgb = picture
        voxel, pixel, z = self._project(block, intrinsics, T_world_camera, farthest)
        measured = depth[pixel]
        ahead = measured - z
        use = np.flatnonzero((measured > 0) & (ahead > -self.truncation))
        flat = self._flat(block, voxel[use])
        if tally is not None:
            tally.add(flat, ahead[use], measured[use])
        self._update(
            flat,
            ahead[use],
            rgb,
            pixel[use],
            weight * np.minimum(1.0, (FULL_WEIGHT_DEPTH / np.maximum(measured[use], 0.3)) ** 2),
        )

    def _project(
        self, block: tuple[slice, slice, slice], intrinsics: Intrinsics, T_world_camera: Array, farthest: float
    ) -> tuple[Array, Array, Array]:
        """Of the K voxels of a block that lie in the picture: flat indices in the block (K,), flat pixels (K,) and
        depths (K,) in metres."""
        axes = [
            (np.arange(s.start, s.stop) * self.voxel_size + self.origin[a] - T_world_camera[a, 3]).astype(np.float32)
            for a, s in enumerate(block)
        ]
        rotation = T_world_camera[:3, :3].astype(np.float32)
        x, y, z = (
            (axes[0] * rotation[0, c])[:, None, None]
            + (axes[1] * rotation[1, c])[None, :, None]
            + (axes[2] * rotation[2, c])[None, None, :]
            for c in range(3)
        )
        inverse_z = 1.0 / np.maximum(z, 1e-3)
        u = x * inverse_z * np.float32(intrinsics.fl_x) + np.float32(intrinsics.cx)
        v = y * inverse_z * np.float32(intrinsics.fl_y) + np.float32(intrinsics.cy)
        seen = (
            (z > NEAREST_DEPTH)
            & (z < farthest)
            & (u > -0.5)
            & (v > -0.5)
            & (u < intrinsics.width - 0.5)
            & (v < intrinsics.height - 0.5)
        )
        voxel = np.flatnonzero(seen)
        row, column = (np.rint(c.ravel()[voxel]).astype(np.int32) for c in (v, u))
        return voxel, row * intrinsics.width + column, z.ravel()[voxel]

    def _flat(self, block: tuple[slice, slice, slice], voxel: Array) -> Array:
        """Flat indices in the volume of flat indices in a block."""
        local = np.unravel_index(voxel, tuple(s.stop - s.start for s in block))
        return np.ravel_multi_index(tuple(i + s.start for i, s in zip(local, block, strict=True)), self.shape)

    def _update(self, flat: Array, ahead: Array, rgb: Array, pixel: Array, weight: Array) -> None:
        distance, total, color = self.distance.reshape(-1), self.weight.reshape(-1), self.color.reshape(-1, 3)
        before = total[flat]
        after = before + weight
        distance[flat] = (distance[flat] * before + np.minimum(ahead, self.truncation) * weight) / after
        near = np.flatnonzero(np.abs(ahead) < self.truncation)
        index, share = flat[near], (weight[near] / after[near])[:, None]
        color[index] += (rgb[pixel[near]] - color[index]) * share
        total[flat] = after


def _trilinear(values: Array, share: Array, voxel_size: float) -> tuple[Array, Array]:
    """Value (N,) and gradient (N,3) of corner values (N,2,2,2) at shares (N,3) of a voxel."""
    x, y, z = share[:, 0, None, None], share[:, 1, None], share[:, 2]
    along_x = values[:, 0] * (1 - x) + values[:, 1] * x
    slope_x = values[:, 1] - values[:, 0]
    along_xy = along_x[:, 0] * (1 - y) + along_x[:, 1] * y
    slope_xy = slope_x[:, 0] * (1 - y) + slope_x[:, 1] * y
    slope_y = along_x[:, 1] - along_x[:, 0]
    value = along_xy[:, 0] * (1 - z) + along_xy[:, 1] * z
    gradient = np.stack(
        [
            slope_xy[:, 0] * (1 - z) + slope_xy[:, 1] * z,
            slope_y[:, 0] * (1 - z) + slope_y[:, 1] * z,
            along_xy[:, 1] - along_xy[:, 0],
        ],
        axis=1,
    )
    return value, gradient / voxel_size
