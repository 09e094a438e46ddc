"""What a video shows of the agent, reduced to what the fit needs: surface points and how far space is from the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, transform_points

if TYPE_CHECKING:
    from ats_sim.reconstruction.capture.video import Video

HELD_OUT_EVERY = 10
"""Every tenth frame is kept for scores: index % 10 == 9 builds nothing."""
MIN_MASK = 50
MIN_DEPTH_PIXELS = 30
MAX_FIT_HZ = 12.0
FIELD_SIZE = 96
FIELD_MARGIN = 0.35
"""How far the field reaches beyond the mask's box, in sizes of the box."""
FLYING = 0.05
"""Pixels farther than this from the median of those around them are flying, metres."""
DEEPEST = 1.2
"""Twice the metres from the median along the view beyond which points are flying pixels: no animal is longer."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """The agent in K frames of one video, in the scene frame."""

    name: str
    """The video."""
    frames: Array
    """(K,) frame numbers, rising."""
    time: Array
    """(K,) seconds."""
    seen: Array
    """(K,) bool: the agent is visible; held-out and unregistered frames count as unseen here."""
    points: Array
    """(K, P, 3) float32 world points on its visible surface; zeros where unseen."""
    T_world_camera: Array
    """(K, 4, 4)."""
    lens: Array
    """(K, 4) fl_x, fl_y, cx, cy of the fields, which are crops around the agent."""
    fields: Array
    """(K, h, w) float32: angle (radians, pixels over focal length) to the nearest pixel that may show the agent."""


def chosen_frames(times: Array, registered: Array) -> Array:
    """Frame numbers to fit: all of a slow video, those nearest to a 10 Hz clock of a fast one; registered ones only."""
    usable = np.flatnonzero(registered)
    span = float(times[-1] - times[0])
    if len(usable) < 2 or (len(times) - 1) / max(span, 1e-6) <= MAX_FIT_HZ:
        return usable
    ticks = np.arange(times[0], times[-1] + 1e-6, 0.1)
    nearest = np.abs(times[None, :] - ticks[:, None]).argmin(axis=1)
    return np.intersect1d(nearest, usable)


def held_out(frames: Array) -> Array:
    """Whether frames (K,) are kept for scores."""
    return np.asarray(np.asarray(frames) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1)


def gather(
    video: Video,
    frames: Array,
    masks: dict[int, Array],
    T_world_camera: Array,
    rng: np.random.Generator,
    points_per_frame: int = 160,
    deepest: float = DEEPEST,
) -> Sightings:
    """Collect the evidence of a video.

    Args:
        video: The recording.
        frames: (K,) frame numbers.
        masks: Agent masks (H, W) by frame number.
        T_world_camera: (N, 4, 4) cameras of all frames.
        rng: Draws which pixels become points.
        points_per_frame: P.
        deepest: The agent's greatest size, metres; what lies farther behind or before its middle than half of it is
            something else.
    """
    points = np.zeros((len(frames), points_per_frame, 3), dtype=np.float32)
    fields = np.zeros((len(frames), FIELD_SIZE, FIELD_SIZE), dtype=np.float32)
    lens = np.ones((len(frames), 4))
    seen = np.zeros(len(frames), dtype=bool)
    for k, frame in enumerate(frames):
        mask = masks.get(int(frame))
        if mask is None or mask.sum() < MIN_MASK or held_out(frame):
            continue
        depth = video.depth(int(frame))
        smooth = smoothed_depth(mask, depth)
        pixels = _clean_pixels(mask, depth, smooth, 0.5 * deepest)
        if len(pixels) < MIN_DEPTH_PIXELS:
            continue
        cloud = _unprojected(pixels, smooth, video.intrinsics)
        points[k] = transform_points(T_world_camera[frame], cloud[_spread(cloud, points_per_frame, rng)])
        fields[k], lens[k] = _field(mask, depth, float(np.median(cloud[:, 2])), video.intrinsics)
        seen[k] = True
    poses = T_world_camera[frames]
    return Sightings(video.name, frames, video.times[frames], seen, points, poses, lens, fields)


def _clean_pixels(mask: Array, depth: Array, smooth: Array, reach: float) -> Array:
    """Pixels (M, 2) of the mask with a trustworthy depth: on the surface that their neighbours lie on, which flying
    pixels between the agent and what is behind it do not, and not far from the rest of it.

    The mask's rim stays in: legs, ears and tail are a few pixels wide, and without their rims bodies come out stumpy.
    """
    known = mask & (depth > 0)
    if not known.any():
        return np.zeros((0, 2), dtype=np.int64)
    middle = float(np.median(depth[known]))
    return np.argwhere(known & (np.abs(depth - smooth) < FLYING) & (np.abs(depth - middle) < reach))


def smoothed_depth(mask: Array, depth: Array) -> Array:
    """Median of 5x5 depths of the agent alone: a sensor's noise is as large as a leg is thick and would thin it."""
    from scipy import ndimage

    known = mask & (depth > 0)
    if not known.any():
        return depth
    rows, columns = np.nonzero(known)
    box = (slice(max(rows.min() - 3, 0), rows.max() + 4), slice(max(columns.min() - 3, 0), columns.max() + 4))
    nearest = ndimage.distance_transform_edt(~known[box], return_distances=False, return_indices=True)
    smooth = depth.copy()
    smooth[box] = ndimage.median_filter(depth[box][tuple(nearest)], 5)
    return np.asarray(smooth)


