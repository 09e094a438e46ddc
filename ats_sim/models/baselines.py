"""What any learned behaviour must beat: simple guesses of where the agent goes.

Each baseline draws K paths in the world frame from a perception and what was seen in training.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ats_sim.arrays import Array
from ats_sim.denoising import path_basis
from ats_sim.geometry import transform_points
from ats_sim.models.recordings import Recording
from ats_sim.models.windows import Windows
from ats_sim.perception import FUTURE, HZ, PAST, Perception, pack_motion

Baseline = Callable[[Perception, np.random.Generator, int], Array]
"""Draws paths (K, 56, 3), world frame."""
SPEED_NOISE = 0.35
TURN_NOISE = np.deg2rad(25.0)
RIDGE = 1e-2


def stand_still() -> Baseline:
    """It stays where it is."""

    def draw(perception: Perception, rng: np.random.Generator, count: int) -> Array:
        return np.tile(perception.T_world_ego[:3, 3], (count, FUTURE, 1))

    return draw


def constant_velocity() -> Baseline:
    """It goes on as in the last 0.3 s, give or take 25 degrees and a third of its speed."""

    def draw(perception: Perception, rng: np.random.Generator, count: int) -> Array:
        velocity = (perception.past_path[-1] - perception.past_path[-4]) * HZ / 3.0
        angle = rng.normal(0.0, TURN_NOISE, count)
        scale = np.maximum(0.0, 1.0 + rng.normal(0.0, SPEED_NOISE, count))
        x = np.cos(angle) * velocity[0] - np.sin(angle) * velocity[1]
        y = np.sin(angle) * velocity[0] + np.cos(angle) * velocity[1]
        step = scale[:, None] * np.stack([x, y, np.zeros(count)], axis=-1)
        time = np.arange(1, FUTURE + 1)[:, None] / HZ
        return transform_points(perception.T_world_ego, step[:, None] * time)

    return draw


def location_prior(recordings: Sequence[Recording]) -> Baseline:
    """It goes straight to a place where it has been in training, chosen by how long it was there (ATS's prior)."""
    places = np.concatenate([recording.T_world_root[recording.valid, :3, 3] for recording in recordings])

    def draw(perception: Perception, rng: np.random.Generator, count: int) -> Array:
        goals = places[rng.integers(len(places), size=count)]
        here = perception.T_world_ego[:3, 3]
        time = np.arange(1, FUTURE + 1)[:, None] / FUTURE
        return here + (goals - here)[:, None] * time

    return draw


def gaussian_regression(windows: Windows) -> Baseline:
    """Linear regression of the path on the observer's and its own past, with the residuals' covariance as spread."""
    basis = path_basis()
    targets = (basis.T @ windows.future[..., :3]).reshape(len(windows), -1).astype(np.float64)
    inputs = _features(windows.observer_past, windows.past)
    mean, std = inputs.mean(0), inputs.std(0) + 1e-2
    design = np.concatenate([(inputs - mean) / std, np.ones((len(inputs), 1))], axis=1)
    weight = RIDGE * len(design) * np.eye(design.shape[1])
    weights = np.linalg.solve(design.T @ design + weight, design.T @ targets)
    residual = targets - design @ weights
    covariance = residual.T @ residual / len(residual) + 1e-6 * np.eye(targets.shape[1])

    def draw(perception: Perception, rng: np.random.Generator, count: int) -> Array:
        past = pack_motion(perception.past_path, perception.past_rotations, perception.past_joints)
        features = (_features(perception.observer_past[None], past[None])[0] - mean) / std
        centre = np.append(features, 1.0) @ weights
        drawn = rng.multivariate_normal(centre, covariance, size=count, method="cholesky")
        return transform_points(perception.T_world_ego, basis @ drawn.reshape(count, -1, 3))

    return draw


def _features(observer_past: Array, past: Array) -> Array:
    """Positions, observer and root, and the root's rotation now: (N, 54)."""
    observer = observer_past.reshape(-1, PAST * 3)
    own = past[..., :3].reshape(-1, PAST * 3)
    return np.concatenate([observer, own, past[:, -1, 3:9]], axis=1).astype(np.float64)
