"""The measures of reaction against animals whose law is known, and against traps that look like a reaction."""

from collections.abc import Callable

import numpy as np
import pytest

from ats_sim.envs.closed_loop_reaction import MEASURES, Moments, Reaction, bootstrap, joined, moments_of, reaction
from ats_sim.envs.closed_loop_relive import as_recorded, meetings, recorded_moments
from ats_sim.envs.closed_loop_track import Track, plain_track
from ats_sim.geometry import rigid
from ats_sim.recorded import Recording

Law = Callable[[np.ndarray, float, float], np.ndarray]
DT = 0.1


def wanderer(rng: np.random.Generator, count: int, spread: float, seconds: float) -> np.ndarray:
    """(N, 2) velocities of an Ornstein-Uhlenbeck walk."""
    keep = np.exp(-DT / seconds)
    velocity = np.zeros((count, 2))
    for i in range(1, count):
        velocity[i] = keep * velocity[i - 1] + np.sqrt(1 - keep**2) * spread * rng.normal(size=2)
    return velocity


def indifferent(away: np.ndarray, gap: float, approach: float) -> np.ndarray:
    return np.zeros(2)


def giving_way(strength: float) -> Law:
    return lambda away, gap, approach: strength * approach * away


def bolting(speed: float) -> Law:
    """Runs, sideways for all it cares, when somebody comes at more than 0.45 m/s within 2 m."""
    return lambda away, gap, approach: speed * (approach > 0.45) * (gap < 2.0) * np.array([-away[1], away[0]])


def life(rng: np.random.Generator, law: Law, *, follows: float = 0.0, count: int = 600) -> Track:
    """An observer who wanders (or follows the animal at 1.5 m) and an animal that wanders and obeys a law."""
    own, theirs = wanderer(rng, count, 0.25, 1.0), wanderer(rng, count, 0.6, 2.0)
    animal, observer = np.zeros((count, 2)), np.zeros((count, 2))
    observer[0] = [1.5, 0.0]
    for i in range(1, count):
        away, gap, approach = meeting(animal[:i], observer[:i])
        animal[i] = animal[i - 1] + DT * (own[i] + law(away, gap, approach))
        pull = 0.8 * (gap - 1.5) * away
        observer[i] = observer[i - 1] + DT * (theirs[i] * (1.0 - follows) + follows * pull + 0.1 * pull)
    return track_of(animal, observer)


