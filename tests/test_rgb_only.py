"""What benchmarks.rgb_only works out of sparse points and silhouettes, against closed forms."""

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3, geodesic_angle, look_at, rigid
from benchmarks.rgb_only_agent import Cards
from benchmarks.rgb_only_places import (
    apart,
    floor_plane,
    foot,
    levelled,
    metres_per_unit,
    on_floor,
    similarity,
    widest_angles,
)
from benchmarks.rgb_only_sfm import pairs

SIZE = 3.7
"""Units a metre."""
TURN = exp_so3(np.array([0.7, -0.5, 1.9]))


def walk(count: int = 9) -> Array:
    """Cameras 1.2 m above z = 0 that look down at the origin from an arc of two metres' radius."""
    angles = np.linspace(0.0, 1.5, count)
    eyes = np.stack([2.0 * np.cos(angles), 2.0 * np.sin(angles), np.full(count, 1.2)], axis=1)
    return np.stack([look_at(eye, np.zeros(3)) for eye in eyes])


def room(rng: np.random.Generator) -> Array:
    """A floor, a table twice as rich in points, and strays, some below the floor."""
    floor, table = rng.uniform(-2, 2, (300, 3)) * [1, 1, 0], rng.uniform(-0.5, 0.5, (250, 3)) * [1, 1, 0] + [1, 1, 0.7]
    return np.concatenate([floor, table, rng.uniform(-1, 2, (60, 3))]) + rng.normal(0, 0.003, (610, 3))


def unknown(points: Array, cameras: Array) -> tuple[Array, Array]:
    """Both in a frame and a size of their own, as structure from motion gives them."""
    shift = np.array([5.0, -3.0, 8.0])
    return SIZE * points @ TURN.T + shift, rigid(TURN @ cameras[:, :3, :3], SIZE * cameras[:, :3, 3] @ TURN.T + shift)


def test_a_floor_is_found_under_a_table_and_a_size_is_said_in_two_ways() -> None:
    rng = np.random.default_rng(0)
    true = walk()
    points, cameras = unknown(room(rng), true)
    found = floor_plane(points, cameras, rng)
    assert found is not None
    normal, height, share = found
    assert np.degrees(np.arccos(normal @ TURN[:, 2])) < 0.3
    assert 0.45 < share < 0.6
    by_height = metres_per_unit(cameras, normal, height, camera_height=1.2)
    walked = float(np.linalg.norm(np.diff(true[:, :3, 3], axis=0), axis=1).sum())
    by_path = metres_per_unit(cameras, normal, height, walked=walked)
    assert by_height == pytest.approx(1 / SIZE, rel=0.01)
    assert by_path == pytest.approx(1 / SIZE, rel=1e-9)
    low, placed = levelled(points, cameras, normal, height, by_height)
    assert np.median(np.abs(low[:300, 2])) < 0.01
    np.testing.assert_allclose(placed[:, 2, 3], 1.2, atol=0.02)
    with pytest.raises(ValueError, match="camera_height or walked"):
        metres_per_unit(cameras, normal, height)


def test_points_all_above_the_cameras_are_no_floor() -> None:
    rng = np.random.default_rng(0)
    assert floor_plane(room(rng) + [0, 0, 3.0], walk(), rng) is None


def test_a_similarity_is_undone() -> None:
    true = walk()
    _, cameras = unknown(np.zeros((1, 3)), true)
    scale, turn, _ = similarity(cameras, true)
    assert scale == pytest.approx(1 / SIZE)
    assert geodesic_angle(turn, TURN.T) < 1e-6
    gap, angle, size = apart(cameras, true)
    assert (gap, angle, size) == pytest.approx((0.0, 0.0, 1 / SIZE), abs=1e-4)


def test_angles_between_rays() -> None:
    points, centres = np.array([[0.0, 0, 1], [0, 0, 2]]), np.array([[0.0, 0, 0], [1, 0, 1], [1, 0, 0]])
    seen = np.array([[0, 0], [2, 0], [1, 0], [0, 1], [2, 1]])
    np.testing.assert_allclose(widest_angles(points, centres, seen), [90.0, np.degrees(np.arctan(0.5))])


def test_a_silhouette_stands_where_its_foot_is() -> None:
    lens = Intrinsics.from_fov(1.0, 320, 240)
    camera = look_at(np.array([2.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.2]))
    across, up = np.meshgrid(np.linspace(-0.2, 0.2, 400), np.linspace(0.0, 0.3, 300))
    board = np.stack([0 * across, across, up], axis=-1).reshape(-1, 3)
    u, v, _ = lens.project((board - camera[:3, 3]) @ camera[:3, :3])
    mask = np.zeros((240, 320), dtype=bool)
    mask[np.rint(v).astype(int), np.rint(u).astype(int)] = True
    cards = Cards("board", np.zeros(1), lens, {0: mask}, camera[None])
    np.testing.assert_allclose(cards.places[0], 0.0, atol=0.02)
    assert cards.heights()[0] == pytest.approx(0.3, abs=0.02)
    depth = cards.depth(0)
    points = lens.unproject(depth)[mask] @ camera[:3, :3].T + camera[:3, 3]
    np.testing.assert_allclose(points[:, 0], 0.0, atol=0.03)
    assert not depth[~mask].any()
    assert foot(mask)[1] == np.nonzero(mask)[0].max()
    assert np.isnan(on_floor(np.array([0.0, -1.0, 0.0]), camera)).all(), "a ray that rises meets no floor"


def test_near_pictures_are_matched_and_some_far_ones_once() -> None:
    names = [f"{i:02d}" for i in range(30)]
    chosen = pairs(names)
    assert len(set(chosen)) == len(chosen)
    assert {("03", "04"), ("00", "25"), ("10", "22")} <= set(chosen)
    assert ("01", "29") not in chosen
