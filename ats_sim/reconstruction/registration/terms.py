"""What pulls a camera towards the map: its depth onto the map's surface, its keypoints onto the map's keypoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, skew, transform_points
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


@dataclass(frozen=True, eq=False)
class SurfaceTerm:
    """Signed distance of depth points to the fused surface (point-to-plane without a nearest-neighbour search)."""

    volume: TsdfVolume
    """The map."""
    points: Array
    """(N, P, 3) camera-frame points, NaN where there is none."""
    sigma: float = 0.02
    """Expected distance, metres; the tails are cut by a Cauchy weight."""
    strength: float = 40.0
    """How many independent points a full picture counts for: neighbours share their errors."""

    def linearize(self, T_world_camera: Array) -> tuple[Array, Array]:
        """Hessian blocks (N,6,6) and gradients (N,6)."""
        world = transform_points(T_world_camera, self.points)
        known = np.isfinite(world[..., 0])
        distance, gradient, seen = self.volume.sample(np.where(known[..., None], world, -1e6).reshape(-1, 3))
        slope = np.linalg.norm(gradient, axis=1)
        use = (seen & (np.abs(distance) < 0.9 * self.volume.truncation) & (slope > 0.3)).reshape(known.shape) & known
        distance = distance.reshape(known.shape)
        normal = gradient.reshape(world.shape) @ T_world_camera[:, :3, :3]
        weight = np.where(use, 1.0 / (1.0 + (distance / self.sigma) ** 2), 0.0) / self.sigma**2
        weight *= self.strength / self.points.shape[1]
        local = np.where(known[..., None], self.points, 0.0)
        jacobian = np.concatenate([np.cross(local, normal), normal], axis=-1)
        weighted = jacobian * weight[..., None]
        return np.swapaxes(weighted, 1, 2) @ jacobian, np.einsum("npk,np->nk", weighted, np.where(use, distance, 0.0))

    def cost(self, T_world_camera: Array) -> float:
        """The robust cost whose Gauss-Newton step :meth:`linearize` gives; a point in unseen space costs as much as one
        three sigmas off, so that leaving the map does not pay."""
        world = transform_points(T_world_camera, self.points)
        known = np.isfinite(world[..., 0])
        distance, _, seen = self.volume.sample(world[known])
        reach = 0.9 * self.volume.truncation
        off = np.where(seen, np.clip(distance, -reach, reach) / self.sigma, 3.0)
        return float(0.5 * self.strength / self.points.shape[1] * np.log1p(off**2).sum())


@dataclass(frozen=True, eq=False)
class KeypointTerm:
    """Reprojection, and depth where it is known, of matched map points."""

    intrinsics: Intrinsics
    """The video's camera."""
    frame: Array
    """(M,) which pose a match belongs to."""
    pixels: Array
    """(M, 2) where the keypoint was seen."""
    depth: Array
    """(M,) metres, 0 = unknown."""
    points: Array
    """(M, 3) the map point, world."""
    sigma_angle: float = 0.003
    """Expected error of a match, radians."""
    sigma_depth: float = 0.03
    """Expected error of depth at one metre; grows with depth."""
    strongest: float = 80.0
    """A picture with more matches than this counts as this many."""

    def linearize(self, T_world_camera: Array) -> tuple[Array, Array]:
        """Hessian blocks (N,6,6) and gradients (N,6)."""
        count = len(T_world_camera)
        local = transform_points(inverse(T_world_camera)[self.frame], self.points[:, None])[:, 0]
        z = np.maximum(local[:, 2], 0.05)
        seen = np.column_stack(
            [
                (self.pixels[:, 0] - self.intrinsics.cx) / self.intrinsics.fl_x,
                (self.pixels[:, 1] - self.intrinsics.cy) / self.intrinsics.fl_y,
            ]
        )
        sigma_z = self.sigma_depth * np.maximum(z, 0.5)
        residual = np.column_stack(
            [
                (local[:, :2] / z[:, None] - seen) / self.sigma_angle,
                np.where(self.depth > 0, (local[:, 2] - self.depth) / sigma_z, 0.0),
            ]
        )
        weight = np.where(local[:, 2] > 0.05, 1.0 / (1.0 + (residual**2).sum(1) / 4.0), 0.0)
        total = np.bincount(self.frame, weight, minlength=count)
        weight *= np.minimum(1.0, self.strongest / np.maximum(total, 1.0))[self.frame]
        jacobian = self._projection_slope(local, z, sigma_z) @ np.concatenate(
            [skew(local), np.broadcast_to(-np.eye(3), (len(z), 3, 3))], axis=-1
        )
        blocks, slopes = np.zeros((count, 6, 6)), np.zeros((count, 6))
        weighted = np.swapaxes(jacobian, 1, 2) * weight[:, None, None]
        np.add.at(blocks, self.frame, weighted @ jacobian)
        np.add.at(slopes, self.frame, (weighted @ residual[..., None])[..., 0])
        return blocks, slopes

    def _projection_slope(self, local: Array, z: Array, sigma_z: Array) -> Array:
        slope = np.zeros((len(z), 3, 3))
        slope[:, 0, 0] = slope[:, 1, 1] = 1.0 / (z * self.sigma_angle)
        slope[:, 0, 2] = -local[:, 0] / (z**2 * self.sigma_angle)
        slope[:, 1, 2] = -local[:, 1] / (z**2 * self.sigma_angle)
        slope[:, 2, 2] = np.where(self.depth > 0, 1.0 / sigma_z, 0.0)
        return slope

    def agreeing(self, T_world_camera: Array) -> Array:
        """How many matches of each pose (N,) lie within three sigma."""
        local = transform_points(inverse(T_world_camera)[self.frame], self.points[:, None])[:, 0]
        u, v, z = self.intrinsics.project(local)
        off = np.hypot((u - self.pixels[:, 0]) / self.intrinsics.fl_x, (v - self.pixels[:, 1]) / self.intrinsics.fl_y)
        return np.bincount(self.frame, (off < 3.0 * self.sigma_angle) & (z > 0.05), minlength=len(T_world_camera))
