"""What pages that draw the home themselves get from the server: its meshes, and the world's state at every step."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from ats_sim.errors import ConfigError
from ats_sim.gltf import read_agent
from ats_sim.play.head import Head
from ats_sim.play.options import PlayOptions
from ats_sim.play.player import Player
from ats_sim.play.run import open_session, replay
from ats_sim.skeleton import linear_blend_skinning
from ats_sim.viewer.messages import Point, read_message
from ats_sim.viewer.show import bends
from tests.toy_home import ScriptedMind, make_toy_home
from tests.viewer_server import Page, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy")


@pytest.fixture(scope="module")
def link(folder: Path) -> Iterator[str]:
    with serving(str(folder), agents=3) as address:
        yield address


def drawing_page(link: str) -> Page:
    return Page(link, place="/states")


def test_the_meshes_are_the_homes_own_files(link: str, folder: Path) -> None:
    for name in ("scene.glb", "agent.glb"):
        with urlopen(link.replace("/?", f"/{name}?"), timeout=20) as answer:
            assert answer.read() == (folder / name).read_bytes()
            assert answer.headers["Content-Type"] == "model/gltf-binary"


def test_bends_are_where_the_simulator_itself_puts_the_vertices(folder: Path, tmp_path: Path) -> None:
    """From the files alone, as a page has them, for every animal of a walk."""
    session = open_session(PlayOptions(str(folder), size="64x48", agents=3), ScriptedMind())
    for _ in range(7):
        session.step(np.zeros(4))
    maps = np.frombuffer(bends(session).astype("<f4").tobytes(), "<f4").reshape(3, 26, 3, 4)
    rest = read_agent(folder / "agent.glb")[0]
    for agent, rows in zip(session.world.agents, maps, strict=True):
        found = linear_blend_skinning(rest.mesh.vertices, rest.skin_joints, rest.skin_weights, rows)
        wanted = session.world.home.agent.posed(agent.T_world_root, agent.joint_rotations)
        assert np.abs(found - wanted).max() < 1e-4
    assert np.abs(maps[0] - maps[1]).max() > 0.1
    session.close()


def test_a_state_comes_with_every_step_and_no_picture_with_it(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Player, "draw", lambda *_: pytest.fail("a picture was drawn"))
    with drawing_page(link) as page:
        light = page.welcome()["light"]
        assert 0.0 < light["ambient"] < 1.0 and len(light["direction"]) == 3
        states = [page.picture() for _ in range(8)]
    times = np.array([status["time"] for status, _ in states])
    steps = np.diff(times)[1:] / 0.1
    np.testing.assert_allclose(steps, np.maximum(np.round(steps), 1.0), atol=1e-6)  # whole ones; a slow machine skips
    assert np.median(steps) < 2.5
    for status, data in states:
        assert len(data) == 4 * 3 * 26 * 12
        assert len(status["pose"]) == 6 and len(status["followed"]) == 2 and status["goal"] is None


def test_pictures_and_states_go_out_side_by_side(link: str) -> None:
    with drawing_page(link) as drawing, Page(link) as watching:
        drawing.welcome()
        watching.welcome()
        _, jpeg = watching.picture()
        assert Image.open(io.BytesIO(jpeg)).size[0] > 60
        drawing.wait_until(lambda status: status["pages"] == 2)
        assert len(drawing.picture()[1]) == 4 * 3 * 26 * 12


def test_a_head_turns_and_walks_the_observer_and_a_point_sends_the_animal(link: str) -> None:
    with drawing_page(link) as page:
        page.welcome()
        before, _ = page.picture()
        yaw = float(np.angle(np.exp(1j * (before["pose"][2] + 2.0))))
        page.say("head", yaw=yaw, pitch=-0.3, forward=0.0, left=0.0, roamed=[0, 0], crouched=False)
        page.wait_until(lambda status: np.allclose(status["pose"][2:4], [yaw, -0.3]))
        for forward in (1.0, -1.0):  # one of them leads away from the next wall
            page.say("head", yaw=yaw, pitch=0.0, forward=forward, left=0.0, roamed=[0, 0], crouched=True)
            [page.picture() for _ in range(8)]
        assert page.wait_until(lambda status: status["stance"] == "crouch")["pose"][:2] != before["pose"][:2]
        page.key("space")
        page.wait_until(lambda status: status["badge"] == "paused")
        page.say("point", **{"from": [-2.0, 1.5, 1.0], "along": [0.2, -0.1, -0.5]})
        sent = page.wait_until(lambda status: status["goal"] is not None)
        np.testing.assert_allclose(sent["goal"], [-1.6, 1.3, 0.0], atol=0.01)
        page.key("space")


def test_a_walk_of_a_page_that_draws_is_done_again_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "walk.jsonl"
    with serving(str(folder), log=log) as link, drawing_page(link) as page:
        page.welcome()
        for turn in range(12):
            page.say("head", yaw=0.3 * turn - 1.0, pitch=-0.2, forward=0.5, left=0.1, roamed=[0, 0], crouched=turn > 8)
            before, _ = page.picture()
        page.key("z")
        page.wait_until(lambda status: status["time"] < before["time"])
        page.key("z", False)
        page.picture()
    assert '"rewind"' in log.read_text() and '"crouch"' in log.read_text()
    assert replay(PlayOptions(replay=log), mind=ScriptedMind()).is_exact


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"head"}', '{"type":"head","yaw":0,"pitch":0,"forward":0,"left":0,"roamed":[0,0]}',
        '{"type":"head","yaw":null,"pitch":0,"forward":0,"left":0,"roamed":[0,0],"crouched":false}',
        '{"type":"head","yaw":0,"pitch":0,"forward":0,"left":0,"roamed":[0],"crouched":false}',
        '{"type":"head","yaw":0,"pitch":0,"forward":0,"left":0,"roamed":[0,NaN],"crouched":false}',
        '{"type":"head","yaw":0,"pitch":0,"forward":0,"left":0,"roamed":{"0":1},"crouched":false}',
        '{"type":"head","yaw":0,"pitch":0,"forward":0,"left":0,"roamed":[0,0],"crouched":1}',
        '{"type":"point","from":[0,0,0]}', '{"type":"point","from":[0,0,0],"along":[0,0,0]}',
        '{"type":"point","from":[0,0,0],"along":[0,0,1e-9]}', '{"type":"point","from":[0,0],"along":[0,0,1]}',
        '{"type":"point","from":[0,0,Infinity],"along":[0,0,1]}', '{"type":"point","from":"000","along":[0,0,1]}',
    ],
)  # fmt: skip
def test_heads_and_points_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_message(text)


def test_heads_and_points_are_read_within_their_bounds() -> None:
    head = '{"type":"head","yaw":9,"pitch":-0.5,"forward":2,"left":-7,"roamed":[1,-2e8],"crouched":true}'
    assert read_message(head) == Head(np.pi, -0.5, 1.0, -1.0, (1.0, -1e4), True)
    assert read_message('{"type":"point","from":[1,2,3],"along":[0,0,-1]}') == Point((1, 2, 3), (0, 0, -1))


def test_the_vr_page_is_one_file_too(link: str) -> None:
    with urlopen(link.replace("/?", "/vr?"), timeout=20) as answer:
        body, policy = answer.read(), answer.headers["Content-Security-Policy"]
    assert b"<script src" not in body and body.count(b"<script>") == policy.count("'sha256-") > 1
    assert not [part for part in (b'src="http', b'href="http', b"@import", b"url(") if part in body]
    assert urlsplit(link).port and f"ws://127.0.0.1:{urlsplit(link).port}" in policy
