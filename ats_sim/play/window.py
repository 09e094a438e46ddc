"""A walk in a window: its events become the player's key names, and the player's picture and status are shown."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ats_sim.errors import RenderError
from ats_sim.play.hud import Hud
from ats_sim.play.minimap import Minimap
from ats_sim.play.options import PlayOptions
from ats_sim.play.pace import Pace
from ats_sim.play.player import Player
from ats_sim.play.session import Session
from ats_sim.play.status import Reporter
from ats_sim.play.summary import Summary
from ats_sim.video import VideoWriter

RATE = 30
LEFT, RIGHT = 1, 3
MAP_SHARE = 0.28
"""Share of the window's height that the plan of the home takes."""
SMALLEST = (64, 48)
"""Pixels of the smallest picture that is drawn."""


def walk_in_window(session: Session, options: PlayOptions, home_name: str) -> Summary:
    """Open a window and walk until it is closed or the time is up; RenderError where no window can be opened."""
    began = time.perf_counter()
    window = _Window(session, options)
    try:
        with ExitStack() as stack:
            if options.record is not None:
                window.film = stack.enter_context(VideoWriter(options.record, *options.pixels, RATE))
            window.run(options.seconds)
    finally:
        window.close()
    return Summary.of(session, home_name, wall_seconds=time.perf_counter() - began, film=options.record)


class _Window:
    """The window and who plays in it."""

    def __init__(self, session: Session, options: PlayOptions) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame: Any = pygame
        # A film has one size from its first picture to its last.
        flags = pygame.RESIZABLE if options.record is None else 0
        try:
            pygame.display.init()
            self._screen = pygame.display.set_mode(options.pixels, flags)
        except pygame.error as error:
            raise RenderError(f"no window can be opened ({error}); add --headless to write a film instead.") from error
        pygame.display.set_caption("ats-sim   H: help   Esc: leave")
        self._session = session
        self._player = Player(session)
        self._reporter = Reporter(self._player)
        self._pace = Pace()
        self._fit(*options.pixels)
        self._filmed = 0
        self.film: VideoWriter | None = None

    def run(self, seconds: float | None) -> None:
        """Until the user leaves, or for that many simulated seconds."""
        clock, player = self._pygame.time.Clock(), self._player
        until = None if seconds is None else round(seconds * 10)
        while not player.wants_out and (until is None or player.steps < until):
            for event in self._pygame.event.get():
                self._handle(event)
            self._hold_mouse()
            player.advance(clock.get_time() / 1000.0, until=until)
            self._draw()
            self._record(player.played)
            clock.tick(RATE)

    def close(self) -> None:
        """Close the window and nothing else of pygame."""
        if self._pygame.display.get_init():
            self._pygame.display.quit()

    def _handle(self, event: Any) -> None:
        pygame, player = self._pygame, self._player
        if event.type == pygame.QUIT:
            player.wants_out = True
        elif event.type == pygame.KEYDOWN:
            player.key_down(_key_name(pygame, event.key))
        elif event.type == pygame.KEYUP:
            player.key_up(_key_name(pygame, event.key))
        elif event.type in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP) and event.button in (LEFT, RIGHT):
            across, down = (place / side for place, side in zip(event.pos, self._size, strict=True))
            player.mouse_button(event.button == RIGHT, event.type == pygame.MOUSEBUTTONDOWN, across, down)
        elif event.type == pygame.MOUSEMOTION:
            player.mouse_move(*event.rel)
        elif event.type == pygame.VIDEORESIZE:
            self._fit(event.w, event.h)
        elif event.type == pygame.WINDOWFOCUSLOST:
            player.release_all()

    def _fit(self, width: int, height: int) -> None:
        """Make everything for a window of that size."""
        self._size = (max(width, SMALLEST[0]), max(height, SMALLEST[1]))
        self._session.resize(*self._size)
        self._hud = Hud(*self._size)
        self._minimap = Minimap(self._session, round(MAP_SHARE * self._size[1]))
        self._plan = self._hud.surface(self._minimap.picture)

    def _hold_mouse(self) -> None:
        """While the mouse looks all the time it is hidden and kept in the window."""
        wanted = self._player.is_captured
        if self._pygame.event.get_grab() != wanted:
            self._pygame.event.set_grab(wanted)
            self._pygame.mouse.set_visible(not wanted)

    def _draw(self) -> None:
        started = time.perf_counter()
        size = self._size if self._player.is_still else self._pace.size(*self._size)
        picture = self._hud.surface(self._player.draw(size).rgb)
        if size != self._size:
            picture = self._pygame.transform.smoothscale(picture, self._size)
        self._screen.blit(picture, (0, 0))
        if self._player.wants_picture:
            self._player.wants_picture = False
            self._save_picture()
        if self._player.view != "birdseye":
            self._hud.minimap(self._screen, self._plan, self._minimap.marks())
        self._hud.draw(self._screen, self._reporter.status())
        self._pygame.display.flip()
        if not self._player.is_still:
            self._pace.took(time.perf_counter() - started)

    def _save_picture(self) -> None:
        """The picture without words, under the first free name in the current folder."""
        number = next(i for i in range(1, 10**6) if not Path(f"ats-{i:03d}.png").exists())
        self._pygame.image.save(self._screen, f"ats-{number:03d}.png")

    def _record(self, played: float) -> None:
        """Repeat or skip pictures so that the film runs as fast as the walk was played."""
        if self.film is None:
            return
        picture = self._hud.pixels(self._screen)
        while self._filmed <= played * RATE + 1e-9:
            self.film.write(picture)
            self._filmed += 1


def _key_name(pygame: Any, code: int) -> str:
    """The key's name in the table of keys."""
    name = str(pygame.key.name(code))
    return "shift" if name in ("left shift", "right shift") else name
