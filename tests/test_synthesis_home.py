"""Made-up homes: every place can be reached, days differ a little, the same seed gives the same home."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from ats_sim.errors import CaptureError, ConfigError
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.home.atlas import pack
from ats_sim.reconstruction.capture.synthesis.home.daylight import NEUTRAL, LightTracer
from ats_sim.reconstruction.capture.synthesis.home.house import build_home
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout
from ats_sim.reconstruction.capture.synthesis.home.nav_grid import NavGrid
from ats_sim.reconstruction.capture.synthesis.home.noise import cloudy
from ats_sim.reconstruction.capture.synthesis.home.patch import box, cushion, triangles


@pytest.fixture(scope="module")
def home() -> HomeLayout:
    return build_home(0)


def maze() -> NavGrid:
    rng = np.random.default_rng(3)
    free = rng.random((30, 24)) > 0.25
    free[2, 2] = free[26, 20] = True
    return NavGrid(np.array([-1.0, 2.0]), 0.1, free)


def shortest_on_cells(grid: NavGrid, start: tuple[int, int], goal: tuple[int, int]) -> float:
    """Dijkstra by scipy over the same moves: eight neighbours, no cut corners."""
    index = np.arange(grid.free.size).reshape(grid.free.shape)
    rows, columns, costs = [], [], []
    for x, y in np.argwhere(grid.free):
        for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
            nx, ny = x + dx, y + dy
            if not (0 <= nx < grid.free.shape[0] and 0 <= ny < grid.free.shape[1] and grid.free[nx, ny]):
                continue
            if grid.free[x, ny] and grid.free[nx, y]:
                rows.append(index[x, y])
                columns.append(index[nx, ny])
                costs.append(np.hypot(dx, dy) * grid.cell)
    graph = coo_matrix((costs, (rows, columns)), shape=(grid.free.size,) * 2)
    return float(dijkstra(graph, directed=False, indices=index[start])[index[goal]])


def test_plans_are_as_short_as_dijkstra_and_stay_free() -> None:
    grid = maze()
    expected = shortest_on_cells(grid, (2, 2), (26, 20))
    way = grid.plan(grid.to_world((2, 2)), grid.to_world((26, 20)))
    length = np.linalg.norm(np.diff(way, axis=0), axis=1).sum()
    assert np.isfinite(expected) and length <= expected + 1e-9
    samples = np.concatenate([np.linspace(a, b, 200) for a, b in zip(way[:-1], way[1:], strict=True)])
    assert grid.is_free(samples).mean() > 0.99  # a line may graze a cell's corner by a hair


def test_a_closed_room_has_no_way_out() -> None:
    free = np.ones((9, 9), bool)
    free[4] = False
    with pytest.raises(CaptureError, match="No way"):
        NavGrid(np.zeros(2), 1.0, free).plan((0, 0), (8, 8))


def test_points_off_the_grid_are_not_free() -> None:
    grid = NavGrid(np.zeros(2), 0.5, np.ones((4, 4), bool))
    np.testing.assert_array_equal(grid.is_free([[0, 0], [1.7, 0], [1.8, 0], [-0.3, 0]]), [True, True, False, False])
    np.testing.assert_allclose(grid.nearest_free((9, 9)), [1.5, 1.5])


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_every_spot_and_room_is_reachable(seed: int) -> None:
    home = build_home(seed)
    assert {spot.kind for spot in home.affordances} == {"couch", "bowl", "window", "bed", "hide"}
    start = home.affordances[0].approach
    for spot in home.affordances:
        assert home.nav.is_free(spot.approach) and np.linalg.norm(spot.position[:2] - spot.approach) < 1.6
        way = home.nav.plan(start, spot.approach)
        np.testing.assert_allclose(way[-1], spot.approach)
    for door in home.doors:
        assert home.nav.is_free(door) and home.walk.is_free(door)
    assert 2 <= len(home.rooms) <= 4 and 5_000 < len(home.mesh.faces) < 50_000


def test_spots_lie_on_real_surfaces(home: HomeLayout) -> None:
    """A ray from above each spot meets the mesh at the spot's own height (cushions may bulge a little)."""
    from embreex.mesh_construction import TriangleMesh as EmbreeMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene()
    EmbreeMesh(scene, np.ascontiguousarray(home.mesh.vertices[home.mesh.faces]))
    for spot in home.affordances:
        origin = (spot.position + [0, 0, 0.15]).astype(np.float32)[None]
        drop = scene.run(origin, np.array([[0, 0, -1]], np.float32), query="DISTANCE")[0]
        assert abs(drop - 0.15) < 0.04, (spot, drop)


