"""Sent beyond a wall, an animal goes through the door: ways against a room whose shortest ways are known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from toy_home import COUCH_HIGH, ROOM_HIGH, ROOM_LOW, ROOT_HEIGHT, ScriptedMind, make_toy_home, toy_volume

from ats_sim.footing import Footing
from ats_sim.home import Home, seal_home
from ats_sim.routes import AHEAD, CLIMB, LEAST, MARGIN, Routes, routes_of
from ats_sim.sweep import ways_are_free
from ats_sim.volume import PerceptionVolume
from ats_sim.world import World

WALL_X, DOOR = -0.3, (0.9, 1.7)  # a wall across the room, with a door from y = 0.9 to 1.7 m


def walled(volume: PerceptionVolume, *, door: bool) -> PerceptionVolume:
    """The toy room with a wall 0.2 m thick from the floor to the ceiling."""
    axes = [volume.sdf_origin[i] + volume.sdf_voxel_size * np.arange(volume.sdf.shape[i]) for i in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    wall = np.abs(grid[..., 0] - WALL_X) - 0.1
    if door:
        gap = np.maximum(DOOR[0] - grid[..., 1], grid[..., 1] - DOOR[1])
        outside = np.hypot(np.maximum(wall, 0.0), np.maximum(-gap, 0.0))
        wall = np.where((wall > 0.0) | (gap < 0.0), outside, np.maximum(wall, -gap))
    kept = {field.name: getattr(volume, field.name) for field in dataclasses.fields(volume)}
    return PerceptionVolume(**(kept | {"sdf": np.minimum(volume.sdf, wall).astype(np.float16)}))


def home_with(folder: Path, volume: PerceptionVolume) -> Home:
    make_toy_home(folder)
    skeleton = Home.load(folder, require_policy=False).skeleton
    volume.write(folder / "perception.npz")
    seal_home(folder, name="walled", skeleton=skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    return Home.load(folder, require_policy=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return home_with(tmp_path_factory.mktemp("routes") / "walled", walled(toy_volume(), door=True))


@pytest.fixture(scope="module")
def routes(home: Home) -> Routes:
    return routes_of(Footing.of(home))


HERE, BEYOND = np.array([-1.8, -1.2, ROOT_HEIGHT]), np.array([0.5, -1.2, ROOT_HEIGHT])


def stages(routes: Routes, here: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """All stages on the way, the start first."""
    way = [here]
    while not np.array_equal(way[-1], goal) and len(way) < 30:
        way.append(routes.stage(way[-1], goal))
    return np.array(way)


def test_what_is_in_sight_is_made_for_at_once(routes: Routes) -> None:
    goal = np.array([-1.0, 1.2, ROOT_HEIGHT])
    np.testing.assert_array_equal(routes.stage(HERE, goal), goal)


def test_the_way_leads_through_the_door(home: Home, routes: Routes) -> None:
    way = stages(routes, HERE, BEYOND)
    np.testing.assert_array_equal(way[-1], BEYOND)
    # Only where the way bends at once a stage may graze the corner, along which a body slides.
    short = np.linalg.norm(np.diff(way, axis=0), axis=1) < LEAST + 0.15
    assert (ways_are_free(home.perception, way[:-1], way[1:], MARGIN) | short).all()
    crossing = np.interp(WALL_X, way[:, 0], way[:, 1])
    assert DOOR[0] - 0.1 < crossing < DOOR[1]
    assert np.linalg.norm(np.diff(way, axis=0), axis=1).max() <= AHEAD + 0.2


def test_the_way_is_hardly_longer_than_it_must_be(routes: Routes) -> None:
    """Shortest in closed form: to the door's near corner and from there, both a body's room away."""
    corner = np.array([WALL_X, DOOR[0], ROOT_HEIGHT])
    shortest = np.linalg.norm(corner - HERE) + np.linalg.norm(BEYOND - corner)
    walked = np.linalg.norm(np.diff(stages(routes, HERE, BEYOND), axis=0), axis=1).sum()
    assert shortest <= walked < 1.2 * shortest


def test_where_there_is_no_way_the_goal_stays_the_goal(tmp_path: Path) -> None:
    closed = Routes(Footing.of(home_with(tmp_path / "closed", walled(toy_volume(), door=False))))
    np.testing.assert_array_equal(closed.stage(HERE, BEYOND), BEYOND)
    nowhere = np.array([40.0, 0.0, 0.2])
    np.testing.assert_array_equal(closed.stage(HERE, nowhere), nowhere)


def test_furniture_is_a_place_to_be_where_it_can_be_jumped_on(routes: Routes) -> None:
    assert COUCH_HIGH[2] < CLIMB
    on_couch = np.array([1.5, 0.0, COUCH_HIGH[2] + ROOT_HEIGHT])
    way = stages(routes, np.array([0.5, -1.5, ROOT_HEIGHT]), on_couch)
    np.testing.assert_array_equal(way[-1], on_couch)
    assert (way >= ROOM_LOW).all() and (way <= ROOM_HIGH).all()


def test_an_animal_that_is_sent_beyond_the_wall_gets_there(home: Home) -> None:
    world = World(home, policy=ScriptedMind())
    start = {"agent_poses": (*HERE, 0.0), "observer_pose": (-1.5, 1.4, 0.0), "goal": BEYOND}
    world.reset(np.random.default_rng(0), start | {"awareness": {"observer": False}})
    for _ in range(150):
        world.step(np.zeros(4, dtype=np.float32))
    assert np.linalg.norm(world.agents[0].T_world_root[:2, 3] - BEYOND[:2]) < 0.3
    world.close()
