"""The walk behind the page, in a thread of its own: input in, pictures with their status out.

World, renderer and OpenGL context are born, used and closed in that one thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ats_sim.play.options import PlayOptions
from ats_sim.play.player import Player
from ats_sim.play.run import open_session
from ats_sim.viewer.messages import Blur, Button, Capture, Input, Move, Press, Resize
from ats_sim.viewer.show import Picture, Show

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
        publish: Callable[[Picture], None],
        broke: Callable[[], None],
    ) -> None:
        """Prepare; `start` opens the home.

        Args:
            options: How the walk runs.
            mind: Thinks for the agents in place of the home's own policy.
            publish: Takes pictures, in the stage's thread.
            broke: Called in the stage's thread when `failure` ended the walk.
        """
        self._options, self._mind, self._publish, self._broke = options, mind, publish, broke
        self._inputs: queue.SimpleQueue[Input | None] = queue.SimpleQueue()
        self._is_wanted, self._is_awake, self._is_over = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="stage", daemon=True)
        self._opened: Future[dict[str, Any]] = Future()
        self.failure: BaseException | None = None
        """What ended the walk before its time, if anything did."""

    def start(self) -> dict[str, Any]:
        """Open the home; returns what the page needs once: name, keys, plan. Raises what opening raises."""
        self._thread.start()
        return self._opened.result()

    def take(self, given: Input) -> None:
        """Note an input; it acts before the next picture."""
        self._inputs.put(given)

    def want_picture(self) -> None:
        """Somebody is ready for a picture."""
        self._is_wanted.set()

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
        """Until it is over: inputs, time, picture, thirty times a second."""
        before = time.perf_counter()
        is_news = True
        while not self._is_over.is_set():
            is_news |= self._act(show.player, show)
            now = time.perf_counter()
            if self._is_awake.is_set():
                show.player.advance(now - before)
                if self._is_wanted.is_set() and (is_news or not show.player.is_still):
                    self._is_wanted.clear()
                    is_news = False
                    self._publish(show.picture())
            before = now
            if self._is_awake.is_set():
                time.sleep(max(0.0, now + 1.0 / RATE - time.perf_counter()))
            else:
                show.player.release_all()
                is_news |= self._wait()

    def _wait(self) -> bool:
        """Sleep until something happens; what it was is put back for the next round."""
        given = self._inputs.get()
        if given is not None:
            self._inputs.put(given)
        return True

    def _act(self, player: Player, show: Show) -> bool:
        """Do all that was asked for; returns whether there was anything."""
        is_any = False
        while True:
            try:
                given = self._inputs.get_nowait()
            except queue.Empty:
                return is_any
            is_any = True
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
    elif isinstance(given, Capture):
        player.is_captured = given.is_on
    elif isinstance(given, Blur):
        player.release_all()
