"""Nobody walks through things: the observer slides, the agent stays in free space, and its motion has no jumps."""

from collections.abc import Iterator

import numpy as np
import pytest
from toy_home import COUCH_HIGH, COUCH_LOW, ROOM_HIGH, ROOM_LOW, SPEED, ScriptedMind, make_toy_home, toy_distance

from ats_sim.errors import ActionError, ConfigError
from ats_sim.home import Home
from ats_sim.observer import ObserverOptions
from ats_sim.world import World

RADIUS = 0.2
SLACK = 0.02  # metres; the grid knows the closed form to about a centimetre


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("world") / "toy"), require_policy=False)


@pytest.fixture
def world(home: Home) -> Iterator[World]:
    made = World(home, policy=ScriptedMind())
    made.reset(np.random.default_rng(0))
    yield made
    made.close()


def action(forward: float = 0.0, left: float = 0.0, turn: float = 0.0, look: float = 0.0) -> np.ndarray:
    return np.array([forward, left, turn, look], dtype=np.float32)


def column_distance(x: float, y: float) -> float:
    """Horizontal distance of the observer's axis to the nearest wall or couch, in closed form."""
    walls = min(x - ROOM_LOW[0], ROOM_HIGH[0] - x, y - ROOM_LOW[1], ROOM_HIGH[1] - y)
    outside = np.maximum(np.maximum(COUCH_LOW[:2] - [x, y], [x, y] - COUCH_HIGH[:2]), 0.0)
    inside = np.maximum(COUCH_LOW[:2] - [x, y], [x, y] - COUCH_HIGH[:2]).max()
    return float(min(walls, np.linalg.norm(outside) + min(inside, 0.0)))


def test_the_observer_never_leaves_the_home_however_it_is_driven(world: World) -> None:
    rng = np.random.default_rng(7)
    corner = np.zeros(4)
    for step in range(2000):
        if step % 15 == 0:
            corner = rng.uniform(-1.0, 1.0, 4)
            corner[0] = 1.0
        world.step(corner.astype(np.float32))
        assert column_distance(*world.observer.pose[:2]) > RADIUS - SLACK


def test_the_observer_walks_at_its_speed_and_slides_along_walls(world: World) -> None:
    world.reset(np.random.default_rng(0), {"observer_pose": (-1.0, 0.0, 0.0)})
    world.step(action(1.0))
    np.testing.assert_allclose(world.observer.pose[:2], [-0.86, 0.0], atol=1e-9)
    np.testing.assert_allclose(world.observer.velocity, [1.4, 0, 0, 0, 0, 0], atol=1e-9)
    world.step(action(1.0, 1.0))
    np.testing.assert_allclose(np.hypot(*(world.observer.pose[:2] - [-0.86, 0.0])), 0.14, atol=1e-9)
    world.reset(np.random.default_rng(0), {"observer_pose": (-1.0, 1.79, np.pi / 4)})
    for _ in range(10):
        world.step(action(1.0))
    x, y = world.observer.pose[:2]
    assert x > -0.3 and y == pytest.approx(2.0 - RADIUS, abs=SLACK)


def test_turning_and_looking_follow_the_stated_signs_and_limits(world: World) -> None:
    world.reset(np.random.default_rng(0), {"observer_pose": (-1.0, 0.0, 0.0)})
    world.step(action(0.0, 0.0, 1.0, 1.0))
    assert world.observer.pose[2] == pytest.approx(np.deg2rad(9.0))
    assert world.observer.pose[3] == pytest.approx(np.deg2rad(6.0))
    ahead = world.observer.T_world_camera[:3, 2]
    assert ahead[1] > 0.0 and ahead[2] > 0.0
    np.testing.assert_allclose(world.observer.T_world_camera[:3, 3], [-1.0, 0.0, 1.4])
    rotation = world.observer.T_world_camera[:3, :3]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0) and rotation[2, 1] < 0.0
    for _ in range(30):
        world.step(action(0.0, 0.0, 0.0, 1.0))
    assert world.observer.pose[3] == pytest.approx(np.deg2rad(80.0))


def test_the_agents_root_is_never_inside_anything(world: World) -> None:
    rng = np.random.default_rng(3)
    for _ in range(1500):
        world.step(rng.uniform(-1.0, 1.0, 4).astype(np.float32))
        place = world.agents[0].T_world_root[:3, 3]
        assert toy_distance(place) > 0.0
        assert world.home.perception.sample_sdf(place) >= 0.0


