"""A small plan of the home, drawn once, and where everybody is on it now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, transform_points
from ats_sim.play.session import Session
from ats_sim.rendering.home_renderer import FIELD_OF_VIEW

Point = tuple[float, float]
NEEDLE = 0.5
"""Metres ahead of a body to which its needle points."""
FINER = 2
"""How much larger the plan is drawn before it is shrunk."""


@dataclass(frozen=True)
class Marks:
    """Places on the plan, each as shares of its width and height."""

    observer: tuple[Point, Point]
    """The observer, and a point ahead of it."""
    agents: tuple[tuple[Point, Point], ...]
    """The agents, and a point ahead of each."""
    goal: Point
    """Where the first agent is going."""
    path: tuple[Point, ...]
    """The way it has planned."""
    is_sent: bool
    """Whether the goal was set by the player."""

    def to_json(self) -> dict[str, Any]:
        """The marks as plain values."""
        return asdict(self)


class Minimap:
    """The plan and the marks on it."""

    def __init__(self, session: Session, side: int) -> None:
        """Draw the plan, its longer side that many pixels; the session's renderer must be this thread's."""
        self._session = session
        renderer, usual = session.renderer, session.renderer.intrinsics
        renderer.intrinsics = Intrinsics.from_fov(FIELD_OF_VIEW, FINER * side, FINER * side)
        camera, renderer.intrinsics = renderer.birdseye_camera(), usual
        frame = renderer.render(camera, [])
        rows, columns = (np.flatnonzero(frame.labels.any(axis)) for axis in (1, 0))
        first, last = np.array([columns[0], rows[0]]), np.array([columns[-1], rows[-1]]) + 1
        self._camera, self._first, self._extent = camera, first, last - first
        shown = frame.labels[first[1] : last[1], first[0] : last[0]] > 0
        rgba = np.dstack([frame.rgb[first[1] : last[1], first[0] : last[0]], np.where(shown, 255, 0)])
        self.picture: Array = shrunk(rgba.astype(np.uint8), side)
        """(H, W, 4) uint8, the home alone and nobody in it; transparent around."""

    def marks(self) -> Marks:
        """Where everybody is."""
        world = self._session.world
        yaw = float(world.observer.pose[2])
        feet = world.observer.feet
        ahead = feet + NEEDLE * np.array([np.cos(yaw), np.sin(yaw), 0.0])
        roots = np.stack([agent.T_world_root for agent in world.agents])
        noses = roots[:, :3, 3] + NEEDLE * roots[:, :3, 0]
        path = world.agents[0].remaining_path()[::8]
        places = self._placed(np.concatenate([feet[None], ahead[None], roots[:, :3, 3], noses, path]))
        count = len(roots)
        return Marks(
            observer=(places[0], places[1]),
            agents=tuple(zip(places[2 : 2 + count], places[2 + count : 2 + 2 * count], strict=True)),
            goal=self._placed(world.agents[0].goal()[None])[0],
            path=tuple(places[2 + 2 * count :]),
            is_sent=self._session.walk.goal is not None,
        )

    def _placed(self, points: Array) -> list[Point]:
        """World points (N, 3) as shares of the picture."""
        u, v, _ = self._camera.intrinsics.project(transform_points(inverse(self._camera.T_world_camera), points))
        across, down = (np.stack([u, v]) + 0.5 - self._first[:, None]) / self._extent[:, None]
        return [(round(float(x), 4), round(float(y), 4)) for x, y in zip(across, down, strict=True)]


def shrunk(picture: Array, side: int) -> Array:
    """A picture (H, W, C) uint8, smoothly shrunk until its longer side has that many pixels."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
