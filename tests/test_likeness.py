"""An observer is unlike the one who filmed where height, speed, turning or distance leave what was recorded."""

from pathlib import Path

import numpy as np
import pytest
from toy_home import ScriptedMind, make_toy_home, toy_recording, toy_skeleton

from ats_sim.arrays import Array
from ats_sim.geometry import look_at, rigid
from ats_sim.home import Home
from ats_sim.likeness import ObserverLikeness, likeness_of
from ats_sim.recorded import Recording
from ats_sim.world import World

COUNT = 400
PACE, TURN, HEIGHT, AWAY = 0.8, 0.5, 1.2, 2.0  # m/s, rad/s, m, m
STILL = np.zeros(4, dtype=np.float32)


def filmed(*, valid: Array | None = None, height: Array | float = HEIGHT) -> Recording:
    """Somebody who walks in a circle about the animal, always 2 m from it, and so turns evenly."""
    angle = np.arange(COUNT) * 0.1 * PACE / AWAY
    eyes = np.stack([AWAY * np.cos(angle), AWAY * np.sin(angle), np.broadcast_to(height, COUNT)], axis=-1)
    cameras = look_at(eyes, np.broadcast_to([0.0, 0.0, 0.3], (COUNT, 3)))
    roots = rigid(np.broadcast_to(np.eye(3), (COUNT, 3, 3)), np.broadcast_to([0.0, 0.0, 0.3], (COUNT, 3)))
    seen = np.ones(COUNT, dtype=bool) if valid is None else valid
    return Recording("circle", np.arange(COUNT) / 10.0, roots, np.zeros((COUNT, 26, 3)), cameras, seen)


def pose(x: float, y: float, yaw: float, height: float = HEIGHT, floor: float = 0.0) -> Array:
    return np.array([x, y, yaw, 0.0, floor, height - floor])


def test_habits_are_what_the_person_did() -> None:
    found = ObserverLikeness.learned([filmed()])
    assert found is not None
    # A chord of the circle is a little shorter than its arc.
    chord = 2.0 * AWAY * np.sin(0.05 * PACE / AWAY) * 10.0
    assert found.speed == pytest.approx(chord, abs=2e-3)
    assert found.turn == pytest.approx(PACE / AWAY, abs=2e-3)
    assert found.height == pytest.approx((HEIGHT, HEIGHT), abs=2e-3)
    assert found.distance == pytest.approx((AWAY, AWAY), abs=2e-3)


def test_ranges_are_percentiles_over_all_videos() -> None:
    heights = np.linspace(1.0, 2.0, 2 * COUNT)
    found = ObserverLikeness.learned([filmed(height=heights[:COUNT]), filmed(height=heights[COUNT:])])
    assert found is not None
    assert found.height == pytest.approx((1.01, 1.99), abs=2e-3)


def test_moments_that_were_not_seen_teach_nothing() -> None:
    seen = np.arange(COUNT) < 300
    found = ObserverLikeness.learned([filmed(valid=seen, height=np.where(seen, 1.0, 9.0))])
    assert found is not None and found.height == pytest.approx((1.0, 1.0), abs=2e-3)
    # One alone is no pair: of every second moment neither speed nor turn is known.
    assert ObserverLikeness.learned([filmed(valid=np.arange(COUNT) % 2 == 0)]) is None
    assert ObserverLikeness.learned([]) is None


@pytest.mark.parametrize(
    ("now", "before", "count"),
    [
        (pose(2.0, 0.0, 1.0), pose(2.0, 0.05, 1.02), 0),  # slower on foot and in turning is no sin
        (pose(2.0, 0.0, 1.0), pose(2.0, 0.0, 1.0), 0),
        (pose(2.0, 0.0, 1.0, floor=0.2), pose(2.0, 0.0, 1.0), 0),  # the same height above the main floor
        (pose(2.0, 0.0, 1.0), pose(2.0, 0.2, 1.0), 1),  # 2 m/s
        (pose(2.0, 0.0, 1.0), pose(2.0, 0.0, 0.9), 1),  # 1 rad/s
        (pose(2.0, 0.0, 3.14), pose(2.0, 0.0, -3.14), 0),  # 0.003 rad across the back
        (pose(2.0, 0.0, 1.0, height=1.6), pose(2.0, 0.0, 1.0), 1),
        (pose(3.0, 0.0, 1.0), pose(3.0, 0.0, 1.0), 1),
        (pose(0.5, 0.0, 1.0, height=0.7), pose(0.5, 0.3, 2.0), 4),
    ],
)
def test_each_habit_counts_once(now: Array, before: Array, count: int) -> None:
    likeness = ObserverLikeness((1.1, 1.3), 1.0, 0.5, (1.5, 2.5))
    assert likeness.count_unlike(now, before, np.eye(4)) == count


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("likeness") / "toy"), require_policy=False)


@pytest.fixture
def world(home: Home) -> World:
    return World(home, policy=ScriptedMind())


def test_living_through_the_recording_again_is_as_recorded(world: World, home: Home) -> None:
    world.reset(np.random.default_rng(0), {"replay": {"video": "walk", "start": 1.0}})
    found = []
    for _ in range(120):
        world.step(STILL)
        found.append(world.observer_unlike)
    # The simulated animal goes its own way, so the distance may differ; of the rest, what the percentiles cut off.
    assert max(found) <= 0.25 + 2 / 32
    likeness, video = likeness_of(home), toy_recording(toy_skeleton())
    assert likeness is not None and likeness.height == pytest.approx((1.4, 1.4), abs=2e-3)
    assert likeness.speed == pytest.approx(np.diff(video.T_world_camera[:180, 0, 3]).max() * 10.0, abs=0.02)


def test_running_and_turning_are_unlike_and_forgotten_after_0_8_s(world: World) -> None:
    world.reset(np.random.default_rng(0), {"observer_pose": np.array([-2.0, -1.4, 0.0])})
    assert world.observer_unlike == 0.0
    world.set_stance("run")
    before = world.observer_unlike
    for _ in range(8):
        world.step(np.array([1.0, 0.0, 1.0, 0.0], dtype=np.float32))
    assert world.observer_unlike >= before + 0.25  # nobody turned at 90 degrees a second
    for _ in range(8):
        world.step(STILL)
    # At rest, upright: what may remain is the distance alone.
    assert world.observer_unlike <= 0.25


def test_the_share_is_part_of_the_state(world: World, home: Home) -> None:
    world.reset(np.random.default_rng(0), {"observer_pose": np.array([-2.0, -1.4, 0.0])})
    for _ in range(3):
        world.step(np.array([0.0, 0.0, 1.0, 0.0], dtype=np.float32))
    other, shares = World(home, policy=ScriptedMind()), []
    other.restore(world.snapshot())
    assert other.observer_unlike == world.observer_unlike > 0.0
    for one in (world, other):
        for _ in range(9):
            one.step(STILL)
            shares.append(one.observer_unlike)
    assert shares[:9] == shares[9:]


def test_a_home_without_recordings_says_nothing(tmp_path: Path) -> None:
    from ats_sim.home import seal_home

    folder = make_toy_home(tmp_path / "toy")
    (folder / "recordings.npz").unlink()
    seal_home(folder, name="toy", skeleton=toy_skeleton(), T_home_scene=np.eye(4), provenance={}, metrics={})
    world = World(Home.load(folder, require_policy=False), policy=ScriptedMind())
    world.reset(np.random.default_rng(0))
    for _ in range(9):
        world.step(np.ones(4, dtype=np.float32))
    assert world.observer_unlike == 0.0
