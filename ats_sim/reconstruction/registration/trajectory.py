"""Refinement of a whole trajectory: Gauss-Newton over all poses of a video at once.

Each pose is moved by T <- T Exp(w, v) in its own camera frame. Terms give a 6x6 block per pose (surface distance,
keypoints); the video's own motion ties neighbours, so the normal equations are block tridiagonal and a banded Cholesky
solves thousands of poses in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import solveh_banded

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, geodesic_angle, inverse, log_so3, rigid, skew

BAND = 12
LARGEST_TURN = 0.1
LARGEST_STEP = 0.2


class PoseTerm(Protocol):
    """Something that pulls at single poses."""

    def linearize(self, T_world_camera: Array) -> tuple[Array, Array]:
        """Hessian blocks (N,6,6) and gradients (N,6) of poses (N,4,4), rotation before translation."""


@dataclass(frozen=True, eq=False)
class RelativeMotion:
    """What odometry says about the steps between neighbours."""

    steps: Array
    """(N-1, 4, 4) T_i_{i+1}."""
    sigma_position: Array
    """(N-1,) metres; infinite where the track was lost."""
    sigma_rotation: Array
    """(N-1,) radians."""

    @classmethod
    def of(
        cls, T_odometry_camera: Array, segment: Array, sigma_position: Array, sigma_rotation: Array
    ) -> RelativeMotion:
        """Steps of poses (N,4,4), errors (N-1,); they grow by 1.5 % of the way and 1 % of the turn."""
        steps = inverse(T_odometry_camera[:-1]) @ T_odometry_camera[1:]
        way = np.linalg.norm(steps[:, :3, 3], axis=1)
        turn = geodesic_angle(np.eye(3), steps[:, :3, :3])
        lost = np.where(np.diff(segment) > 0, np.inf, 1.0)
        return cls(steps, (sigma_position + 0.015 * way) * lost, (sigma_rotation + 0.01 * turn) * lost)

    def doubted(self, times: float) -> RelativeMotion:
        """The same steps, with errors so many times as large."""
        return RelativeMotion(self.steps, times * self.sigma_position, times * self.sigma_rotation)

    def linearize(self, T: Array) -> tuple[Array, Array, Array]:
        """Diagonal blocks (N,6,6), blocks between i+1 and i (N-1,6,6) and gradients (N,6)."""
        error = inverse(self.steps) @ inverse(T[:-1]) @ T[1:]
        residual = np.concatenate([log_so3(error[:, :3, :3]), error[:, :3, 3]], axis=1)
        weight = np.concatenate(
            [np.repeat(self.sigma_rotation[:, None] ** -2, 3, 1), np.repeat(self.sigma_position[:, None] ** -2, 3, 1)],
            axis=1,
        )
        back = -adjoint(inverse(T[1:]) @ T[:-1])
        diagonal = np.zeros((len(T), 6, 6))
        gradient = np.zeros((len(T), 6))
        diagonal[1:] += weight[:, :, None] * np.eye(6)
        gradient[1:] += weight * residual
        weighted = np.swapaxes(back, 1, 2) * weight[:, None, :]
        diagonal[:-1] += weighted @ back
        gradient[:-1] += (weighted @ residual[..., None])[..., 0]
        return diagonal, weight[:, :, None] * back, gradient

    def cost(self, T: Array) -> float:
        """Half the weighted squares of poses (N,4,4)."""
        error = inverse(self.steps) @ inverse(T[:-1]) @ T[1:]
        turn = log_so3(error[:, :3, :3]) / self.sigma_rotation[:, None]
        return float(0.5 * ((turn**2).sum() + ((error[:, :3, 3] / self.sigma_position[:, None]) ** 2).sum()))


def refine(T_world_camera: Array, terms: Sequence[PoseTerm], motion: RelativeMotion, *, iterations: int = 10) -> Array:
    """Poses (N,4,4) that minimise the terms and the departure from the odometry's steps."""
    T = np.array(T_world_camera, dtype=np.float64)
    for _ in range(iterations):
        diagonal, below, gradient = motion.linearize(T)
        for term in terms:
            blocks, slopes = term.linearize(T)
            diagonal += blocks
            gradient += slopes
        step = -solve_tridiagonal(diagonal + 1e-3 * np.eye(6), below, gradient)
        turn = np.linalg.norm(step[:, :3], axis=1, keepdims=True)
        way = np.linalg.norm(step[:, 3:], axis=1, keepdims=True)
        step /= np.maximum(1.0, np.maximum(turn / LARGEST_TURN, way / LARGEST_STEP))
        T = T @ rigid(exp_so3(step[:, :3]), step[:, 3:])
        if np.abs(step).max() < 1e-5:
            break
    return T


def spread_correction(corrected: Array, keyframes: Array, T_odometry_camera: Array) -> Array:
    """Poses (N,4,4) of all frames of a segment from corrected poses (K,4,4) of its keyframes (K,): each frame keeps
    its odometry relative to the keyframes before and after it, blended by its place between them."""
    count = len(T_odometry_camera)
    after = np.clip(np.searchsorted(keyframes, np.arange(count), side="right"), 1, max(len(keyframes) - 1, 1))
    if len(keyframes) == 1:
        return np.asarray(corrected[0] @ inverse(T_odometry_camera[keyframes[0]]) @ T_odometry_camera)
    before = after - 1
    share = np.clip((np.arange(count) - keyframes[before]) / (keyframes[after] - keyframes[before]), 0.0, 1.0)
    odometry = inverse(T_odometry_camera[keyframes])
    first = corrected[before] @ odometry[before] @ T_odometry_camera
    second = corrected[after] @ odometry[after] @ T_odometry_camera
    turn = log_so3(np.swapaxes(first[:, :3, :3], 1, 2) @ second[:, :3, :3]) * share[:, None]
    return rigid(
        first[:, :3, :3] @ exp_so3(turn), (1 - share)[:, None] * first[:, :3, 3] + share[:, None] * second[:, :3, 3]
    )


def adjoint(T: Array) -> Array:
    """The 6x6 maps (N,6,6) of twists (rotation, translation) by transforms (N,4,4)."""
    rotation = T[:, :3, :3]
    out = np.zeros((len(T), 6, 6))
    out[:, :3, :3] = out[:, 3:, 3:] = rotation
    out[:, 3:, :3] = skew(T[:, :3, 3]) @ rotation
    return out


def solve_tridiagonal(diagonal: Array, below: Array, gradient: Array) -> Array:
    """Solve the symmetric block tridiagonal system of diagonal blocks (N,6,6), blocks below them (N-1,6,6) and
    right-hand side (N,6) for (N,6)."""
    count = len(diagonal)
    band = np.zeros((BAND, 6 * count))
    for row in range(6):
        for column in range(6):
            if row >= column:
                band[row - column, column::6] = diagonal[:, row, column]
            band[6 + row - column, column : 6 * (count - 1) : 6] = below[:, row, column]
    return np.asarray(solveh_banded(band, gradient.ravel(), lower=True)).reshape(count, 6)
