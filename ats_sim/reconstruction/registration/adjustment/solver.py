"""Levenberg-Marquardt over a video's cameras: first one motion for all of them, then each on its own, ever freer.

Where the data say nothing about a direction (along a bare corridor, say), that direction is frozen: the normal
equations of the one motion tell by their eigenvalues (Zhang, Kaess and Singh 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, inverse, rigid
from ats_sim.reconstruction.registration.trajectory import (
    LARGEST_STEP,
    LARGEST_TURN,
    RelativeMotion,
    adjoint,
    solve_tridiagonal,
)

LEVER = 2.0
"""Metres that a radian counts for."""
METRES = np.array([LEVER] * 3 + [1.0] * 3)
LOOSE = 0.05
"""A direction that the data leave uncertain by more than this (metres) is frozen."""
FROZEN = 1e8
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-3, 1e-6, 1e4
SMALLEST_STEP = 1e-5
LEAST_GAIN = 1e-6


class CostTerm(Protocol):
    """A pose term that can also say what it costs."""

    def linearize(self, T_world_camera: Array) -> tuple[Array, Array]:
        """Hessian blocks (N,6,6) and gradients (N,6)."""

    def cost(self, T_world_camera: Array) -> float:
        """The cost of poses (N,4,4)."""


def move_together(T_world_camera: Array, terms: Sequence[CostTerm], *, iterations: int = 15) -> Array:
    """Poses (N,4,4) moved by the ONE transform that lowers the terms; odometry between them is kept exactly."""

    def linearize(T: Array) -> Callable[[float], Array]:
        hessian, gradient, _, centre = _as_one(T, *_sum(terms, T))
        values, vectors = np.linalg.eigh(hessian)
        slope = np.where(_known(values), vectors.T @ gradient, 0.0)
        around = rigid(np.eye(3), centre)

        def step(damping: float) -> Array:
            move = -vectors @ (slope / np.maximum(values * (1.0 + damping), 1e-12))
            move = _limited(move[None] / METRES)[0]
            return np.asarray(around @ rigid(exp_so3(move[:3]), move[3:]) @ inverse(around) @ T)

        return step

    return _descend(T_world_camera, lambda T: sum(term.cost(T) for term in terms), linearize, iterations)


def move_freely(
    T_world_camera: Array,
    terms: Sequence[CostTerm],
    motion: RelativeMotion,
    *,
    stiffness: float = 1.0,
    iterations: int = 15,
) -> Array:
    """Poses (N,4,4) that minimise the terms, the departure from the odometry's steps, and, above a stiffness of 1, so
    much more times the departure from the steps that they take now: a video whose odometry drifted was bent back when
    it was registered, and what moves it as one must not straighten it again."""
    ties = [(1.0, motion), (stiffness - 1.0, replace(motion, steps=inverse(T_world_camera[:-1]) @ T_world_camera[1:]))]

    def linearize(T: Array) -> Callable[[float], Array]:
        blocks, slopes = _sum(terms, T)
        hessian, _, spread, _ = _as_one(T, blocks, slopes)
        values, vectors = np.linalg.eigh(hessian)
        weak = vectors[:, ~_known(values)]
        if weak.size:
            # A frame must not drift where the video as a whole knows nothing.
            felt = np.swapaxes(weak, 0, 1) @ np.linalg.inv(spread)
            blocks = blocks + FROZEN * np.swapaxes(felt, 1, 2) @ felt
        pulls = [[weight * part for part in tie.linearize(T)] for weight, tie in ties]
        diagonal, below, gradient = (np.sum(parts, axis=0) for parts in zip(*pulls, strict=True))
        diagonal, gradient = diagonal + blocks, gradient + slopes
        scale = np.einsum("nii->ni", diagonal)

        def step(damping: float) -> Array:
            damped = diagonal + (damping * scale + 1e-3)[:, :, None] * np.eye(6)
            move = _limited(-solve_tridiagonal(damped, below, gradient))
            return np.asarray(T @ rigid(exp_so3(move[:, :3]), move[:, 3:]))

        return step

    def cost(T: Array) -> float:
        return sum(term.cost(T) for term in terms) + sum(weight * tie.cost(T) for weight, tie in ties)

    return _descend(T_world_camera, cost, linearize, iterations)


def _descend(
    T_world_camera: Array,
    cost: Callable[[Array], float],
    linearize: Callable[[Array], Callable[[float], Array]],
    iterations: int,
) -> Array:
    """Steps that each lower the cost; one that would not is tried again shorter (more damping)."""
    T = np.array(T_world_camera, dtype=np.float64)
    present, damping = cost(T), FIRST_DAMPING
    for _ in range(iterations):
        step = linearize(T)
        trial = step(damping)
        wanted = cost(trial)
        while not wanted <= present:
            damping *= 10.0
            if damping > MOST_DAMPING:
                return T
            trial = step(damping)
            wanted = cost(trial)
        moved, gained = float(np.abs(trial[:, :3] - T[:, :3]).max()), present - wanted
        T, present, damping = trial, wanted, max(damping / 5.0, LEAST_DAMPING)
        if moved < SMALLEST_STEP or gained < LEAST_GAIN * max(present, 1e-12):
            break
    return T


def _sum(terms: Sequence[CostTerm], T: Array) -> tuple[Array, Array]:
    blocks, slopes = np.zeros((len(T), 6, 6)), np.zeros((len(T), 6))
    for term in terms:
        more, steeper = term.linearize(T)
        blocks += more
        slopes += steeper
    return blocks, slopes


def _as_one(T: Array, blocks: Array, slopes: Array) -> tuple[Array, Array, Array, Array]:
    """Normal equations (6,6), (6,) of one motion of all cameras about the middle of what they look at, in metres, and
    how it moves each (N,6,6)."""
    centre = (T[:, :3, 3] + LEVER * T[:, :3, 2]).mean(0)
    spread = adjoint(inverse(T) @ rigid(np.eye(3), centre)) / METRES
    turned = np.swapaxes(spread, 1, 2)
    return (turned @ blocks @ spread).sum(0), (turned @ slopes[..., None])[..., 0].sum(0), spread, centre


def _known(eigenvalues: Array) -> Array:
    return np.asarray(eigenvalues > LOOSE**-2)


def _limited(step: Array) -> Array:
    turn = np.linalg.norm(step[:, :3], axis=1, keepdims=True)
    way = np.linalg.norm(step[:, 3:], axis=1, keepdims=True)
    return np.asarray(step / np.maximum(1.0, np.maximum(turn / LARGEST_TURN, way / LARGEST_STEP)))
