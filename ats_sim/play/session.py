"""A walk with pictures: who draws it, where the agent was sent, and a diary of what happened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.geometry import Intrinsics, look_at, transform_points
from ats_sim.play.diary import Diary
from ats_sim.play.events import Event, Goal, Reset, Rewind, Step
from ats_sim.play.log import Header
from ats_sim.play.walk import Walk
from ats_sim.rendering.frame import Camera, Frame
from ats_sim.rendering.home_renderer import FIELD_OF_VIEW, OVERLAY_LABEL, HomeRenderer, Overlay
from ats_sim.world import Moment, World

if TYPE_CHECKING:
    from ats_sim.home import Home
    from ats_sim.planning import Mind
    from ats_sim.play.options import PlayOptions

View = Literal["observer", "third_person", "birdseye", "agent"]
VIEWS: tuple[View, ...] = ("observer", "third_person", "birdseye", "agent")
"""What can be looked through, in the order of the key."""
GOAL_REACHED, GOAL_PATIENCE = 0.35, 150
NEEDLE = Intrinsics.from_fov(0.002, 3, 3)
"""A camera that sees little more than a ray."""
GHOST_APART = 0.2
"""Metres that a future must lead away: ghosts that stand where the animal stands would only hide it."""


class Session:
    """One home brought to life for somebody to walk in; close it at the end."""

    def __init__(self, home: Home, mind: Mind | None, options: PlayOptions, header: Header | None = None) -> None:
        """Open walk and renderer, and begin; with a header, as in the walk that it is of.

        Raises HomeError, PolicyError, ConfigError, RenderError or OSError where one of them cannot be opened.
        """
        header = header or Header(options.home, home.fingerprint, options.agents, options.seed)
        self.walk = Walk(home, mind, header, options.log)
        """The world, and all that changes it."""
        try:
            self.renderer = HomeRenderer(home, *options.pixels, options.renderer)
            """Who draws."""
        except Exception:
            self.walk.close()
            raise
        self.diary = Diary()
        """What happened so far."""
        self._goal_age = 0
        heights = home.perception.agent_roots[:, 2, 3]
        self.root_height = float(np.clip(np.percentile(heights, 20), 0.05, 0.6)) if len(heights) else 0.2
        """Metres between the first agent's root and what it stands on, about."""
        self._note()

    @property
    def world(self) -> World:
        """The world that is being walked in."""
        return self.walk.world

    def do(self, event: Event) -> None:
        """Let something happen to the walk, and write the diary; ConfigError if the world refuses it."""
        self.walk.do(event)
        if isinstance(event, Reset | Rewind):
            self.diary.restart()
        if isinstance(event, Step | Reset | Rewind):
            self._note()
        if isinstance(event, Goal):
            self._goal_age = 0

    def reset(self) -> None:
        """Begin anew somewhere else."""
        self.do(Reset())

    def step(self, action: Array) -> None:
        """Let 0.1 s pass with the observer's action (4,), clipped to [-1, 1]."""
        self.do(Step(tuple(float(part) for part in np.clip(action, -1.0, 1.0))))
        goal = self.walk.goal
        if goal is not None:
            self._goal_age += 1
            there = np.linalg.norm(self.world.agents[0].T_world_root[:2, 3] - goal[:2]) < GOAL_REACHED
            if there or self._goal_age > GOAL_PATIENCE:
                self.do(Goal(None))

    def draw(
        self,
        view: View,
        share: float = 1.0,
        *,
        shows_plan: bool = False,
        futures: Array | None = None,
        size: tuple[int, int] | None = None,
    ) -> Frame:
        """The moment at a share of the last step.

        Args:
            view: From where.
            share: 0 is where the last step began, 1 is now.
            shows_plan: Mark goals and paths.
            futures: (n, K, 4, 4) root poses of what the first agent might do, to be shown too.
            size: Width and height, if not the usual ones.
        """
        moment = self.world.moment(share)
        camera = self.camera(view, moment, size)
        overlay = self._overlay(shows_plan, futures)
        observer = None if view == "observer" else moment.T_world_camera
        feet = float(moment.feet[2])
        return self.renderer.render(camera, moment.agents, overlay=overlay, observer=observer, observer_feet=feet)

    def camera(self, view: View, moment: Moment, size: tuple[int, int] | None = None) -> Camera:
        """The camera of a view at a moment."""
        if view == "birdseye":
            camera = self.renderer.birdseye_camera()
        elif view == "third_person":
            camera = self.renderer.third_person_camera(moment.T_world_camera)
        elif view == "agent":
            camera = self.renderer.agent_camera(*moment.agents[0])
        else:
            camera = self.renderer.observer_camera(moment.T_world_camera)
        return camera if size is None else replace(camera, intrinsics=camera.intrinsics.resized(*size))

    def resize(self, width: int, height: int) -> None:
        """Let pictures be of another shape from now on; the vertical field of view stays."""
        self.renderer.intrinsics = Intrinsics.from_fov(FIELD_OF_VIEW, width, height)

    def send_to_pixel(self, view: View, across: float, down: float) -> bool:
        """Send the first agent to what is seen at a place of the picture (0 to 1 each way), if anything."""
        camera = self.camera(view, self.world.moment())
        column = min(int(across * camera.intrinsics.width), camera.intrinsics.width - 1)
        row = min(int(down * camera.intrinsics.height), camera.intrinsics.height - 1)
        return self._send_to_seen(camera, self.draw(view), row, column)

    def send_along(self, start: Array, direction: Array) -> bool:
        """Send the first agent to what a ray from a point (3,) in a direction (3,) meets first, if anything."""
        camera = Camera(NEEDLE, look_at(start, start + direction))
        return self._send_to_seen(camera, self.renderer.render(camera, self.world.moment().agents), 1, 1)

    def _send_to_seen(self, camera: Camera, frame: Frame, row: int, column: int) -> bool:
        depth = frame.depth[row, column]
        if depth == 0.0 or frame.labels[row, column] == OVERLAY_LABEL:
            return False
        points = transform_points(camera.T_world_camera, camera.intrinsics.unproject(frame.depth)[row, column][None])
        return self.send_to(points[0])

    def send_to(self, surface: Array) -> bool:
        """Send the first agent to stand on a surface point (3,); False if the world refuses the place."""
        place = np.asarray(surface, dtype=np.float64) + [0.0, 0.0, self.root_height]
        try:
            self.do(Goal(tuple(float(part) for part in place)))
        except ConfigError:
            return False
        return True

    def release_goal(self) -> None:
        """Let the first agent choose its own goals again."""
        if self.walk.goal is not None:
            self.do(Goal(None))

    def close(self) -> None:
        """Give world and renderer back."""
        self.renderer.close()
        self.walk.close()

    def _note(self) -> None:
        self.diary.note(self.world.observer.T_world_camera[:3, 3], self.world.agents[0].T_world_root[:3, 3])

    def _overlay(self, shows_plan: bool, futures: Array | None) -> Overlay:
        agents = self.world.agents
        goals = [agent.goal() for agent in agents] if shows_plan else []
        if not shows_plan and self.walk.goal is not None:
            goals = [self.walk.goal]
        paths = [agent.remaining_path() for agent in agents] if shows_plan else []
        here = agents[0].T_world_root[:3, 3]
        far = [] if futures is None else [T for T in futures[:, -1] if np.linalg.norm(T[:3, 3] - here) > GHOST_APART]
        return Overlay(
            goals=np.stack(goals) if goals else None,
            paths=np.stack(paths) if paths else None,
            tracks=None if futures is None else futures[..., :3, 3],
            ghosts=[(T_world_root, agents[0].joint_rotations) for T_world_root in far],
            root_height=self.root_height,
        )
