"""The observer follows a tracked head: it looks where the head does, walks by its stick, and steps after its wearer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ats_sim.play.events import Rewind
from ats_sim.play.head import LEAN, Head
from ats_sim.play.options import PlayOptions
from ats_sim.play.player import Player
from ats_sim.play.run import open_session, replay
from ats_sim.play.session import Session
from tests.toy_home import ScriptedMind, make_toy_home


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy")


@pytest.fixture(scope="module")
def session(folder: Path) -> Iterator[Session]:
    opened = open_session(PlayOptions(str(folder), size="64x48"), ScriptedMind())
    yield opened
    opened.close()


@pytest.fixture
def player(session: Session) -> Player:
    session.world.reset(
        np.random.default_rng(0), {"observer_pose": [-1.0, 0.0, 0.0], "agent_poses": [2.2, 1.7, 0.25, 0]}
    )
    return Player(session)


def live(player: Player, head: Head, steps: int) -> np.ndarray:
    """The observer's pose (6,) after some steps of a head that stays as it is."""
    player.follow(head)
    for _ in range(steps):
        player.step()
    return player.session.world.observer.pose


@pytest.mark.parametrize("yaw", [0.3, -2.0, 3.1, -3.1])
@pytest.mark.parametrize("pitch", [-1.2, 0.0, 2.0])
def test_it_looks_where_the_head_looks_as_fast_as_a_neck_can(player: Player, yaw: float, pitch: float) -> None:
    player.session.world.observer.place(-1.0, 0.0, 3.0)
    short = live(player, Head(yaw, pitch), 1)
    assert abs(np.angle(np.exp(1j * (short[2] - 3.0)))) <= np.radians(24.0) + 1e-9  # 240 degrees a second
    pose = live(player, Head(yaw, pitch), 9)
    assert np.angle(np.exp(1j * (pose[2] - yaw))) == pytest.approx(0.0, abs=1e-9)
    assert pose[3] == pytest.approx(min(pitch, np.radians(80.0)))


@pytest.mark.parametrize("stick", [(1.0, 0.0), (0.0, -1.0), (0.6, 0.8), (-0.5, 0.0), (1.0, 1.0)])
def test_the_stick_walks_in_the_direction_of_the_head_at_once(player: Player, stick: tuple[float, float]) -> None:
    """Even while the observer is still turning after a head that was thrown around."""
    yaw = 2.5
    pose = live(player, Head(yaw, 0.0, *stick), 2)
    along = np.array([np.cos(yaw) * stick[0] - np.sin(yaw) * stick[1], np.sin(yaw) * stick[0] + np.cos(yaw) * stick[1]])
    along /= max(1.0, np.hypot(*along))
    np.testing.assert_allclose(pose[:2] - [-1.0, 0.0], 0.28 * along, atol=1e-9)


def test_it_steps_after_whoever_walks_through_the_real_room_and_counts_that(player: Player) -> None:
    pose = live(player, Head(1.0, 0.0, roamed=(0.2, -0.3)), 5)
    np.testing.assert_allclose(pose[:2], [-0.8, -0.3], atol=LEAN)
    np.testing.assert_allclose(player.follower.followed, pose[:2] - [-1.0, 0.0], atol=1e-12)
    again = live(player, Head(1.0, 0.0, roamed=(0.2, -0.3)), 5)
    np.testing.assert_array_equal(again, pose)


def test_who_only_sways_stays(player: Player) -> None:
    np.testing.assert_array_equal(live(player, Head(0.0, 0.0, roamed=(0.03, 0.03)), 5)[:2], [-1.0, 0.0])


def test_walls_hold_the_observer_back_from_its_wearer(player: Player) -> None:
    pose = live(player, Head(0.0, 0.0, roamed=(-5.0, 0.0)), 30)
    assert -2.32 < pose[0] < -2.25  # the wall is at -2.5, its body has a radius of 0.2
    np.testing.assert_allclose(player.follower.followed, [pose[0] + 1.0, 0.0], atol=1e-9)


def test_steps_by_stick_are_not_taken_for_steps_after_the_wearer(player: Player) -> None:
    live(player, Head(0.0, 0.0, forward=1.0, roamed=(0.3, 0.0)), 3)
    np.testing.assert_array_equal(player.follower.followed, [0.0, 0.0])


def test_nobody_is_followed_after_all_was_let_go(player: Player) -> None:
    live(player, Head(0.5, 0.0, forward=1.0), 3)
    player.release_all()
    before = player.session.world.observer.pose.copy()
    player.step()
    np.testing.assert_array_equal(player.session.world.observer.pose, before)


def test_crouching_is_a_stance(player: Player) -> None:
    assert live(player, Head(0.0, 0.0, is_crouched=True), 5)[5] == pytest.approx(0.7)
    assert player.session.world.stance == "crouch"
    assert live(player, Head(0.0, 0.0), 5)[5] == pytest.approx(1.4)


def test_a_ray_sends_the_animal_to_what_it_meets(player: Player) -> None:
    session = player.session
    assert session.send_along(np.array([-2.0, 1.5, 1.0]), np.array([0.2, -0.1, -0.5]))
    np.testing.assert_allclose(session.walk.goal, [-1.6, 1.3, session.root_height], atol=0.01)
    assert session.send_along(np.array([1.5, 0.0, 2.0]), np.array([0.0, 0.0, -1.0]))
    np.testing.assert_allclose(session.walk.goal, [1.5, 0.0, 0.4 + session.root_height], atol=0.01)  # on the couch


def test_a_walk_with_a_headset_is_done_again_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    path, rng = tmp_path / "vr.jsonl", np.random.default_rng(3)
    session = open_session(PlayOptions(str(folder), size="64x48", log=path, agents=2), ScriptedMind())
    player, roamed = Player(session), np.zeros(2)
    for step in range(80):
        roamed = roamed + rng.normal(0.0, 0.05, 2)
        yaw, pitch, forward, left = rng.normal(0.0, 0.7, 4)
        stick = (forward, left) if step % 3 else (0.0, 0.0)
        player.follow(Head(yaw, pitch, *np.clip(stick, -1.0, 1.0), (roamed[0], roamed[1]), step % 20 > 15))
        player.step()
        if step == 40:
            session.send_along(np.array([-2.0, 1.5, 1.0]), rng.normal(0.0, 1.0, 3))
            session.do(Rewind(30))
    session.close()
    outcome = replay(PlayOptions(replay=path), mind=ScriptedMind())
    assert outcome.is_exact and outcome.is_whole and outcome.steps == 80
