"""The observer as others see it: a figure that stands where the observer stands and crouches when it does."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.geometry import rigid, yaw_matrix
from ats_sim.rendering.labels import OBSERVER_LABEL
from ats_sim.rendering.renderer import Renderer
from ats_sim.rendering.shapes import person

LOWEST_EYES = 0.3
NOTICEABLE = 0.002
"""A change of height below this is not drawn, metres."""


class Figure:
    """One figure in a renderer, added when it is first shown."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._handle: int | None = None
        self._height = 0.0

    def hide(self) -> None:
        """Draw no figure."""
        if self._handle is not None:
            self._renderer.show(self._handle, False)

    def stand(self, T_world_camera: Array, feet: float) -> None:
        """Stand under eyes at a pose (4, 4) with the feet at a height, metres; ArrayError on a bad pose."""
        T_world_camera = checked("observer", T_world_camera, (4, 4))
        height = max(float(T_world_camera[2, 3]) - feet, LOWEST_EYES)
        if self._handle is None:
            self._handle = self._renderer.add(person(height), OBSERVER_LABEL, casts_shadow=True)
            self._height = height
        if abs(height - self._height) > NOTICEABLE:
            self._renderer.update_vertices(self._handle, person(height).vertices)
            self._height = height
        forward = T_world_camera[:3, 2]
        place = np.array([T_world_camera[0, 3], T_world_camera[1, 3], feet])
        self._renderer.place(self._handle, rigid(yaw_matrix(np.arctan2(forward[1], forward[0])), place))
        self._renderer.show(self._handle, True)