def test_new_plans_do_not_jerk_the_agent(world: World) -> None:
    roots, joints = [], []
    for _ in range(400):
        world.step(action())
        roots.append(world.agents[0].T_world_root[:3, 3].copy())
        joints.append(world.agents[0].drawn[-1])
    speed = np.diff(np.array(roots), axis=0)
    assert np.linalg.norm(speed, axis=1).max() < 2.0 * SPEED
    # A plan may turn round at once, which unblended would be a change of two strides per frame; what bumps into the
    # couch is pushed back harder.
    jerk = np.linalg.norm(np.diff(speed, axis=0), axis=1)
    level = np.array(roots)[1:-1] * [1.0, 1.0, 0.0] + [0.0, 0.0, 0.39]
    away = toy_distance(level) > 0.35
    assert away.sum() > 50 and jerk[away].max() < 1.3 * SPEED and jerk.max() < 3.0 * SPEED
    bend = np.diff(np.array(joints), axis=0)
    assert np.abs(bend).max() < 0.6 and np.abs(np.diff(bend, axis=0)).max() < 0.5


def test_forced_goals_and_paths_are_followed(world: World) -> None:
    goal = np.array([-1.5, -1.0, 0.25])
    world.reset(np.random.default_rng(0), {"goal": goal, "observer_pose": (0.5, 1.5, 0.0)})
    for _ in range(80):
        world.step(action())
    assert np.linalg.norm(world.agents[0].T_world_root[:2, 3] - goal[:2]) < 0.15
    start = world.agents[0].T_world_root[:3, 3]
    path = start + np.linspace(0.0, 1.0, 57)[1:, None] * np.array([0.8, 0.0, 0.0])
    world.steer(0, goal=None, path=path)
    for _ in range(30):
        world.step(action())
    np.testing.assert_allclose(world.agents[0].T_world_root[:3, 3], path[29], atol=0.05)
    for _ in range(30):
        world.step(action())
    assert world.agents[0].steering.path is None


def test_the_observer_moves_the_agent_only_while_it_is_perceived(home: Home) -> None:
    def end(aware: bool, observer_x: float) -> np.ndarray:
        made = World(home, policy=ScriptedMind())
        start = {"agent_poses": (-1.0, 0.0, 0.25, 0.0), "observer_pose": (observer_x, 0.0, np.pi)}
        made.reset(np.random.default_rng(5), start | {"awareness": {"observer": aware}})
        for _ in range(10):
            made.step(action())
        made.close()
        return np.array(made.agents[0].T_world_root[:3, 3])

    assert end(True, -0.6)[0] < -1.3
    np.testing.assert_array_equal(end(False, -0.6), end(False, 0.7))


def test_several_agents_live_in_one_batch(home: Home) -> None:
    calls: list[int] = []

    class Counting(ScriptedMind):
        def plan(self, perceptions, rngs, **rest):  # type: ignore[no-untyped-def]
            calls.append(len(perceptions))
            return super().plan(perceptions, rngs, **rest)

    made = World(home, policy=Counting(), num_agents=3)
    made.reset(np.random.default_rng(0))
    for _ in range(50):
        made.step(action())
    measures = made.measure()
    assert measures.visible.shape == (3,) and calls[0] == 3
    places = np.array([agent.T_world_root[:3, 3] for agent in made.agents])
    assert len(np.unique(places.round(3), axis=0)) == 3
    made.close()


def test_starts_are_free_supported_by_data_and_varied(world: World) -> None:
    starts, seen = [], []
    for seed in range(40):
        world.reset(np.random.default_rng(seed))
        place = world.agents[0].T_world_root[:3, 3]
        starts.append(place.copy())
        assert toy_distance(place) > 0.0 and world.measure().data_support[0] > 0.0
        assert column_distance(*world.observer.pose[:2]) > RADIUS - SLACK
        assert 0.7 < world.measure().distance[0] < 4.1
        seen.append(world.measure().visible[0] > 0.0)
    assert len(np.unique(np.round(starts, 3), axis=0)) > 30 and np.mean(seen) > 0.8


@pytest.mark.parametrize("apart", [(0.8, 1.5), (2.0, 5.0)])
def test_an_observer_starts_as_far_away_as_it_should(home: Home, apart: tuple[float, float]) -> None:
    made = World(home, policy=None, observer=ObserverOptions(start_apart=apart))
    for seed in range(20):
        made.reset(np.random.default_rng(seed))
        assert apart[0] - 0.05 < made.measure().distance[0] < apart[1] + 0.05
    made.close()


