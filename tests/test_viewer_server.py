"""The browser view's server: mine alone, hard to upset, one picture at a time, one player at a time."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ats_sim import cli
from ats_sim.errors import ConfigError, RenderError
from ats_sim.play.keys import ALL_NAMES, KEYS
from ats_sim.play.minimap import Minimap
from ats_sim.play.player import Player
from ats_sim.viewer.guard import Guard
from ats_sim.viewer.messages import Press, Resize, read_message
from ats_sim.viewer.options import ViewOptions
from ats_sim.viewer.server import Viewer
from tests.toy_home import ScriptedMind, make_toy_home
from tests.viewer_server import Page, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy")


@pytest.fixture(scope="module")
def link(folder: Path) -> Iterator[str]:
    with serving(str(folder)) as address:
        yield address


def get(link: str, path: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a plain request; headers replace the usual ones."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    connection.putrequest("GET", path or f"/?{parts.query}", skip_host=True)
    for name, value in ({"Host": parts.netloc} | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, body


def listeners(port: int) -> list[str]:
    """Local addresses (hexadecimal, as the kernel prints them) on which somebody listens at a port."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                found.append(local.rpartition(":")[0])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's table of sockets")
def test_only_this_machine_can_connect(link: str) -> None:
    assert listeners(urlsplit(link).port or 0) == ["0100007F"]  # 127.0.0.1, least byte first


def test_the_page_is_one_file_that_may_load_nothing_else(link: str) -> None:
    status, headers, body = get(link)
    assert status == 200
    assert b"<canvas" in body
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script-src 'sha256-" in policy
    assert not [part for part in (b'src="http', b'href="http', b"@import", b"url(http") if part in body]
    for name in ("other", "home.json", "vr.js", "vr.html", "../scene.glb", "%73cene.glb"):
        assert get(link, f"/{name}?{urlsplit(link).query}")[0] == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"Host": "evil.example"}, {"Host": "evil.example:80"}, {"Host": "127.0.0.1"}, {"Host": "127.0.0.1:1"},
        {"Host": ""}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "https://127.0.0.1"},
        {"path": "/"}, {"path": "/?token="}, {"path": "/?token=wrong"}, {"path": "/?token=%FF%00"},
        {"path": "/socket"}, {"path": "/states"}, {"path": "/../etc/passwd"}, {"path": "/vr"}, {"path": "/scene.glb"},
        {"path": "/vr?token=wrong"}, {"path": "/agent.glb?token=wrong"}, {"path": "/scene.glb?token="},
    ],
)  # fmt: skip
def test_strangers_are_refused(link: str, wrong: dict[str, str]) -> None:
    status, _, body = get(link, wrong.get("path"), **{k: v for k, v in wrong.items() if k != "path"})
    assert status == 403
    assert b"<canvas" not in body


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://evil.example"}, {"origin": "null"}, {"query": ""}, {"query": "token=wrong"},
        {"place": "/states", "origin": "http://evil.example"}, {"place": "/states", "query": ""},
        {"additional_headers": {"Host": "rebound.example"}}, {"additional_headers": {"Origin": "http://evil.example"}},
    ],
)  # fmt: skip
def test_sockets_of_strangers_are_refused(link: str, wrong: dict[str, Any]) -> None:
    parts = urlsplit(link)
    if "query" in wrong:
        wrong = {"url": f"ws://{parts.netloc}{wrong.get('place', '/socket')}?{wrong['query']}"}
    with pytest.raises(InvalidStatus) as refused:
        Page(link, **wrong)
    assert refused.value.response.status_code == 403


def test_two_values_of_one_header_are_not_weighed_against_each_other() -> None:
    guard = Guard(80, "t")
    own = {"host": ["127.0.0.1:80"], "origin": ["http://127.0.0.1:80"]}
    assert guard.refusal("/?token=t", own) == ""
    assert guard.refusal("/?token=t&token=t", own)
    assert guard.refusal("/?token=t", own | {"host": ["127.0.0.1:80", "127.0.0.1:80"]})
    assert guard.refusal("/?token=t", own | {"origin": own["origin"] * 2})
    assert Guard(80).token != Guard(80).token


def test_the_token_of_every_run_is_long(link: str) -> None:
    assert len(urlsplit(link).query.removeprefix("token=")) >= 32


