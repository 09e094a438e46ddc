"""Living through a recorded video again: the observer follows its camera, and errors are what they are said to be."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_home import ScriptedMind, make_toy_home

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.perception import FUTURE, PAST
from ats_sim.plan import Plan
from ats_sim.world import World

STILL = np.zeros(4, dtype=np.float32)


class Still(ScriptedMind):
    """Plans to stay where it is."""

    def plan(self, perceptions: Sequence[Any], rngs: Sequence[Any], **rest: Any) -> list[Plan]:
        plans = []
        for perception in perceptions:
            place, turn = perception.T_world_ego[:3, 3], perception.T_world_ego[:3, :3]
            still = np.zeros((FUTURE, 26, 3))
            rotations = np.repeat(turn[None], FUTURE, axis=0)
            plans.append(Plan(perception.T_world_ego, place, np.tile(place, (FUTURE, 1)), rotations, still))
        return plans


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("replay") / "toy"), require_policy=False)


@pytest.fixture
def world(home: Home) -> Iterator[World]:
    made = World(home, policy=ScriptedMind())
    yield made
    made.close()


def begin(world: World, **replay: Any) -> None:
    world.reset(np.random.default_rng(0), {"replay": {"video": "walk", "samples": 4} | replay})


def test_the_observer_is_where_the_camera_was(home: Home, world: World) -> None:
    begin(world, start=1.0)
    video, first = home.recordings[0], 10 + PAST - 1
    for frame in range(first, first + 30):
        # Place and direction are the camera's; an observer does not tilt the head sideways.
        for column in (2, 3):
            eyes, camera = world.observer.T_world_camera[:3, column], video.T_world_camera[frame, :3, column]
            np.testing.assert_allclose(eyes, camera, atol=1e-9)
        world.step(np.ones(4, dtype=np.float32))
    assert world.replay is not None and world.replay.frame == first + 30


def test_the_animal_begins_as_it_was_recorded(home: Home, world: World) -> None:
    begin(world, start=2.0)
    expected = home.recordings[0].T_world_root[20 : 20 + PAST]
    np.testing.assert_array_equal(world.agents[0].roots, expected)


def test_errors_of_an_animal_that_stays_are_the_recorded_way(home: Home) -> None:
    """Closed form: the mean distance of the recorded places from the first one."""
    world = World(home, policy=Still())
    begin(world, samples=3)
    track = home.recordings[0].T_world_root[:, :3, 3]
    start = track[PAST - 1]
    for steps in range(1, 41):
        world.step(STILL)
        gaps = np.linalg.norm(track[PAST : PAST + steps] - start, axis=1)
        assert world.replay is not None
        # The seam lets the walking cat roll out a few centimetres before it stands.
        assert world.replay.ade == pytest.approx(gaps.mean(), abs=0.1)
        assert world.replay.minade == pytest.approx(world.replay.ade, abs=1e-9), "all samples do the same"
    world.close()


def test_the_best_sample_is_no_worse_than_the_visible_one(world: World) -> None:
    begin(world, samples=8)
    for _ in range(60):
        world.step(STILL)
        assert world.replay is not None and world.replay.minade <= world.replay.ade + 1e-12
    assert world.replay.minade < world.replay.ade, "a random mind is sometimes beaten by its other selves"


def test_moments_without_the_real_animal_do_not_count(world: World) -> None:
    begin(world, start=17.0)
    found = []
    for _ in range(20):
        world.step(STILL)
        assert world.replay is not None
        found.append((world.replay.valid, world.replay.ade))
    seen = [valid for valid, _ in found]
    assert seen[0] and not seen[-1]
    lost = seen.index(False)
    assert len({ade for _, ade in found[lost:]}) == 1


def test_at_its_end_the_observer_may_walk_on(world: World) -> None:
    begin(world, start=18.0 - 0.1 * PAST)
    for _ in range(40):
        world.step(np.array([0.0, 0.0, 1.0, 0.0], dtype=np.float32))
    assert world.replay is not None and world.replay.finished
    assert not np.array_equal(world.observer.pose, world.observer.last_pose)


def test_a_snapshot_carries_the_replay_and_its_samples(home: Home, world: World) -> None:
    begin(world, samples=5)
    for _ in range(23):
        world.step(STILL)
    blob, other = world.snapshot(), World(home, policy=ScriptedMind())

    def live(on: World) -> tuple[bytes, float]:
        for _ in range(30):
            on.step(STILL)
        assert on.replay is not None
        return on.snapshot(), on.replay.minade

    expected = live(world)
    other.restore(blob)
    assert live(other) == expected
    other.reset(np.random.default_rng(0))
    assert other.replay is None and not any(name.startswith("sample") for name in other.state())
    other.close()


def test_the_visible_animal_lives_as_without_further_samples(home: Home) -> None:
    def track(samples: int) -> Array:
        world = World(home, policy=ScriptedMind())
        begin(world, samples=samples)
        places = []
        for _ in range(50):
            world.step(STILL)
            places.append(world.agents[0].T_world_root[:3, 3])
        world.close()
        return np.array(places)

    np.testing.assert_array_equal(track(1), track(9))


BAD = {
    "no such video": ({"video": "v99"}, "walk"),
    "too late": ({"start": 19.9}, "allows 0 to"),
    "before the beginning": ({"start": -1.0}, "allows 0 to"),
    "animal not seen": ({"start": 18.2}, "does not show the animal"),
    "no samples": ({"samples": 0}, "want 1 to"),
    "unknown word": ({"speed": 2.0}, "want a mapping"),
    "nan": ({"start": np.nan}, "not finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_request_is_refused_and_changes_nothing(world: World, case: str) -> None:
    world.reset(np.random.default_rng(0))
    before = world.snapshot()
    changes, words = BAD[case]
    with pytest.raises(ConfigError, match=words):
        begin(world, **changes)
    assert world.snapshot() == before


def test_a_replay_begins_where_its_video_does(world: World) -> None:
    with pytest.raises(ConfigError, match="leave out"):
        world.reset(np.random.default_rng(0), {"replay": {"video": "walk"}, "observer_pose": (0.0, 1.0, 0.0)})


def test_a_home_without_recordings_says_so(tmp_path: Path) -> None:
    from ats_sim.home import seal_home

    folder = make_toy_home(tmp_path / "toy")
    skeleton = Home.load(folder, require_policy=False).skeleton
    (folder / "recordings.npz").unlink()
    seal_home(folder, name="x", skeleton=skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    world = World(Home.load(folder, require_policy=False), policy=ScriptedMind())
    with pytest.raises(ConfigError, match="keeps no recordings"):
        begin(world)
    world.close()
