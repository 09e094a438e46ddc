"""Means and spreads that make the networks' inputs and signals unit-sized."""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation, path_basis
from ats_sim.models.mirror import Mirror
from ats_sim.models.windows import Windows
from ats_sim.perception import scene_patch
from ats_sim.volume import PerceptionVolume

GOAL_FLOOR = 0.05
"""Smallest spread of a goal coordinate, metres."""
PATH_FLOOR = 0.02
"""Smallest spread of a path coefficient, metres."""
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
        basis: (56, K) orthonormal curves that paths are drawn in; those of `path_basis` where not given.
    """
    future, current = windows.future, windows.past[:, -1:]
    if mirror is not None:
        future = np.concatenate([future, mirror.motion(future)])
        current = np.concatenate([current, mirror.motion(current)])
    basis = path_basis() if basis is None else basis
    goals = future[:, -1, :3]
    coefficients = basis.T @ future[..., :3]
    change = future[..., 3:] - current[..., 3:]
    return Normalisation(
        goal_mean=goals.mean(0),
        goal_std=np.maximum(goals.std(0), GOAL_FLOOR),
        path_basis=basis,
        path_mean=coefficients.mean(0),
        path_std=np.maximum(coefficients.std(0), PATH_FLOOR),
        pose_mean=change.mean(0),
        pose_std=np.maximum(change.std(0), POSE_FLOOR),
    )


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
