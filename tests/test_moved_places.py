"""A piece of furniture that was pushed a little is told from the rest, and does not pull the cameras along."""

from __future__ import annotations

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, look_at, transform_points
from ats_sim.reconstruction.registration.adjustment.moved_places import MovedPlaces
from ats_sim.reconstruction.registration.adjustment.solver import move_together
from ats_sim.reconstruction.registration.terms import SurfaceTerm
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

HALF, CENTRE = np.array([0.5, 0.4, 0.4]), np.array([0.0, 0.0, 0.4])
PUSHED = np.array([0.06, 0.0, 0.0])
WALL = -1.6


@pytest.fixture(scope="module")
def volume() -> TsdfVolume:
    """A floor at z = 0, a wall at x = -1.6 and a block on the floor."""
    volume = TsdfVolume.empty(np.array([-2.0, -2.0, -0.3]), np.array([2.0, 2.0, 1.6]), 0.04)
    cells = np.indices(volume.shape).reshape(3, -1).T * volume.voxel_size + volume.origin
    away = np.abs(cells - CENTRE) - HALF
    block = np.linalg.norm(np.maximum(away, 0.0), axis=1) + np.minimum(away.max(axis=1), 0.0)
    distance = np.minimum(np.minimum(cells[:, 2], cells[:, 0] - WALL), block)
    volume.distance[:] = np.clip(distance, -volume.truncation, volume.truncation).reshape(volume.shape)
    volume.weight[:] = 1.0
    return volume


def seen(cameras: Array, pushed: Array) -> Array:
    """Points (N, 600, 3), camera frame: half on the block's side that faces +x, where it stands now, the rest on floor
    and wall; only a fixed draw of them, so that nothing else differs between cases."""
    rng = np.random.default_rng(0)
    out = np.zeros((len(cameras), 600, 3))
    for k, T in enumerate(cameras):
        u, v = rng.uniform(-1, 1, (2, 600))
        block = CENTRE + pushed + np.stack([np.full(300, HALF[0]), HALF[1] * u[:300], HALF[2] * v[:300]], -1)
        floor = np.stack([1.2 + 0.4 * u[300:450], 1.2 * v[300:450], np.zeros(150)], -1)
        wall = np.stack([np.full(150, WALL), 1.5 * np.sign(u[450:]) + 0.3 * v[450:], 0.7 + 0.6 * u[450:]], -1)
        out[k] = transform_points(inverse(T), np.concatenate([block, floor, wall]))
    return out


@pytest.fixture(scope="module")
def cameras() -> Array:
    """Six, walking past the block."""
    return np.stack([look_at(np.array([1.7, y, 1.2]), CENTRE) for y in np.linspace(-0.6, 0.6, 6)])


def test_what_was_pushed_is_found_and_nothing_else(volume: TsdfVolume, cameras: Array) -> None:
    places = MovedPlaces.of(volume, seen(cameras, PUSHED), cameras)
    front = CENTRE + PUSHED + [HALF[0], 0.0, 0.0]
    assert places.hold(front) and places.hold(CENTRE + [HALF[0], 0.1, 0.1])  # where it is, and where the map has it
    assert not places.hold(np.array([[1.5, 0.0, 0.0], [WALL, 1.5, 0.7], [np.nan, 0.0, 0.0]])).any()


def test_where_everything_agrees_nothing_has_moved(volume: TsdfVolume, cameras: Array) -> None:
    assert not len(MovedPlaces.of(volume, seen(cameras, np.zeros(3)), cameras).cells)


def test_a_frame_or_two_that_are_off_prove_nothing(volume: TsdfVolume, cameras: Array) -> None:
    assert not len(MovedPlaces.of(volume, seen(cameras[:2], PUSHED), cameras[:2]).cells)


def test_cameras_stay_where_the_rest_of_the_home_has_them(volume: TsdfVolume, cameras: Array) -> None:
    points = seen(cameras, PUSHED)
    pulled = move_together(cameras, [SurfaceTerm(volume, points)])
    held = MovedPlaces.of(volume, points, cameras).hold(transform_points(cameras, points))
    left_alone = move_together(cameras, [SurfaceTerm(volume, np.where(held[..., None], np.nan, points))])

    def off(poses: Array) -> float:
        return float(np.linalg.norm(poses[:, :3, 3] - cameras[:, :3, 3], axis=1).mean())

    assert off(pulled) > 0.01 and off(left_alone) < 0.002
