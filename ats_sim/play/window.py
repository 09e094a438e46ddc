"""A walk in a window: keys and mouse in, 30 pictures a second out, between the world's ten steps a second."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

import numpy as np

from ats_sim.errors import RenderError
from ats_sim.play.controls import MouseLook, action_of
from ats_sim.play.hud import Hud
from ats_sim.play.options import PlayOptions
from ats_sim.play.session import STANDING, VIEWS, Session
from ats_sim.play.summary import Summary
from ats_sim.video import VideoWriter

STEP = 0.1
RATE = 30
SLOW, QUICK = 0.060, 0.015
"""Seconds per picture beyond which pictures get smaller, and below which they grow again: about 15 and 60 a second."""
SCALES = (1.0, 0.75, 0.5, 0.35)
HELD = ("w", "a", "s", "d", "up", "down", "left", "right")


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
    return Summary(
        home=home_name,
        tally=session.diary.tally(),
        renderer=session.renderer.backend,
        note=session.renderer.note,
        wall_seconds=time.perf_counter() - began,
        simulation_seconds=window.simulating,
        film=options.record,
    )


class _Window:
    """The window and what the user switched on."""

    def __init__(self, session: Session, options: PlayOptions) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame: Any = pygame
        self._session = session
        self._size = options.pixels
        try:
            pygame.display.init()
            self._screen = pygame.display.set_mode(self._size)
        except pygame.error as error:
            raise RenderError(f"no window can be opened ({error}); add --headless to write a film instead.") from error
        pygame.display.set_caption("ats-sim   H: help   Esc: leave")
        self._hud = Hud(self._size[1])
        self._mouse = MouseLook(STANDING.yaw_rate, STANDING.pitch_rate)
        self._view = 0
        self._scale = 0
        self._picture_seconds = 0.02
        self._is_paused = self._shows_plan = self._shows_help = self._wants_out = False
        self._film_time = 0.0
        self.film: VideoWriter | None = None
        self.simulating = 0.0

    def run(self, seconds: float | None) -> None:
        """Until the user leaves, or for that many simulated seconds."""
        clock = self._pygame.time.Clock()
        owed, end = 0.0, np.inf if seconds is None else seconds
        walked = 0.0
        while not self._wants_out and walked < end - 1e-9:
            for event in self._pygame.event.get():
                self._handle(event)
            # A machine too slow for real time falls behind gently instead of stepping ever more per picture.
            owed = 0.0 if self._is_paused else min(owed + min(clock.get_time() / 1000.0, 0.25), 3 * STEP)
            while owed >= STEP and walked < end - 1e-9:
                self._step()
                owed -= STEP
                walked += STEP
            self._draw(min(1.0, owed / STEP) if not self._is_paused else 1.0)
            self._record(walked + owed)
            clock.tick(RATE)

    def close(self) -> None:
        """Close the window and nothing else of pygame."""
        if self._pygame.display.get_init():
            self._pygame.display.quit()

    def _step(self) -> None:
        pressed = self._pygame.key.get_pressed()
        names = {name for name in HELD if pressed[self._pygame.key.key_code(name)]}
        if self._pygame.key.get_mods() & self._pygame.KMOD_SHIFT:
            names.add("shift")
        started = time.perf_counter()
        self._session.step(action_of(names, self._mouse))
        self.simulating += time.perf_counter() - started

    def _handle(self, event: Any) -> None:
        pygame = self._pygame
        if event.type == pygame.QUIT:
            self._wants_out = True
        elif event.type == pygame.KEYDOWN:
            self._press(pygame.key.name(event.key))
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            width, height = self._size
            self._session.send_to_pixel(VIEWS[self._view], event.pos[0] / width, event.pos[1] / height)
        elif event.type == pygame.MOUSEMOTION and event.buttons[2]:
            self._mouse.move(*event.rel)

    def _press(self, key: str) -> None:
        act = {
            "escape": self._leave,
            "q": self._leave,
            "space": self._pause,
            "r": self._session.reset,
            "c": self._session.toggle_crouch,
            "v": self._next_view,
            "p": self._toggle_plan,
            "h": self._toggle_help,
            "g": self._send_to_middle,
            "backspace": self._session.release_goal,
        }.get(key)
        if act is not None:
            act()

    def _leave(self) -> None:
        self._wants_out = True

    def _pause(self) -> None:
        self._is_paused = not self._is_paused

    def _next_view(self) -> None:
        self._view = (self._view + 1) % len(VIEWS)

    def _toggle_plan(self) -> None:
        self._shows_plan = not self._shows_plan

    def _toggle_help(self) -> None:
        self._shows_help = not self._shows_help

    def _send_to_middle(self) -> None:
        self._session.send_to_pixel(VIEWS[self._view], 0.5, 0.5)

    def _draw(self, share: float) -> None:
        started = time.perf_counter()
        scale = SCALES[self._scale]
        size = (max(64, round(self._size[0] * scale)), max(48, round(self._size[1] * scale)))
        frame = self._session.draw(VIEWS[self._view], share, shows_plan=self._shows_plan, size=size)
        picture = self._hud.surface(frame.rgb)
        if size != self._size:
            picture = self._pygame.transform.smoothscale(picture, self._size)
        self._screen.blit(picture, (0, 0))
        self._hud.write(self._screen, [self._status()])
        if self._shows_help:
            self._hud.write_help(self._screen)
        self._pygame.display.flip()
        self._adapt(time.perf_counter() - started)

    def _adapt(self, seconds: float) -> None:
        """Smaller pictures while drawing is too slow for 30 a second, larger ones once it is quick."""
        self._picture_seconds += 0.15 * (seconds - self._picture_seconds)
        if self._picture_seconds > SLOW and self._scale < len(SCALES) - 1:
            self._scale += 1
            self._picture_seconds = 0.5 * (SLOW + QUICK)
        elif self._picture_seconds < QUICK and self._scale > 0:
            self._scale -= 1
            self._picture_seconds = 0.5 * (SLOW + QUICK)

    def _status(self) -> str:
        diary, session = self._session.diary, self._session
        agent = session.world.agents[0]
        to_goal = float(np.linalg.norm((agent.goal() - agent.T_world_root[:3, 3])[:2]))
        aim = (
            f"on its way to your place, {to_goal:.1f} m"
            if session.goal is not None
            else f"its goal is {to_goal:.1f} m off"
        )
        state = "   paused" if self._is_paused else ""
        return f"the animal is {diary.reaction or diary.activity}, {diary.distance:.1f} m away   {aim}{state}"

    def _record(self, until: float) -> None:
        """Repeat or skip pictures so that the film runs at the walk's own time."""
        if self.film is None:
            return
        while self._film_time <= until:
            self.film.write(self._hud.pixels(self._screen))
            self._film_time += 1.0 / RATE