BAD_ACTIONS = {
    "nan": np.array([np.nan, 0, 0, 0], dtype=np.float32),
    "inf": np.array([0, np.inf, 0, 0], dtype=np.float32),
    "huge": np.array([0, 0, 1e30, 0], dtype=np.float32),
    "outside": np.array([0, 0, 0, 1.01], dtype=np.float32),
    "short": np.zeros(3, dtype=np.float32),
    "two-dimensional": np.zeros((1, 4), dtype=np.float32),
    "scalar": np.float32(0.0),
    "empty": np.zeros(0, dtype=np.float32),
    "integers": np.zeros(4, dtype=np.int64),
    "objects": np.array([None] * 4, dtype=object),
    "list": [0.0, 0.0, 0.0, 0.0],
    "nothing": None,
    "text": "wasd",
    "noop of play": 0,
}


@pytest.mark.parametrize("case", BAD_ACTIONS)
def test_a_wrong_action_is_refused_and_changes_nothing(world: World, case: str) -> None:
    world.step(action(1.0))
    before = world.snapshot()
    with pytest.raises(ActionError, match="action"):
        world.step(BAD_ACTIONS[case])
    assert world.snapshot() == before


BAD_OPTIONS = {
    "unknown": ({"gaol": (0, 0, 0)}, "unknown"),
    "goal shape": ({"goal": (0, 0)}, "goal"),
    "goal nan": ({"goal": (0, 0, np.nan)}, "not finite"),
    "path length": ({"path": np.zeros((10, 3))}, "path"),
    "awareness name": ({"awareness": {"smell": True}}, "awareness"),
    "awareness value": ({"awareness": {"scene": "no"}}, "True or False"),
    "guidance": ({"guidance": "strong"}, "guidance"),
    "negative guidance": ({"guidance": -5.0}, "want 0 to"),
    "goal in the sky": ({"goal": (0.0, 0.0, 50.0)}, "leaves the home"),
    "path to the neighbours": ({"path": np.linspace([0.0, 0.0, 0.2], [99.0, 0.0, 0.2], 56)}, "leaves the home"),
    "inside the couch": ({"agent_poses": (1.5, 0.0, 0.2, 0.0)}, "inside"),
    "outside the home": ({"agent_poses": (9.0, 0.0, 0.2, 0.0)}, "inside"),
    "observer in the wall": ({"observer_pose": (2.6, 0.0, 0.0)}, "not free"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_wrong_option_is_refused_and_changes_nothing(world: World, case: str) -> None:
    options, words = BAD_OPTIONS[case]
    before = world.snapshot()
    with pytest.raises(ConfigError, match=words):
        world.reset(np.random.default_rng(1), options)
    assert world.snapshot() == before


def test_futures_differ_begin_here_and_leave_the_present_alone(world: World) -> None:
    for _ in range(7):
        world.step(action())
    before = world.snapshot()
    futures = world.sample_futures(6, 4.0)
    assert futures.shape == (6, 1, 40, 4, 4) and world.snapshot() == before
    np.testing.assert_array_equal(futures, world.sample_futures(6, 4.0))
    here = world.agents[0].T_world_root[:3, 3]
    assert np.linalg.norm(futures[:, 0, 0, :3, 3] - here, axis=-1).max() < 2.0 * SPEED
    assert len(np.unique(futures[:, 0, -1, :2, 3].round(2), axis=0)) >= 4
    assert (toy_distance(futures[..., :3, 3]) > 0.0).all()


def test_visibility_needs_a_clear_view(home: Home) -> None:
    made = World(home, policy=None)
    look = {"agent_poses": (-1.0, 0.0, 0.25, 0.0)}
    made.reset(np.random.default_rng(0), look | {"observer_pose": (1.0 - 0.3, 0.0, np.pi)})
    for _ in range(4):
        made.step(action(0, 0, 0, -1.0))
    assert made.measure().visible[0] == 1.0
    made.reset(np.random.default_rng(0), look | {"observer_pose": (1.0 - 0.3, 0.0, 0.0)})
    assert made.measure().visible[0] == 0.0
    made.reset(np.random.default_rng(0), {"agent_poses": (2.3, 0.0, 0.1, 0.0), "observer_pose": (0.7, 0.0, 0.0)})
    for _ in range(4):
        made.step(action(0, 0, 0, -1.0))
    assert made.measure().visible[0] < 1.0
    made.close()


def test_measures_say_what_is_true(home: Home) -> None:
    made = World(home, policy=None)
    made.reset(np.random.default_rng(0), {"agent_poses": (-1.0, 0.0, 0.25, 0.0), "observer_pose": (-1.0, 1.2, 0.0)})
    made.step(action())
    measures = made.measure()
    assert measures.distance[0] == pytest.approx(1.2) and measures.foot_skate[0] == 0.0
    assert measures.penetration[0] < 0.01
    made.reset(np.random.default_rng(0), {"agent_poses": (-1.0, 0.0, 0.15, 0.0)})
    assert made.measure().penetration[0] == pytest.approx(0.07, abs=0.01)
    made.close()
