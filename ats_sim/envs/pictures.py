"""Pictures for the environment: opened when first needed, shown in a window where somebody watches."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.observations import MAX_DEPTH
from ats_sim.envs.options import EnvOptions
from ats_sim.envs.window import Window
from ats_sim.home import Home
from ats_sim.world import Moment, World

if TYPE_CHECKING:
    from ats_sim.envs.overlays import Overlays
    from ats_sim.rendering.frame import Camera, Frame
    from ats_sim.rendering.home_renderer import HomeRenderer

FRAMES_PER_STEP = 3


class Pictures:
    """One renderer and at most one window, for one environment or for several of one home."""

    def __init__(self, home: Home, options: EnvOptions) -> None:
        """Remember what to draw; nothing is opened yet."""
        self._home, self._options = home, options
        self._renderer: HomeRenderer | None = None
        self._window: Window | None = None
        self._overlays: Overlays | None = None

    def observed(self, world: World) -> dict[str, Array]:
        """What the observer sees: `rgb`, `depth` and, where it was asked for, `segmentation`, in new arrays.

        Raises:
            RenderError: If no renderer works here.
        """
        renderer, moment = self._opened(world), world.moment()
        frame = renderer.render(renderer.observer_camera(moment.T_world_camera), moment.agents)
        seen: dict[str, Array] = {
            "rgb": np.array(frame.rgb, dtype=np.uint8),
            "depth": np.clip(frame.depth, 0.0, MAX_DEPTH).astype(np.float32)[..., None],
        }
        if self._options.segmentation:
            seen["segmentation"] = frame.labels.astype(np.uint8)[..., None]
        return seen

    def draw(self, world: World, moment: Moment | None = None) -> "Frame":
        """Draw the present, or another moment, as the options say.

        Raises:
            RenderError: If no renderer works here.
        """
        renderer, moment = self._opened(world), moment or world.moment()
        return renderer.render(
            self._view(renderer, moment),
            moment.agents,
            overlay=None if self._overlays is None else self._overlays.of(world),
            observer=None if self._options.camera == "observer" else moment.T_world_camera,
            observer_feet=float(moment.feet[2]),
        )

    def show(self, world: World) -> None:
        """Play the last step in the window, in real time, with pictures in between."""
        if self._window is None:
            self._window = Window(self._options.width, self._options.height)
        count = FRAMES_PER_STEP if world.ticks else 1
        for frame in range(1, count + 1):
            self._window.show(self.draw(world, world.moment(frame / count)).rgb)

    def close(self) -> None:
        """Close window and renderer; safe to call again."""
        if self._window is not None:
            self._window.close()
            self._window = None
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _opened(self, world: World) -> "HomeRenderer":
        if self._renderer is None:
            from ats_sim.rendering.home_renderer import HomeRenderer

            options, eyes = self._options, world.eyes
            if options.show:
                from ats_sim.envs.overlays import Overlays, usual_root_height

                self._overlays = Overlays(options.show, usual_root_height(self._home.perception.agent_roots))
            backend: Any = options.renderer
            fov = 2.0 * float(np.arctan(0.5 * eyes.height / eyes.fl_y))
            self._renderer = HomeRenderer(self._home, eyes.width, eyes.height, backend, field_of_view=fov)
        return self._renderer

    def _view(self, renderer: "HomeRenderer", moment: Moment) -> "Camera":
        camera = self._options.camera
        if camera == "birdseye":
            return renderer.birdseye_camera()
        if camera == "third_person":
            return renderer.third_person_camera(moment.T_world_camera)
        if camera == "agent":
            return renderer.agent_camera(*moment.agents[0])
        return renderer.observer_camera(moment.T_world_camera)
