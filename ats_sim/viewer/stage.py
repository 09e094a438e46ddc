"""The walk behind the pages, in a thread of its own: input in, pictures and states out.

World, renderer and OpenGL context are born, used and closed in that one thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.play.head import Head
from ats_sim.play.options import PlayOptions
from ats_sim.play.player import Player
from ats_sim.play.run import open_session
from ats_sim.viewer.messages import Blur, Button, Capture, Input, Move, Point, Press, Resize
from ats_sim.viewer.show import KINDS, Introduction, Kind, Show, Sight

if TYPE_CHECKING:
    from ats_sim.planning import Mind

RATE = 30
PAGE_KEYS = frozenset({"m", "n", "q", "escape"})
"""Keys that the page acts on itself: they are about the browser, not about the walk."""


class Stage:
    """Runs the walk; every method may be called from any thread."""

    def __init__(
        self,
        options: PlayOptions,
        mind: Mind | None,
        publish: Callable[[Sight], None],
        broke: Callable[[], None],
    ) -> None:
        """Prepare; `start` opens the home.

        Args:
            options: How the walk runs.
            mind: Thinks for the agents in place of the home's own policy.
            publish: Takes what pages show, in the stage's thread.
            broke: Called in the stage's thread when `failure` ended the walk.
        """
        self._options, self._mind, self._publish, self._broke = options, mind, publish, broke
        self._inputs: queue.SimpleQueue[Input | None] = queue.SimpleQueue()
        self._is_wanted = {kind: threading.Event() for kind in KINDS}
        self._is_awake, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)
        self._opened: Future[Introduction] = Future()
        self.failure: BaseException | None = None
        """What ended the walk before its time, if anything did."""

    def start(self) -> Introduction:
        """Open the home; returns what pages need once. Raises what opening raises."""
        self._thread.start()
        return self._opened.result()

    def take(self, given: Input) -> None:
        """Note an input; it acts before the next picture."""
        self._inputs.put(given)

    def want(self, kind: Kind) -> None:
        """Some page is ready for the next of a kind."""
        self._is_wanted[kind].set()

    def wake(self, is_awake: bool) -> None:
        """Let time run, or stand still while nobody looks."""
        (self._is_awake.set if is_awake else self._is_awake.clear)()
        self._inputs.put(None)

    def release(self) -> None:
        """Nobody holds the keys any more."""
        self._inputs.put(Blur())

    def close(self) -> None:
        """End the walk and give everything back."""
        self._is_over.set()
        self._inputs.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                session = open_session(self._options, self._mind)
                stack.callback(session.close)
                show = Show(session, self._options.pixels)
                self._opened.set_result(show.introduction)
                self._live(show)
        except Exception as error:
            if self._opened.done():
                self.failure = error
                self._broke()
            else:
                self._opened.set_exception(error)

    def _live(self, show: Show) -> None:
        """Until it is over: inputs, time, what pages show, thirty times a second."""
        before = time.perf_counter()
        news = 0
        shown: dict[Kind, tuple[float, ...]] = {}
        while not self._is_over.is_set():
            news += self._act(show.player, show)
            now = time.perf_counter()
            if self._is_awake.is_set():
                show.player.advance(now - before)
                for kind, is_wanted in self._is_wanted.items():
                    instant = (news, *show.instant(kind, now))
                    if is_wanted.is_set() and instant != shown.get(kind):
                        is_wanted.clear()
                        shown[kind] = instant
                        self._publish(show.now(kind))
            before = now
            if self._is_awake.is_set():
                time.sleep(max(0.0, now + 1.0 / RATE - time.perf_counter()))
            else:
                show.player.release_all()
                self._wait()
                news += 1

    def _wait(self) -> None:
        """Sleep until something happens; what it was is put back for the next round."""
        given = self._inputs.get()
        if given is not None:
            self._inputs.put(given)

    def _act(self, player: Player, show: Show) -> bool:
        """Do all that was asked for; returns whether anything is to be seen of it before the next step."""
        is_any = False
        while True:
            try:
                given = self._inputs.get_nowait()
            except queue.Empty:
                return is_any
            is_any |= not isinstance(given, Head)
            if isinstance(given, Resize):
                show.resize(given.width, given.height)
            elif given is not None:
                _tell(player, given)


def _tell(player: Player, given: Input) -> None:
    """Hand an input to the player."""
    if isinstance(given, Press):
        if given.name not in PAGE_KEYS:
            (player.key_down if given.is_down else player.key_up)(given.name)
    elif isinstance(given, Move):
        player.mouse_move(given.across, given.down)
    elif isinstance(given, Button):
        player.mouse_button(given.is_right, given.is_down, given.across, given.down)
    elif isinstance(given, Head):
        player.follow(given)
    elif isinstance(given, Point):
        player.session.send_along(np.array(given.start), np.array(given.direction))
    elif isinstance(given, Capture):
        player.is_captured = given.is_on
    elif isinstance(given, Blur):
        player.release_all()
