"""Pictures of a lived-in home show who is where: agents, the observer, plans, and no roof from above."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, look_at
from ats_sim.home import Home
from ats_sim.rendering import AGENT_LABEL, OBSERVER_LABEL, OVERLAY_LABEL, SCENE_LABEL, HomeRenderer, Overlay
from ats_sim.rendering.cameras import birdseye_camera, third_person_camera
from tests.toy_home import make_toy_home

ROOT = np.eye(4)
ROOT[:3, 3] = [-0.5, 0.2, 0.25]
EYES = look_at(np.array([-2.0, -1.0, 1.4]), ROOT[:3, 3])
STILL = np.zeros((26, 3))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("home") / "toy"), require_policy=False)


@pytest.fixture(scope="module", params=["moderngl", "raycast"])
def renderer(request: pytest.FixtureRequest, home: Home) -> Iterator[HomeRenderer]:
    opened = HomeRenderer(home, 160, 120, request.param)
    yield opened
    opened.close()


def labels(renderer: HomeRenderer, T_world_camera: Array = EYES, agents: int = 1) -> set[int]:
    second = ROOT.copy()
    second[:3, 3] += [0.3, 0.5, 0.0]
    poses = [(ROOT, STILL), (second, STILL)][:agents]
    return set(np.unique(renderer.render(renderer.observer_camera(T_world_camera), poses).labels))


def test_agents_come_and_go(renderer: HomeRenderer) -> None:
    assert labels(renderer, agents=2) == {SCENE_LABEL, AGENT_LABEL, AGENT_LABEL + 1}
    assert labels(renderer, agents=1) == {SCENE_LABEL, AGENT_LABEL}
    assert labels(renderer, agents=0) == {SCENE_LABEL}


def test_the_skinned_agent_is_seen_where_its_pose_puts_it(renderer: HomeRenderer, home: Home) -> None:
    bent = STILL.copy()
    bent[1:, 1] = 0.2
    frame = renderer.render(renderer.observer_camera(EYES), [(ROOT, bent)])
    in_camera = home.agent.posed(ROOT, bent) @ inverse(EYES)[:3, :3].T + inverse(EYES)[:3, 3]
    u, v, _ = renderer.intrinsics.project(in_camera)
    rows, columns = np.nonzero(frame.labels == AGENT_LABEL)
    assert columns.min() >= u.min() - 1 and columns.max() <= u.max() + 1
    assert rows.min() >= v.min() - 1 and rows.max() <= v.max() + 1
    assert columns.max() - columns.min() > 0.8 * (u.max() - u.min())


def test_the_observer_is_drawn_from_behind_but_never_in_its_own_eyes(renderer: HomeRenderer) -> None:
    eyes = renderer.render(renderer.observer_camera(EYES), [(ROOT, STILL)], observer=EYES)
    assert OBSERVER_LABEL not in eyes.labels
    middle = look_at(np.array([0.0, 0.0, 1.4]), ROOT[:3, 3])
    shoulder = renderer.render(renderer.third_person_camera(middle), [(ROOT, STILL)], observer=middle)
    assert OBSERVER_LABEL in shoulder.labels
    assert AGENT_LABEL in shoulder.labels


def test_birdseye_sees_everybody_through_the_roof(renderer: HomeRenderer) -> None:
    frame = renderer.render(renderer.birdseye_camera(), [(ROOT, STILL)], observer=EYES)
    assert {0, SCENE_LABEL, AGENT_LABEL, OBSERVER_LABEL} <= set(np.unique(frame.labels))
    edges = np.concatenate([frame.labels[0], frame.labels[-1], frame.labels[:, 0], frame.labels[:, -1]])
    assert np.mean(edges == SCENE_LABEL) < 0.2


def test_plans_are_drawn_only_when_asked_for(renderer: HomeRenderer) -> None:
    path = ROOT[:3, 3] + np.linspace(0.0, 0.9, 56)[:, None] * [1.0, 0.0, 0.0]
    overlay = Overlay(goals=path[-1:], paths=path[None])
    camera = renderer.observer_camera(EYES)
    assert OVERLAY_LABEL in renderer.render(camera, [(ROOT, STILL)], overlay=overlay).labels
    assert OVERLAY_LABEL not in renderer.render(camera, [(ROOT, STILL)]).labels
    shorter = Overlay(paths=path[None, :7])
    assert OVERLAY_LABEL in renderer.render(camera, [(ROOT, STILL)], overlay=shorter).labels


def test_the_agent_throws_a_shadow_on_the_floor(renderer: HomeRenderer) -> None:
    camera = renderer.observer_camera(EYES)
    floor = renderer.render(camera, []).rgb.astype(int)
    frame = renderer.render(camera, [(ROOT, STILL)])
    darker = (floor - frame.rgb.astype(int)).max(-1) > 10
    assert np.sum(darker & (frame.labels == SCENE_LABEL)) > 20


def test_the_shoulder_camera_stays_on_this_side_of_a_wall() -> None:
    intrinsics = Intrinsics.from_fov(1.0, 64, 48)
    eyes = look_at(np.array([0.0, 0.0, 1.4]), np.array([2.0, 0.0, 1.0]))

    def clearance(points: Array) -> Array:
        return points[:, 0] + 0.6

    near = third_person_camera(intrinsics, eyes, clearance).position
    assert -0.6 + 0.11 <= near[0] < -0.3
    assert third_person_camera(intrinsics, eyes).position[0] < -1.0


@pytest.mark.parametrize("size", [(640, 480), (300, 500)])
def test_birdseye_fits_the_home_tightly(size: tuple[int, int]) -> None:
    low, high = np.array([-4.0, -2.0, 0.0]), np.array([5.0, 6.0, 2.6])
    camera = birdseye_camera(Intrinsics.from_fov(1.0, *size), low, high)
    corners = np.array([[x, y, z] for x in (-4.0, 5.0) for y in (-2.0, 6.0) for z in (0.0, 2.0)])
    in_camera = corners @ inverse(camera.T_world_camera)[:3, :3].T + inverse(camera.T_world_camera)[:3, 3]
    u, v, z = camera.intrinsics.project(in_camera)
    assert z.min() > camera.near
    assert u.min() > -0.5 and u.max() < size[0] - 0.5 and v.min() > -0.5 and v.max() < size[1] - 0.5
    spread = max((u.max() - u.min()) / size[0], (v.max() - v.min()) / size[1])
    assert spread > 0.85
