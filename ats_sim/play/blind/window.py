"""Clips in a window, and a person who answers with a key."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ats_sim.errors import RenderError
from ats_sim.home import Home
from ats_sim.play.blind.clips import RATE, Clip, in_view, lived, picture_of
from ats_sim.play.blind.ratings import ANSWERS, Rating, Ratings, Setup, truth_of
from ats_sim.play.hud import Hud
from ats_sim.play.options import PlayOptions
from ats_sim.play.pace import Pace
from ats_sim.rendering.home_renderer import HomeRenderer
from ats_sim.world import Moment, World

CHOICES = "1 recorded    2 simulated    0 cannot tell    R again    Esc leave, go on later"


@dataclass(frozen=True, eq=False)
class Shown:
    """A clip that was lived and can be shown."""

    clip: Clip
    """What it is."""
    moments: tuple[Moment, ...]
    """What is to be seen, `RATE` a second."""
    in_view: float
    """Share of it in which the animal is seen."""

    @classmethod
    def of(cls, world: World, setup: Setup, clip: Clip) -> Shown:
        """Live through a clip in a world of its home."""
        moments = lived(world, clip, setup.seconds, setup.seed)
        return cls(clip, moments, round(in_view(world.home, moments), 3))


def ask_in_window(home: Home, options: PlayOptions, shown: Sequence[Shown], ratings: Ratings) -> None:
    """Show clips one after the other until all are answered or the person leaves; every answer is written at once.

    Raises:
        RenderError: If no window can be opened or nothing can draw.
    """
    renderer = HomeRenderer(home, *options.pixels, options.renderer)
    try:
        screen = _Screen(renderer, options, total=len(ratings.given) + len(shown))
        try:
            for one in shown:
                rating = screen.ask(one)
                if rating is None:
                    break
                ratings.add(rating)
        finally:
            screen.close()
    finally:
        renderer.close()


class _Screen:
    """The window."""

    def __init__(self, renderer: HomeRenderer, options: PlayOptions, total: int) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame: Any = pygame
        self._size = options.pixels
        try:
            pygame.display.init()
            self._screen = pygame.display.set_mode(self._size)
        except pygame.error as error:
            raise RenderError(f"no window can be opened ({error}); add --headless to write the clips.") from error
        pygame.display.set_caption("ats-sim: recorded or simulated?")
        self._renderer, self._total = renderer, total
        self._hud, self._pace = Hud(*self._size), Pace()

    def close(self) -> None:
        """Close the window and nothing else of pygame."""
        if self._pygame.display.get_init():
            self._pygame.display.quit()

    def ask(self, one: Shown) -> Rating | None:
        """Show a clip until it is answered; None where the person leaves."""
        clock = self._pygame.time.Clock()
        began = shown_since = time.perf_counter()
        replays = 0
        while True:
            picture = int((time.perf_counter() - shown_since) * RATE)
            self._draw(one, min(picture, len(one.moments) - 1))
            for key in self._keys():
                if key in ANSWERS:
                    clip, seconds = one.clip, round(time.perf_counter() - began, 3)
                    return Rating(
                        clip.number, clip.video, clip.start, truth_of(clip), one.in_view, ANSWERS[key], seconds, replays
                    )
                if key == "r":
                    shown_since, replays = time.perf_counter(), replays + 1
                if key in ("escape", "q"):
                    return None
            clock.tick(RATE)

    def _keys(self) -> list[str]:
        """Names of keys that went down; closing the window is leaving."""
        pygame, names = self._pygame, []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                names.append("escape")
            elif event.type == pygame.KEYDOWN:
                # The number pad's keys are called [1], [2] and [0].
                names.append(str(pygame.key.name(event.key)).strip("[]"))
        return names

    def _draw(self, one: Shown, number: int) -> None:
        started = time.perf_counter()
        size = self._pace.size(*self._size)
        picture = self._hud.surface(picture_of(self._renderer, one.moments[number], size))
        if size != self._size:
            picture = self._pygame.transform.smoothscale(picture, self._size)
        self._screen.blit(picture, (0, 0))
        self._hud.caption(self._screen, f"{one.clip.number} of {self._total}    {CHOICES}")
        self._pygame.display.flip()
        self._pace.took(time.perf_counter() - started)
