"""What keys and mouse do, with no window and no browser: held keys, switches, the pace of time, and time backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.home import Home
from ats_sim.play.hud import Hud
from ats_sim.play.keys import ALL_NAMES, HELD, KEYS, readme_table
from ats_sim.play.log import digest
from ats_sim.play.memory import Memory
from ats_sim.play.minimap import Minimap
from ats_sim.play.options import PlayOptions
from ats_sim.play.player import FACTORS, Player
from ats_sim.play.session import VIEWS, Session
from ats_sim.play.status import Reporter
from tests.toy_home import ScriptedMind, make_toy_home

CORNER = {"observer_pose": [-2.0, -1.5, 0.7], "agent_poses": [0.0, 1.2, 0.25, 0.0]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("home") / "toy"), require_policy=False)


@pytest.fixture
def player(home: Home) -> Iterator[Player]:
    session = Session(home, ScriptedMind(), PlayOptions(size="96x64"))
    session.world.reset(np.random.default_rng(0), CORNER)
    session.walk.memory.forget()
    session.walk.memory.keep(0, session.world.state())
    yield Player(session)
    session.close()


def live(player: Player, seconds: float, picture: float = 1.0 / 32.0) -> None:
    """Let real time pass in pieces that have no rounding."""
    for _ in range(round(seconds / picture)):
        player.advance(picture)


def place(player: Player) -> Array:
    return player.session.world.observer.pose[:2].copy()


@pytest.mark.parametrize(("keys", "metres"), [("w", 1.4), (("w", "shift"), 2.6), ("s", -1.4)])
def test_walking_and_running_cover_the_ground_that_their_speed_says(
    player: Player, keys: tuple[str, ...], metres: float
) -> None:
    """For half a second, in the direction that the observer faces, nothing being in the way."""
    player.session.world.reset(np.random.default_rng(0), CORNER | {"observer_pose": [-1.0, 0.0, 0.0]})
    start = place(player)
    for key in keys:
        player.key_down(key)
    for _ in range(5):
        player.step()
    np.testing.assert_allclose(place(player) - start, [0.5 * metres, 0.0], atol=0.03)


def test_stances_follow_shift_and_c(player: Player) -> None:
    stances = []
    for key, is_down in [("c", True), ("shift", True), ("shift", False), ("c", True)]:
        (player.key_down if is_down else player.key_up)(key)
        player.step()
        stances.append(player.session.world.stance)
    assert stances == ["crouch", "run", "crouch", "walk"]
    player.key_down("c")
    for _ in range(10):
        player.step()
    assert player.session.world.observer.T_world_camera[2, 3] == pytest.approx(0.7)


@pytest.mark.parametrize("presses", [[], [","], [",", ",", ",", ","], ["."], [".", ".", ".", ","]])
def test_time_runs_at_the_chosen_factor_and_rests_when_paused(player: Player, presses: list[str]) -> None:
    index = FACTORS.index(1.0)
    for press in presses:
        player.key_down(press)
        index = min(max(index + (1 if press == "." else -1), 0), len(FACTORS) - 1)
    live(player, 2.0)
    assert player.factor == FACTORS[index]
    assert abs(player.session.world.ticks - 20 * FACTORS[index]) <= 1
    player.key_down("space")
    ticks = player.session.world.ticks
    live(player, 1.0)
    assert player.session.world.ticks == ticks
    assert Reporter(player).status().badge == "paused"


def test_a_slow_machine_falls_behind_instead_of_stepping_ever_more(player: Player) -> None:
    player.advance(100.0)
    assert player.session.world.ticks <= 3


def test_turning_time_back_gives_the_same_states_and_the_same_life_again(player: Player) -> None:
    world = player.session.world
    player.key_down("w")
    player.key_down("left")
    digests = [digest(world.state())]
    for step in range(30):
        if step == 12:
            player.key_down("c")
        player.step()
        digests.append(digest(world.state()))
    player.key_down("z")
    live(player, 1.5)
    back = world.ticks
    assert 14 <= back <= 16
    assert digest(world.state()) == digests[back]
    assert not any("rewind" in row.value for row in Reporter(player).status().you)
    assert Reporter(player).status().badge.startswith("rewinding")
    player.key_up("z")
    while world.ticks < 30:
        player.step()
    assert digest(world.state()) == digests[30]


def test_time_cannot_be_turned_back_beyond_the_start(player: Player) -> None:
    start = digest(player.session.world.state())
    for _ in range(4):
        player.step()
    player.key_down("z")
    live(player, 3.0)
    assert player.session.world.ticks == 0
    assert digest(player.session.world.state()) == start
    assert "nothing left" in Reporter(player).status().badge
    player.key_up("z")
    live(player, 1.0)
    assert player.session.world.ticks >= 9


def test_pictures_do_not_jump_when_time_turns(player: Player) -> None:
    """Where the eyes are drawn moves no faster than a run, forwards, backwards and at both turns."""
    player.key_down("w")
    shown = []
    for picture in range(120):
        if picture in (50, 51):
            (player.key_down if picture == 50 else player.key_up)("z")
        if picture in (70, 95):
            (player.key_down if picture == 70 else player.key_up)("z")
        player.advance(0.01)
        shown.append(player.session.world.moment(player.share).T_world_camera[:3, 3])
    strides = np.linalg.norm(np.diff(shown, axis=0), axis=1)
    assert strides.max() <= 0.014 + 1e-9
    assert strides[75:90].min() > 0.01


def test_a_pause_can_be_stepped_back_through(player: Player) -> None:
    for _ in range(5):
        player.step()
    player.key_down("space")
    for tick in (4, 3):
        player.key_down("z")
        player.key_up("z")
        assert player.session.world.ticks == tick
        live(player, 0.5)
    assert player.session.world.ticks == 3


def test_beginning_anew_forgets_what_was(player: Player) -> None:
    live(player, 1.0)
    player.key_down("r")
    assert player.session.world.ticks == 0
    assert player.session.walk.rewindable == 0


def test_the_goal_is_where_the_picture_was_clicked_until_it_is_freed(player: Player) -> None:
    player.key_down("v")
    player.key_down("v")
    player.mouse_button(False, True, 0.5, 0.5)
    goal = player.session.walk.goal
    assert goal is not None
    assert any("you sent it" in row.value for row in Reporter(player).status().animal)
    player.key_down("backspace")
    assert player.session.walk.goal is None


def test_the_mouse_turns_the_head_only_when_it_is_asked_to(player: Player) -> None:
    yaw = player.session.world.observer.pose[2]

    def turned() -> float:
        for _ in range(3):
            player.step()
        return float(player.session.world.observer.pose[2] - yaw)

    player.mouse_move(-100.0, 0.0)
    assert turned() == pytest.approx(0.0, abs=1e-12)
    player.mouse_button(True, True, 0.5, 0.5)
    player.mouse_move(-100.0, 0.0)
    assert turned() == pytest.approx(0.4)
    player.mouse_button(True, False, 0.5, 0.5)
    player.mouse_move(-100.0, 0.0)
    assert turned() == pytest.approx(0.4)
    player.key_down("m")
    player.mouse_move(100.0, 0.0)
    assert turned() == pytest.approx(0.0, abs=1e-12)


def test_nobody_at_the_keys_means_no_key_is_down(player: Player) -> None:
    for name in ("w", "shift", "z", "m"):
        player.key_down(name)
    player.release_all()
    assert not player.held
    assert not player.is_captured


def test_awareness_can_be_switched_and_is_told(player: Player) -> None:
    reporter = Reporter(player)
    assert [on for _, on in reporter.status().knows] == [True, True, True]
    player.key_down("2")
    assert not player.session.world.agents[0].steering.awareness.observer
    assert [on for _, on in reporter.status().knows] == [True, False, True]
    player.step()
    assert ("attends to", "nobody") in [(row.label, row.value) for row in reporter.status().animal]
    player.key_down("2")
    player.step()
    assert ("attends to", "you") in [(row.label, row.value) for row in reporter.status().animal]


def test_places_where_the_real_animal_never_was_are_told(player: Player) -> None:
    """The recorded walk is an ellipse around (-0.8, 0) with half axes 0.9 and 1.1."""
    player.session.world.reset(np.random.default_rng(0), {"agent_poses": [-0.8, 1.1, 0.25, 0.0]})
    assert Reporter(player).status().warning == ""
    player.session.world.reset(np.random.default_rng(0), {"agent_poses": [2.2, -1.6, 0.25, 0.0]})
    assert "never seen" in Reporter(player).status().warning


def test_looking_at_futures_changes_nothing(player: Player) -> None:
    player.key_down("v")
    player.key_down("v")
    plain = player.draw((96, 64)).rgb
    before = digest(player.session.world.state())
    player.key_down("f")
    assert (player.draw((96, 64)).rgb != plain).any()
    assert digest(player.session.world.state()) == before


def test_every_view_shows_something_else(player: Player) -> None:
    pictures = []
    for view in VIEWS:
        assert player.view == view
        pictures.append(player.draw((96, 64)).rgb)
        player.key_down("v")
    assert player.view == VIEWS[0]
    assert len({picture.tobytes() for picture in pictures}) == len(VIEWS)
    assert all(picture.std() > 3.0 for picture in pictures)


def test_the_table_of_keys_is_what_the_player_understands(player: Player) -> None:
    assert set(player._commands) | HELD == ALL_NAMES
    for name in sorted(ALL_NAMES):
        player.key_down(name)
        player.key_up(name)
    player.key_down("f13")
    assert player.wants_out and player.wants_picture
    table = readme_table()
    assert all(key.meaning in table for key in KEYS)
    assert len({line.count("|") for line in table.splitlines()}) == 1


@pytest.mark.parametrize("size", [(480, 360), (640, 480), (1280, 720)])
def test_panels_stand_in_the_corners_and_help_in_the_middle(player: Player, size: tuple[int, int]) -> None:
    width, height = size
    hud = Hud(width, height)
    status = replace(Reporter(player).status(), warning="the real animal was never seen here", badge="paused")

    def changed(shown: Callable[[object], None]) -> Array:
        surface = hud.surface(np.full((height, width, 3), 200, np.uint8))
        shown(surface)
        return (hud.pixels(surface) != 200).any(-1)

    panels = changed(lambda surface: hud.draw(surface, status))
    assert panels[: height // 8, : width // 8].mean() > 0.6
    assert panels[: height // 8, -width // 8 :].mean() > 0.6
    assert not panels[int(0.42 * height) : -height // 4].any()
    helped = changed(lambda surface: hud.draw(surface, replace(status, shows_help=True)))
    assert helped[height // 3 : -height // 3, width // 3 : -width // 3].all()
    assert not helped[height // 3 : height // 2, : width // 20].any()


def test_the_plan_shows_bodies_where_they_are(player: Player) -> None:
    """The toy room is 5 m x 4 m around the origin; the couch's side is at x > 0."""
    minimap = Minimap(player.session, 128)
    height, width = minimap.picture.shape[:2]
    assert max(height, width) == 128
    marks = minimap.marks()
    (observer, ahead), (agent, _) = marks.observer, marks.agents[0]
    assert 0.0 < observer[0] < 0.35 and 0.5 < observer[1] < 1.0
    assert ahead[0] > observer[0] and ahead[1] < observer[1]
    assert agent[0] == pytest.approx(0.5, abs=0.06) and agent[1] < 0.45


def test_memory_is_bounded_and_shares_what_does_not_change() -> None:
    constant = np.arange(1000.0)
    memory = Memory(steps=50, most_bytes=30_000)
    for step in range(40):
        memory.keep(step, {"plan": constant, "now": np.full(10, float(step))})
    assert memory.bytes == 8000 + 40 * 80
    assert memory.back_to(17)["now"][0] == 17.0
    assert (len(memory), memory.bytes) == (18, 8000 + 18 * 80)
    for step in range(18, 300):
        memory.keep(step, {"plan": np.full(1000, float(step)), "now": np.full(10, float(step))})
        assert memory.bytes <= 30_000
    assert memory.first == 297
    np.testing.assert_array_equal(memory.back_to(298)["plan"], 298.0)


def test_memory_keeps_ninety_seconds_however_arrays_are_reused() -> None:
    memory, array = Memory(), np.zeros(3)
    for step in range(1000):
        array[:] = step
        memory.keep(step, {"pose": array})
    assert (len(memory), memory.first) == (900, 100)
    np.testing.assert_array_equal(memory.back_to(500)["pose"], 500.0)
