"""Where the agent is and which way it faces, before its joints are known.

Every frame tries many headings: the standing template is placed so that the side that faces the camera lies on the
observed points, and is scored by how well it explains them and how far it sticks out of the mask. A Viterbi pass over
the video then picks headings that agree with the picture, with the direction of travel and with how fast animals turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import heading, inverse, rigid, transform_points, yaw_matrix
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.observations import Sightings

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

HEADINGS = 32
CLAMP = 0.10
SILHOUETTE_WEIGHT = 0.25
TURN_COST = 0.010
"""Cost per radian of turning, in the units of the data cost (metres)."""
TRAVEL_COST = 0.030
"""Cost at one metre per second of going backwards instead of forwards."""
SMOOTHING = 0.35
"""Seconds over which the direction of travel is averaged."""


@dataclass(frozen=True, eq=False)
class RootTrack:
    """First guess of the root in every frame."""

    T_world_root: Array
    """(K, 4, 4); unseen frames are interpolated."""
    cost: Array
    """(K, HEADINGS) data cost in metres; zeros where unseen."""


@dataclass(frozen=True, eq=False)
class _Standing:
    """The standing body that is placed, and a tree to find its nearest vertices."""

    vertices: Array
    """(V, 3) metres."""
    normals: Array
    """(V, 3)."""
    tree: cKDTree
    """Over the vertices."""

    @staticmethod
    def of(body: SkinnedMesh, scale: float) -> _Standing:
        """A body at a size."""
        from scipy.spatial import cKDTree

        vertices = body.mesh.vertices * scale
        return _Standing(vertices, body.mesh.vertex_normals(), cKDTree(vertices))


def best_scale(
    sightings: list[Sightings],
    body: SkinnedMesh,
    rng: np.random.Generator,
    sizes: tuple[float, ...],
    frames: int = 24,
) -> float:
    """The overall size, between the least and the greatest of `sizes`, at which the standing template explains the
    pictures best."""
    costs = np.zeros(len(sizes))
    standing = [_Standing.of(body, scale) for scale in sizes]
    for one in sightings:
        seen = np.flatnonzero(one.seen)
        if not len(seen):
            continue
        picked = rng.choice(seen, min(len(seen), max(4, frames // len(sightings))), replace=False)
        for k, sized in enumerate(standing):
            costs[k] += sum(_score_frame(one, int(frame), sized)[0].min() for frame in picked)
    if not costs.any():
        return 1.0
    best = int(np.argmin(costs))
    if 0 < best < len(sizes) - 1:
        # Parabola through the best three, in the logarithm of the scale.
        x, y = np.log(sizes[best - 1 : best + 2]), costs[best - 1 : best + 2]
        a, b, _ = np.polyfit(x, y, 2)
        return float(np.exp(np.clip(-b / (2 * a), x[0], x[2]))) if a > 0 else sizes[best]
    return sizes[best]


def track_root(one: Sightings, body: SkinnedMesh, scale: float = 1.0, faster: float = 1.0) -> RootTrack:
    """Root poses of a video: positions from the data, headings by Viterbi.

    Args:
        one: The video's evidence.
        body: The rest body to place.
        scale: Its size relative to `body`.
        faster: Multiplies the weight of the direction of travel.
    """
    count = len(one.frames)
    cost, places = np.zeros((count, HEADINGS)), np.zeros((count, HEADINGS, 3))
    seen, standing = np.flatnonzero(one.seen), _Standing.of(body, scale)
    for k in seen:
        cost[k], places[k] = _score_frame(one, int(k), standing)
    if not len(seen):
        return RootTrack(np.tile(np.eye(4), (count, 1, 1)), cost)
    middle = np.median(one.points[seen], axis=1)
    velocity = travel_velocity(one.time[seen], middle)
    yaws = np.arange(HEADINGS) * 2 * np.pi / HEADINGS
    along = velocity[:, :1] * np.cos(yaws) + velocity[:, 1:2] * np.sin(yaws)
    travel = -faster * TRAVEL_COST * 0.5 * np.clip(along / 0.5, -1.0, 1.0) * 2.0
    path = _viterbi(cost[seen] + travel, one.time[seen])
    poses = rigid(yaw_matrix(yaws[path]), places[seen, path])
    return RootTrack(_filled(one.time, seen, poses), cost)


def _score_frame(one: Sightings, frame: int, body: _Standing) -> tuple[Array, Array]:
    """Data cost (HEADINGS,) and root places (HEADINGS, 3) of one frame."""
    vertices = body.vertices
    points = one.points[frame, ::2].astype(np.float64)
    eye = one.T_world_camera[frame, :3, 3]
    yaws = np.arange(HEADINGS) * 2 * np.pi / HEADINGS
    turns = yaw_matrix(yaws)
    view = eye - np.median(points, axis=0)
    view /= np.linalg.norm(view)
    # What the camera sees of a vertex grows with how squarely it faces it.
    facing = np.maximum(np.einsum("vi,hij,j->hv", body.normals, np.swapaxes(turns, 1, 2), view), 0.0)
    front = (facing[..., None] * vertices).sum(1) / facing.sum(1, keepdims=True)
    places = points.mean(0) - np.einsum("hij,hj->hi", turns, front)
    for _ in range(3):
        local = np.einsum("hji,hpj->hpi", turns, points[None] - places[:, None])
        distance, nearest = body.tree.query(local.reshape(-1, 3), distance_upper_bound=10.0)
        residual = local - vertices[nearest].reshape(local.shape)
        weight = (distance.reshape(HEADINGS, -1) < 2 * CLAMP)[..., None]
        step = (residual * weight).sum(1) / np.maximum(weight.sum(1), 1)
        places = places + np.einsum("hij,hj->hi", turns, step)
    fit = np.minimum(distance, CLAMP).reshape(HEADINGS, -1).mean(1)
    return fit + SILHOUETTE_WEIGHT * _outside(one, frame, vertices[::4], turns, places), places


def _outside(one: Sightings, frame: int, vertices: Array, turns: Array, places: Array) -> Array:
    """Mean distance (HEADINGS,), metres, by which the body's outline leaves the mask."""
    world = np.einsum("hij,vj->hvi", turns, vertices) + places[:, None]
    camera = transform_points(inverse(one.T_world_camera[frame]), world)
    fl_x, fl_y, cx, cy = one.lens[frame]
    z = np.maximum(camera[..., 2], 0.1)
    last = np.array(one.fields.shape[1:]) - 1
    row = np.clip(np.rint(fl_y * camera[..., 1] / z + cy), 0, last[0]).astype(int)
    column = np.clip(np.rint(fl_x * camera[..., 0] / z + cx), 0, last[1]).astype(int)
    away = one.fields[frame, row, column] * z
    return np.asarray(np.minimum(away, CLAMP).mean(1))


