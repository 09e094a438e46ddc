"""Which windows count as approaches, and that they are drawn as much more often as asked."""

import numpy as np
import pytest

from ats_sim.models.approaches import approach, draw_rows

TIME = np.arange(-7, 1) / 10.0


def walking(now: float, speed: float, side: tuple[float, float] = (1.0, 0.0)) -> np.ndarray:
    """An observer `now` metres away that has come nearer at `speed`: (8, 3)."""
    away = now - speed * TIME
    return np.stack([away * side[0], away * side[1], np.full(8, 1.2)], axis=-1)


@pytest.mark.parametrize("side", [(1.0, 0.0), (0.0, -1.0), (-0.6, 0.8)])
def test_only_who_comes_near_and_nearer_comes(side: tuple[float, float]) -> None:
    """From every side alike: 1 m/s toward the agent counts whole, halfway to that half, away or far off not at all."""
    cases = [walking(1.0, 1.0, side), walking(1.0, 0.4, side), walking(1.0, -1.0, side), walking(4.0, 1.0, side)]
    np.testing.assert_allclose(approach(np.stack(cases)), [1.0, 0.5, 0.0, 0.0], atol=1e-9)
    assert approach(walking(1.5, 0.0, side)[None])[0] == 0.0, "an agent that comes to somebody is not approached"


def test_approaches_are_drawn_as_often_as_asked() -> None:
    """Three times as often as others; once as often, all windows alike."""
    seen = np.stack([walking(1.0, 1.0), walking(1.0, 0.0), walking(4.0, 1.0), walking(1.0, 0.4)])
    for emphasis, shares in ((3.0, [3, 1, 1, 2]), (1.0, [1, 1, 1, 1])):
        rows = draw_rows(seen, emphasis, 20_000, np.random.default_rng(0))
        expected = np.array(shares) / sum(shares)
        np.testing.assert_allclose(np.bincount(rows, minlength=4) / 20_000, expected, atol=0.012)
