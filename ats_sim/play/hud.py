"""Words on pictures: rounded panels that tell the animal's mind, and the table of keys."""

from __future__ import annotations

import os
import shutil
import sys
from functools import lru_cache
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.play.keys import KEYS
from ats_sim.play.minimap import Marks, Point
from ats_sim.play.status import Row, Status

INK, DIM = (244, 246, 248), (160, 170, 182)
TONES = {"plain": INK, "good": (126, 217, 160), "warn": (255, 190, 92), "dim": DIM}
GLASS = (16, 20, 26, 176)
AMBER, BLUE = (255, 176, 64), (96, 176, 255)
FACES = ("inter", "segoeui", "helveticaneue", "notosans", "dejavusans", "liberationsans", "arial")
SHARPER = 3
"""How much larger a panel's shape is drawn before it is shrunk, which rounds its corners smoothly."""


class Hud:
    """Writes with pygame's fonts; needs no window."""

    def __init__(self, width: int, height: int) -> None:
        """For pictures of width x height pixels; letters grow with them."""
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame = pygame
        pygame.font.init()
        points = max(8, round(min(height / 38.0, width / 52.0)))
        self._font = pygame.font.Font(_font_file(), points)
        self._line = self._font.get_linesize()
        self._gap = max(4, points // 2)

    def draw(self, surface: Any, status: Status) -> None:
        """All panels over a pygame surface."""
        gap, width, height = self._gap, surface.get_width(), surface.get_height()
        self._panel(surface, status.title, status.animal, gap, gap)
        rows_width = self._panel_width("you", status.you)
        self._panel(surface, "you", status.you, width - rows_width - gap, gap)
        self._chips(surface, status, gap, height - self._line - 2 * gap)
        if status.warning:
            self._pill(surface, status.warning, height - 2 * self._line - 5 * gap, TONES["warn"])
        if status.badge:
            self._pill(surface, status.badge, gap, INK)
        if status.shows_help:
            self._help(surface)

    def caption(self, surface: Any, text: str) -> None:
        """One line on a strip across the top."""
        height = self._line + self._gap
        self._glass(surface, (0, 0, surface.get_width(), height), 0)
        self._write(surface, text, self._gap, self._gap // 2, INK)

    def minimap(self, surface: Any, picture: Any, marks: Marks) -> None:
        """The plan of the home in the lower right corner, with everybody on it."""
        pygame, gap = self._pygame, self._gap
        width, height = picture.get_size()
        left, top = surface.get_width() - width - 2 * gap, surface.get_height() - height - 2 * gap
        self._glass(surface, (left - gap, top - gap, width + 2 * gap, height + 2 * gap), gap)
        surface.blit(picture, (left, top))

        def at(point: Point) -> tuple[int, int]:
            return round(left + point[0] * width), round(top + point[1] * height)

        for point in marks.path:
            pygame.draw.circle(surface, INK, at(point), 1)
        pygame.draw.circle(surface, TONES["good"] if marks.is_sent else INK, at(marks.goal), max(3, gap // 2), 1)
        for color, bodies in ((AMBER, marks.agents), (BLUE, (marks.observer,))):
            for place, ahead in bodies:
                pygame.draw.line(surface, color, at(place), at(ahead), 2)
                pygame.draw.circle(surface, (0, 0, 0), at(place), max(4, gap // 2) + 1)
                pygame.draw.circle(surface, color, at(place), max(4, gap // 2))

    def surface(self, rgb: Array) -> Any:
        """A pygame surface of a picture (H, W, 3) uint8, or (H, W, 4) with alpha."""
        if rgb.shape[2] == 4:
            return self._pygame.image.frombuffer(rgb.tobytes(), rgb.shape[1::-1], "RGBA")
        return self._pygame.surfarray.make_surface(np.swapaxes(rgb, 0, 1))

    def pixels(self, surface: Any) -> Array:
        """The picture (H, W, 3) uint8 of a surface."""
        return np.ascontiguousarray(np.swapaxes(self._pygame.surfarray.array3d(surface), 0, 1))

    def _panel_width(self, title: str, rows: tuple[Row, ...]) -> int:
        widest = max(self._font.size(row.value)[0] for row in rows)
        return int(max(self._labels(rows) + widest, self._font.size(title)[0]) + 2 * self._gap)

    def _labels(self, rows: tuple[Row, ...]) -> int:
        return int(max(self._font.size(row.label)[0] for row in rows) + self._gap)

    def _panel(self, surface: Any, title: str, rows: tuple[Row, ...], left: int, top: int) -> None:
        """A title and a row per line: what it is about, and what there is to say."""
        gap = self._gap
        size = (self._panel_width(title, rows), self._line * (1 + len(rows)) + 2 * gap)
        self._glass(surface, (left, top, *size), gap)
        self._write(surface, title, left + gap, top + gap, AMBER if title != "you" else BLUE)
        for number, row in enumerate(rows, start=1):
            line = top + gap + number * self._line
            self._write(surface, row.label, left + gap, line, DIM)
            self._write(surface, row.value, left + gap + self._labels(rows), line, TONES[row.tone])

    def _chips(self, surface: Any, status: Status, left: int, top: int) -> None:
        """The switches of the animal's perception, with their keys."""
        left = self._chip(surface, "it perceives", left, top, DIM)
        for number, (name, is_on) in enumerate(status.knows, start=1):
            text = f"{number} {name}" if is_on else f"{number} not {name}"
            left = self._chip(surface, text, left, top, INK if is_on else TONES["warn"])

    def _chip(self, surface: Any, text: str, left: int, top: int, color: tuple[int, int, int]) -> int:
        """Words on a small pane; returns where the next one may begin."""
        width = self._font.size(text)[0] + 2 * self._gap
        self._glass(surface, (left, top, width, self._line + self._gap), self._gap)
        self._write(surface, text, left + self._gap, top + self._gap // 2, color)
        return int(left + width + self._gap // 2)

    def _pill(self, surface: Any, text: str, top: int, color: tuple[int, int, int]) -> None:
        """Words in the middle of a line."""
        width = self._font.size(text)[0] + 3 * self._gap
        left = (surface.get_width() - width) // 2
        self._glass(surface, (left, top, width, self._line + self._gap), self._line)
        self._write(surface, text, left + 3 * self._gap // 2, top + self._gap // 2, color)

    def _help(self, surface: Any) -> None:
        """The table of keys in the middle."""
        gap = self._gap
        shown = max(self._font.size(key.shown)[0] for key in KEYS) + 2 * gap
        meant = max(self._font.size(key.meaning)[0] for key in KEYS)
        width, height = shown + meant + 4 * gap, self._line * len(KEYS) + 4 * gap
        left, top = (surface.get_width() - width) // 2, max(0, (surface.get_height() - height) // 2)
        for _ in range(2):  # twice, so that what lies below does not disturb reading
            self._glass(surface, (left, top, width, height), 2 * gap)
        for number, key in enumerate(KEYS):
            line = top + 2 * gap + number * self._line
            self._write(surface, key.shown, left + 2 * gap, line, AMBER)
            self._write(surface, key.meaning, left + 2 * gap + shown, line, INK)

    def _write(self, surface: Any, text: str, left: int, top: int, color: tuple[int, int, int]) -> None:
        surface.blit(self._font.render(text, True, color), (left, top))

    def _glass(self, surface: Any, place: tuple[int, int, int, int], radius: int) -> None:
        left, top, width, height = place
        surface.blit(_pane(self._pygame, width, height, min(radius, height // 2)), (left, top))


@lru_cache(maxsize=256)
def _pane(pygame: Any, width: int, height: int, radius: int) -> Any:
    """A translucent pane with smoothly rounded corners."""
    large = pygame.Surface((width * SHARPER, height * SHARPER), pygame.SRCALPHA)
    large.fill((*GLASS[:3], 0))
    pygame.draw.rect(large, GLASS, large.get_rect(), border_radius=radius * SHARPER)
    return pygame.transform.smoothscale(large, (width, height))


def _font_file() -> str | None:
    """A plain face that this machine has, or None for pygame's own."""
    if sys.platform == "linux" and shutil.which("fc-list") is None:
        return None  # pygame would warn that it cannot look
    import pygame

    return next((found for face in FACES if (found := pygame.font.match_font(face))), None)
