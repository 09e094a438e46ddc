"""The home's own frame: the scene's, levelled and lowered so that the main floor is z = 0."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, rigid
from ats_sim.mesh import TriangleMesh

NEAR_FLOOR = 0.06
LEAST_TILT, MOST_TILT = np.radians(0.1), np.radians(3.0)
"""Below the first the scene is level enough; above the second the fit must be wrong (captures are level within 2)."""
MIN_POINTS = 200


def home_from_scene(mesh: TriangleMesh, floor_height: float) -> Array:
    """`T_home_scene` (4, 4): turns the floor's plane level and puts it at z = 0.

    Args:
        mesh: The scene in its own frame.
        floor_height: World z of its main floor, metres.
    """
    normals = mesh.vertex_normals()
    on_floor = (np.abs(mesh.vertices[:, 2] - floor_height) < NEAR_FLOOR) & (normals[:, 2] > 0.9)
    drop = rigid(np.eye(3), np.array([0.0, 0.0, -floor_height]))
    points = mesh.vertices[on_floor].astype(np.float64)
    if len(points) < MIN_POINTS:
        return drop
    slope = _plane(points)
    tilt = float(np.hypot(slope[0], slope[1]))
    if not LEAST_TILT < tilt < MOST_TILT:
        return rigid(np.eye(3), np.array([0.0, 0.0, -_height(slope, points)]))
    turn = exp_so3(np.array([-slope[1], slope[0], 0.0]))
    middle = points.mean(0)
    middle[2] = _height(slope, points)
    # The floor's middle keeps its place in the plan.
    return rigid(turn, np.array([middle[0], middle[1], 0.0]) - turn @ middle)


def _plane(points: Array) -> Array:
    """Slopes and height (3,) of the plane z = a (x - mean) + b (y - mean) + c, outliers reweighted away."""
    centred = points[:, :2] - points[:, :2].mean(0)
    system = np.column_stack([centred, np.ones(len(points))])
    weight = np.ones(len(points))
    for _ in range(5):
        root = np.sqrt(weight)[:, None]
        plane = np.linalg.lstsq(system * root, points[:, 2] * root[:, 0], rcond=None)[0]
        weight = 1.0 / (1.0 + ((points[:, 2] - system @ plane) / 0.01) ** 2)
    return np.asarray(plane)


def _height(plane: Array, points: Array) -> float:
    """Height of the plane at the points' middle."""
    return float(plane[2]) if len(points) else 0.0
