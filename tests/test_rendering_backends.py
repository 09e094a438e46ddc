"""Every backend draws the same picture: depth, labels, colour, light, texture and shadow."""

from __future__ import annotations

import numpy as np
import pytest

from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics, look_at
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.rendering import Camera, Frame, Lighting, open_renderer
from ats_sim.rendering.color import linear_from_fraction, srgb_from_linear

CAMERA = Camera(
    Intrinsics(fl_x=150.0, fl_y=155.0, cx=90.2, cy=66.9, width=192, height=144),
    look_at(np.array([-2.2, -1.7, 1.3]), np.array([0.2, 0.1, 0.2])),
)


Triple = tuple[float, float, float]


def box(size: Triple, middle: Triple, color: tuple[int, int, int]) -> TriangleMesh:
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return TriangleMesh(corners * size + middle, np.array(faces), colors=np.tile(np.uint8(color), (8, 1)))


def checkered_floor() -> TriangleMesh:
    corners = np.array([[-4.0, -4, 0], [4, -4, 0], [4, 4, 0], [-4, 4, 0]])
    uv = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    texture = np.kron(np.random.default_rng(0).integers(60, 220, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), uv=uv, texture=texture)


def draw(backend: str, lighting: Lighting | None = None) -> Frame:
    try:
        renderer = open_renderer(backend)  # type: ignore[arg-type]
    except RenderError as error:
        pytest.skip(str(error))
    furniture = [box((1, 0.6, 0.5), (0.8, 0.9, 0.25), (60, 90, 190)), box((0.4, 0.4, 1), (1.5, -1, 0.5), (90, 160, 60))]
    renderer.add(checkered_floor(), 1)
    renderer.add(merge(furniture), 1)
    agent = renderer.add(box((0.5, 0.16, 0.18), (0, 0, 0), (200, 130, 60)), 2, casts_shadow=True)
    pose = np.eye(4)
    pose[:3, 3] = [0.0, 0.0, 0.2]
    renderer.place(agent, pose)
    renderer.add(box((0.1, 0.1, 0.1), (-0.5, 0.5, 0.4), (250, 250, 250)), 70000, unlit=True, tint=(1.0, 0.5, 0.25))
    frame = renderer.render(CAMERA, lighting)
    renderer.close()
    return frame


@pytest.mark.parametrize(("backend", "color_share"), [("moderngl", 0.97), ("pyrender", 0.9)])
def test_backends_agree_with_ray_casting(backend: str, color_share: float) -> None:
    expected = draw("raycast", Lighting(shadow=0.0))
    frame = draw(backend, Lighting(shadow=0.0))
    assert set(np.unique(expected.labels)) == {0, 1, 2, 70000}
    assert np.mean(frame.labels == expected.labels) > 0.99
    assert np.mean(np.abs(frame.depth - expected.depth) < 0.01) > 0.99
    difference = np.abs(frame.rgb.astype(int) - expected.rgb.astype(int)).max(-1)
    assert np.mean(difference <= 12) > color_share
    assert np.median(difference) <= 2


def test_shadows_fall_on_the_same_pixels() -> None:
    dark = [draw(backend).rgb.astype(int).sum(-1) for backend in ("moderngl", "raycast")]
    bright = [draw(backend, Lighting(shadow=0.0)).rgb.astype(int).sum(-1) for backend in ("moderngl", "raycast")]
    shaded = [b - d > 15 for b, d in zip(bright, dark, strict=True)]
    assert 100 < shaded[1].sum() < 3000
    assert (shaded[0] & shaded[1]).sum() / (shaded[0] | shaded[1]).sum() > 0.75


@pytest.mark.parametrize("backend", ["moderngl", "raycast"])
def test_lambert_is_the_closed_form(backend: str) -> None:
    """A floor of linear albedo a under light L shows the sRGB code of a (ambient + strength cos)."""
    light = Lighting(ambient=0.3, strength=0.6, direction=(1.0, 0.0, 1.0), color=(1.0, 0.8, 0.6))
    renderer = open_renderer(backend)  # type: ignore[arg-type]
    corners = np.array([[-4.0, -4, 0], [4, -4, 0], [4, 4, 0], [-4, 4, 0]])
    colors = np.tile(np.uint8([200, 100, 50]), (4, 1))
    renderer.add(TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), colors=colors), 1)
    pixel = renderer.render(CAMERA, light).rgb[100, 90]
    renderer.close()
    albedo = linear_from_fraction(np.array([200, 100, 50]) / 255.0)
    expected = srgb_from_linear(albedo * np.array(light.color) * (0.3 + 0.6 * np.sqrt(0.5)))
    assert np.abs(pixel.astype(int) - expected).max() <= 2


def test_srgb_survives_the_round_trip() -> None:
    codes = np.arange(256)
    np.testing.assert_array_equal(srgb_from_linear(linear_from_fraction(codes / 255.0)), codes)
    assert linear_from_fraction(np.array(0.5)) == pytest.approx(0.21404, abs=1e-3)


def test_two_frames_of_one_renderer_are_bit_equal() -> None:
    first, second = draw("moderngl"), draw("moderngl")
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.depth, second.depth)


def test_auto_falls_back_to_ray_casting_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from ats_sim.rendering import moderngl_backend

    def no_display() -> None:
        raise RenderError("no EGL context for OpenGL 3.3: nothing here")

    monkeypatch.setattr(moderngl_backend, "_open_context", no_display)
    renderer = open_renderer("auto")
    assert renderer.name == "raycast"
    assert "nothing here" in renderer.note and "apt-get install" in renderer.note


def wavy_ground(count: int) -> TriangleMesh:
    """A height field of 2 (count - 1)^2 triangles over 8 x 8 m."""
    x, y = np.meshgrid(np.linspace(-4, 4, count), np.linspace(-4, 4, count), indexing="ij")
    vertices = np.stack([x, y, 0.2 * np.sin(3 * x) * np.cos(2 * y)], axis=-1).reshape(-1, 3)
    index = np.arange(count * count).reshape(count, count)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    colors = np.random.default_rng(1).integers(50, 255, (count * count, 3), dtype=np.uint8)
    return TriangleMesh(vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]), colors=colors)


@pytest.mark.parametrize("heading", np.linspace(0.0, 2 * np.pi, 5)[:-1])
def test_leaving_out_what_is_not_in_view_changes_no_pixel(heading: float) -> None:
    """A mesh that was updated is drawn whole, one that was not is drawn in the chunks that the camera may see."""
    eye = np.array([0.5, -0.5, 0.9])
    camera = Camera(CAMERA.intrinsics, look_at(eye, eye + [np.cos(heading), np.sin(heading), -0.3]))
    mesh = wavy_ground(40)
    renderer = open_renderer("moderngl")
    handle = renderer.add(mesh, 1)
    chunked = renderer.render(camera)
    renderer.update_vertices(handle, mesh.vertices)
    whole = renderer.render(camera)
    renderer.close()
    np.testing.assert_array_equal(chunked.depth, whole.depth)
    np.testing.assert_array_equal(chunked.rgb, whole.rgb)