def meeting(animal: np.ndarray, observer: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Direction away (2,), distance and approach at the end of two tracks (N, 2)."""
    offset = animal[-1] - observer[-1]
    gap = float(np.linalg.norm(offset))
    frames = min(8, len(observer) - 1)
    approach = (np.linalg.norm(observer[-1 - frames] - animal[-1]) - gap) / (DT * max(frames, 1))
    return offset / gap, gap, float(approach)


def track_of(animal: np.ndarray, observer: np.ndarray) -> Track:
    count = len(animal)
    flat = [np.concatenate([xy, np.zeros((count, 1))], axis=1) for xy in (animal, observer)]
    roots = rigid(np.broadcast_to(np.eye(3), (count, 3, 3)), flat[0])
    return plain_track("life", roots, np.zeros((count, 2, 3)), flat[1], np.ones(count, dtype=bool))


def lives(law: Law, *, follows: float = 0.0, seed: int = 0, many: int = 20) -> list[Moments]:
    rng = np.random.default_rng(seed)
    return moments_of([life(rng, law, follows=follows) for _ in range(many)])


def measured(name: str, groups: list[Moments]) -> Reaction:
    found = reaction(groups, MEASURES[name], np.random.default_rng(0))
    assert found is not None
    return found


@pytest.mark.parametrize("strength", [0.5, 0.25, -0.3])
def test_retreat_has_the_sign_of_the_law_and_less_than_its_size(strength: float) -> None:
    found = measured("retreat", lives(giving_way(strength)))
    # What the animal has already begun to do counts as its habit, so less than the law itself is left.
    assert 0.15 * abs(strength) < found.size * np.sign(strength) < 1.2 * abs(strength)
    assert found.low * found.high > 0.0, "the interval excludes 0"


def test_startle_grows_with_how_fast_it_bolts_and_does_not_ask_where_to() -> None:
    found = [measured("startle", lives(bolting(speed))) for speed in (0.0, 0.6, 1.2)]
    sizes = [one.size for one in found]
    assert sizes[0] == pytest.approx(0.0, abs=0.03)
    assert sizes[1] > 0.05 and sizes[2] > 1.5 * sizes[1]
    assert found[1].low > 0.0 and found[2].low > 0.0
    assert abs(measured("retreat", lives(bolting(1.2))).size) < 0.5 * sizes[2]


def test_retreats_keep_the_order_of_the_laws() -> None:
    sizes = [measured("retreat", lives(giving_way(strength))).size for strength in (0.0, 0.2, 0.4, 0.8)]
    assert sizes == sorted(sizes) and sizes[3] > 1.5 * sizes[2] > 0.0


@pytest.mark.parametrize("name", ["startle", "retreat"])
def test_an_indifferent_animal_does_not_react(name: str) -> None:
    found = measured(name, lives(indifferent))
    assert found.low < 0.0 < found.high
    assert abs(found.size) < 0.05


def test_a_camera_that_follows_a_leaving_animal_is_no_reaction() -> None:
    groups = lives(indifferent, follows=0.8, many=30)
    everything = joined(groups)
    naive = np.polyfit(everything.approach, everything.retreat, 1)[0]
    assert naive > 0.2, "the trap is set: without the animal's habit this looks like giving way"
    assert abs(measured("retreat", groups).size) < 0.1 * naive
    assert abs(measured("startle", groups).size) < 0.05


@pytest.mark.parametrize("follows", [0.0, 0.8])
def test_an_animal_simulated_perfectly_has_the_recorded_startle(follows: float) -> None:
    """Recorded moments lived anew by the very law that made them react alike, follow the camera or not."""
    law, rng = bolting(1.0), np.random.default_rng(3)
    tracks = [life(rng, law, follows=follows) for _ in range(24)]
    recordings = tuple(
        Recording(f"v{i:02d}", np.arange(600) / 10.0, t.roots, t.joints, cameras(t.observer), t.valid)
        for i, t in enumerate(tracks)
    )
    chosen = recorded_moments(recordings, 4000)

    def anew(was: Track) -> Track:
        animal, observer = was.places[:, :2].copy(), was.observer[:, :2]
        velocity = (animal[8] - animal[6]) / 0.2
        for i in range(9, len(animal)):
            keep = np.exp(-DT)
            velocity = keep * velocity + np.sqrt(1 - keep**2) * 0.25 * rng.normal(size=2)
            animal[i] = animal[i - 1] + DT * (velocity + law(*meeting(animal[:i], observer[:i])))
        return track_of(animal, observer)

    were = [as_recorded(moment) for moment in chosen]
    recorded, simulated = meetings(chosen, were), meetings(chosen, [anew(was) for was in were])
    assert measured("startle", recorded).moments == measured("startle", simulated).moments > 500
    sizes = bootstrap([recorded, simulated], MEASURES["startle"], rng)
    low, high = np.percentile(sizes[1] - sizes[0], [1.0, 99.0])
    assert low < 0.0 < high
    assert sizes.mean(1) == pytest.approx(0.13, abs=0.1)


def cameras(places: np.ndarray) -> np.ndarray:
    return rigid(np.broadcast_to(np.eye(3), (len(places), 3, 3)), places)


def test_approach_counts_the_observers_steps_alone_and_retreat_the_animals() -> None:
    count = 50
    roots = np.tile(np.eye(4), (count, 1, 1))
    observer = np.zeros((count, 3))
    observer[:, 0] = 2.8 - 0.05 * np.arange(count)
    known = np.ones(count, dtype=bool)
    (coming,) = moments_of([plain_track("coming", roots, np.zeros((count, 2, 3)), observer, known)])
    assert coming.approach == pytest.approx(0.5) and coming.retreat == pytest.approx(0.0)
    assert coming.hurry == pytest.approx(0.0) and coming.pace == pytest.approx(0.0)
    roots[:, 0, 3] = -0.03 * np.arange(count)
    still = np.tile([1.0, 0.0, 1.4], (count, 1))
    (leaving,) = moments_of([plain_track("leaving", roots, np.zeros((count, 2, 3)), still, known)])
    assert leaving.approach == pytest.approx(0.0)
    assert leaving.retreat == pytest.approx(0.3) and leaving.away == pytest.approx(0.3)
    assert leaving.hurry == pytest.approx(0.3) and leaving.pace == pytest.approx(0.3)


def test_far_and_unseen_moments_do_not_count() -> None:
    count = 70
    roots = np.tile(np.eye(4), (count, 1, 1))
    observer = np.tile([2.0, 0.0, 1.4], (count, 1))
    known = np.ones(count, dtype=bool)
    shape = np.zeros((count, 2, 3))
    assert len(moments_of([plain_track("near", roots, shape, observer, known)])[0].distance) == 42
    far = moments_of([plain_track("far", roots, shape, observer + [1.0, 0, 0], known)])
    assert len(far[0].distance) == 0
    known[30] = False
    broken = moments_of([plain_track("broken", roots, shape, observer, known)])
    assert len(broken[0].distance) == 2 + 11
    nobody = moments_of([plain_track("nobody", roots, shape, observer * np.nan, ~known | known)])
    assert len(nobody[0].distance) == 0
    assert reaction(nobody, MEASURES["retreat"], np.random.default_rng(0)) is None


def test_one_video_has_a_size_but_no_interval() -> None:
    twenty = lives(giving_way(0.5))
    found = measured("retreat", [joined(twenty)])
    assert found.size == pytest.approx(measured("retreat", twenty).size)
    assert found.low is None and found.high is None and not found.differs_from_zero
    assert measured("retreat", twenty).differs_from_zero
    still = Moments(**{name: values * (name != "hurry") for name, values in vars(joined(twenty)).items()})
    assert measured("startle", [still]).effect is None, "an animal whose response never varies"


def test_moments_compare_at_equal_distance_only() -> None:
    """Near moments retreat more than far ones, approached or not: nothing is left of it at equal distance."""
    rng = np.random.default_rng(0)
    distance = rng.uniform(0.0, 2.5, 20_000)
    approach = np.where(rng.uniform(size=20_000) < 1.0 - distance / 2.5, 0.7, 0.0)
    response = 1.0 - 0.4 * np.floor(distance / 0.25) * 0.25 + rng.normal(0.0, 0.2, 20_000)
    habit = rng.normal(size=(20_000, 2)) * 0.1

    def moments(values: np.ndarray) -> list[Moments]:
        parts = Moments(distance, approach, habit, habit, values, values)
        cut = np.array_split(np.arange(20_000), 10)
        return [Moments(*(getattr(parts, name)[rows] for name in vars(parts))) for rows in cut]

    assert response[approach > 0.3].mean() - response[approach < 0.1].mean() > 0.1
    for name in ("startle", "retreat"):
        assert measured(name, moments(response)).size == pytest.approx(0.0, abs=0.02)
    assert measured("startle", moments(response + 0.3 * (approach > 0.6))).size == pytest.approx(0.3, abs=0.02)
    assert measured("retreat", moments(response + 0.3 * approach)).size == pytest.approx(0.3, abs=0.02)
