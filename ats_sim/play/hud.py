"""Words on pictures: what the agent is doing, and which keys there are."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ats_sim.arrays import Array

INK, SHADE = (255, 255, 255), (18, 22, 28, 150)
MARGIN = 8
KEYS = (
    ("W A S D", "walk"),
    ("Shift", "run"),
    ("C", "crouch, stand up"),
    ("Arrows", "look around"),
    ("Right mouse", "hold to look around"),
    ("Click or G", "send the animal there, or to the picture's middle"),
    ("Backspace", "let it choose again"),
    ("V", "view: eyes, shoulder, bird's eye"),
    ("P", "show its plan"),
    ("Space", "pause"),
    ("R", "begin anew"),
    ("H", "this help"),
    ("Esc or Q", "leave"),
)


class Hud:
    """Writes with pygame's own font; needs no window."""

    def __init__(self, height: int) -> None:
        """Letters grow with the picture's height in pixels."""
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame = pygame
        pygame.font.init()
        self._font = pygame.font.Font(None, max(14, height // 22))
        self._line = self._font.get_linesize()

    def write(self, surface: Any, lines: list[str], *, at_bottom: bool = False) -> None:
        """Write lines, broken where they are too long, on a strip across an edge of a pygame surface."""
        lines = [part for line in lines for part in self._broken(line, surface.get_width() - 2 * MARGIN)]
        height = self._line * len(lines) + MARGIN
        top = surface.get_height() - height if at_bottom else 0
        self._strip(surface, top, height)
        for number, line in enumerate(lines):
            text = self._font.render(line, True, INK)
            surface.blit(text, (MARGIN, top + MARGIN // 2 + number * self._line))

    def write_help(self, surface: Any) -> None:
        """The table of keys over the whole picture."""
        self._strip(surface, 0, surface.get_height())
        top = (surface.get_height() - self._line * len(KEYS)) // 2
        left = surface.get_width() // 10
        for number, (key, meaning) in enumerate(KEYS):
            row = max(0, top) + number * self._line
            surface.blit(self._font.render(key, True, (255, 205, 90)), (left, row))
            surface.blit(self._font.render(meaning, True, INK), (left + 8 * self._line, row))

    def surface(self, rgb: Array) -> Any:
        """A pygame surface of a picture (H, W, 3) uint8."""
        return self._pygame.surfarray.make_surface(np.swapaxes(rgb, 0, 1))

    def pixels(self, surface: Any) -> Array:
        """The picture (H, W, 3) uint8 of a surface."""
        return np.ascontiguousarray(np.swapaxes(self._pygame.surfarray.array3d(surface), 0, 1))

    def _broken(self, line: str, width: int) -> list[str]:
        """The line as lines that fit into a width in pixels; three spaces are where it likes to break."""
        parts = [""]
        for phrase in line.split("   "):
            longer = f"{parts[-1]}   {phrase}" if parts[-1] else phrase
            if parts[-1] and self._font.size(longer)[0] > width:
                parts.append(phrase)
            else:
                parts[-1] = longer
        return parts

    def _strip(self, surface: Any, top: int, height: int) -> None:
        strip = self._pygame.Surface((surface.get_width(), height), self._pygame.SRCALPHA)
        strip.fill(SHADE)
        surface.blit(strip, (0, top))
