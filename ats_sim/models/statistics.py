"""Means and spreads that make the networks' inputs and signals unit-sized."""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from ats_sim.models.curves import velocity_curves
from ats_sim.models.mirror import Mirror
from ats_sim.models.windows import Windows
from ats_sim.pace import Pace, velocity_now
from ats_sim.perception import HZ, scene_patch
from ats_sim.volume import PerceptionVolume

GOAL_FLOOR = 0.05
"""Smallest spread of a goal coordinate, metres."""
PATH_FLOOR = 0.02
"""Smallest spread of a path coefficient, m/s."""
REACH_FLOOR = 0.005
"""Metres below which it does not matter where a path leads."""
SPEEDS, SPEED_EDGES = (0.03, 0.15, 0.35, 0.7, 1.3), (0.08, 0.25, 0.5, 1.0)
"""m/s at which spreads of paths are told apart, and where one such speed ends and the next begins."""
SMALLEST_SPEED = 0.02
"""m/s below which a velocity is noise."""
ENOUGH = 50
"""Windows of a speed from which its own spread counts more than that of all."""
POSE_FLOOR = 0.02
"""Smallest spread of a pose entry, radians."""
FEATURE_FLOOR = 0.02
PATCH_SAMPLES = 192


@dataclass(frozen=True, eq=False)
class InputStatistics:
    """Means and spreads of what the networks see."""

    patch_mean: Array
    """(C,) of the scene patch's channels."""
    patch_std: Array
    """(C,)."""
    past_mean: Array
    """(D,) of the packed past."""
    past_std: Array
    """(D,)."""


def fit_normalisation(windows: Windows, mirror: Mirror | None, basis: Array | None = None) -> Normalisation:
    """Means and spreads of goals, path coefficients and pose changes over the training windows.

    Args:
        windows: Of training.
        mirror: Exchanges left and right, where both are learned from.
        basis: (56, K) curves of paths whose spread does not depend on the velocity now; by default those of
            `velocity_curves`, whose spread does.
    """
    future, past = windows.future, windows.past
    if mirror is not None:
        future = np.concatenate([future, mirror.motion(future)])
        past = np.concatenate([past, mirror.motion(past)])
    curves = velocity_curves() if basis is None else basis
    goals = future[:, -1, :3]
    coefficients = np.linalg.pinv(curves) @ future[..., :3]
    change = future[..., 3:] - past[:, -1:, 3:]
    pace, mean = None, coefficients.mean(0)
    if basis is None:
        pace, mean = fit_pace(curves, future[..., :3], velocity_now(past[..., :3], HZ))
    return Normalisation(
        goal_mean=goals.mean(0),
        goal_std=np.maximum(goals.std(0), GOAL_FLOOR),
        path_basis=curves,
        path_mean=mean,
        path_std=np.maximum(coefficients.std(0), PATH_FLOOR),
        pose_mean=change.mean(0),
        pose_std=np.maximum(change.std(0), POSE_FLOOR),
        pace=pace,
    )


def fit_pace(curves: Array, paths: Array, velocity: Array) -> tuple[Pace, Array]:
    """How the coefficients that curves (T, K) have in paths (W, T, 3) depend on velocities (W, 3), and their mean
    (K, 3) at rest.

    Of speeds that few windows have, the spread is drawn to that of all.
    """
    coefficients = np.linalg.pinv(curves) @ paths
    centred, moving = coefficients - coefficients.mean(0), (velocity - velocity.mean(0))[:, None]
    drift = (centred * moving).sum(0) / ((moving**2).sum(0) + len(moving) * SMALLEST_SPEED**2)
    mean = coefficients.mean(0) - drift * velocity.mean(0)
    centre = mean + drift * velocity[:, None]
    kind = np.digitize(np.linalg.norm(velocity, axis=-1), SPEED_EDGES)
    spread = _by_kind((coefficients - centre) ** 2, kind)
    reach = _by_kind(((paths - curves @ centre) ** 2).mean(-1), kind)
    spread, reach = np.maximum(spread, PATH_FLOOR), np.maximum(reach, REACH_FLOOR)
    pace = Pace(drift, np.array(SPEEDS), spread, reach, usual=velocity.mean(0))
    return pace, mean


def _by_kind(squares: Array, kind: Array) -> Array:
    """Root mean squares (S, ...) of the windows of each kind of speed, from squares (W, ...) and kinds (W,)."""
    rows = [squares[kind == index] for index in range(len(SPEEDS))]
    return np.sqrt([(row.sum(0) + ENOUGH * squares.mean(0)) / (len(row) + ENOUGH) for row in rows])


def fit_statistics(windows: Windows, volume: PerceptionVolume, rng: np.random.Generator) -> InputStatistics:
    """Means and spreads of what the networks see."""
    some = rng.choice(len(windows), size=min(PATCH_SAMPLES, len(windows)), replace=False)
    patches = np.stack([scene_patch(volume, windows.T_world_ego[i]) for i in some])
    past = windows.past.reshape(-1, windows.past.shape[-1])
    return InputStatistics(
        patch_mean=patches.mean((0, 2, 3, 4)),
        patch_std=np.maximum(patches.std((0, 2, 3, 4)), FEATURE_FLOOR),
        past_mean=past.mean(0),
        past_std=np.maximum(past.std(0), POSE_FLOOR),
    )


def statistics_rng(seed: int) -> np.random.Generator:
    """The generator that chooses the windows statistics are taken from; apart from that of any training step."""
    return np.random.default_rng([seed, 2**32 - 1, 0])
