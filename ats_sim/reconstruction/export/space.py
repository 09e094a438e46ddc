"""Which space of a home is free: what the scene's volume saw empty, and where bodies are known to have been.

Everything else is solid: things, what lies behind surfaces, and what nobody ever saw. So nobody leaves through a hole
of the scan. The floor is solid everywhere, also where the scan has gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import inverse, transform_points

if TYPE_CHECKING:
    from ats_sim.reconstruction.scene.tsdf import TsdfVolume

VOXEL = 0.05
LOWEST, HIGHEST = -0.3, 2.6
MIN_WEIGHT = 0.02
AGENT_RADIUS = 0.12
"""Space around a recorded root that is free, metres."""
AGENT_BELOW = 0.06
"""It reaches down no farther than this below the root: what the agent lay on stays solid."""
OBSERVER_RADIUS = 0.28
OBSERVER_FEET = 0.08
TALLEST_OBSERVER = 2.1


@dataclass(frozen=True, eq=False)
class Space:
    """A grid over the home, home frame."""

    origin: Array
    """(3,) centre of voxel [0, 0, 0]; a layer of centres lies at z = 0 exactly."""
    voxel: float
    """Edge, metres."""
    free: Array
    """(X, Y, Z) bool."""
    known: Array
    """(X, Y, Z) bool: the scan saw it, empty or solid."""
    depth: Array
    """(X, Y, Z) float32 metres: the scan's signed distance where known, > 0 in front of surfaces."""
    color: Array
    """(X, Y, Z, 3) uint8 colour near surfaces, 0 elsewhere."""


def carve(
    volume: TsdfVolume, T_home_scene: Array, agent_places: Array, observer_places: Array, voxel: float = VOXEL
) -> Space:
    """Resample the scene's volume into the home frame and decide what is free.

    Args:
        volume: The fused scene.
        T_home_scene: (4, 4).
        agent_places: (N, 3) recorded root positions, home frame.
        observer_places: (M, 3) recorded camera positions, home frame.
        voxel: Edge of the grid, metres.

    Raises:
        ReconstructionError: If no free space is left.
    """
    origin, shape = _grid(volume, T_home_scene, voxel)
    depth, known, color = _resampled(volume, T_home_scene, origin, shape, voxel)
    free = known & (depth > 0)
    free = _without_specks(free, known & (depth <= 0))
    free |= _observer_space(origin, shape, voxel, observer_places) & ~known
    free |= _near(origin, shape, voxel, agent_places, AGENT_RADIUS, AGENT_BELOW)
    layers = origin[2] + voxel * np.arange(shape[2])
    free[:, :, layers <= 1e-6] = False
    free = _reachable(free, origin, voxel, np.concatenate([agent_places, observer_places]))
    if not free.any():
        raise ReconstructionError("the scene has no free space: check that the walkthrough's depth reaches the floor")
    return Space(origin, voxel, free, known, depth, color)


def signed_distance(space: Space) -> Array:
    """(X, Y, Z) float32 metres: > 0 in free space, < 0 elsewhere; surfaces are placed between voxel centres where the
    scan's own distances allow."""
    solid = ~space.free
    # Distance from a voxel's centre back to the surface in front of it, as far as the scan knows it.
    behind = np.where(space.known & (space.depth <= 0), -space.depth, 0.5 * space.voxel)
    floor = int(np.rint(-space.origin[2] / space.voxel))
    behind[:, :, floor] = np.where(space.known[:, :, floor], np.maximum(-space.depth[:, :, floor], 0.0), 0.0)
    ahead = np.where(space.known & (space.depth > 0), space.depth, 0.5 * space.voxel)
    half = 0.999 * space.voxel
    outward = _distance(space.free, np.clip(behind, 0.0, half), space.voxel)
    inward = _distance(solid, np.clip(ahead, 1e-3, half), space.voxel)
    return np.where(space.free, outward, -inward).astype(np.float32)


def _distance(inside: Array, slack: Array, voxel: float) -> Array:
    """Distance to the nearest voxel outside the mask, less that voxel's own distance to the surface."""
    from scipy import ndimage

    if inside.all():
        return np.full(inside.shape, 10.0)
    away, nearest = ndimage.distance_transform_edt(inside, sampling=voxel, return_indices=True)
    return np.asarray(np.maximum(away - slack[tuple(nearest)], 1e-3))


def _grid(volume: TsdfVolume, T_home_scene: Array, voxel: float) -> tuple[Array, tuple[int, int, int]]:
    extent = (np.array(volume.shape) - 1) * volume.voxel_size
    corners = volume.origin + np.array(np.meshgrid(*[[0, e] for e in extent], indexing="ij")).reshape(3, -1).T
    corners = transform_points(T_home_scene, corners)
    low, high = corners.min(0), corners.max(0)
    low[2], high[2] = max(low[2], LOWEST), min(high[2], HIGHEST)
    # One voxel of rim stays solid on every side; counting voxels from zero puts one layer of centres at z = 0.
    first = np.floor(low / voxel).astype(int) - 1
    first[2] = min(first[2], -2)
    last = np.ceil(high / voxel).astype(int) + 1
    x, y, z = (int(n) for n in last - first + 1)
    return first * voxel, (x, y, z)


