"""Where a cloud fits into the map by shape alone, gravity known: every yaw, and all shifts at once by FFT.

The score of a shift is the overlap of the cloud's voxels with the map's (blurred) surface minus half their overlap with
the map's free space. The best peaks are sharpened by GICP against the map's surface.
"""

from __future__ import annotations

import numpy as np
import small_gicp
from scipy.fft import irfftn, next_fast_len, rfftn
from scipy.ndimage import gaussian_filter, maximum_filter

from ats_sim.arrays import Array
from ats_sim.geometry import rigid, transform_points, yaw_matrix
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.thinning import evenly

CELL = 0.16
YAWS = 72
PEAKS_PER_YAW = 3
REFINED = 12
RETURNED = 3
SAME = 0.25
FREE_PENALTY = 0.5
MOST_FRAMES = 40


def search(volume: TsdfVolume, points: Array, T_odometry_camera: Array) -> list[Array]:
    """At most three transforms T_world_odometry (4,4), best first, for camera-frame points (N,P,3) of a video."""
    cloud = _cloud(points, T_odometry_camera)
    if len(cloud) < 100:
        return []
    rough = _rough_search(_score_grid(volume), volume.origin, cloud)
    target = surface_cloud(volume)
    refined = [_sharpen(target, cloud, T) for _, T in rough[:REFINED]]
    scored = sorted(((_fit(volume, cloud, T), i) for i, T in enumerate(refined)), reverse=True)
    return _different([refined[i] for _, i in scored], cloud)[:RETURNED]


def _different(transforms: list[Array], cloud: Array) -> list[Array]:
    """Drop transforms that put the cloud's middle and rim where a better one already puts them."""
    probes = np.stack([cloud.mean(0), cloud.min(0), cloud.max(0)])
    kept: list[Array] = []
    for T in transforms:
        moved = transform_points(T, probes)
        if all(np.abs(moved - transform_points(other, probes)).max() > SAME for other in kept):
            kept.append(T)
    return kept


def _cloud(points: Array, T_odometry_camera: Array) -> Array:
    """One voxelised cloud (n,3) of a video in its odometry frame."""
    chosen = evenly(len(points), MOST_FRAMES)
    cloud = transform_points(T_odometry_camera[chosen], points[chosen]).reshape(-1, 3)
    cloud = cloud[np.isfinite(cloud[:, 0])]
    if not len(cloud):
        return cloud
    return np.asarray(small_gicp.voxelgrid_sampling(cloud, 0.08).points())[:, :3]


def _score_grid(volume: TsdfVolume) -> Array:
    """The map at CELL: 1 near surfaces, -0.5 in free space, 0 where nothing is known."""
    factor = max(1, round(CELL / volume.voxel_size))
    shape = np.array(volume.shape) // factor * factor
    cut = tuple(slice(0, n) for n in shape)
    seen = volume.weight[cut] > 0
    surface = seen & (np.abs(volume.distance[cut]) < 0.75 * volume.voxel_size)
    free = seen & (volume.distance[cut] > 0.9 * volume.truncation)
    blocks = [n // factor for n in shape]
    split = (blocks[0], factor, blocks[1], factor, blocks[2], factor)
    occupied = surface.reshape(split).any(axis=(1, 3, 5))
    empty = free.reshape(split).mean(axis=(1, 3, 5)) > 0.9
    near = np.minimum(gaussian_filter(occupied.astype(np.float32), 0.7) * 3.0, 1.0)
    return np.where(empty & ~occupied, -FREE_PENALTY, near).astype(np.float32)


def _rough_search(grid: Array, origin: Array, cloud: Array) -> list[tuple[float, Array]]:
    reach = np.linalg.norm(cloud[:, :2] - cloud[:, :2].mean(0), axis=1).max()
    extent = np.array([2 * reach, 2 * reach, np.ptp(cloud[:, 2])])
    size = [next_fast_len(int(n + np.ceil(e / CELL) + 3), real=True) for n, e in zip(grid.shape, extent, strict=True)]
    spectrum = rfftn(grid, size)
    found: list[tuple[float, Array]] = []
    for yaw in np.arange(YAWS) * (2 * np.pi / YAWS):
        turned = cloud @ yaw_matrix(yaw).T
        lower = turned.min(axis=0)
        query = np.zeros([int(n) + 1 for n in np.ceil(np.ptp(turned, axis=0) / CELL)], dtype=np.float32)
        query[tuple(np.rint((turned - lower) / CELL).astype(int).T)] = 1.0
        score = irfftn(spectrum * np.conj(rfftn(query, size)), size)
        for peak, value in _peaks(score):
            shift = np.where(peak > np.array(size) // 2 + np.array(grid.shape) // 2, peak - np.array(size), peak)
            found.append((value, rigid(yaw_matrix(yaw), origin + shift * CELL - lower)))
    return sorted(found, key=lambda item: -item[0])


def _peaks(score: Array) -> list[tuple[Array, float]]:
    top = np.argpartition(score.ravel(), -200)[-200:]
    local = maximum_filter(score, 5, mode="wrap").ravel()[top] if score.size < 4e5 else score.ravel()[top]
    top = top[score.ravel()[top] >= local]
    order = top[np.argsort(-score.ravel()[top])]
    kept: list[tuple[Array, float]] = []
    for flat in order:
        place = np.array(np.unravel_index(flat, score.shape))
        if all(np.abs(place - other).max() > 2 for other, _ in kept):
            kept.append((place, float(score.ravel()[flat])))
        if len(kept) == PEAKS_PER_YAW:
            break
    return kept


def surface_cloud(volume: TsdfVolume) -> Array:
    """World centres (n,3) of the voxels that the surface passes through."""
    index = np.argwhere((volume.weight > 0) & (np.abs(volume.distance) < 0.5 * volume.voxel_size))
    return index * volume.voxel_size + volume.origin


def _sharpen(target: Array, cloud: Array, T: Array) -> Array:
    for reach in (0.4, 0.15):
        result = small_gicp.align(
            target,
            cloud,
            T,
            registration_type="GICP",
            downsampling_resolution=0.1,
            max_correspondence_distance=reach,
            num_threads=1,
            max_iterations=20,
        )
        T = np.asarray(result.T_target_source)
    return T


def _fit(volume: TsdfVolume, cloud: Array, T: Array) -> float:
    """Share of the cloud on a surface minus share in free space."""
    world = transform_points(T, cloud)
    distance, _, seen = volume.sample(world)
    return float(((seen & (np.abs(distance) < 0.08)).sum() - volume.free(world).sum()) / len(world))
