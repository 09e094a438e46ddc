"""A browser view that runs beside a test, and a page that speaks to it."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

from ats_sim.viewer.options import ViewOptions
from ats_sim.viewer.server import Viewer
from tests.toy_home import ScriptedMind


@contextmanager
def serving(home: str, **options: Any) -> Iterator[str]:
    """The link of a server in this process that is stopped at the end."""
    viewer, links = Viewer(ViewOptions(home, port=0, **options), ScriptedMind()), queue.Queue[Any]()

    def run() -> None:
        try:
            asyncio.run(viewer.run(links.put))
        except BaseException as error:
            links.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        link = links.get(timeout=60)
        if isinstance(link, BaseException):
            raise link
        yield link
    finally:
        viewer.stop()
        thread.join(30)
    assert not thread.is_alive()


class Page:
    """One open page, without a browser."""

    def __init__(self, link: str, **changes: Any) -> None:
        parts = urlsplit(link)
        origin = changes.pop("origin", f"http://{parts.netloc}")
        place = changes.pop("place", "/socket")
        url = changes.pop("url", f"ws://{parts.netloc}{place}?{parts.query}")
        self._open = ExitStack()
        self.socket: ClientConnection = self._open.enter_context(
            connect(url, origin=origin, compression=None, **changes)
        )

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    def say(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def key(self, name: str, down: bool = True) -> None:
        self.say("key", key=name, down=down)

    def welcome(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=20))
        assert message["type"] == "welcome"
        return message

    def picture(self, timeout: float = 20.0) -> tuple[dict[str, Any], bytes]:
        """The next status with its JPEG, or how skins are bent; the page then says that it is ready for another."""
        status, data = json.loads(self.socket.recv(timeout)), self.socket.recv(timeout)
        assert status["type"] == "status" and isinstance(data, bytes)
        self.say("ack")
        return status, data

    def wait_until(self, what: Any) -> dict[str, Any]:
        """The first status of which that holds."""
        for _ in range(600):
            status, _ = self.picture()
            if what(status):
                return status
        raise AssertionError("that did not happen in 600 pictures")
