"""Coarser copies of a scene stay near it, and show the same colours at the same places."""

import numpy as np
import pytest

pytest.importorskip("fast_simplification")
trimesh = pytest.importorskip("trimesh")

from scipy.spatial import cKDTree  # noqa: E402

from ats_sim.mesh import TriangleMesh  # noqa: E402
from ats_sim.reconstruction.export.lods import scene_lods, welded  # noqa: E402
from ats_sim.reconstruction.painting.atlas import Atlas  # noqa: E402

SHARES = (0.5, 0.25, 0.1)
# Largest distance (m) of the copies to the original, either way, for a potato of 2 m.
BOUNDS = (0.01, 0.02, 0.05)
SAMPLING = 0.015
BORDER = 0.15
"""How far (m) open borders may draw back: nothing holds them."""


def color_at(points: np.ndarray) -> np.ndarray:
    """Smooth colours (N, 3) 0..255 of places."""
    return 128 + 100 * np.sin(points @ np.array([[1.0, 0.5, 2.0], [2.0, 1.0, 0.5], [0.0, 1.0, 0.0]]))


@pytest.fixture(scope="module")
def hills() -> TriangleMesh:
    """A textured landscape with a thin slab over it whose two sides have different colours."""
    pytest.importorskip("xatlas")
    x, y = np.meshgrid(np.linspace(-2, 2, 61), np.linspace(-2, 2, 61))
    ground = np.stack([x, y, 0.15 * np.sin(3 * x) * np.cos(3 * y)], axis=-1).reshape(-1, 3)
    corner = (np.arange(60)[:, None] * 61 + np.arange(60)).reshape(-1, 1)
    faces = np.concatenate([corner + [0, 1, 62], corner + [0, 62, 61]])
    atlas = Atlas.of(TriangleMesh(ground.astype(np.float32), faces.astype(np.int32)), 256)
    return atlas.painted(color_at(atlas.at_texels(ground)))


@pytest.fixture(scope="module")
def lods(hills: TriangleMesh) -> list[TriangleMesh]:
    return scene_lods(hills, SHARES)


def sampled(mesh: TriangleMesh, count: int) -> tuple[np.ndarray, np.ndarray]:
    body = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    points, faces = trimesh.sample.sample_surface(body, count, seed=0)
    return np.asarray(points), np.asarray(faces)


def test_copies_have_the_triangles_that_were_asked_for(hills: TriangleMesh, lods: list[TriangleMesh]) -> None:
    for copy, share in zip(lods, SHARES, strict=True):
        assert len(copy.faces) == pytest.approx(share * len(hills.faces), rel=0.02)


def apart(one: TriangleMesh, other: TriangleMesh) -> float:
    """Largest distance (m) of samples of one mesh to the other, either way and the gaps between samples."""
    here, there = sampled(one, 400_000)[0], sampled(other, 400_000)[0]
    return float(max(cKDTree(here).query(there[::20])[0].max(), cKDTree(there).query(here[::20])[0].max()))


def test_copies_of_a_closed_surface_lie_on_it() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4)
    ways = np.asarray(ball.vertices)
    places = ways * (1.0 + 0.1 * np.sin(4 * ways[:, :1]) * np.cos(3 * ways[:, 1:2]))
    body = TriangleMesh(places.astype(np.float32), np.asarray(ball.faces, dtype=np.int32))
    for copy, bound in zip(scene_lods(body, SHARES), BOUNDS, strict=True):
        assert apart(body, copy) < bound + SAMPLING


def test_open_borders_draw_back_a_little(hills: TriangleMesh, lods: list[TriangleMesh]) -> None:
    assert max(apart(hills, copy) for copy in lods) < BORDER


def test_copies_show_the_same_colours(lods: list[TriangleMesh]) -> None:
    for copy in lods:
        assert copy.texture is not None and copy.uv is not None
        points, faces = sampled(copy, 5_000)
        weights = trimesh.triangles.points_to_barycentric(copy.vertices[copy.faces[faces]].astype(float), points)
        uv = np.einsum("nk,nkj->nj", weights, copy.uv[copy.faces[faces]])
        column, row = np.clip((uv * len(copy.texture)).astype(int), 0, len(copy.texture) - 1).T
        off = np.abs(copy.texture[row, column] - color_at(points))
        assert off.mean() < 6.0 and np.quantile(off, 0.99) < 30.0


def test_pictures_shrink_with_the_triangles(hills: TriangleMesh, lods: list[TriangleMesh]) -> None:
    assert [len(copy.texture) for copy in lods if copy.texture is not None] == [256, 128, 128]


def test_a_wall_s_two_sides_keep_their_colours() -> None:
    pytest.importorskip("xatlas")
    size = np.linspace(0, 1, 21)
    x, z = np.meshgrid(size, size)
    flat = np.stack([x, 0 * x, z], axis=-1).reshape(-1, 3)
    corner = (np.arange(20)[:, None] * 21 + np.arange(20)).reshape(-1, 1)
    front = np.concatenate([corner + [0, 1, 22], corner + [0, 22, 21]])
    wall = np.concatenate([flat, flat + [0, 0.01, 0]]).astype(np.float32)
    atlas = Atlas.of(TriangleMesh(wall, np.concatenate([front, front[:, ::-1] + 441]).astype(np.int32)), 128)
    far = atlas.at_texels((wall[:, 1:2] > 0.005).astype(np.float32))
    (copy,) = scene_lods(atlas.painted(np.where(far > 0.5, [200, 0, 0], [0, 0, 200])), (0.2,))
    assert copy.texture is not None and copy.uv is not None
    middle = copy.uv[copy.faces].mean(1)
    column, row = (middle * len(copy.texture)).astype(int).T
    red = copy.texture[row, column, 0] > 100
    assert (red == (copy.vertices[copy.faces].mean(1)[:, 1] > 0.005)).mean() > 0.98


def test_colours_at_vertices_stay_there() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21))
    places = np.stack([x, y, 0.2 * x * y], axis=-1).reshape(-1, 3)
    corner = (np.arange(20)[:, None] * 21 + np.arange(20)).reshape(-1, 1)
    faces = np.concatenate([corner + [0, 1, 22], corner + [0, 22, 21]])
    plain = TriangleMesh(places, faces, colors=color_at(places).astype(np.uint8))
    (copy,) = scene_lods(plain, (0.25,))
    assert copy.colors is not None and copy.texture is None
    assert np.abs(copy.colors - color_at(copy.vertices)).mean() < 8.0


def test_cuts_of_a_texture_are_welded(hills: TriangleMesh) -> None:
    assert len(hills.vertices) > 61 * 61 == len(welded(hills).vertices)