def travel_velocity(time: Array, places: Array) -> Array:
    """Horizontal velocity (K, 2), m/s, at times (K,) from places (K, 3), by a local line fit."""
    apart = time[None, :] - time[:, None]
    weight = np.exp(-0.5 * (apart / SMOOTHING) ** 2)
    weight /= weight.sum(1, keepdims=True)
    mean_time = (weight * apart).sum(1, keepdims=True)
    mean_place = weight @ places[:, :2]
    spread = (weight * (apart - mean_time) ** 2).sum(1)
    offsets = places[None, :, :2] - mean_place[:, None]
    slope = (weight[..., None] * (apart - mean_time)[..., None] * offsets).sum(1)
    return np.asarray(slope / np.maximum(spread, 1e-3)[:, None])


def _viterbi(cost: Array, time: Array) -> Array:
    """Cheapest heading index per frame (K,) where turning costs per radian and jumps cost no more than a pause."""
    bins = np.arange(HEADINGS)
    apart = np.abs(bins[:, None] - bins[None, :])
    turn = np.minimum(apart, HEADINGS - apart) * 2 * np.pi / HEADINGS
    total, back = cost[0], []
    for k in range(1, len(cost)):
        patience = min(0.1 / max(time[k] - time[k - 1], 1e-3), 1.0)
        excess = np.maximum(turn - 4.0 * (time[k] - time[k - 1]), 0.0)
        step = total[None, :] + TURN_COST * patience * turn + 0.05 * excess
        back.append(np.argmin(step, axis=1))
        total = step.min(axis=1) + cost[k]
    path = [int(np.argmin(total))]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return np.array(path[::-1])


def _filled(time: Array, seen: Array, poses: Array) -> Array:
    from ats_sim.geometry import interpolate_poses

    return interpolate_poses(time[seen], poses, time)


def flips(yaw: Array, time: Array) -> Array:
    """Frames (M,) at which the heading reverses by more than 120 degrees within 0.3 s."""
    turn = np.abs((np.diff(yaw) + np.pi) % (2 * np.pi) - np.pi)
    return np.flatnonzero((turn > np.radians(120)) & (np.diff(time) <= 0.31)) + 1


def yaw_of(poses: Array) -> Array:
    """Headings (K,) of poses (K, 4, 4)."""
    return heading(poses[..., :3, :3])