def test_walking_moves_the_observer_and_the_picture_shows_it(link: str) -> None:
    with Page(link) as page:
        welcome = page.welcome()
        assert welcome["keys"] == [[key.shown, key.meaning] for key in KEYS]
        assert welcome["map"].startswith("data:image/png;base64,")
        page.say("size", width=320, height=200)
        first = page.wait_until(lambda status: True)
        page.key("left")
        page.key("w")
        moved = page.wait_until(lambda status: np.hypot(*np.subtract(status["observer"], first["observer"])[:2]) > 0.2)
        assert moved["time"] > first["time"]
        page.key("w", False)
        page.key("c")
        page.wait_until(lambda status: status["stance"] == "crouch" and status["observer"][3] < 0.75)
        page.key("space")
        page.wait_until(lambda status: status["badge"] == "paused")
        page.key("v")
        _, jpeg = page.picture()
        picture = np.asarray(Image.open(io.BytesIO(jpeg)))
        assert picture.shape == (200, 320, 3)
        assert picture.std() > 3.0
        page.key("space")
        page.key("c")


def test_no_second_picture_is_sent_before_the_first_was_shown(link: str) -> None:
    with Page(link) as page:
        page.welcome()
        assert page.socket.recv(20).startswith("{")
        assert isinstance(page.socket.recv(20), bytes)
        with pytest.raises(TimeoutError):
            page.socket.recv(0.5)
        page.say("ack")
        page.picture()


def test_time_stands_still_while_nobody_looks(link: str) -> None:
    """Neither while no page is open, nor while the only one is hidden, does it run on for the two seconds."""
    with Page(link) as page:
        page.welcome()
        before = page.picture()[0]["time"]
    time.sleep(2.0)
    with Page(link) as page:
        page.welcome()
        again = page.picture()[0]["time"]
        page.say("visible", on=False)
        time.sleep(2.0)
        page.say("visible", on=True)
        later = [page.picture()[0]["time"] for _ in range(2)][0]
    assert again < before + 1.5
    assert later < again + 1.5


def test_the_first_page_plays_and_the_next_watches_until_it_leaves(link: str) -> None:
    with Page(link) as second:
        with Page(link) as first:  # it connects later, so the roles are the other way round
            assert second.welcome() and first.welcome()
            assert second.wait_until(lambda status: status["pages"] == 2)["role"] == "control"
            assert first.wait_until(lambda status: True)["role"] == "watch"
            first.key("h")
            for _ in range(5):
                assert not first.picture()[0]["shows_help"]
            second.key("h")
            first.wait_until(lambda status: status["shows_help"])
            second.key("h")
        assert second.wait_until(lambda status: status["pages"] == 1)["role"] == "control"


def test_the_next_page_plays_once_the_first_has_gone(link: str) -> None:
    first = Page(link)
    with Page(link) as second:
        first.welcome()
        second.welcome()
        first.key("w")
        first.close()
        second.wait_until(lambda status: status["role"] == "control")
        second.key("space")
        second.wait_until(lambda status: status["badge"] == "paused")
        second.key("space")


def test_there_are_eight_pages_at_most(link: str) -> None:
    pages = [Page(link) for _ in range(8)]
    for page in pages:
        page.welcome()
    with Page(link) as ninth, pytest.raises(ConnectionClosed) as closed:
        ninth.socket.recv(20)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013
    for page in pages:
        page.close()
    with Page(link) as page:
        page.welcome()


def mutated(text: str, rng: np.random.Generator) -> str:
    """A text with up to three characters changed."""
    letters = bytearray(text.encode())
    for place in rng.integers(0, len(letters), 3):
        letters[place] = int(rng.integers(32, 127))
    return letters.decode()


def test_garbage_ends_the_page_that_sent_it_and_nothing_else(link: str) -> None:
    rng = np.random.default_rng(0)
    seeds = ['{"type":"key","key":"w","down":true}', '{"type":"move","dx":1,"dy":2}', '{"type":"size","width":9}']
    with Page(link) as witness:
        witness.welcome()
        for number in range(250):
            with Page(link) as page, contextlib.suppress(ConnectionClosed):
                for _ in range(4):
                    page.socket.send(
                        mutated(seeds[number % 3], rng)
                        if number % 2
                        else bytes(rng.integers(0, 256, 40, dtype=np.uint8))
                    )
        with Page(link) as page:
            page.welcome()
            with pytest.raises(ConnectionClosed) as closed:
                page.socket.send('{"type":"key","key":"w","down":1}')
                for _ in range(10):
                    page.socket.recv(20)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        with Page(link) as page:
            page.welcome()
            with pytest.raises(ConnectionClosed) as closed:
                page.socket.send('{"type":"' + "x" * 70_000 + '"}')
                for _ in range(10):
                    page.socket.recv(20)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", urlsplit(link).port)) as raw:
                raw.sendall(rng.integers(0, 256, 300, dtype=np.uint8).tobytes())
        witness.picture()