def test_free_floor_is_free_of_geometry(home: HomeLayout) -> None:
    """No triangle corner between a cat's knee and its back lies over the middle of a free cell."""
    low = home.mesh.vertices[(home.mesh.vertices[:, 2] > 0.1) & (home.mesh.vertices[:, 2] < 0.28)]
    leaves_and_curtains = 0.02
    assert home.nav.is_free(low[:, :2]).mean() < leaves_and_curtains


def test_the_mesh_faces_inwards(home: HomeLayout) -> None:
    """Floors look up and walls into their room: nothing is inside out."""
    mesh = home.mesh
    normal = mesh.face_normals()
    middle = mesh.vertices[mesh.faces].mean(1)
    floor = (middle[:, 2] < 1e-4) & (np.linalg.norm(normal, axis=1) > 0.3)
    assert floor.sum() > 10 and (normal[floor, 2] > 0).all()
    x0, y0, x1, y1 = home.rooms[0].bounds
    west = (np.abs(middle[:, 0] - x0) < 1e-4) & (np.abs(normal[:, 0]) > 0.3) & (middle[:, 1] > y0) & (middle[:, 1] < y1)
    assert west.any() and (normal[west, 0] > 0).all()


def test_the_same_seed_gives_the_same_home_and_another_day_moves_little() -> None:
    first = build_home(5)
    build_home.cache_clear()
    second, other = build_home(5), build_home(5, day=1, moves=3)
    np.testing.assert_array_equal(first.mesh.vertices, second.mesh.vertices)
    np.testing.assert_array_equal(first.mesh.texture, second.mesh.texture)
    assert len(first.patches) == len(other.patches)
    moved = [np.abs(a.grid - b.grid).max() for a, b in zip(first.patches, other.patches, strict=True)]
    share = np.mean(np.array(moved) > 1e-6)
    assert 0 < share < 0.4 and max(moved) < 2.5


def test_patches_face_outwards() -> None:
    """The divergence theorem for the field (0, 0, z): a surface without its underside at z = 0 encloses its volume."""
    size = (0.5, 0.4, 0.3)
    for patches in (box((1, 2, 0), size, "wood"), cushion((1, 2, 0), size, "wood", radius=0.02)):
        total = 0.0
        for patch in patches:
            a, b, c = np.moveaxis(patch.grid.reshape(-1, 3)[triangles(patch.grid.shape[:2])], 1, 0)
            total += float(((a + b + c)[:, 2] / 3 * np.cross(b - a, c - a)[:, 2] / 2).sum())
        assert total == pytest.approx(0.06, rel=0.03)


def test_no_two_patches_share_texels(home: HomeLayout) -> None:
    atlas = pack(home.patches, 1024)
    used = np.zeros((1024, 1024), int)
    for slot in atlas.slots:
        used[slot.y - 2 : slot.y + slot.height + 2, slot.x - 2 : slot.x + slot.width + 2] += 1
    assert used.max() == 1


def test_light_falls_off_from_the_window_and_not_through_walls(home: HomeLayout) -> None:
    tracer = LightTracer(home, NEUTRAL, np.random.default_rng(0))
    window = home.windows[0]
    inward = np.array([*window.inward, 0.0])
    points = np.stack([window.center + inward * d - [0, 0, window.center[2] - 1.2] for d in (0.6, 1.5, 3.0)])
    light = tracer.irradiance(points, np.tile(-inward, (3, 1))).mean(1)
    assert light[0] > light[1] > light[2] > 0
    behind = tracer.irradiance(points[:1], inward[None]).mean()
    assert behind < 0.5 * light[0]


def test_noise_repeats_without_a_seam() -> None:
    field = cloudy(np.random.default_rng(0), (128, 128))
    seam = np.abs(field[0] - field[-1]).mean()
    inside = np.abs(np.diff(field, axis=0)).mean()
    assert seam < 1.5 * inside and field.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [{"videos": 0}, {"seconds": 0.0}, {"fps": 2}, {"rooms": 7}, {"size": "wide"}, {"size": "8x8"}, {"noise": -1}],
)
def test_a_wrong_option_is_named(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SynthesizeConfig(**wrong)
