"""Pictures of a home that is lived in: its scene, its agents with their shadows, the observer, and what is planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import ats_sim.rendering.cameras as cameras
from ats_sim.arrays import Array, checked
from ats_sim.geometry import Intrinsics, rigid, yaw_matrix
from ats_sim.home import Home
from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.renderer import Backend, open_renderer
from ats_sim.rendering.shapes import dots, goal_marker, person

SCENE_LABEL = 1
AGENT_LABEL = 2
"""Label of the first agent; the next has 3, and so on."""
OBSERVER_LABEL = 254
OVERLAY_LABEL = 255
FIELD_OF_VIEW = float(np.radians(60.0))
DOT_RADIUS = 0.03
TOO_NEAR = 0.5
"""A figure whose eyes are nearer to the camera than this only blocks the view, metres."""
NEAR_COLOR, FAR_COLOR = np.array([255, 255, 255]), np.array([255, 170, 30])
LIGHT = Lighting(ambient=0.62, strength=0.5, shadow=0.85)


@dataclass(frozen=True)
class Overlay:
    """Plans to draw into the picture; they show in rgb, depth and labels (OVERLAY_LABEL)."""

    goals: Array | None = None
    """(n, 3) goals of the agents' roots in the world, metres."""
    paths: Array | None = None
    """(n, K, 3) planned root positions in the world, metres."""
    root_height: float = 0.2
    """How far the root floats above what carries the agent, metres: marks are drawn that much lower."""


class HomeRenderer:
    """Draws one home; opens its renderer at once and must be closed."""

    def __init__(
        self, home: Home, width: int, height: int, backend: Backend = "auto", *, field_of_view: float = FIELD_OF_VIEW
    ) -> None:
        """Open a renderer for pictures of width x height pixels and a vertical field of view in radians.

        Raises RenderError where the backend does not work, HomeError where the home's meshes cannot be read.
        """
        self.intrinsics = Intrinsics.from_fov(field_of_view, width, height)
        self._home = home
        self._renderer = open_renderer(backend)
        self._scene = self._renderer.add(home.scene, SCENE_LABEL, unlit=True)
        low, high = np.percentile(home.scene.vertices, [0.5, 99.5], axis=0)
        self._bounds = (low, high)
        self._agents: list[int] = []
        self._observer: int | None = None
        self._goals: list[int] = []
        self._dots: tuple[int, int] | None = None

    @property
    def backend(self) -> str:
        """Name of the backend that draws."""
        return self._renderer.name

    @property
    def note(self) -> str:
        """Why this backend was taken and what would be faster; empty when there is nothing to say."""
        return self._renderer.note

    def observer_camera(self, T_world_camera: Array) -> Camera:
        """The observer's own view from the eyes' pose (4, 4)."""
        return cameras.observer_camera(self.intrinsics, T_world_camera)

    def third_person_camera(self, T_world_camera: Array) -> Camera:
        """Over the shoulder of the observer whose eyes are at a pose (4, 4), never through a wall."""
        return cameras.third_person_camera(self.intrinsics, T_world_camera, self._home.perception.sample_sdf)

    def birdseye_camera(self) -> Camera:
        """Down on the whole home with its roof off."""
        return cameras.birdseye_camera(self.intrinsics, *self._bounds)

    def render(
        self,
        camera: Camera,
        agents: Sequence[tuple[Array, Array]],
        *,
        overlay: Overlay | None = None,
        observer: Array | None = None,
        lighting: Lighting = LIGHT,
    ) -> Frame:
        """Draw the home with its agents.

        Args:
            camera: From where; any size of picture.
            agents: Root pose (4, 4) and joint rotations (J, 3) of each agent.
            overlay: Plans to show, or None.
            observer: Pose (4, 4) of the observer's eyes to draw a figure there, or None.
            lighting: Light on agents and figures; the scene's own light is in its colours.

        Returns:
            The picture; labels are SCENE_LABEL, AGENT_LABEL + i, OBSERVER_LABEL and OVERLAY_LABEL.
        """
        self._pose_agents(agents)
        if observer is not None and np.linalg.norm(observer[:3, 3] - camera.position) < TOO_NEAR:
            observer = None
        self._pose_observer(observer)
        self._draw_overlay(overlay or Overlay())
        return self._renderer.render(camera, lighting)

    def close(self) -> None:
        """Give the renderer back; calling it twice is fine."""
        self._renderer.close()

    def _pose_agents(self, agents: Sequence[tuple[Array, Array]]) -> None:
        skinned = self._home.agent
        while len(self._agents) < len(agents):
            label = AGENT_LABEL + len(self._agents)
            self._agents.append(self._renderer.add_skinned(skinned, label, casts_shadow=True))
        for index, handle in enumerate(self._agents):
            self._renderer.show(handle, index < len(agents))
        for handle, (T_world_root, joint_rotations) in zip(self._agents, agents, strict=False):
            self._renderer.pose(handle, skinned.skeleton.forward_kinematics(T_world_root, joint_rotations))

    def _pose_observer(self, T_world_camera: Array | None) -> None:
        if T_world_camera is None:
            if self._observer is not None:
                self._renderer.show(self._observer, False)
            return
        T_world_camera = checked("observer", T_world_camera, (4, 4))
        if self._observer is None:
            height = max(float(T_world_camera[2, 3]), 0.3)
            self._observer = self._renderer.add(person(height), OBSERVER_LABEL, casts_shadow=True)
        forward = T_world_camera[:3, 2]
        feet = np.array([T_world_camera[0, 3], T_world_camera[1, 3], 0.0])
        self._renderer.place(self._observer, rigid(yaw_matrix(np.arctan2(forward[1], forward[0])), feet))
        self._renderer.show(self._observer, True)

    def _draw_overlay(self, overlay: Overlay) -> None:
        drop = np.array([0.0, 0.0, overlay.root_height])
        goals = np.zeros((0, 3)) if overlay.goals is None else checked("overlay.goals", overlay.goals, (None, 3))
        while len(self._goals) < len(goals):
            self._goals.append(self._renderer.add(goal_marker(), OVERLAY_LABEL, unlit=True))
        for index, handle in enumerate(self._goals):
            self._renderer.show(handle, index < len(goals))
            if index < len(goals):
                self._renderer.place(handle, rigid(np.eye(3), _lowered(goals[index], drop)))
        self._draw_paths(overlay, drop)

    def _draw_paths(self, overlay: Overlay, drop: Array) -> None:
        if overlay.paths is None:
            if self._dots is not None:
                self._renderer.show(self._dots[0], False)
            return
        paths = checked("overlay.paths", overlay.paths, (None, None, 3))
        points = _lowered(paths.reshape(-1, 3), drop)
        mesh = dots(points, DOT_RADIUS, NEAR_COLOR, FAR_COLOR)
        if self._dots is not None and self._dots[1] != len(points):
            self._renderer.remove(self._dots[0])
            self._dots = None
        if self._dots is None:
            self._dots = (self._renderer.add(mesh, OVERLAY_LABEL, unlit=True), len(points))
        self._renderer.update_vertices(self._dots[0], mesh.vertices)
        self._renderer.show(self._dots[0], True)


def _lowered(points: Array, drop: Array) -> Array:
    """Points (..., 3) lowered from the root to what carries it, but never under the floor."""
    lowered = np.asarray(points, dtype=np.float64) - drop
    lowered[..., 2] = np.maximum(lowered[..., 2], 0.02)
    return lowered
