"""Walking through a home: filmed by a script, and in a window with keys, on the toy home and a scripted mind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ats_sim import cli
from ats_sim.arrays import Array
from ats_sim.errors import ConfigError, HomeError
from ats_sim.home import Home
from ats_sim.play.controls import MouseLook, action_of
from ats_sim.play.diary import Diary
from ats_sim.play.options import PlayOptions
from ats_sim.play.run import play
from ats_sim.play.session import Session
from ats_sim.play.walk import OBSERVER
from ats_sim.play.walker import SCRIPT, Walker
from ats_sim.video import read_video
from ats_sim.world import MAX_AGENTS
from tests.toy_home import ScriptedMind, make_toy_home, toy_distance

SMALL = "128x96"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy")


@pytest.fixture
def session(folder: Path) -> Iterator[Session]:
    home = Home.load(folder, require_policy=False)
    opened = Session(home, ScriptedMind(), PlayOptions(home=str(folder), size=SMALL))
    yield opened
    opened.close()


@pytest.mark.parametrize("renderer", ["auto", "raycast"])
def test_without_a_screen_a_film_and_a_summary_are_made(folder: Path, tmp_path: Path, renderer: Any) -> None:
    film = tmp_path / "walk.mp4"
    options = PlayOptions(str(folder), record=film, seconds=4.0, headless=True, size=SMALL, renderer=renderer)
    summary = play(options, mind=ScriptedMind())
    pictures = list(read_video(film))
    assert len(pictures) in (40, 80)
    assert pictures[0].shape == (96, 128, 3)
    assert np.std(pictures[-1]) > 5.0
    assert summary.tally.seconds == pytest.approx(4.0)
    assert summary.tally.observer_metres > 0.3
    assert summary.tally.agent_metres > 0.3
    assert summary.real_time_factor > 1.0
    shown = "\n".join(summary.lines())
    for part in ("4.0 s", "x real time", str(film), summary.renderer):
        assert part in shown
    assert summary.to_json()["film"] == str(film)


def test_a_missing_home_is_named() -> None:
    with pytest.raises(HomeError, match="/nowhere"):
        play(PlayOptions(home="/nowhere", headless=True))


def test_as_many_agents_as_a_world_takes_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert PlayOptions(agents=MAX_AGENTS).agents == MAX_AGENTS
    for verb, agents in (("play", 0), ("play", MAX_AGENTS + 1), ("view", 0)):
        assert cli.main([verb, "--agents", str(agents)]) == 2
        assert capsys.readouterr().err.startswith(f"ats: --agents {agents}: must lie between 1 and {MAX_AGENTS}")


@pytest.mark.parametrize("wrong", [{"size": "12"}, {"size": "9x9"}, {"seconds": 0.0}, {"record": Path("film.gif")}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PlayOptions(**wrong)


Script = dict[int, Callable[[Any], None]]


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], None]:
    """Install a script of picture number -> function(pygame) that posts events."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    def install(script: Script) -> None:
        pictures = 0
        original = pygame.event.get

        def get() -> list[Any]:
            nonlocal pictures
            pictures += 1
            script.get(pictures, lambda _: None)(pygame)
            return list(original())

        monkeypatch.setattr(pygame.event, "get", get)

    return install


def post(name: str, kind: str = "KEYDOWN") -> Callable[[Any], None]:
    def send(pygame: Any) -> None:
        pygame.event.post(pygame.event.Event(getattr(pygame, kind), key=pygame.key.key_code(name)))

    return send


def post_mouse(kind: str, **fields: Any) -> Callable[[Any], None]:
    return lambda pygame: pygame.event.post(pygame.event.Event(getattr(pygame, kind), **fields))


def test_keys_and_mouse_work_in_a_window(
    folder: Path, tmp_path: Path, keyboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Session] = []
    original = Session.__init__

    def remember(self: Session, *arguments: Any) -> None:
        original(self, *arguments)
        opened.append(self)

    monkeypatch.setattr(Session, "__init__", remember)
    monkeypatch.chdir(tmp_path)
    names = ["v", "p", "f", "h", "v", "h", "c", "space", "n", "space", "g", "backspace", "2", ",", ".", "m", "m", "v"]
    script: Script = {4 + 2 * i: post(name) for i, name in enumerate(names)}
    script[2], script[3] = post("w"), post("left shift")
    script[50], script[51] = post("w", "KEYUP"), post("left shift", "KEYUP")
    script[52] = post_mouse("MOUSEBUTTONDOWN", button=3, pos=(5, 5))
    script[53] = post_mouse("MOUSEMOTION", rel=(60, 0), pos=(65, 5), buttons=(0, 0, 1))
    script[54] = post_mouse("MOUSEBUTTONUP", button=3, pos=(65, 5))
    script[62] = post("escape")
    keyboard(script)
    film = tmp_path / "window.mp4"
    summary = play(PlayOptions(str(folder), record=film, size=SMALL, seconds=60.0), mind=ScriptedMind())
    assert summary.tally.seconds < 30.0
    assert summary.tally.observer_metres > 0.1
    assert opened[0].world.stance == "crouch"
    assert not opened[0].world.agents[0].steering.awareness.observer
    assert len(list(read_video(film))) > 5
    assert (tmp_path / "ats-001.png").stat().st_size > 500


