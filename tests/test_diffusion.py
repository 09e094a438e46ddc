"""The sampler is held against a denoiser that is known in closed form."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation, denoise, falling_levels, path_basis
from ats_sim.errors import ArrayError
from ats_sim.models.curves import velocity_curves
from ats_sim.models.diffusion import clean_loss, corrupt, draw_levels, seen_loss
from ats_sim.models.statistics import fit_pace
from ats_sim.pace import Pace
from ats_sim.perception import FUTURE

MEAN, STD = 1.5, 0.4


def gaussian_denoiser(noisy: Array, level: float) -> Array:
    """The best possible x_0 for data N(MEAN, STD^2) seen as (1 - s) x_0 + s n."""
    signal = (1.0 - level) * STD
    gain = signal * STD / (signal**2 + level**2)
    return MEAN + gain * (noisy - (1.0 - level) * MEAN)


def drawn_std(calls: int, crowding: float = 2.0) -> float:
    noise = np.random.default_rng(0).standard_normal(20000)
    noise = (noise - noise.mean()) / noise.std()
    drawn = denoise(gaussian_denoiser, noise, falling_levels(calls, crowding))
    assert drawn.mean() == pytest.approx(MEAN, abs=1e-6)
    return float(drawn.std())


def test_analytic_gaussian_is_reached() -> None:
    """With many calls the samples have the data's mean and spread."""
    assert drawn_std(800) == pytest.approx(STD, rel=3e-3)


def test_error_falls_with_the_second_order_of_the_step() -> None:
    """Twice the calls, about a quarter of the error."""
    errors = [abs(drawn_std(calls) - STD) for calls in (32, 64, 128)]
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert 3.0 < coarse / fine < 5.0


@pytest.mark.parametrize(("calls", "error"), [(8, 0.02), (4, 0.1)])
def test_few_calls_keep_the_spread(calls: int, error: float) -> None:
    """A loop that holds each prediction constant would lose a fifth of the spread at eight calls."""
    assert drawn_std(calls) == pytest.approx(STD, rel=error)


@pytest.mark.parametrize(("calls", "crowding"), [(3, 1.7), (4, 1.7), (5, 1.8)])
def test_levels_that_crowd_less_keep_more_of_an_open_spread(calls: int, crowding: float) -> None:
    """At few calls; the policy's goals and paths are drawn so."""
    assert abs(drawn_std(calls, crowding) - STD) < 0.7 * abs(drawn_std(calls) - STD)


def test_two_modes_are_both_drawn() -> None:
    """Data at -1 and 1, three to one: the best prediction is a weighted mean, the samples must not be."""
    noise = np.random.default_rng(3).standard_normal(20000)

    def best(noisy: Array, level: float) -> Array:
        scale = np.maximum(level, 1e-6) ** 2 / np.maximum(1.0 - level, 1e-6)
        odds = np.exp(np.clip(-2.0 * noisy / scale, -300.0, 300.0)) * 3.0
        return (1.0 - odds) / (1.0 + odds)

    drawn = denoise(best, noise, falling_levels(8))
    assert np.abs(np.abs(drawn) - 1.0).mean() < 0.03
    assert (drawn > 0.0).mean() == pytest.approx(0.25, abs=0.03)


def test_point_data_needs_one_call() -> None:
    """If the clean signal is certain, one call gives it, whatever the noise."""
    noise = np.random.default_rng(1).standard_normal((5, 3))
    drawn = denoise(lambda x, s: np.full_like(x, 0.7), noise, falling_levels(1))
    np.testing.assert_allclose(drawn, 0.7)


def test_corruption_runs_from_data_to_noise() -> None:
    """Level 0 is the data, level 1 the noise, and halfway is their mean."""
    clean, noise = torch.full((3, 2), 4.0), torch.full((3, 2), 2.0)
    noisy = corrupt(clean, noise, torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(noisy[:, 0], torch.tensor([4.0, 3.0, 2.0]))
    assert float(clean_loss(clean, noise, torch.ones(3))) == pytest.approx(4.0)


def test_what_was_not_seen_is_not_judged() -> None:
    """Only seen frames count, and each counts alike however many there are."""
    clean = torch.zeros(2, 4, 3)
    predicted = torch.full((2, 4, 3), 2.0)
    predicted[0, 2:] = 1e6
    seen = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    assert float(seen_loss(predicted, clean, seen)) == pytest.approx(4.0)
    assert float(seen_loss(predicted, clean, torch.zeros(2, 4))) == 0.0


def test_levels_cover_the_interval() -> None:
    """Each of B equal parts of (0, 1] gets one level."""
    levels = draw_levels(np.random.default_rng(2), 50)
    assert levels.min() > 0.0 and levels.max() <= 1.0
    np.testing.assert_array_equal(np.sort(np.ceil(levels.astype(np.float64) * 50)), np.arange(1, 51))


def test_path_basis_is_smooth_and_starts_here() -> None:
    """Orthonormal, straight lines are exact, and no path jumps away from the agent."""
    basis = path_basis()
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-9)
    line = np.arange(1, FUTURE + 1)[:, None] * np.array([0.05, -0.02, 0.01])
    np.testing.assert_allclose(basis @ (basis.T @ line), line, atol=1e-9)
    time = np.arange(1, FUTURE + 1) / 10.0
    walk = np.stack([np.sin(0.8 * time), 0.3 * time**2 / 5.6, 0.1 * (1.0 - np.cos(time))], axis=-1)
    assert np.abs(basis @ (basis.T @ walk) - walk).max() < 0.01