def _unprojected(pixels: Array, depth: Array, intrinsics: Intrinsics) -> Array:
    rows, columns = pixels.T
    x, y = (columns - intrinsics.cx) / intrinsics.fl_x, (rows - intrinsics.cy) / intrinsics.fl_y
    return np.stack([x, y, np.ones(len(rows))], axis=-1) * depth[rows, columns, None]


def _spread(cloud: Array, count: int, rng: np.random.Generator) -> Array:
    """Indices (count,) of points drawn evenly over 2 cm cells, so that legs and tail weigh as much as the trunk."""
    cells = np.floor(cloud / 0.02).astype(np.int64)
    _, cell, filled = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    share = 1.0 / filled[cell.reshape(-1)]
    return rng.choice(len(cloud), count, replace=len(cloud) < count, p=share / share.sum())


def _field(mask: Array, depth: Array, distance: float, intrinsics: Intrinsics) -> tuple[Array, Array]:
    """Angle to the nearest pixel that may show the agent (its mask, or what stands in front of it) in a crop, and the
    crop's lens (4,). Nothing is known beyond the picture's rim, so the angle is 0 there."""
    from scipy import ndimage

    rows, columns = np.nonzero(mask)
    low = np.array([rows.min(), columns.min()], dtype=np.float64)
    size = max(float(np.max([rows.max(), columns.max()] - low)) + 1.0, 8.0)
    middle = 0.5 * (low + [rows.max(), columns.max()])
    pitch = size * (1.0 + 2.0 * FIELD_MARGIN) / FIELD_SIZE
    origin = middle - 0.5 * (FIELD_SIZE - 1) * pitch
    y, x = (origin[axis] + pitch * np.arange(FIELD_SIZE) for axis in (0, 1))
    may_show = mask | ((depth > 0) & (depth < distance - 0.3))
    away = ndimage.distance_transform_edt(~may_show)
    grid = np.meshgrid(y, x, indexing="ij")
    field = ndimage.map_coordinates(away, grid, order=1, cval=0.0)
    # Interpolation between crop pixels must not reach into the mask.
    field = np.maximum(field - 0.5 * pitch, 0.0) / intrinsics.fl_x
    lens = [intrinsics.fl_x, intrinsics.fl_y, intrinsics.cx - origin[1], intrinsics.cy - origin[0]]
    return field.astype(np.float32), np.array(lens) / pitch
