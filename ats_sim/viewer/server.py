"""The server: two pages, what they draw, and their websockets, all on one port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ats_sim.errors import AtsError, ConfigError
from ats_sim.viewer.guard import HOST, Guard
from ats_sim.viewer.messages import LARGEST, Ack, Resize, Visible, read_message
from ats_sim.viewer.page import PAGES, mesh_headers, page_headers, page_source
from ats_sim.viewer.show import Introduction, Kind, Sight
from ats_sim.viewer.stage import Stage

if TYPE_CHECKING:
    from ats_sim.planning import Mind
    from ats_sim.viewer.options import ViewOptions

MOST_CLIENTS = 8
SOCKETS: Mapping[str, Kind] = {"/socket": "picture", "/states": "state"}
"""Websockets, and what goes over them."""
BAD_MESSAGE, FULL, GOING = 1008, 1013, 1001
"""Codes with which connections are closed (RFC 6455, section 7.4)."""


@dataclass(eq=False)
class Client:
    """One page that is open somewhere."""

    connection: ServerConnection
    """Its websocket."""
    kind: Kind
    """What it waits for."""
    is_ready: bool = True
    """Whether it has shown the last of it: no second one is ever on its way to it."""
    is_visible: bool = True
    """Whether its tab is shown."""
    sight: Sight | None = None
    """What was sent to it last."""


class Viewer:
    """Serves one walk until it is stopped."""

    def __init__(self, options: ViewOptions, mind: Mind | None = None) -> None:
        """Prepare; nothing is opened before `run`."""
        self._options = options
        self._clients: list[Client] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stage = Stage(options.play, mind, self._publish, self.stop)
        self._introduction = Introduction({}, {})
        self._latest: dict[Kind, Sight] = {}

    async def run(self, ready: Callable[[str], None]) -> None:
        """Open the home, listen, call `ready` with the link, and serve until `stop` or Ctrl-C.

        Raises:
            ConfigError: If the port is taken.
            HomeError, PolicyError, RenderError, OSError: What opening a session raises.
        """
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with _listening(self._options.port) as listener:
            self._guard = Guard(listener.getsockname()[1])
            self._pages = {place: page_source(name) for place, name in PAGES.items()}
            try:
                self._introduction = await asyncio.to_thread(self._stage.start)
                for number in (signal.SIGINT, signal.SIGTERM):
                    # Not from a thread, and not on Windows: there Ctrl-C ends the loop by itself.
                    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                        self._loop.add_signal_handler(number, self._stop.set)
                async with serve(
                    self._attend, sock=listener, process_request=self._answer, max_size=LARGEST, max_queue=64,
                    compression=None, server_header=None, logger=_quiet_logger(),
                ):  # fmt: skip
                    ready(self._guard.link)
                    await self._stop.wait()
            finally:
                await asyncio.to_thread(self._stage.close)
        if self._stage.failure is not None:
            raise self._stage.failure

    def stop(self) -> None:
        """End `run`, from any thread; after its end this does nothing."""
        if self._stop is not None:
            self._soon(self._stop.set)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse, hand out a page or what it draws, or let the websocket through."""
        headers = {name: request.headers.get_all(name) for name in ("host", "origin")}
        refusal = self._guard.refusal(request.path, headers)
        if refusal:
            return _plain(HTTPStatus.FORBIDDEN, f"{refusal}\n")
        place = request.path.partition("?")[0]
        if place in SOCKETS:
            return None
        if place in self._pages:
            page = self._pages[place]
            return Response(200, "OK", Headers(page_headers(page, self._guard.port)), page)
        mesh = self._introduction.meshes.get(place.removeprefix("/"))
        if mesh is None:
            return _plain(HTTPStatus.NOT_FOUND, "there are only the pages and what they draw\n")
        data = mesh.read_bytes()
        return Response(200, "OK", Headers(mesh_headers(data)), data)

    async def _attend(self, connection: ServerConnection) -> None:
        """Serve one page until it goes."""
        if len(self._clients) >= MOST_CLIENTS:
            await connection.close(FULL, f"{MOST_CLIENTS} pages are open already")
            return
        assert connection.request is not None  # `_answer` has seen it
        client = Client(connection, SOCKETS[connection.request.path.partition("?")[0]])
        self._clients.append(client)
        try:
            await connection.send(json.dumps({"type": "welcome", **self._introduction.words}))
            self._rouse()
            async for text in connection:
                self._hear(client, text)
        except ConnectionClosed:
            pass
        except AtsError as error:
            await connection.close(BAD_MESSAGE, str(error)[:120])
        finally:
            was_first = self._clients[0] is client
            self._clients.remove(client)
            if was_first:
                self._stage.release()
            self._rouse()

    def _hear(self, client: Client, text: str | bytes) -> None:
        """Act on a message; ConfigError where it makes no sense."""
        message = read_message(text)
        if isinstance(message, Ack):
            client.is_ready = True
            self._stage.want(client.kind)
            self._serve(client)
        elif isinstance(message, Visible):
            client.is_visible = message.is_on
            self._rouse()
        elif client is self._clients[0]:
            self._stage.take(message)
        elif isinstance(message, Resize):
            self._stage.want(client.kind)

    def _rouse(self) -> None:
        """Time runs while anybody looks."""
        self._stage.wake(any(client.is_visible for client in self._clients))
        for client in self._clients:
            self._stage.want(client.kind)

    def _publish(self, sight: Sight) -> None:
        """Called in the stage's thread."""
        self._soon(self._show, sight)

    def _soon(self, what: Callable[..., None], *arguments: Any) -> None:
        """Do something in the server's thread, unless it has ended meanwhile."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(what, *arguments)

    def _show(self, sight: Sight) -> None:
        """Send a picture, or a state, to every page that waits for one."""
        self._latest[sight.kind] = sight
        for client in self._clients:
            self._serve(client)

    def _serve(self, client: Client) -> None:
        """Send a page the latest, unless it has that, or is not ready: it then gets it when it is."""
        sight = self._latest.get(client.kind)
        if sight is None or sight is client.sight or not (client.is_ready and client.is_visible):
            return
        client.is_ready, client.sight = False, sight
        role = {"role": "control" if client is self._clients[0] else "watch", "pages": len(self._clients)}
        text = json.dumps({"type": "status", **sight.status, **role})
        task = asyncio.create_task(_send(client.connection, text, sight.data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _send(connection: ServerConnection, text: str, data: bytes) -> None:
    with contextlib.suppress(ConnectionClosed):
        await connection.send(text)
        await connection.send(data)


def _quiet_logger() -> logging.Logger:
    """What the library has to say, but for connections that began with nonsense: those are no concern of the user's."""
    logger = logging.getLogger("ats_sim.viewer")
    logger.setLevel(logging.ERROR)
    logger.addFilter(_is_worth_saying)
    return logger


def _is_worth_saying(record: logging.LogRecord) -> bool:
    return "handshake" not in record.getMessage()


def _listening(port: int) -> socket.socket:
    """A socket that listens on this machine's own address and no other."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere this would let another program listen on the same port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            why = "in use" if error.errno == errno.EADDRINUSE else "not yours to use"
            raise ConfigError(
                f"port {port} is {why}: choose another with --port, or --port 0 for any free one"
            ) from error
        raise
    return listener


def _plain(status: HTTPStatus, text: str) -> Response:
    body = text.encode()
    headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}
    return Response(status.value, status.phrase, Headers(headers), body)
