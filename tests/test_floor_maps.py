"""Flat maps of a home against its closed form: where a body fits, and what it stands on."""

import numpy as np
import pytest
from toy_home import COUCH_HIGH, ROOM_HIGH, ROOM_LOW, toy_distance, toy_volume

from ats_sim.floor_maps import STEP_UP, FloorMaps, floor_maps
from ats_sim.volume import PerceptionVolume


@pytest.fixture(scope="module")
def volume() -> PerceptionVolume:
    return toy_volume()


@pytest.fixture(scope="module")
def maps(volume: PerceptionVolume) -> FloorMaps:
    return FloorMaps(volume)


def points(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(ROOM_LOW[:2] - 0.3, ROOM_HIGH[:2] + 0.3, (count, 2))


def test_room_is_the_least_distance_over_the_column_or_less(maps: FloorMaps) -> None:
    room = maps.room(0.0, 0.3, 1.4)
    xy = points(500)
    heights = np.arange(0.3, 1.41, 0.05)
    column = np.concatenate([np.repeat(xy, len(heights), 0), np.tile(heights, len(xy))[:, None]], axis=1)
    least = toy_distance(column).reshape(len(xy), -1).min(1)
    found = room.sample(xy)
    assert (found <= least + 0.02).all() and (found >= least - 0.05).all()


def test_one_point_and_many_points_agree(maps: FloorMaps) -> None:
    room = maps.room(0.0, 0.3, 1.4)
    xy = np.concatenate([points(200), [[50.0, 0.0], [0.0, -50.0]]])
    np.testing.assert_allclose([room.at(x, y) for x, y in xy.tolist()], room.sample(xy), atol=1e-12)
    assert room.at(50.0, 0.0) == room.outside


def test_the_slope_points_away_from_the_nearest_wall(maps: FloorMaps) -> None:
    room = maps.room(0.0, 0.3, 1.4)
    assert room.slope(-2.3, 0.0) == pytest.approx((1.0, 0.0), abs=0.05)
    assert room.slope(-1.0, 1.8) == pytest.approx((0.0, -1.0), abs=0.05)


def test_ground_is_the_floor_or_what_one_may_step_onto(volume: PerceptionVolume, maps: FloorMaps) -> None:
    floor = maps.ground(0.0)
    assert floor.at(-1.0, 0.5) == 0.0
    assert COUCH_HIGH[2] > STEP_UP and floor.at(1.5, 0.0) == 0.0, "a couch is no step: whoever is inside it stays level"
    on_couch = maps.ground(float(COUCH_HIGH[2]))
    assert on_couch.at(1.5, 0.0) == pytest.approx(COUCH_HIGH[2], abs=0.01)
    assert on_couch.at(-1.0, 0.5) == pytest.approx(0.0, abs=0.02), "stepping off leads down"


def test_worlds_of_one_home_share_their_maps(volume: PerceptionVolume) -> None:
    assert floor_maps(volume) is floor_maps(volume)
    assert floor_maps(volume).room(0.0, 0.3, 1.4) is floor_maps(volume).room(0.01, 0.3, 1.41)
