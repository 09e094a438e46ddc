"""How far predictions lie from what the agent then did.

Shapes: N windows, L trials, K samples per trial, T frames. An error is first one number per sample (a mean over time
and joints), then the best of K is taken per trial - over whole trajectories, never per frame - and then means are
taken over trials and windows (ATS section 4, as fixed in the design). Best-of-K rewards spread, so the energy score,
the mean error and the miss rate stand beside it.
"""

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, geodesic_angle

MISS = 0.5
"""A window is missed if no sample ends within this distance of the truth, metres."""


def goal_errors(goals: Array, truth: Array) -> Array:
    """Distance (...) of predicted goals (..., 3) to where the agent was at the end (..., 3), metres."""
    return np.linalg.norm(goals - truth, axis=-1)


def path_errors(paths: Array, truth: Array) -> Array:
    """Distance (...) of paths (..., T, 3) to the true one, mean over frames, metres."""
    return np.linalg.norm(paths - truth, axis=-1).mean(-1)


def orientation_errors(rotations: Array, truth: Array) -> Array:
    """Geodesic angle (...) between root rotations (..., T, 3, 3), mean over frames, radians."""
    return geodesic_angle(*np.broadcast_arrays(rotations, truth)).mean(-1)


def joint_errors(joints: Array, truth: Array) -> Array:
    """Length of the axis-angle difference (...) of joint rotations (..., T, J, 3), mean over frames and joints 1..J-1,
    radians (the paper's measure: not a geodesic, it can jump near a half turn)."""
    return np.linalg.norm(joints[..., 1:, :] - truth[..., 1:, :], axis=-1).mean((-2, -1))


def joint_geodesic_errors(joints: Array, truth: Array) -> Array:
    """Geodesic angle (...) between joint rotations (..., T, J, 3), mean over frames and joints 1..J-1, radians."""
    predicted, true = np.broadcast_arrays(joints[..., 1:, :], truth[..., 1:, :])
    return geodesic_angle(exp_so3(predicted), exp_so3(true)).mean((-2, -1))


def best_of(errors: Array) -> tuple[float, float]:
    """Best of K per trial: mean over trials and windows, and the spread over trials, of errors (N, L, K)."""
    best = errors.min(-1)
    return float(best.mean()), float(best.std(-1).mean())


def miss_rate(final_errors: Array) -> float:
    """Share of windows and trials whose best end among K, of final errors (N, L, K), lies further off than `MISS`."""
    return float((final_errors.min(-1) > MISS).mean())


def energy_score(samples: Array, truth: Array) -> float:
    """Energy score of samples (N, K, ...) against the truth (N, ...): proper, lower is better.

    mean_k |x_k - y| - 1/2 mean_{k != l} |x_k - x_l|, norms over everything behind the sample axis.
    """
    count = samples.shape[1]
    flat = samples.reshape(len(samples), count, -1)
    to_truth = np.linalg.norm(flat - truth.reshape(len(truth), 1, -1), axis=-1).mean(1)
    if count < 2:
        return float(to_truth.mean())
    between = np.linalg.norm(flat[:, :, None] - flat[:, None], axis=-1).sum((1, 2)) / (count * (count - 1))
    return float((to_truth - 0.5 * between).mean())
