"""A window for the environment's pictures."""

import os
import sys

import gymnasium
import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import RenderError

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
"""What says that there is something to draw on."""
WINDOW_RATE = 30  # frames per second; three pictures between two steps of the world


class Window:
    """A window that shows pictures at a steady rate."""

    def __init__(self, width: int, height: int) -> None:
        """Open it; without a display it opens invisibly, so that programs that ask for a window still run.

        Gymnasium's logger warns then, once a program: who sets SDL_VIDEODRIVER chose what is drawn on, and knows.

        Raises:
            RenderError: If no window can be opened at all.
        """
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in SCREENS):
            gymnasium.logger.warn("no screen: the window is invisible; use render_mode='rgb_array' for pictures")
            os.environ["SDL_VIDEODRIVER"] = "dummy"
        import pygame

        self._pygame = pygame
        try:
            pygame.display.init()
            self._surface = pygame.display.set_mode((width, height))
        except pygame.error as error:
            raise RenderError(f"no window can be opened ({error}); use render_mode='rgb_array'") from error
        pygame.display.set_caption("ATSHome-v0")
        self._clock = pygame.time.Clock()

    def show(self, rgb: Array) -> None:
        """Show a picture (H, W, 3) uint8 and wait for its time."""
        self._pygame.event.pump()
        self._surface.blit(self._pygame.surfarray.make_surface(np.swapaxes(rgb, 0, 1)), (0, 0))
        self._pygame.display.flip()
        self._clock.tick(WINDOW_RATE)

    def close(self) -> None:
        """Close the window; other windows of the program are left alone."""
        if self._pygame.display.get_init() and self._pygame.display.get_surface() is self._surface:
            self._pygame.display.quit()
