"""Small meshes that are drawn but belong to no home: the observer's figure, the goal's marker, dots along a path."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh, merge

SIDES = 20
COAT, TROUSERS, SKIN, HAIR = (70, 98, 128), (58, 60, 72), (222, 180, 150), (74, 58, 48)
GOLD = (255, 196, 48)
EYES, HIP, LOWEST = 1.4, 0.78, 0.66
"""Heights of the standing figure's eyes and hip, and of its eyes when it crouches lowest, metres."""


def lathe(radii: Array, heights: Array, color: tuple[int, int, int]) -> TriangleMesh:
    """Turn a profile of radii (K,) at heights (K,), metres, around the z axis."""
    angle = np.linspace(0.0, 2.0 * np.pi, SIDES, endpoint=False)
    around = np.stack([np.cos(angle), np.sin(angle), np.zeros(SIDES)], axis=-1)
    vertices = np.asarray(radii)[:, None, None] * around + np.asarray(heights)[:, None, None] * np.array([0, 0, 1.0])
    ring = np.arange(len(radii) * SIDES).reshape(len(radii), SIDES)
    low, high = ring[:-1], ring[1:]
    next_low, next_high = np.roll(low, -1, axis=1), np.roll(high, -1, axis=1)
    faces = np.concatenate([np.stack([low, next_low, next_high], -1), np.stack([low, next_high, high], -1)])
    colors = np.tile(np.array(color, dtype=np.uint8), (ring.size, 1))
    return TriangleMesh(vertices.reshape(-1, 3), faces.reshape(-1, 3), colors=colors)


