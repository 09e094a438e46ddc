"""The behaviour metrics on hand-made cases, among them the mistakes that have reached papers."""

import numpy as np
import pytest

from ats_sim.geometry import exp_so3, yaw_matrix
from ats_sim.models import metrics


def test_parallel_lines_one_metre_apart() -> None:
    """Average and final distance are both exactly 1."""
    truth = np.stack([np.arange(56) * 0.1, np.zeros(56), np.zeros(56)], axis=-1)
    other = truth + [0.0, 1.0, 0.0]
    assert metrics.path_errors(other, truth) == pytest.approx(1.0)
    assert metrics.goal_errors(other[-1], truth[-1]) == pytest.approx(1.0)


def test_minimum_is_per_trajectory_not_per_frame() -> None:
    """Two samples that are right in turns: a minimum per frame would be 0, the best trajectory is off by 1/2."""
    truth = np.zeros((1, 1, 10, 3))
    samples = np.zeros((1, 2, 10, 3))
    samples[0, 0, ::2, 0] = samples[0, 1, 1::2, 0] = 1.0
    best, _ = metrics.best_of(metrics.path_errors(samples, truth)[:, None])
    assert best == pytest.approx(0.5)


def test_path_and_goal_may_choose_different_samples() -> None:
    """The sample with the best mean is not the one with the best end."""
    truth = np.zeros((1, 1, 4, 3))
    samples = np.zeros((1, 2, 4, 3))
    samples[0, 0, -1, 0] = 1.0
    samples[0, 1, :-1, 0] = 1.0
    best_mean, _ = metrics.best_of(metrics.path_errors(samples, truth)[:, None])
    best_end, _ = metrics.best_of(metrics.goal_errors(samples[..., -1, :], truth[..., -1, :])[:, None])
    assert best_mean == pytest.approx(0.25) and best_end == 0.0


def test_best_of_averages_windows_once() -> None:
    """Mean over windows of the per-trial minimum (no second division), spread over trials only."""
    errors = np.array([[[3.0, 1.0], [5.0, 2.0]], [[10.0, 20.0], [10.0, 30.0]]])
    mean, spread = metrics.best_of(errors)
    assert mean == pytest.approx((1.5 + 10.0) / 2.0)
    assert spread == pytest.approx((0.5 + 0.0) / 2.0)


def test_best_of_falls_with_more_samples_and_ignores_their_order() -> None:
    """Monotone in K, invariant to permutation, zero where the truth is a sample."""
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.1, 2.0, (5, 3, 16))
    means = [metrics.best_of(errors[..., :k])[0] for k in (1, 2, 4, 8, 16)]
    assert means == sorted(means, reverse=True)
    assert metrics.best_of(errors[..., rng.permutation(16)])[0] == pytest.approx(means[-1])
    errors[..., 7] = 0.0
    assert metrics.best_of(errors)[0] == 0.0


def test_path_error_does_not_depend_on_the_frame() -> None:
    """Moving and turning both sides together changes nothing."""
    rng = np.random.default_rng(1)
    paths, truth = rng.normal(size=(2, 4, 56, 3)), rng.normal(size=(2, 1, 56, 3))
    rotation, shift = exp_so3(rng.normal(size=3)), rng.normal(size=3)
    moved = metrics.path_errors(paths @ rotation.T + shift, truth @ rotation.T + shift)
    np.testing.assert_allclose(moved, metrics.path_errors(paths, truth))


@pytest.mark.parametrize("angle", [0.0, 0.5 * np.pi, np.pi])
def test_orientation_error_is_the_angle(angle: float) -> None:
    """A constant yaw offset is read back exactly."""
    truth = np.tile(np.eye(3), (56, 1, 1))
    assert metrics.orientation_errors(truth @ yaw_matrix(angle), truth) == pytest.approx(angle, abs=1e-6)


def test_orientation_errors_do_not_cancel() -> None:
    """Half the frames off to the left, half to the right, is no perfect prediction."""
    truth = np.tile(np.eye(3), (10, 1, 1))
    swaying = yaw_matrix(np.tile([0.3, -0.3], 5))
    assert metrics.orientation_errors(swaying, truth) == pytest.approx(0.3)


def test_joint_errors_leave_the_root_out_and_wrap_only_as_geodesics() -> None:
    """pi and -pi about one axis are the same rotation: the paper's difference says 2 pi, the geodesic 0."""
    truth, other = np.zeros((56, 3, 3)), np.zeros((56, 3, 3))
    truth[:, 1, 0], other[:, 1, 0] = np.pi, -np.pi
    other[:, 0] = 5.0
    assert metrics.joint_errors(other, truth) == pytest.approx(np.pi)
    assert metrics.joint_geodesic_errors(other, truth) == pytest.approx(0.0, abs=1e-6)


def test_energy_score_prefers_the_true_distribution() -> None:
    """Proper: shifted, too narrow and too wide samples all score worse than the truth's own."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(4000, 2))

    def score(shift: float, scale: float) -> float:
        return metrics.energy_score(shift + scale * rng.normal(size=(4000, 16, 2)), truth)

    own = score(0.0, 1.0)
    assert own < min(score(0.7, 1.0), score(0.0, 0.3), score(0.0, 2.0))


def test_energy_score_of_certainty_is_the_distance() -> None:
    """Equal samples have no spread to subtract; a single sample is its distance."""
    truth = np.zeros((3, 5, 2))
    samples = np.full((3, 7, 5, 2), 1.0)
    assert metrics.energy_score(samples, truth) == pytest.approx(np.sqrt(10.0))
    assert metrics.energy_score(samples[:, :1], truth) == pytest.approx(np.sqrt(10.0))


def test_miss_rate_counts_windows_without_a_near_end() -> None:
    """One of two windows has a sample within half a metre."""
    errors = np.array([[[0.4, 2.0]], [[0.6, 2.0]]])
    assert metrics.miss_rate(errors) == pytest.approx(0.5)
