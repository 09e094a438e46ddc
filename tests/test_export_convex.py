"""Convex parts are convex, cover the home's surface and keep out of its free space, as a home in closed form shows."""

from pathlib import Path

import numpy as np
import pytest
from toy_home import COUCH_HIGH, COUCH_LOW, ROOM_HIGH, ROOM_LOW, toy_distance

from ats_sim.collision import read_collision
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.export.collision import collision_mesh
from ats_sim.reconstruction.export.convex import convex_parts, write_parts

VOXEL, TOLERANCE = 0.1, 0.1
ORIGIN = ROOM_LOW - 0.45


def room() -> np.ndarray:
    """The toy home's exact distances on a coarse grid."""
    axes = [np.arange(low, high + 0.45, VOXEL) for low, high in zip(ORIGIN, ROOM_HIGH, strict=True)]
    return toy_distance(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))


@pytest.fixture(scope="module")
def parts() -> list[TriangleMesh]:
    return convex_parts(room(), ORIGIN, VOXEL, TOLERANCE)


def outside(parts: list[TriangleMesh], points: np.ndarray) -> np.ndarray:
    """(N,) how far points stick out of the part that holds them best, metres; 0 or less is inside."""
    best = np.full(len(points), np.inf)
    for part in parts:
        normals = part.face_normals()
        normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        offsets = (normals * part.vertices[part.faces[:, 0]]).sum(1)
        best = np.minimum(best, (points @ normals.T - offsets).max(1))
    return best


def test_every_part_is_convex_and_turned_outwards(parts: list[TriangleMesh]) -> None:
    for part in parts:
        assert outside([part], part.vertices.astype(float)).max() < 1e-4, "no corner lies outside any face"
        assert outside([part], part.vertices.mean(0, keepdims=True)).max() < 0, "faces look outwards"


def test_walls_and_couch_are_few_parts(parts: list[TriangleMesh]) -> None:
    assert 7 <= len(parts) <= 60


def test_the_surface_is_covered(parts: list[TriangleMesh]) -> None:
    shell = collision_mesh(room().astype(np.float32), ORIGIN, VOXEL)
    corners = shell.vertices[shell.faces].astype(float)
    weights = np.random.default_rng(0).dirichlet(np.ones(3), len(corners))
    points = np.einsum("fk,fkj->fj", weights, corners)
    # The shell is simplified, which moves its edges by a fraction of a voxel.
    assert np.quantile(outside(parts, points), 0.99) < 0.02 and outside(parts, points).max() < 0.6 * VOXEL


def test_free_space_stays_free(parts: list[TriangleMesh]) -> None:
    points = np.random.default_rng(1).uniform(ROOM_LOW, ROOM_HIGH, (20_000, 3))
    # Between the grid's points a part may reach half a cell's diagonal farther.
    clear = points[toy_distance(points) > TOLERANCE + 0.5 * np.sqrt(3) * VOXEL]
    assert len(clear) > 5_000 and (outside(parts, clear) > 0).all()


def test_what_is_just_inside_the_solid_is_solid(parts: list[TriangleMesh]) -> None:
    rng = np.random.default_rng(2)
    # The grid blunts the couch's edges by a voxel.
    couch = rng.uniform(COUCH_LOW + [VOXEL, VOXEL, 0.35], COUCH_HIGH - [VOXEL, VOXEL, 0.0], (2_000, 3))
    floor = rng.uniform([*ROOM_LOW[:2], -0.1], [COUCH_LOW[0], ROOM_HIGH[1], 0.0], (2_000, 3))
    assert (outside(parts, np.concatenate([couch, floor])) < 1e-3).mean() > 0.99


def test_a_solid_without_a_surface_has_no_parts() -> None:
    assert convex_parts(np.full((6, 6, 6), -1.0), ORIGIN, VOXEL) == []


def test_parts_come_back_from_their_file(tmp_path: Path, parts: list[TriangleMesh]) -> None:
    write_parts(tmp_path / "parts.obj", parts)
    text = (tmp_path / "parts.obj").read_text()
    assert text.count("o part_") == len(parts)
    ((vertices, faces),) = read_collision([tmp_path / "parts.obj"])
    np.testing.assert_allclose(vertices, np.concatenate([part.vertices for part in parts]), atol=1e-4)
    assert len(faces) == sum(len(part.faces) for part in parts)
