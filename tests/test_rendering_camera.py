"""Pictures put points where the pinhole formula says, in every backend."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics, look_at
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering import Camera, Lighting, Renderer, open_renderer

BACKENDS = ("moderngl", "raycast", "pyrender")
OFF_CENTRE = Intrinsics(fl_x=210.0, fl_y=190.0, cx=61.3, cy=88.7, width=160, height=120)
FLAT_LIGHT = Lighting(ambient=1.0, strength=0.0)


def quad(corners: Array, color: tuple[int, int, int]) -> TriangleMesh:
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), colors=np.tile(np.uint8(color), (4, 1)))


@pytest.fixture(params=BACKENDS)
def renderer(request: pytest.FixtureRequest) -> Iterator[Renderer]:
    try:
        opened = open_renderer(request.param)
    except RenderError as error:
        pytest.skip(str(error))
    yield opened
    opened.close()


def test_rectangle_covers_exactly_the_pixels_whose_centres_lie_inside(renderer: Renderer) -> None:
    """A rectangle facing the camera at z = 2 projects to u = fl_x X / 2 + cx, v = fl_y Y / 2 + cy."""
    left, right, top, low = 20.4, 90.6, 31.5001, 100.4999
    x = (np.array([left, right]) - OFF_CENTRE.cx) / OFF_CENTRE.fl_x * 2.0
    y = (np.array([top, low]) - OFF_CENTRE.cy) / OFF_CENTRE.fl_y * 2.0
    corners = np.array([[x[0], y[0], 2.0], [x[1], y[0], 2.0], [x[1], y[1], 2.0], [x[0], y[1], 2.0]])
    renderer.add(quad(corners, (10, 200, 30)), 7, unlit=True)
    frame = renderer.render(Camera(OFF_CENTRE, np.eye(4)), FLAT_LIGHT)
    rows, columns = np.nonzero(frame.labels == 7)
    assert (columns.min(), columns.max()) == (21, 90)
    assert (rows.min(), rows.max()) == (32, 100)
    assert len(rows) == 70 * 69
    np.testing.assert_allclose(frame.depth[frame.labels == 7], 2.0, atol=2e-5)
    assert np.all(frame.depth[frame.labels != 7] == 0.0)
    np.testing.assert_array_equal(np.unique(frame.rgb[frame.labels == 7], axis=0), [[10, 200, 30]])


def test_depth_of_a_floor_is_the_closed_form_z_depth(renderer: Renderer) -> None:
    """A ray from height h with world direction d (one unit of z-depth) meets z = 0 at depth -h / d_z."""
    side = 30.0
    corners = side * np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
    renderer.add(quad(corners, (90, 90, 90)), 1)
    camera = Camera(OFF_CENTRE, look_at(np.array([0.4, -1.0, 1.3]), np.array([1.0, 2.0, 0.1])))
    frame = renderer.render(camera)
    expected = -1.3 / camera.rays()[..., 2]
    near = (expected > 0.0) & (expected < 15.0)
    assert near.mean() > 0.5
    np.testing.assert_allclose(frame.depth[near], expected[near], rtol=2e-3)
    np.testing.assert_allclose(np.median(np.abs(frame.depth[near] - expected[near])), 0.0, atol=5e-4)


def test_corner_of_a_cube_is_seen_where_it_projects(renderer: Renderer) -> None:
    """Red, green and blue faces meet at one corner; its pixel's neighbourhood holds all three colours."""
    p = np.array([2.0, 0.3, 0.8])
    x, y, z = np.eye(3) * 0.5
    renderer.add(quad(np.stack([p, p + x, p + x + y, p + y]), (255, 0, 0)), 1, unlit=True)
    renderer.add(quad(np.stack([p, p + y, p + y - z, p - z]), (0, 255, 0)), 2, unlit=True)
    renderer.add(quad(np.stack([p, p + x, p + x - z, p - z]), (0, 0, 255)), 3, unlit=True)
    camera = Camera(OFF_CENTRE, look_at(np.array([0.5, -1.0, 1.6]), np.array([2.1, 0.3, 0.95])))
    in_camera = np.linalg.inv(camera.T_world_camera) @ np.append(p, 1.0)
    u, v, depth = OFF_CENTRE.project(in_camera[:3])
    column, row = int(np.rint(u)), int(np.rint(v))
    frame = renderer.render(camera, FLAT_LIGHT)
    window = frame.labels[row - 1 : row + 2, column - 1 : column + 2]
    assert set(window.ravel()) == {1, 2, 3}
    assert abs(frame.depth[row, column] - depth) < 0.02


def test_meshes_move_hide_and_go(renderer: Renderer) -> None:
    corners = np.array([[-0.1, -0.1, 2.0], [0.1, -0.1, 2.0], [0.1, 0.1, 2.0], [-0.1, 0.1, 2.0]])
    handle = renderer.add(quad(corners, (200, 20, 20)), 5)
    camera = Camera(Intrinsics.from_fov(0.8, 64, 48), np.eye(4))

    def column() -> float:
        return float(np.nonzero((renderer.render(camera).labels == 5).any(0))[0].mean())

    assert column() == pytest.approx(31.5)
    moved = np.eye(4)
    moved[0, 3] = 0.3
    renderer.place(handle, moved)
    shift = 0.3 * camera.intrinsics.fl_x / 2.0
    assert column() == pytest.approx(31.5 + shift, abs=0.6)
    renderer.update_vertices(handle, corners - [0.6, 0.0, 0.0])
    assert column() == pytest.approx(31.5 - shift, abs=0.6)
    renderer.show(handle, False)
    assert not renderer.render(camera).labels.any()
    renderer.show(handle, True)
    assert renderer.render(camera).labels.any()
    renderer.remove(handle)
    assert not renderer.render(camera).labels.any()
    with pytest.raises(RenderError, match="handle"):
        renderer.remove(handle)


@pytest.mark.parametrize("renderer", ["moderngl", "raycast"], indirect=True)
@pytest.mark.parametrize("eye_height", [4.0, 0.5])
def test_cut_height_takes_the_roof_off(renderer: Renderer, eye_height: float) -> None:
    def level(z: float) -> TriangleMesh:
        return quad(np.array([[-3.0, -3, z], [3, -3, z], [3, 3, z], [-3, 3, z]]), (120, 120, 120))

    renderer.add(level(0.0), 1)
    renderer.add(level(2.5), 2)
    target = np.array([0.0, 0.01, 0.0 if eye_height > 2.5 else 3.0])
    T_world_camera = look_at(np.array([0.0, 0.0, eye_height]), target)
    whole = renderer.render(Camera(OFF_CENTRE, T_world_camera))
    cut = renderer.render(Camera(OFF_CENTRE, T_world_camera, cut_height=2.2))
    assert whole.labels[60, 80] == 2
    assert cut.labels[60, 80] == (1 if eye_height > 2.5 else 0)


def test_closing_twice_is_fine_and_drawing_afterwards_is_not() -> None:
    renderer = open_renderer("raycast")
    renderer.close()
    renderer.close()
    with pytest.raises(RenderError, match="closed"):
        renderer.render(Camera(OFF_CENTRE, np.eye(4)))


def test_unknown_backends_and_labels_are_refused() -> None:
    with pytest.raises(RenderError, match="vulkan.*choose one of"):
        open_renderer("vulkan")  # type: ignore[arg-type]
    renderer = open_renderer("raycast")
    with pytest.raises(RenderError, match="label 0"):
        renderer.add(quad(np.zeros((4, 3)), (0, 0, 0)), 0)
