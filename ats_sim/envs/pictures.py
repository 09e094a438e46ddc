"""Pictures for the environment: opened when first needed, shown in a window where somebody watches."""

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.world import Moment, World

if TYPE_CHECKING:
    from ats_sim.rendering.frame import Camera, Frame
    from ats_sim.rendering.home_renderer import HomeRenderer

CAMERAS = ("observer", "third_person", "birdseye")
WINDOW_RATE = 30  # frames per second; three pictures between two steps of the world
FRAMES_PER_STEP = 3


class Pictures:
    """One renderer and at most one window of one environment."""

    def __init__(self, home: Home, eyes: Intrinsics, backend: str) -> None:
        """Remember what to draw; nothing is opened yet."""
        self._home, self._eyes, self._backend = home, eyes, backend
        self._renderer: HomeRenderer | None = None
        self._window: Window | None = None

    def draw(self, moment: Moment, camera: str) -> "Frame":
        """Draw a moment through one of `CAMERAS`.

        Raises:
            RenderError: If no renderer works here.
        """
        renderer = self._opened()
        observer = None if camera == "observer" else moment.T_world_camera
        return renderer.render(self._view(renderer, moment, camera), moment.agents, observer=observer)

    def show(self, world: World, camera: str) -> None:
        """Play the last step in the window, in real time, with pictures in between."""
        if self._window is None:
            self._window = Window(self._eyes.width, self._eyes.height)
        count = FRAMES_PER_STEP if world.ticks else 1
        for frame in range(1, count + 1):
            self._window.show(self.draw(world.moment(frame / count), camera).rgb)

    def close(self) -> None:
        """Close window and renderer; safe to call again."""
        if self._window is not None:
            self._window.close()
            self._window = None
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _opened(self) -> "HomeRenderer":
        if self._renderer is None:
            from ats_sim.rendering.home_renderer import HomeRenderer

            backend: Any = self._backend
            fov = 2.0 * float(np.arctan(0.5 * self._eyes.height / self._eyes.fl_y))
            self._renderer = HomeRenderer(self._home, self._eyes.width, self._eyes.height, backend, field_of_view=fov)
        return self._renderer

    def _view(self, renderer: "HomeRenderer", moment: Moment, camera: str) -> "Camera":
        if camera == "birdseye":
            return renderer.birdseye_camera()
        if camera == "third_person":
            return renderer.third_person_camera(moment.T_world_camera)
        return renderer.observer_camera(moment.T_world_camera)


class Window:
    """A window that shows pictures at a steady rate."""

    def __init__(self, width: int, height: int) -> None:
        """Open it; without a display it opens invisibly, so that programs that ask for a window still run.

        Raises:
            RenderError: If no window can be opened at all.
        """
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        headless = sys.platform.startswith("linux") and not os.environ.get("DISPLAY")
        if headless and not os.environ.get("WAYLAND_DISPLAY"):
            os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
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
