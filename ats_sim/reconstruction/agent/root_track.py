"""Where the agent is, which way it faces and whether it stands or rests, before its joints are known.

Every frame tries many headings and a few postures: the template is placed so that the side that faces the camera lies
on the observed points, and is scored by how well it explains them and how far it sticks out of the mask. A Viterbi pass
over the video then picks those that agree with the picture, with the direction of travel and with how fast animals turn
and sit down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import heading, inverse, rigid, transform_points, yaw_matrix
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.agent.observations import Sightings
from ats_sim.reconstruction.agent.posture import STANDING, Posture

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

HEADINGS = 32
CLAMP = 0.10
SILHOUETTE_WEIGHT = 0.25
TURN_COST = 0.010
"""Cost per radian of turning, in the units of the data cost (metres)."""
TRAVEL_COST = 0.030
"""Cost at one metre per second of going backwards instead of forwards."""
CHANGE_COST = 0.02
"""Cost of taking up another posture between two frames."""
REST_COST = 0.002
"""Cost of not standing: what two postures explain alike is standing."""
REST_TRAVEL_COST = 0.03
"""Cost at half a metre per second of travelling in a posture of rest."""
REST_FASTEST = 0.4
"""Speed, m/s, from which on nothing but standing is tried: trying takes time."""
NEVER = 1.0
SMOOTHING = 0.35
"""Seconds over which the direction of travel is averaged."""


@dataclass(frozen=True, eq=False)
class RootTrack:
    """First guess of the root in every frame."""

    T_world_root: Array
    """(K, 4, 4); unseen frames are interpolated."""
    joint_rotations: Array
    """(K, J, 3) of the posture; in unseen frames that of the nearest seen one."""
    cost: Array
    """(K, P, HEADINGS) data cost in metres of P postures; zeros where unseen."""


@dataclass(frozen=True, eq=False)
class _Held:
    """A body in a posture, level frame, and a tree to find its nearest vertices."""

    vertices: Array
    """(V, 3) metres."""
    normals: Array
    """(V, 3)."""
    tree: cKDTree
    """Over the vertices."""

    @staticmethod
    def of(body: SkinnedMesh, scale: float, posture: Posture = STANDING) -> _Held:
        """A body at a size."""
        from scipy.spatial import cKDTree

        mesh = TriangleMesh(posture.held(body) * scale, body.mesh.faces)
        return _Held(mesh.vertices, mesh.vertex_normals(), cKDTree(mesh.vertices))


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
    standing = [_Held.of(body, scale) for scale in sizes]
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


def track_root(
    one: Sightings,
    body: SkinnedMesh,
    scale: float = 1.0,
    faster: float = 1.0,
    postures: Sequence[Posture] = (STANDING,),
) -> RootTrack:
    """Root poses of a video: positions from the data, headings and postures by Viterbi.

    Args:
        one: The video's evidence.
        body: The rest body to place.
        scale: Its size relative to `body`.
        faster: Multiplies the weight of the direction of travel.
        postures: What it may hold; the first is standing.
    """
    count, seen = len(one.frames), np.flatnonzero(one.seen)
    joints = np.stack([posture.joint_rotations(body.skeleton) for posture in postures])
    cost = np.zeros((count, len(postures), HEADINGS))
    places = np.zeros((*cost.shape, 3))
    if not len(seen):
        return RootTrack(np.tile(np.eye(4), (count, 1, 1)), np.repeat(joints[:1], count, axis=0), cost)
    velocity = travel_velocity(one.time[seen], np.median(one.points[seen], axis=1))
    resting = np.linalg.norm(velocity, axis=1) < REST_FASTEST
    for index, posture in enumerate(postures):
        held = _Held.of(body, scale, posture)
        for k, rests in zip(seen, resting, strict=True):
            if index == 0 or rests:
                cost[k, index], places[k, index] = _score_frame(one, int(k), held)
            else:
                cost[k, index] = NEVER
    yaws = np.arange(HEADINGS) * 2 * np.pi / HEADINGS
    posed, heading = _viterbi(cost[seen] + _travel_cost(velocity, yaws, len(postures), faster), one.time[seen])
    level = np.stack([posture.T_level_root for posture in postures])
    poses = rigid(yaw_matrix(yaws[heading]), places[seen, posed, heading]) @ level[posed]
    nearest = np.abs(one.time[seen][:, None] - one.time).argmin(axis=0)
    return RootTrack(_filled(one.time, seen, poses), joints[posed[nearest]], cost)


def _travel_cost(velocity: Array, yaws: Array, postures: int, faster: float) -> Array:
    """Cost (K, P, HEADINGS) of going at velocities (K, 2): backwards, or in a posture of rest (all but the first)."""
    along = velocity[:, :1] * np.cos(yaws) + velocity[:, 1:2] * np.sin(yaws)
    cost = np.repeat(-faster * TRAVEL_COST * np.clip(along / 0.5, -1.0, 1.0)[:, None], postures, axis=1)
    speed = np.linalg.norm(velocity, axis=1)
    cost[:, 1:] += REST_COST + REST_TRAVEL_COST * np.clip(speed / 0.5, 0.0, 1.0)[:, None, None]
    return cost


def _score_frame(one: Sightings, frame: int, body: _Held) -> tuple[Array, Array]:
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
        distance, nearest = body.tree.query(local.reshape(-1, 3))
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


def _viterbi(cost: Array, time: Array) -> tuple[Array, Array]:
    """Cheapest posture and heading index per frame (K,) each, of costs (K, P, HEADINGS), where turning costs per
    radian, taking up another posture costs, and jumps cost no more than a pause."""
    posture, bins = np.divmod(np.arange(cost[0].size), HEADINGS)
    apart = np.abs(bins[:, None] - bins[None, :])
    turn = np.minimum(apart, HEADINGS - apart) * 2 * np.pi / HEADINGS
    change = CHANGE_COST * (posture[:, None] != posture[None, :])
    flat = cost.reshape(len(cost), -1)
    total, back = flat[0], []
    for k in range(1, len(flat)):
        patience = min(0.1 / max(time[k] - time[k - 1], 1e-3), 1.0)
        excess = np.maximum(turn - 4.0 * (time[k] - time[k - 1]), 0.0)
        step = total[None, :] + patience * (TURN_COST * turn + change) + 0.05 * excess
        back.append(np.argmin(step, axis=1))
        total = step.min(axis=1) + flat[k]
    path = [int(np.argmin(total))]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return posture[path[::-1]], bins[path[::-1]]


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
