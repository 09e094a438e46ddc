"""Which way is up, measured: floors, tables and ceilings are the surfaces that face along it, walls stand beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3

REACH = 4
"""Pixels to either side from which a surface's direction is taken; less than this is noise."""
SMOOTH = 0.05
"""Largest step of depth between those pixels, as a share of the distance."""
CONE, STEP = np.radians(50.0), np.radians(2.0)
"""How far from pictures' own up to look, and how finely. Pictures look down at an animal, by 20 to 40 degrees."""
WIDE, NARROW = np.radians(8.0), np.radians(4.0)
WALLS = 0.5
"""Weight of a surface that stands upright, beside one that lies flat."""
FEWEST = 0.05
"""Share of surfaces that must lie flat."""


def measured_up(depths: Sequence[Array], intrinsics: Intrinsics, rotations: Array) -> Array | None:
    """Up (3,) in the frame of rotations (K, 3, 3) from cameras, or None where too little lies flat.

    Args:
        depths: K depth pictures (H, W), metres, 0 where unknown.
        intrinsics: Their lens.
        rotations: Of the cameras that took them; up in their pictures must be roughly up.
    """
    facing = np.concatenate([surface_directions(d, intrinsics) @ R.T for d, R in zip(depths, rotations, strict=True)])
    if not len(facing):
        return None
    guess = -rotations[:, :, 1].sum(axis=0)
    up = _best(facing, guess / max(np.linalg.norm(guess), 1e-9))
    for width in (WIDE, NARROW, NARROW):
        along = facing @ up
        flat = np.abs(along) > np.cos(width)
        if flat.mean() < FEWEST:
            return None
        mean = (facing[flat] * np.sign(along[flat])[:, None]).mean(axis=0)
        up = mean / np.linalg.norm(mean)
    return up


def surface_directions(depth: Array, intrinsics: Intrinsics) -> Array:
    """Directions (M, 3) that smooth surfaces face, in the camera's frame, of either sign."""
    points = intrinsics.unproject(depth)
    inner = slice(REACH, -REACH)
    sides = (
        points[inner, : -2 * REACH],
        points[inner, 2 * REACH :],
        points[: -2 * REACH, inner],
        points[2 * REACH :, inner],
    )
    left, right, above, below = (side[::2, ::2] for side in sides)
    distances = np.stack([side[..., 2] for side in (left, right, above, below)])
    ok = (distances.min(axis=0) > 0.0) & (np.ptp(distances, axis=0) < SMOOTH * REACH * distances.min(axis=0))
    across = np.cross((right - left)[ok], (below - above)[ok])
    length = np.linalg.norm(across, axis=1, keepdims=True)
    return across[length[:, 0] > 0] / length[length[:, 0] > 0]


def rotation_between(first: Array, second: Array) -> Array:
    """The smallest rotation (3, 3) that turns one unit vector (3,) into another."""
    axis = np.cross(first, second)
    sine, cosine = float(np.linalg.norm(axis)), float(first @ second)
    if sine < 1e-9:
        aside = np.eye(3)[int(np.argmin(np.abs(first)))]
        half_turn = np.cross(first, aside)
        return exp_so3(np.pi * half_turn / np.linalg.norm(half_turn)) if cosine < 0.0 else np.eye(3)
    return exp_so3(axis / sine * np.arctan2(sine, cosine))


def _best(facing: Array, guess: Array) -> Array:
    """The direction near the guess along which most lies flat and beside which most stands."""
    tilt, turn = np.meshgrid(np.arange(0.0, CONE, STEP), np.arange(0.0, 2 * np.pi, np.radians(6.0)))
    local = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], axis=-1).reshape(-1, 3)
    candidates = local @ rotation_between(np.array([0.0, 0.0, 1.0]), guess).T
    along = np.abs(facing[:: max(1, len(facing) // 20000)] @ candidates.T)
    score = (along > np.cos(WIDE)).mean(axis=0) + WALLS * (along < np.sin(WIDE)).mean(axis=0)
    return candidates[int(np.argmax(score))]
