"""A walk in progress: the world, who draws it, where the agent was sent, and a diary of what happened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.geometry import transform_points
from ats_sim.observer import ObserverOptions
from ats_sim.play.diary import Diary
from ats_sim.rendering.frame import Camera, Frame
from ats_sim.rendering.home_renderer import OVERLAY_LABEL, HomeRenderer, Overlay
from ats_sim.world import World

if TYPE_CHECKING:
    from ats_sim.home import Home
    from ats_sim.planning import Mind
    from ats_sim.play.options import PlayOptions

View = Literal["observer", "third_person", "birdseye"]
VIEWS: tuple[View, ...] = ("observer", "third_person", "birdseye")
RUN_SPEED, CROUCHED_SPEED = 2.6, 0.7
WALK_SHARE = 1.3 / RUN_SPEED
CROUCHED_EYES = 0.7
GOAL_REACHED, GOAL_PATIENCE = 0.35, 150
STANDING = ObserverOptions(speed=RUN_SPEED, yaw_rate=float(np.radians(110.0)))


class Session:
    """One home brought to life for somebody to walk in; close it at the end."""

    def __init__(self, home: Home, mind: Mind | None, options: PlayOptions) -> None:
        """Open world and renderer, and begin.

        Raises HomeError, PolicyError, ConfigError or RenderError where one of them cannot be opened.
        """
        self._home, self._mind, self._num_agents = home, mind, options.agents
        self._rng = np.random.default_rng(options.seed)
        self._standing = self._new_world(STANDING)
        self._crouching: World | None = None
        self.world = self._standing
        """The world that is being walked in."""
        self.renderer = HomeRenderer(home, *options.pixels, options.renderer)
        """Who draws."""
        self.diary = Diary()
        """What happened so far."""
        self.goal: Array | None = None
        """(3,) place where the first agent was sent, until it gets there."""
        self._goal_age = 0
        heights = home.perception.agent_roots[:, 2, 3]
        self._root_height = float(np.clip(np.percentile(heights, 20), 0.05, 0.6)) if len(heights) else 0.2
        self.reset()

    def reset(self) -> None:
        """Begin anew somewhere else."""
        self.world.reset(self._rng)
        self.goal = None
        self.diary.restart()
        self._note()

    def step(self, action: Array) -> None:
        """Let 0.1 s pass with the observer's action (4,), clipped to [-1, 1]."""
        self.world.step(np.clip(action, -1.0, 1.0).astype(np.float32))
        self._note()
        if self.goal is not None:
            self._goal_age += 1
            there = np.linalg.norm(self.world.agents[0].T_world_root[:2, 3] - self.goal[:2]) < GOAL_REACHED
            if there or self._goal_age > GOAL_PATIENCE:
                self.release_goal()

    def draw(
        self, view: View, share: float = 1.0, *, shows_plan: bool = False, size: tuple[int, int] | None = None
    ) -> Frame:
        """The moment at a share of the last step, from a view, in a size (width, height) if not the usual one."""
        moment = self.world.moment(share)
        camera = self.camera(view, moment.T_world_camera, size)
        overlay = self._overlay() if shows_plan else Overlay()
        if self.goal is not None:
            overlay = replace(overlay, goals=self.goal[None])
        observer = None if view == "observer" else moment.T_world_camera
        return self.renderer.render(camera, moment.agents, overlay=overlay, observer=observer)

    def camera(self, view: View, T_world_camera: Array, size: tuple[int, int] | None = None) -> Camera:
        """The camera of a view for the observer's eyes at a pose (4, 4)."""
        if view == "birdseye":
            camera = self.renderer.birdseye_camera()
        elif view == "third_person":
            camera = self.renderer.third_person_camera(T_world_camera)
        else:
            camera = self.renderer.observer_camera(T_world_camera)
        return camera if size is None else replace(camera, intrinsics=camera.intrinsics.resized(*size))

    def send_to_pixel(self, view: View, across: float, down: float) -> bool:
        """Send the first agent to what is seen at a place of the picture (0 to 1 each way), if anything."""
        camera = self.camera(view, self.world.moment().T_world_camera)
        frame = self.draw(view)
        column = min(int(across * camera.intrinsics.width), camera.intrinsics.width - 1)
        row = min(int(down * camera.intrinsics.height), camera.intrinsics.height - 1)
        depth = frame.depth[row, column]
        if depth == 0.0 or frame.labels[row, column] == OVERLAY_LABEL:
            return False
        points = transform_points(camera.T_world_camera, camera.intrinsics.unproject(frame.depth)[row, column][None])
        return self.send_to(points[0])

    def send_to(self, surface: Array) -> bool:
        """Send the first agent to stand on a surface point (3,); False if the world refuses the place."""
        goal = np.asarray(surface, dtype=np.float64) + [0.0, 0.0, self._root_height]
        try:
            self.world.steer(0, goal=goal)
        except ConfigError:
            return False
        self.goal, self._goal_age = goal, 0
        return True

    def release_goal(self) -> None:
        """Let the first agent choose its own goals again."""
        self.goal = None
        self.world.steer(0, goal=None)

    @property
    def is_crouching(self) -> bool:
        """Whether the observer is down on the floor."""
        return self.world is self._crouching

    def toggle_crouch(self) -> None:
        """Crouch or stand up; time, agents and their minds go on as they are."""
        if self._crouching is None:
            self._crouching = self._new_world(replace(STANDING, speed=CROUCHED_SPEED, eye_height=CROUCHED_EYES))
        other = self._standing if self.is_crouching else self._crouching
        other.load_state(self.world.state())
        self.world = other

    def close(self) -> None:
        """Give world and renderer back."""
        self.renderer.close()
        for world in (self._standing, self._crouching):
            if world is not None:
                world.close()

    def _new_world(self, observer: ObserverOptions) -> World:
        return World(self._home, policy=self._mind, num_agents=self._num_agents, observer=observer)

    def _note(self) -> None:
        self.diary.note(self.world.observer.T_world_camera[:3, 3], self.world.agents[0].T_world_root[:3, 3])

    def _overlay(self) -> Overlay:
        goals = np.stack([agent.goal() for agent in self.world.agents])
        paths = np.stack([agent.remaining_path() for agent in self.world.agents])
        return Overlay(goals=goals, paths=paths, root_height=self._root_height)