def test_the_window_closes_when_the_time_is_up(folder: Path, keyboard: Any) -> None:
    keyboard({})
    assert play(PlayOptions(str(folder), size=SMALL, seconds=0.5), mind=ScriptedMind()).tally.seconds == 0.5


def test_a_click_sends_the_agent_to_the_floor_it_shows(session: Session) -> None:
    session.world.reset(
        np.random.default_rng(0), {"observer_pose": [-2.0, 0.0, 0.0], "agent_poses": [0.0, 1.2, 0.25, 0.0]}
    )
    for _ in range(8):
        session.step(np.array([0.0, 0.0, 0.0, -1.0]))
    assert session.send_to_pixel("observer", 0.5, 0.5)
    eyes = session.world.observer.T_world_camera
    camera = session.camera("observer", session.world.moment())
    ray = camera.rays()[48, 64]
    floor = eyes[:3, 3] - ray * eyes[2, 3] / ray[2]
    goal = session.walk.goal
    assert goal is not None
    np.testing.assert_allclose(goal[:2], floor[:2], atol=0.02)
    before = np.linalg.norm(session.world.agents[0].T_world_root[:2, 3] - floor[:2])
    for _ in range(25):
        session.step(np.zeros(4))
    after = np.linalg.norm(session.world.agents[0].T_world_root[:2, 3] - floor[:2])
    assert after < max(0.5, before - 0.3)


def test_keys_become_actions() -> None:
    mouse = MouseLook(yaw_rate=1.0, pitch_rate=1.0)
    np.testing.assert_allclose(action_of({"w", "left"}, mouse), [1, 0, 1, 0])
    np.testing.assert_allclose(action_of({"s", "d", "shift", "up"}, mouse), [-1, -1, 0, 1])
    np.testing.assert_allclose(action_of({"w", "s"}, mouse), [0, 0, 0, 0])


def test_the_mouse_turns_as_far_as_it_moved_however_long_that_takes() -> None:
    mouse = MouseLook(yaw_rate=2.0, pitch_rate=1.0)
    mouse.move(-200.0, 50.0)
    turned = np.sum([np.array(mouse.take()) * [0.2, 0.1] for _ in range(20)], axis=0)
    np.testing.assert_allclose(turned, [0.8, -0.2])


def walk(distances: list[float]) -> Diary:
    """An agent on a line at these distances from a standing observer."""
    diary = Diary()
    for distance in distances:
        diary.note(np.array([0.0, 0.0, 1.4]), np.array([distance, 0.0, 0.25]))
    return diary


def test_the_diary_counts_reactions_once_each() -> None:
    still, away = [1.0] * 30, list(np.arange(1.0, 1.9, 0.08))
    back = list(np.arange(1.9, 1.0, -0.05))
    tally = walk(still + away + [1.9] * 30 + back + [1.0] * 30 + away).tally()
    assert (tally.fled, tally.approached) == (2, 1)
    assert tally.observer_metres == 0.0
    assert tally.nearest == pytest.approx(1.0)
    assert walk(still).tally().fled == 0
    assert walk(list(np.arange(3.0, 5.0, 0.08))).tally().fled == 0


def test_a_restart_is_no_way_walked() -> None:
    diary = walk([1.0, 1.1, 1.2])
    diary.restart()
    diary.note(np.zeros(3), np.array([9.0, 0.0, 0.0]))
    assert diary.tally().agent_metres == pytest.approx(0.2)
    assert diary.tally().seconds == pytest.approx(0.2)


def test_the_walker_comes_near_and_walks_around_what_is_in_the_way() -> None:
    """From one side of the couch to an agent on the other, never nearer to anything than its radius."""

    def clearance(points: Array) -> Array:
        return toy_distance(np.concatenate([points, np.full((*points.shape[:-1], 1), 0.3)], axis=-1))

    walker = Walker(clearance, 0.2, 1.0, OBSERVER.yaw_rate, OBSERVER.pitch_rate)
    pose, agent = np.array([0.4, -0.3, 0.0, 0.0]), np.array([2.2, 1.2, 0.25])
    share = sum(act.share for act in SCRIPT[:-1]) + 0.01
    for _ in range(200):
        forward, left, turn, look = walker.action(share, pose, 1.4, agent)
        pose[2] += turn * OBSERVER.yaw_rate * 0.1
        pose[3] += look * OBSERVER.pitch_rate * 0.1
        cosine, sine = np.cos(pose[2]), np.sin(pose[2])
        pose[:2] += 0.1 * np.array([cosine * forward - sine * left, sine * forward + cosine * left])
        assert clearance(pose[None, :2])[0] > 0.1
    assert np.linalg.norm(pose[:2] - agent[:2]) < 0.5
    bearing = np.arctan2(*(agent[:2] - pose[:2])[::-1])
    assert abs(np.angle(np.exp(1j * (bearing - pose[2])))) < 0.3


def test_a_window_is_only_opened_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    assert not PlayOptions().has_window or os.name == "nt"
    monkeypatch.setenv("DISPLAY", ":0")
    assert PlayOptions().has_window
    assert not PlayOptions(headless=True).has_window