def _resampled(
    volume: TsdfVolume, T_home_scene: Array, origin: Array, shape: tuple[int, int, int], voxel: float
) -> tuple[Array, Array, Array]:
    from scipy import ndimage

    depth = np.zeros(shape, dtype=np.float32)
    known = np.zeros(shape, dtype=bool)
    color = np.zeros((*shape, 3), dtype=np.uint8)
    to_scene = inverse(T_home_scene)
    weight = np.where(volume.weight >= MIN_WEIGHT, 1.0, 0.0).astype(np.float32)
    limit = np.array(volume.shape)[:, None] - 1
    for x in range(shape[0]):
        axes = (np.array([origin[0] + x * voxel]), origin[1] + voxel * np.arange(shape[1]))
        points = np.stack(np.meshgrid(*axes, origin[2] + voxel * np.arange(shape[2]), indexing="ij"), axis=-1)
        cells = ((transform_points(to_scene, points.reshape(-1, 3)) - volume.origin) / volume.voxel_size).T
        nearest = np.rint(cells).astype(int)
        inside = ((nearest >= 0) & (nearest <= limit)).all(0)
        index = tuple(np.clip(nearest, 0, limit))
        seen = inside & (weight[index] > 0)
        depth[x] = np.where(seen, ndimage.map_coordinates(volume.distance, cells, order=1), 0.0).reshape(shape[1:])
        known[x] = seen.reshape(shape[1:])
        near = seen & (np.abs(volume.distance[index]) < 0.99 * volume.truncation)
        color[x] = np.where(near[:, None], volume.color[index], 0).clip(0, 255).reshape(*shape[1:], 3)
    return depth, known, color


def _without_specks(free: Array, solid: Array) -> Array:
    """Unseen voxels that lie amid free ones are free: gaps between views, not things."""
    from scipy import ndimage

    for _ in range(2):
        crowd = ndimage.uniform_filter(free.astype(np.float32), 3)
        free = free | ((crowd > 0.6) & ~solid)
    return free


def _observer_space(origin: Array, shape: tuple[int, int, int], voxel: float, places: Array) -> Array:
    """Columns below recorded cameras: whoever held the camera stood there."""
    columns = np.zeros(shape, dtype=bool)
    layers = origin[2] + voxel * np.arange(shape[2])
    steps = int(np.ceil(OBSERVER_RADIUS / voxel))
    offsets = np.stack(np.meshgrid(np.arange(-steps, steps + 1), np.arange(-steps, steps + 1)), -1).reshape(-1, 2)
    offsets = offsets[np.hypot(*offsets.T) * voxel <= OBSERVER_RADIUS]
    cells = np.rint((places - origin) / voxel).astype(int)
    _, first = np.unique(cells, axis=0, return_index=True)
    for place, cell in zip(places[first], cells[first], strict=True):
        if not 0.3 < place[2] < TALLEST_OBSERVER:
            continue
        around = cell[:2] + offsets
        around = around[((around >= 0) & (around < shape[:2])).all(1)]
        tall = (layers >= OBSERVER_FEET) & (layers <= place[2] + 0.15)
        columns[around[:, 0], around[:, 1]] |= tall
    return columns


def _near(
    origin: Array, shape: tuple[int, int, int], voxel: float, places: Array, radius: float, below: float
) -> Array:
    """Voxels within `radius` of places, and no farther than `below` underneath."""
    near = np.zeros(shape, dtype=bool)
    steps = int(np.ceil(radius / voxel)) + 1
    reach = np.arange(-steps, steps + 1)
    offsets = np.stack(np.meshgrid(reach, reach, reach), -1).reshape(-1, 3)
    limit = np.array(shape)
    for place in np.unique(np.round(places / (0.5 * voxel)), axis=0) * 0.5 * voxel:
        cells = np.rint((place - origin) / voxel).astype(int) + offsets
        away = origin + cells * voxel - place
        keep = (np.linalg.norm(away, axis=1) <= radius) & (away[:, 2] >= -below)
        keep &= ((cells >= 0) & (cells < limit)).all(1)
        near[tuple(cells[keep].T)] = True
    return near


def _reachable(free: Array, origin: Array, voxel: float, places: Array) -> Array:
    """The parts of free space where somebody was; views through windows are left out."""
    from scipy import ndimage

    labels, count = ndimage.label(free)
    if not count:
        return free
    cells = np.rint((places - origin) / voxel).astype(int)
    cells = cells[((cells >= 0) & (cells < np.array(free.shape))).all(1)]
    visited = np.unique(labels[tuple(cells.T)]) if len(cells) else np.zeros(0, dtype=int)
    visited = visited[visited > 0]
    if not len(visited):
        visited = np.array([int(np.argmax(np.bincount(labels.ravel())[1:])) + 1])
    return np.isin(labels, visited)
