"""What structure from motion leaves to do: a floor among sparse points, a size, a place for what stands on it."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle, project_to_so3, rigid
from ats_sim.reconstruction.capture.importing.levelling import rotation_between

CONE = np.radians(50.0)
"""How far the floor's up may be from the pictures' own, which look down at an animal."""
THICK = 0.01
"""Thickness of a floor, as a share of how far points are from cameras."""
BELOW = 0.1
"""Share of the points that may lie below a floor: what shines on it is matched deeper."""
TRIES = 4000
UP = np.array([0.0, 0.0, 1.0])


def floor_plane(points: Array, cameras: Array, rng: np.random.Generator) -> tuple[Array, float, float] | None:
    """Unit normal (3,) up, its height along it, and the share of points on it; None where nothing is a floor.

    The plane that holds most points among those which nearly everything lies above and pictures call level.

    Args:
        points: (P, 3), with outliers.
        cameras: (N, 4, 4) camera to world; pictures are upright within 50 degrees.
        rng: Draws triples of points.
    """
    centres, guess = cameras[:, :3, 3], -cameras[:, :3, 1].mean(axis=0)
    thick = THICK * float(np.median(np.linalg.norm(points - centres.mean(axis=0), axis=1)))
    corners = points[rng.integers(0, len(points), (TRIES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1)
    normals = normals[length > 0] / length[length > 0, None]
    normals *= np.sign(normals @ guess)[:, None]
    heights = (normals * corners[length > 0, 0]).sum(axis=1)
    above = normals @ points.T - heights[:, None]
    allowed = (normals @ guess > np.cos(CONE) * np.linalg.norm(guess)) & ((above < -3 * thick).mean(axis=1) < BELOW)
    allowed &= (normals @ centres.T).min(axis=1) > heights
    if not allowed.any():
        return None
    score = np.where(allowed, (np.abs(above) < thick).sum(axis=1), -1)
    on = np.abs(above[int(np.argmax(score))]) < thick
    middle = points[on].mean(axis=0)
    normal = np.linalg.svd(points[on] - middle, full_matrices=False)[2][2]
    normal = normal * np.sign(normal @ guess)
    return normal, float(normal @ middle), float(on.mean())


def levelled(points: Array, cameras: Array, normal: Array, height: float, scale: float) -> tuple[Array, Array]:
    """Points and cameras in metres, z up, the floor at 0."""
    turn = rotation_between(normal, UP)
    drop = np.array([0.0, 0.0, height * scale])
    placed = rigid(turn @ cameras[:, :3, :3], scale * cameras[:, :3, 3] @ turn.T - drop)
    return scale * points @ turn.T - drop, placed


def metres_per_unit(
    cameras: Array, normal: Array, height: float, *, camera_height: float | None = None, walked: float | None = None
) -> float:
    """What a user can say, made a scale: how high the camera was held (median), or how far it was carried, metres."""
    if camera_height is not None:
        return camera_height / float(np.median(cameras[:, :3, 3] @ normal - height))
    if walked is not None:
        return walked / float(np.linalg.norm(np.diff(cameras[:, :3, 3], axis=0), axis=1).sum())
    raise ValueError("say camera_height or walked")


def similarity(cameras: Array, others: Array) -> tuple[float, Array, Array]:
    """Scale, rotation (3, 3), shift (3,) that lay cameras (N, 4, 4) on others.

    The rotation is the one that orientations agree on: centres on a short path would leave it open.
    """
    turn = project_to_so3((others[:, :3, :3] @ np.swapaxes(cameras[:, :3, :3], 1, 2)).sum(axis=0))
    middle, goal = cameras[:, :3, 3].mean(axis=0), others[:, :3, 3].mean(axis=0)
    turned = (cameras[:, :3, 3] - middle) @ turn.T
    scale = float((turned * (others[:, :3, 3] - goal)).sum() / (turned**2).sum())
    return scale, turn, goal - scale * turn @ middle


def apart(cameras: Array, others: Array) -> tuple[float, float, float]:
    """Median distance of centres and angle (degrees) after a similarity onto the others, and its scale."""
    scale, turn, shift = similarity(cameras, others)
    gaps = np.linalg.norm(scale * cameras[:, :3, 3] @ turn.T + shift - others[:, :3, 3], axis=1)
    angles = np.degrees(geodesic_angle(turn @ cameras[:, :3, :3], others[:, :3, :3]))
    return float(np.median(gaps)), float(np.median(angles)), scale


def widest_angles(points: Array, centres: Array, seen: Array) -> Array:
    """Angle (P,) in degrees between the first and the most different ray on which each point was seen.

    Args:
        points: (P, 3).
        centres: (N, 3).
        seen: (S, 2) camera and point of every sighting.
    """
    camera, point = seen.astype(int).T
    rays = points[point] - centres[camera]
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    _, first = np.unique(point, return_index=True)
    start = np.zeros((len(points), 3))
    start[point[first]] = rays[first]
    widest = np.zeros(len(points))
    np.maximum.at(widest, point, np.degrees(np.arccos(np.clip((rays * start[point]).sum(axis=1), -1.0, 1.0))))
    return widest


def foot(mask: Array) -> Array:
    """Pixel (2,), across and down, where a mask (H, W) touches the ground: the middle of its lowest twentieth."""
    rows, columns = np.nonzero(mask)
    low = rows >= rows.max() - 0.05 * (np.ptp(rows) + 1)
    return np.array([np.median(columns[low]), rows.max()], dtype=np.float64)


def on_floor(rays: Array, T_world_camera: Array) -> Array:
    """Where rays (..., 3) of a camera meet z = 0; NaN where they do not."""
    ways = rays @ T_world_camera[:3, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(ways[..., 2:] < -1e-6, -T_world_camera[2, 3] / ways[..., 2:], np.nan)
    return T_world_camera[:3, 3] + far * ways
