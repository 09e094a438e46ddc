"""The loops that draw, held against distributions and steps that are known without them."""

import math

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.denoising import denoise, falling_levels
from ats_sim.samplers import ANCESTRAL, Ancestral, FewCalls, linear_chain, sampler_of


def test_ancestral_steps_draw_the_gaussian_that_the_noise_was_predicted_for() -> None:
    """For data N(m, S) the expected noise is linear in the noisy signal; small steps must reach mean and covariance
    (the paper's fifty, with the posterior's variance, leave a twelfth of the deviation out)."""
    rng = np.random.default_rng(0)
    mean, factor = np.array([0.4, -0.7]), np.array([[0.8, 0.0], [0.5, 0.3]])
    covariance, kept = factor @ factor.T, linear_chain(1000)

    def expected_noise(noisy: Array, level: float) -> Array:
        left = kept[round(level * len(kept)) - 1]
        spread = left * covariance + (1.0 - left) * np.eye(2)
        off = noisy - math.sqrt(left) * mean
        return np.asarray(math.sqrt(1.0 - left) * np.linalg.solve(spread, off.T).T)

    chain = Ancestral(kept)
    drawn = chain.draw(expected_noise, rng.standard_normal((10_000, 2)), rng.standard_normal((10_000, chain.fresh, 2)))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.04)


def test_a_chain_that_sees_through_the_noise_returns_the_signal() -> None:
    """If the noise is known exactly, the last step leaves the clean signal whatever is added on the way."""
    rng = np.random.default_rng(1)
    clean, kept = rng.standard_normal((5, 3)), linear_chain()

    def true_noise(noisy: Array, level: float) -> Array:
        left = kept[round(level * len(kept)) - 1]
        return np.asarray((noisy - math.sqrt(left) * clean) / math.sqrt(1.0 - left))

    chain = Ancestral(kept)
    drawn = chain.draw(true_noise, rng.standard_normal((5, 3)), 9.0 * rng.standard_normal((5, chain.fresh, 3)))
    np.testing.assert_allclose(drawn, clean, atol=1e-9)


def test_the_chain_is_the_papers() -> None:
    """Fifty steps, variances from .002 to .4 added, and 7.7e-6 left in the end (the released code's numbers)."""
    kept = linear_chain()
    assert len(kept) == 50
    assert kept[0] == pytest.approx(0.998) and kept[-1] / kept[-2] == pytest.approx(0.6)
    assert kept[-1] == pytest.approx(7.7e-6, rel=0.02)


def test_a_chain_stays_in_single_precision() -> None:
    chain = Ancestral(linear_chain(40))
    fresh = np.zeros((2, chain.fresh, 3), np.float32)
    assert chain.draw(lambda x, _: 0.5 * x, np.ones((2, 3), np.float32), fresh).dtype == np.float32


def test_a_schedule_says_which_loop_it_is_for() -> None:
    levels = falling_levels(3)
    few = sampler_of({"levels": {"goal": list(levels)}}, "goal")
    assert isinstance(few, FewCalls) and few.fresh == 0
    start = np.random.default_rng(2).standard_normal((4, 3))
    np.testing.assert_array_equal(
        few.draw(lambda x, s: np.tanh(x), start, start[:, :0]), denoise(lambda x, s: np.tanh(x), start, levels)
    )
    many = sampler_of({"kind": ANCESTRAL, "kept": list(linear_chain())}, "pose")
    assert isinstance(many, Ancestral) and many.fresh == 49


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"levels": {"goal": [1.0, 0.5]}}, "must fall to 0"),
        ({"levels": {"goal": [1.0, 1.0, 0.0]}}, "must fall to 0"),
        ({"kind": ANCESTRAL, "kept": []}, "in 1 to 1000 steps"),
        ({"kind": ANCESTRAL, "kept": [0.5, 0.6]}, "must fall"),
        ({"kind": ANCESTRAL, "kept": [0.5, 0.0]}, "above 0"),
        ({"kind": ANCESTRAL, "kept": [1.0, 0.5]}, "below 1"),
        ({"kind": ANCESTRAL, "kept": [0.5, float("nan")]}, "must fall"),
        ({"kind": "euler", "levels": {"goal": [1.0, 0.0]}}, "'euler' is unknown"),
    ],
)
def test_schedules_that_draw_nothing_sensible_are_refused(schedule: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sampler_of(schedule, "goal")
