"""What is drawn to be understood: ghosts, tracks, the map of visits; and the figure that crouches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.errors import ArrayError, RenderError
from ats_sim.geometry import Intrinsics, inverse, look_at
from ats_sim.home import Home
from ats_sim.mesh import TriangleMesh
from ats_sim.rendering import (
    AGENT_LABEL,
    OBSERVER_LABEL,
    OVERLAY_LABEL,
    SCENE_LABEL,
    Camera,
    HomeRenderer,
    Lighting,
    Overlay,
    open_renderer,
)
from ats_sim.rendering.overlay import ABOVE_MAP
from ats_sim.rendering.visits import ABOVE, heat_colors, visits_map
from tests.toy_home import make_toy_home

ROOT = np.eye(4)
ROOT[:3, 3] = [-0.5, 0.2, 0.25]
ELSEWHERE = ROOT.copy()
ELSEWHERE[:3, 3] += [0.6, 0.3, 0.0]
EYES = look_at(np.array([-2.0, -1.0, 1.4]), ROOT[:3, 3])
STILL = np.zeros((26, 3))
GLASS_LIGHT = Lighting(ambient=1.0, strength=0.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("home") / "toy"), require_policy=False)


@pytest.fixture(scope="module", params=["moderngl", "raycast"])
def renderer(request: pytest.FixtureRequest, home: Home) -> Iterator[HomeRenderer]:
    opened = HomeRenderer(home, 240, 180, request.param)
    yield opened
    opened.close()


def facing(z: float, color: tuple[int, int, int]) -> TriangleMesh:
    corners = np.array([[-1.0, -1.0, z], [1.0, -1.0, z], [1.0, 1.0, z], [-1.0, 1.0, z]])
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), colors=np.tile(np.uint8(color), (4, 1)))


@pytest.mark.parametrize("backend", ["moderngl", "raycast"])
def test_glass_seen_face_on_mixes_colours_by_its_opacity(backend: str) -> None:
    """One part glass, three parts what is behind it, be that a wall or the sky; a second pane behind it is hidden."""
    renderer = open_renderer(backend)  # type: ignore[arg-type]
    camera = Camera(Intrinsics.from_fov(0.05, 9, 9), np.eye(4))
    sky = renderer.render(camera).rgb[4, 4].astype(float)
    pane = renderer.add(facing(1.0, (200, 40, 0)), 255, opacity=0.25)
    renderer.add(facing(1.5, (0, 0, 255)), 255, opacity=0.5)
    frame = renderer.render(camera, GLASS_LIGHT)
    np.testing.assert_allclose(frame.rgb[4, 4], 0.75 * sky + 0.25 * np.array([200, 40, 0]), atol=2)
    renderer.add(facing(2.0, (100, 160, 220)), 1, unlit=True)
    frame = renderer.render(camera, GLASS_LIGHT)
    np.testing.assert_allclose(frame.rgb[4, 4], [125, 130, 165], atol=2)
    assert frame.labels[4, 4] == 255 and frame.depth[4, 4] == pytest.approx(1.0, abs=1e-4)
    renderer.show(pane, False)
    np.testing.assert_allclose(renderer.render(camera, GLASS_LIGHT).rgb[4, 4], [50, 80, 238], atol=2)
    with pytest.raises(RenderError, match="opacity"):
        renderer.add(facing(1.0, (0, 0, 0)), 2, opacity=0.0)
    renderer.close()


def test_a_ghost_is_labelled_where_an_agent_would_be_and_lets_the_scene_through(renderer: HomeRenderer) -> None:
    camera = renderer.observer_camera(EYES)
    empty = renderer.render(camera, [])
    agent = renderer.render(camera, [(ROOT, STILL)])
    ghost = renderer.render(camera, [], overlay=Overlay(ghosts=[(ROOT, STILL)]))
    shape = agent.labels == AGENT_LABEL
    np.testing.assert_array_equal(ghost.labels == OVERLAY_LABEL, shape)
    np.testing.assert_allclose(ghost.depth[shape], agent.depth[shape], atol=1e-5)
    np.testing.assert_array_equal(ghost.rgb[~shape], empty.rgb[~shape])
    change = ghost.rgb[shape].astype(int) - empty.rgb[shape]
    assert np.all(change.mean(0)[0] < change.mean(0)[2])
    assert np.abs(change).max(-1).min() > 5


def test_agents_ghosts_and_observer_keep_their_labels_apart(renderer: HomeRenderer) -> None:
    overlay = Overlay(ghosts=[(ELSEWHERE, STILL)], tracks=np.stack([ROOT[:3, 3], ELSEWHERE[:3, 3]])[None])
    beside = ROOT.copy()
    beside[:3, 3] += [0.2, -0.5, 0.0]
    camera = renderer.birdseye_camera()
    frame = renderer.render(camera, [(ROOT, STILL), (beside, STILL)], overlay=overlay, observer=EYES)
    assert set(np.unique(frame.labels)) == {
        0, SCENE_LABEL, AGENT_LABEL, AGENT_LABEL + 1, OBSERVER_LABEL, OVERLAY_LABEL,
    }  # fmt: skip
    frame = renderer.render(camera, [(ROOT, STILL)])
    assert set(np.unique(frame.labels)) == {0, SCENE_LABEL, AGENT_LABEL}
    with pytest.raises(RenderError, match="253 agents"):
        renderer.render(camera, [(ROOT, STILL)] * 253)


def test_tracks_lie_where_they_project_each_in_its_own_colour(renderer: HomeRenderer) -> None:
    along = np.linspace(0.0, 0.8, 30)[:, None] * [1.0, 0.0, 0.0]
    tracks = np.stack([[-1.0, -0.4, 0.2] + along, [-1.0, 0.5, 0.2] + along])
    camera = renderer.birdseye_camera()
    frame = renderer.render(camera, [], overlay=Overlay(tracks=tracks, root_height=0.15))
    in_camera = (tracks - [0, 0, 0.15 - ABOVE_MAP]) @ inverse(camera.T_world_camera)[:3, :3].T
    u, v, _ = camera.intrinsics.project(in_camera + inverse(camera.T_world_camera)[:3, 3])
    rows, columns = np.nonzero(frame.labels == OVERLAY_LABEL)
    distance = np.hypot(rows[:, None] - v.ravel(), columns[:, None] - u.ravel()).min(1)
    assert len(rows) > 30 and distance.max() < 3.0
    first, second = (frame.rgb[np.rint(v[k]).astype(int), np.rint(u[k]).astype(int)].mean(0) for k in range(2))
    assert first[1] > 150 > second[1]
    with pytest.raises(ArrayError, match="overlay.tracks"):
        renderer.render(camera, [], overlay=Overlay(tracks=np.zeros((3, 2))))


def test_the_map_of_visits_is_warmer_where_the_animal_stayed(home: Home) -> None:
    volume = home.perception
    visits = np.zeros_like(volume.agent_visits)
    cells = np.array([[visits.shape[0] // 2 + k, visits.shape[1] // 2] for k in range(4)])
    visits[cells[:, 0], cells[:, 1]] = seconds = np.array([0.2, 1.0, 4.0, 20.0], dtype=np.float32)
    mesh = visits_map(replace(volume, agent_visits=visits, agent_roots=np.tile(ROOT, (3, 1, 1))), 0.2)
    assert mesh is not None and mesh.colors is not None
    middles = mesh.vertices.reshape(4, 4, 3).mean(1)
    np.testing.assert_allclose(middles[:, :2], volume.visit_origin + cells * volume.visit_cell, atol=1e-5)
    np.testing.assert_allclose(middles[:, 2], 0.05 + ABOVE, atol=1e-5)
    brightness = mesh.colors.reshape(4, 4, 3)[:, 0].astype(int) @ [30, 59, 11]
    assert np.all(np.diff(brightness) > 0)
    assert heat_colors(seconds, 20.0)[-1, 0] > heat_colors(seconds, 20.0)[-1, 2]
    assert visits_map(replace(volume, agent_visits=np.zeros_like(visits)), 0.2) is None


def test_the_map_shows_in_birds_eye_view_exactly_on_visited_cells(renderer: HomeRenderer, home: Home) -> None:
    volume, camera = home.perception, renderer.birdseye_camera()
    frame = renderer.render(camera, [], overlay=Overlay(support=True))
    marked = frame.labels == OVERLAY_LABEL
    assert marked.sum() > 50
    rays = camera.rays()[marked]
    places = camera.position + rays * frame.depth[marked][:, None]
    cells = np.rint((places[:, :2] - volume.visit_origin) / volume.visit_cell).astype(int)
    assert np.mean(volume.agent_visits[cells[:, 0], cells[:, 1]] > 0) > 0.9
    assert OVERLAY_LABEL not in renderer.render(camera, []).labels


def figure_heights(renderer: HomeRenderer, eyes: Array, feet: float) -> tuple[float, float]:
    """Lowest and highest world z of the figure's pixels, seen from the side, metres."""
    view = look_at(eyes[:3, 3] * [1, 1, 0] + [-1.2, -1.6, 0.9 + feet], eyes[:3, 3] * [1, 1, 0] + [0.0, 0.0, 0.7 + feet])
    camera = renderer.observer_camera(view)
    frame = renderer.render(camera, [], observer=eyes, observer_feet=feet)
    seen = frame.labels == OBSERVER_LABEL
    height = camera.position[2] + camera.rays()[..., 2][seen] * frame.depth[seen]
    return float(height.min()), float(height.max())


@pytest.mark.parametrize(("eye_height", "feet"), [(1.4, 0.0), (1.05, 0.0), (0.7, 0.0), (1.4, 0.0), (0.7, 0.35)])
def test_the_figure_is_as_tall_as_the_observers_eyes(renderer: HomeRenderer, eye_height: float, feet: float) -> None:
    """The head's top is 0.167 m above the eyes: the hair's ball is centred 0.045 m above them, 0.122 m in radius."""
    eyes = look_at(np.array([0.3, -0.4, eye_height + feet]), np.array([1.3, -0.4, eye_height + feet]))
    low, high = figure_heights(renderer, eyes, feet)
    assert high == pytest.approx(feet + eye_height + 0.167, abs=0.03)
    assert low == pytest.approx(feet, abs=0.05)