def test_a_thousand_messages_that_mean_nothing_leave_the_walk_alone(link: str) -> None:
    with Page(link) as page:
        page.welcome()
        for _ in range(1000):
            page.key("f", False)
            page.say("move", dx=3, dy=-2)
        page.wait_until(lambda status: status["role"] == "control")


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "7", "{", "[" * 5000, '{"type":[]}', '{"type":"dance"}', '{"type":"key","key":"w"}',
        '{"type":"key","key":"f13","down":true}', '{"type":"key","key":7,"down":true}',
        '{"type":"key","key":"w","down":"yes"}', '{"type":"move","dx":1}', '{"type":"move","dx":"1","dy":2}',
        '{"type":"move","dx":NaN,"dy":2}', '{"type":"move","dx":Infinity,"dy":2}', '{"type":"move","dx":true,"dy":2}',
        '{"type":"move","dx":1e400,"dy":2}', '{"type":"move","dx":1' + "0" * 400 + ',"dy":2}',
        '{"type":"button","right":true,"down":true,"x":null,"y":0}', '{"type":"size","width":"a","height":1}',
        '{"type":"capture"}', '{"type":"visible","on":null}', '{"type":"key","down":true,"key":"w\\u0000"}',
        b'{"type":"ack"}', '{"type":"ack"' + " " * 70_000 + "}",
    ],
)  # fmt: skip
def test_messages_that_make_no_sense_are_refused(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        read_message(text)


def test_mutated_messages_are_understood_or_refused_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    seeds = [
        '{"type":"head","yaw":1,"pitch":0.1,"forward":1,"left":0,"roamed":[0.1,2],"crouched":true}',
        '{"type":"point","from":[1,2.5,3],"along":[0.1,-0.7,0.5]}',
        '{"type":"button","right":true,"down":false,"x":0.25,"y":0.5}', '{"type":"size","width":640,"height":48e1}',
        '{"type":"key","key":"left","down":true}', '{"type":"move","dx":-1.5,"dy":22}', '{"type":"visible","on":true}',
    ]  # fmt: skip
    refused = 0
    for number in range(4000):
        try:
            read_message(mutated(seeds[number % len(seeds)], rng))
        except ConfigError:
            refused += 1
    assert 2000 < refused < 4000


def test_every_key_of_the_table_can_be_pressed_and_sizes_are_bounded() -> None:
    for name in ALL_NAMES:
        assert read_message(f'{{"type":"key","key":"{name}","down":true}}') == Press(name, True)
    assert read_message('{"type":"size","width":99999,"height":0}') == Resize(1920, 48)


def test_a_port_in_use_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["view", "--home", str(folder), "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"ats: port {port} is in use: choose another with --port, or --port 0 for any free one\n"
    )


def test_options_that_make_no_sense_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["view", "--port", "70000"]) == 2
    assert "--port 70000" in capsys.readouterr().err
    assert cli.main(["view", "--home", "/nowhere/home", "--port", "0"]) == 2
    assert "/nowhere/home" in capsys.readouterr().err
    monkeypatch.setenv("DISPLAY", ":0")
    assert ViewOptions().opens_browser
    assert not ViewOptions(open=False).opens_browser


def test_a_walk_that_breaks_ends_the_server_with_its_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RenderError("the screen fell over")

    viewer, links = Viewer(ViewOptions(str(folder), port=0), ScriptedMind()), list[str]()
    monkeypatch.setattr(Player, "draw", broken)

    async def run() -> None:
        task = asyncio.create_task(viewer.run(links.append))
        while not links:
            await asyncio.sleep(0.01)
        page = await asyncio.to_thread(Page, links[0])
        try:
            await task
        finally:
            await asyncio.to_thread(page.close)

    with pytest.raises(RenderError, match="fell over"):
        asyncio.run(run())


def test_what_fails_at_the_start_is_said_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RenderError("no plan can be drawn")

    monkeypatch.setattr(Minimap, "__init__", broken)
    with pytest.raises(RenderError, match="no plan"), serving(str(folder)):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_ends_it_in_good_order(tmp_path: Path) -> None:
    log = tmp_path / "walk.jsonl"
    command = [sys.executable, "-m", "ats_sim.cli", "view", "--port", "0", "--no-open", "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        link = process.stdout.readline().removeprefix("open ").strip()
        with Page(link) as page:
            page.welcome()
            page.key("w")
            page.wait_until(lambda status: status["time"] > 0.3)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        assert process.stderr.read() == ""
    assert '"end": true' in log.read_text().splitlines()[-1]
    assert cli.main(["play", "--replay", str(log)]) == 0