def ball(radius: float, middle: Array, color: tuple[int, int, int]) -> TriangleMesh:
    """A sphere around a point (3,), metres."""
    angle = np.linspace(-0.5 * np.pi, 0.5 * np.pi, SIDES // 2)
    mesh = lathe(np.maximum(radius * np.cos(angle), 1e-4), radius * np.sin(angle), color)
    return TriangleMesh(mesh.vertices + np.asarray(middle), mesh.faces, colors=mesh.colors)


def person(eye_height: float) -> TriangleMesh:
    """A plain figure facing +x, feet at z = 0, eyes at eye_height metres: below 1.4 m it crouches."""
    chest = [[0.12, 0.74], [0.145, 0.78], [0.14, 0.95], [0.165, 1.12], [0.15, 1.2], [0.065, 1.26], [0.055, 1.33]]
    coat = _limb([[0.001, 0.73], *chest, [0.001, 1.34]], COAT, stretch=(0.8, 1.2))
    sole = [[0.001, 0.0], [0.05, 0.005], [0.052, 0.05], [0.045, 0.08]]
    legs = [
        _limb([*sole, [0.058, 0.38], [0.075, 0.6], [0.085, 0.78], [0.001, 0.8]], TROUSERS, middle=(0.0, side))
        for side in (-0.085, 0.085)
    ]
    arms = []
    for side in (-1.0, 1.0):
        arm = _limb([[0.001, 0.72], [0.03, 0.73], [0.036, 0.8], [0.045, 1.0], [0.055, 1.16], [0.001, 1.21]], COAT)
        hand = ball(0.038, np.array([0.0, 0.0, 0.7]), SKIN)
        whole_arm = merge([arm, hand])
        # It hangs from the shoulder, a little away from the coat.
        outwards = side * (0.2 + 0.15 * (1.2 - whole_arm.vertices[:, 2:]))
        vertices = whole_arm.vertices + np.concatenate([0.0 * outwards + 0.02, outwards, 0.0 * outwards], axis=1)
        arms.append(TriangleMesh(vertices, whole_arm.faces, colors=whole_arm.colors))
    head = ball(0.115, np.array([0.0, 0.0, 1.42]), SKIN)
    hair = ball(0.122, np.array([-0.025, 0.0, 1.445]), HAIR)
    nose = ball(0.02, np.array([0.118, 0.0, EYES]), SKIN)
    figure = merge([coat, *legs, *arms, head, hair, nose])
    scale = eye_height / min(max(eye_height, LOWEST), EYES)
    return TriangleMesh(_crouched(figure.vertices, eye_height / scale) * scale, figure.faces, colors=figure.colors)


def _limb(
    profile: list[list[float]],
    color: tuple[int, int, int],
    *,
    middle: tuple[float, float] = (0.0, 0.0),
    stretch: tuple[float, float] = (1.0, 1.0),
) -> TriangleMesh:
    """A profile of (radius, height) pairs turned around an upright axis through middle, stretched along x and y."""
    pairs = np.array(profile)
    mesh = lathe(pairs[:, 0], pairs[:, 1], color)
    return TriangleMesh(mesh.vertices * [*stretch, 1.0] + [*middle, 0.0], mesh.faces, colors=mesh.colors)


def _crouched(vertices: Array, eye_height: float) -> Array:
    """Fold the legs until the eyes are at a height: knees go forward, all above the hip comes down as it is."""
    vertices = vertices.astype(np.float64)
    drop = EYES - eye_height
    share = np.minimum(vertices[:, 2], HIP) / HIP
    is_leg = vertices[:, 2] < HIP
    vertices[:, 0] += np.where(is_leg, 0.4 * drop * np.sin(np.pi * share), 0.0)
    vertices[:, 2] -= drop * share
    # Hands that hang below the hip must not reach through the floor.
    vertices[:, 2] = np.maximum(vertices[:, 2], 0.0)
    return vertices


def tubes(points: Array, radius: float, colors: Array) -> TriangleMesh:
    """A three-sided tube along each of n lines (n, K, 3) in its own colour (n, 3) uint8, metres."""
    points = np.asarray(points, dtype=np.float64)
    lines, count = points.shape[:2]
    along = np.gradient(points, axis=1) if count > 1 else np.zeros_like(points)
    side = np.stack([-along[..., 1], along[..., 0], np.zeros((lines, count))], axis=-1)
    length = np.linalg.norm(side, axis=-1, keepdims=True)
    side = np.where(length > 1e-9, side / np.maximum(length, 1e-9), [0.0, 1.0, 0.0])
    angle = np.pi * np.array([0.5, 7.0 / 6.0, 11.0 / 6.0])[:, None]
    ring = radius * (np.cos(angle) * side[:, :, None] + np.sin(angle) * np.array([0.0, 0.0, 1.0]))
    index = np.arange(lines * count * 3).reshape(lines, count, 3)
    here, there = index[:, :-1], index[:, 1:]
    here_next, there_next = np.roll(here, -1, axis=2), np.roll(there, -1, axis=2)
    faces = np.stack([here, here_next, there_next, here, there_next, there], axis=-1).reshape(-1, 3)
    painted = np.repeat(colors, 3 * count, axis=0)
    return TriangleMesh((points[:, :, None] + ring).reshape(-1, 3), faces, colors=painted)


def goal_marker() -> TriangleMesh:
    """A ring that lies on the floor around the origin with a diamond floating above it."""
    ring = lathe(np.array([0.11, 0.14, 0.14, 0.11, 0.11]), np.array([0.01, 0.01, 0.03, 0.03, 0.01]), GOLD)
    diamond = lathe(np.array([0.001, 0.05, 0.001]), np.array([0.30, 0.38, 0.46]), GOLD)
    return merge([ring, diamond])


def dots(points: Array, radius: float, near: Array, far: Array) -> TriangleMesh:
    """An octahedron of a radius (metres) at each point (N, 3); colour runs from near (3,) to far (3,), sRGB."""
    corners = np.concatenate([np.eye(3), -np.eye(3)]) * radius
    faces = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]])
    count = len(points)
    vertices = (np.asarray(points)[:, None] + corners).reshape(-1, 3)
    share = np.linspace(0.0, 1.0, count)[:, None]
    colors = np.repeat(np.round((1.0 - share) * near + share * far), 6, axis=0).astype(np.uint8)
    return TriangleMesh(vertices, (faces + 6 * np.arange(count)[:, None, None]).reshape(-1, 3), colors=colors)
