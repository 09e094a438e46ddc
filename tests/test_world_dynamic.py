"""A world with weight: plans are followed through contacts, and snapshots carry the bodies' momentum."""

from collections.abc import Iterator

import numpy as np
import pytest
from toy_home import COUCH_HIGH, COUCH_LOW, ScriptedMind, make_toy_home, toy_distance

from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.world import World

STILL = np.zeros(4, dtype=np.float32)
AHEAD = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("dynamic") / "toy"), require_policy=False)


@pytest.fixture
def world(home: Home) -> Iterator[World]:
    made = World(home, policy=ScriptedMind(), physics="dynamic")
    made.reset(np.random.default_rng(3))
    yield made
    made.close()


def test_the_agent_walks_where_it_wants_and_never_into_the_couch(world: World) -> None:
    start = world.agents[0].T_world_root[:3, 3].copy()
    farthest = 0.0
    for _ in range(80):
        world.step(STILL)
        place = world.agents[0].T_world_root[:3, 3]
        farthest = max(farthest, float(np.linalg.norm(place - start)))
        inside = (place > COUCH_LOW + 0.05) & (place < COUCH_HIGH - 0.05)
        assert not inside.all() and toy_distance(place) > -0.05
    assert farthest > 0.5


def test_an_observer_who_walks_on_shoves_the_animal_aside(home: Home) -> None:
    start = {"agent_poses": (-0.6, 1.0, 0.25, np.pi / 2), "observer_pose": (-1.6, 1.0, 0.0)}
    still = World(home, policy=None, physics="dynamic")
    still.reset(np.random.default_rng(0), start)
    for _ in range(10):
        still.step(AHEAD)
    observer, animal = still.observer.pose[:2], still.agents[0].T_world_root[:2, 3]
    still.close()
    assert observer[0] > -0.4, "nothing stops a person"
    assert np.linalg.norm(animal - [-0.6, 1.0]) > 0.1, "so the animal gives way"


def test_momentum_is_part_of_a_snapshot(home: Home, world: World) -> None:
    for _ in range(12):
        world.step(AHEAD)
    blob, other = world.snapshot(), World(home, policy=ScriptedMind(), physics="dynamic")

    def live(on: World) -> bytes:
        for _ in range(25):
            on.step(AHEAD)
        return on.snapshot()

    expected = live(world)
    other.restore(blob)
    assert live(other) == expected
    world.restore(blob)
    assert live(world) == expected
    other.close()


def test_the_two_modes_do_not_take_each_others_snapshots(home: Home, world: World) -> None:
    kinematic = World(home, policy=ScriptedMind())
    kinematic.reset(np.random.default_rng(3))
    before = world.snapshot()
    with pytest.raises(ConfigError, match="taken with physics="):
        world.restore(kinematic.snapshot())
    assert world.snapshot() == before
    kinematic.close()


def test_an_unknown_kind_of_physics_is_refused(home: Home) -> None:
    with pytest.raises(ConfigError, match="'quantum'.*dynamic"):
        World(home, policy=None, physics="quantum")  # type: ignore[arg-type]