def test_normalisation_can_be_undone_and_stored() -> None:
    """encode and decode are inverse (a path within its basis), also after a trip through JSON."""
    rng = np.random.default_rng(3)
    size, width = path_basis().shape[1], 12
    normalisation = Normalisation(
        goal_mean=rng.normal(size=3),
        goal_std=rng.uniform(0.5, 2.0, 3),
        path_basis=path_basis(),
        path_mean=rng.normal(size=(size, 3)),
        path_std=rng.uniform(0.5, 2.0, (size, 3)),
        pose_mean=rng.normal(size=(FUTURE, width)),
        pose_std=rng.uniform(0.5, 2.0, (FUTURE, width)),
    )
    current, velocity = rng.normal(size=(4, width)), rng.normal(size=(4, 3))
    spread, reach = rng.uniform(0.5, 2.0, (3, size, 3)), np.ones((3, FUTURE))
    pace = Pace(rng.normal(size=(size, 3)), np.array([0.1, 0.5, 2.0]), spread, reach, rng.normal(size=3))
    velocity[1] = np.nan  # hidden
    for whole in (normalisation, replace(normalisation, pace=pace)):
        stored = Normalisation.from_json(json.loads(json.dumps(whole.to_json())))
        for stage, shape in whole.shapes.items():
            signal = rng.normal(size=(4, *shape))
            value = whole.decode(stage, signal, current, velocity)
            np.testing.assert_allclose(whole.encode(stage, value, current, velocity), signal, atol=1e-9)
            np.testing.assert_allclose(stored.decode(stage, signal, current, velocity), value, atol=1e-4)


def test_a_pace_is_found_again() -> None:
    """Of made-up paths whose drift and spread by speed are known, `fit_pace` finds both, and how far they stray; a
    speed that nobody had takes what holds of all."""
    rng = np.random.default_rng(4)
    curves = velocity_curves()
    size = curves.shape[1]
    velocity = np.concatenate([rng.normal(0.0, 0.02, (4000, 3)), rng.normal(0.0, 0.1, (4000, 3)) + [1.3, 0.0, 0.0]])
    drift, mean = rng.normal(size=(size, 3)), rng.normal(size=(size, 3))
    width = np.where(velocity[:, :1, None] > 0.5, 0.6, 0.1)
    coefficients = mean + drift * velocity[:, None] + width * rng.normal(size=(8000, size, 3))
    pace, found = fit_pace(curves, curves @ coefficients, velocity)
    np.testing.assert_allclose(pace.drift[:, 0], drift[:, 0], atol=0.05)
    np.testing.assert_allclose(found[:, 0], mean[:, 0], atol=0.05)
    speeds = np.array([[0.0, 0.0, 0.0], [1.6, 0.0, 0.0], [0.35, 0.0, 0.0]])
    alone = np.sqrt((curves**2).sum(1))
    for row, wide in enumerate((0.1, 0.6, np.sqrt(0.5 * (0.1**2 + 0.6**2)))):
        np.testing.assert_allclose(pace.scale(found, np.ones((size, 3)), speeds)[1][row, :, 0], wide, rtol=0.15)
        np.testing.assert_allclose(pace.strays(speeds)[row], wide * alone, rtol=0.15)
    # Of whom nobody knows how fast they go, paths lie as those of all do.
    overall = coefficients.std(0)
    centre, spread = pace.scale(found, overall, np.full((1, 3), np.nan))
    np.testing.assert_allclose(centre[0], coefficients.mean(0), atol=1e-9)
    np.testing.assert_array_equal(spread[0], overall)


@pytest.mark.parametrize(
    "broken", [{"speeds": [0.5, 0.1]}, {"spread": np.zeros((2, 5, 3))}, {"reach": np.zeros((2, 9))}]
)
def test_a_broken_pace_is_refused(broken: dict[str, Any]) -> None:
    """Speeds that do not rise, and spreads of nothing."""
    value = {"drift": np.zeros((5, 3)), "speeds": [0.1, 0.5], "spread": np.ones((2, 5, 3)), "reach": np.ones((2, 9))}
    value["usual"] = np.zeros(3)
    Pace.from_json(value, (5, 3), 9)
    with pytest.raises(ArrayError, match="pace"):
        Pace.from_json(value | broken, (5, 3), 9)


def test_curves_of_velocity_are_local() -> None:
    """What begins later moves nothing before, a constant velocity is exact, and whoever rests for two seconds and then
    walks is followed within millimetres."""
    basis, time = velocity_curves(), np.arange(1, FUTURE + 1) / 10.0
    fit = np.linalg.pinv(basis)
    line = time[:, None] * np.array([0.5, -0.2, 0.1])
    np.testing.assert_allclose(basis @ (fit @ line), line, atol=1e-9)
    np.testing.assert_array_equal(basis[:10, 6:], 0.0)
    start = np.cumsum(0.8 / (1.0 + np.exp(-(time - 2.0) / 0.15)))[:, None] / 10.0
    assert np.abs(basis @ (fit @ start) - start).max() < 0.01
