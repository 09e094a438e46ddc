"""The measure of reaction against animals whose law is known, and against traps that look like a reaction."""

from collections.abc import Callable

import numpy as np
import pytest

from ats_sim.envs.closed_loop_reaction import Moments, contrast, moments_of, ratio_interval, reaction
from ats_sim.envs.closed_loop_track import Track, plain_track
from ats_sim.geometry import rigid

Law = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]
DT = 0.1


def wanderer(rng: np.random.Generator, count: int, spread: float, seconds: float) -> np.ndarray:
    """(N, 2) velocities of an Ornstein-Uhlenbeck walk."""
    keep = np.exp(-DT / seconds)
    velocity = np.zeros((count, 2))
    for i in range(1, count):
        velocity[i] = keep * velocity[i - 1] + np.sqrt(1 - keep**2) * spread * rng.normal(size=2)
    return velocity


def life(rng: np.random.Generator, law: Law, *, follows: float = 0.0, count: int = 600) -> Track:
    """An observer who wanders (or follows the animal at 1.5 m) and an animal that wanders and obeys a law."""
    own, theirs = wanderer(rng, count, 0.25, 1.0), wanderer(rng, count, 0.6, 2.0)
    animal, observer = np.zeros((count, 2)), np.zeros((count, 2))
    observer[0] = [1.5, 0.0]
    for i in range(1, count):
        offset = animal[i - 1] - observer[i - 1]
        gap = float(np.linalg.norm(offset))
        away = offset / gap
        before = observer[max(i - 9, 0)]
        approach = (np.linalg.norm(before - animal[i - 1]) - gap) / (DT * min(8, max(i - 1, 1)))
        animal[i] = animal[i - 1] + DT * (own[i] + law(away, own[i], offset, float(approach)))
        pull = 0.8 * (gap - 1.5) * away
        observer[i] = observer[i - 1] + DT * (theirs[i] * (1.0 - follows) + follows * pull + 0.1 * pull)
    flat = [np.concatenate([xy, np.zeros((count, 1))], axis=1) for xy in (animal, observer)]
    roots = rigid(np.broadcast_to(np.eye(3), (count, 3, 3)), flat[0])
    return plain_track("life", roots, np.zeros((count, 2, 3)), flat[1], np.ones(count, dtype=bool))


def indifferent(away: np.ndarray, own: np.ndarray, offset: np.ndarray, approach: float) -> np.ndarray:
    return np.zeros(2)


def giving_way(strength: float) -> Law:
    return lambda away, own, offset, approach: strength * approach * away


def lives(law: Law, *, follows: float = 0.0, seed: int = 0, many: int = 30) -> list[Moments]:
    rng = np.random.default_rng(seed)
    return moments_of([life(rng, law, follows=follows) for _ in range(many)])


@pytest.mark.parametrize("strength", [0.5, 0.25, -0.3])
def test_the_slope_has_the_sign_and_about_the_size_of_the_law(strength: float) -> None:
    found = reaction(lives(giving_way(strength)), np.random.default_rng(0))
    assert found is not None
    # What the animal has already begun to do counts as its momentum, so less than the law itself is left.
    assert 0.15 * abs(strength) < found.slope * np.sign(strength) < 1.2 * abs(strength)
    assert found.low * found.high > 0.0, "the interval excludes 0"
    assert np.sign(found.contrast) == np.sign(strength)


def test_slopes_keep_the_order_of_the_laws() -> None:
    slopes = []
    for strength in (0.0, 0.2, 0.4, 0.8):
        found = reaction(lives(giving_way(strength)), np.random.default_rng(0))
        assert found is not None
        slopes.append(found.slope)
    assert slopes == sorted(slopes) and slopes[3] > 1.5 * slopes[2] > 0.0


def test_an_indifferent_animal_does_not_react() -> None:
    found = reaction(lives(indifferent), np.random.default_rng(0))
    assert found is not None
    assert found.low < 0.0 < found.high
    assert abs(found.slope) < 0.05


def test_a_camera_that_follows_a_leaving_animal_is_no_reaction() -> None:
    groups = lives(indifferent, follows=0.8)
    found = reaction(groups, np.random.default_rng(0))
    assert found is not None
    everything = np.concatenate([np.stack([m.approach, m.retreat]) for m in groups], axis=1)
    naive = np.polyfit(*everything, 1)[0]
    assert naive > 0.2, "the trap is set: without the animal's momentum this looks like giving way"
    assert abs(found.slope) < 0.1 * naive


def test_approach_counts_the_observers_steps_alone_and_retreat_the_animals() -> None:
    count = 40
    roots = np.tile(np.eye(4), (count, 1, 1))
    observer = np.zeros((count, 3))
    observer[:, 0] = 2.4 - 0.05 * np.arange(count)
    known = np.ones(count, dtype=bool)
    (coming,) = moments_of([plain_track("coming", roots, np.zeros((count, 2, 3)), observer, known)])
    assert coming.approach == pytest.approx(0.5) and coming.retreat == pytest.approx(0.0)
    roots[:, 0, 3] = -0.03 * np.arange(count)
    still = np.tile([1.0, 0.0, 1.4], (count, 1))
    (leaving,) = moments_of([plain_track("leaving", roots, np.zeros((count, 2, 3)), still, known)])
    assert leaving.approach == pytest.approx(0.0)
    assert leaving.retreat == pytest.approx(0.3) and leaving.momentum == pytest.approx(0.3)


def test_far_and_unseen_moments_do_not_count() -> None:
    count = 60
    roots = np.tile(np.eye(4), (count, 1, 1))
    observer = np.tile([2.0, 0.0, 1.4], (count, 1))
    known = np.ones(count, dtype=bool)
    assert len(moments_of([plain_track("near", roots, np.zeros((60, 2, 3)), observer, known)])[0].distance) == 42
    far = moments_of([plain_track("far", roots, np.zeros((60, 2, 3)), observer + [1.0, 0, 0], known)])
    assert len(far[0].distance) == 0
    known[30] = False
    broken = moments_of([plain_track("broken", roots, np.zeros((60, 2, 3)), observer, known)])
    assert len(broken[0].distance) == 12 + 11
    nobody = moments_of([plain_track("nobody", roots, np.zeros((60, 2, 3)), observer * np.nan, ~known | known)])
    assert len(nobody[0].distance) == 0
    assert reaction(nobody, np.random.default_rng(0)) is None


def test_the_contrast_compares_at_equal_distance_only() -> None:
    """Near moments retreat more than far ones, approached or not: nothing is left of it at equal distance."""
    rng = np.random.default_rng(0)
    distance = rng.uniform(0.0, 2.5, 20_000)
    approach = np.where(rng.uniform(size=20_000) < 1.0 - distance / 2.5, 0.5, 0.0)
    retreat = 1.0 - 0.4 * np.floor(distance / 0.25) * 0.25 + rng.normal(0.0, 0.2, 20_000)
    plain = Moments(distance, approach, retreat, *np.zeros((2, 20_000)))
    assert retreat[approach > 0.3].mean() - retreat[approach < 0.1].mean() > 0.1
    assert contrast(plain) == pytest.approx(0.0, abs=0.06)
    assert contrast(Moments(distance, approach, retreat + approach * 0.4, *np.zeros((2, 20_000)))) == pytest.approx(
        1, abs=0.07
    )


def test_the_ratio_of_equal_laws_is_near_one() -> None:
    first, second = lives(giving_way(0.5)), lives(giving_way(0.5), seed=1)
    low, high = ratio_interval(first, second, np.random.default_rng(0))
    assert 0.5 < low < 1.0 < high < 2.5
