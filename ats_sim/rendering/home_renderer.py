"""Pictures of a home that is lived in: its scene, its agents with their shadows, the observer, and what is planned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import ats_sim.rendering.cameras as cameras
from ats_sim.arrays import Array, checked
from ats_sim.errors import RenderError
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.rendering.figure import Figure
from ats_sim.rendering.frame import Camera, Frame, Lighting
from ats_sim.rendering.labels import AGENT_LABEL, OBSERVER_LABEL, OVERLAY_LABEL, SCENE_LABEL
from ats_sim.rendering.overlay import Overlay, OverlayDrawing
from ats_sim.rendering.renderer import Backend, open_renderer

__all__ = ["AGENT_LABEL", "OBSERVER_LABEL", "OVERLAY_LABEL", "SCENE_LABEL", "HomeRenderer", "Overlay"]

FIELD_OF_VIEW = float(np.radians(60.0))
TOO_NEAR = 0.9
"""A figure whose eyes are nearer to the camera than this only blocks the view, metres."""
LIGHT = Lighting(ambient=0.62, strength=0.5, shadow=0.85)


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
        self._yaw, *self._bounds = cameras.snug_box(home.scene.vertices)
        self._agents: list[int] = []
        self._figure = Figure(self._renderer)
        self._overlay = OverlayDrawing(self._renderer, home)

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

    def agent_camera(self, T_world_root: Array, joint_rotations: Array) -> Camera:
        """Through the eyes of an agent with a root pose (4, 4) and joint rotations (J, 3)."""
        return cameras.agent_camera(self.intrinsics, self._home.agent, T_world_root, joint_rotations)

    def third_person_camera(self, T_world_camera: Array) -> Camera:
        """Over the shoulder of the observer whose eyes are at a pose (4, 4), never through a wall."""
        return cameras.third_person_camera(self.intrinsics, T_world_camera, self._home.perception.sample_sdf)

    def birdseye_camera(self) -> Camera:
        """Down on the whole home with its roof off."""
        return cameras.birdseye_camera(self.intrinsics, *self._bounds, yaw=self._yaw)

    def render(
        self,
        camera: Camera,
        agents: Sequence[tuple[Array, Array]],
        *,
        overlay: Overlay | None = None,
        observer: Array | None = None,
        observer_feet: float = 0.0,
        lighting: Lighting = LIGHT,
    ) -> Frame:
        """Draw the home with its agents.

        Args:
            camera: From where; any size of picture.
            agents: Root pose (4, 4) and joint rotations (J, 3) of each agent.
            overlay: Plans, futures and the map of visits to show, or None.
            observer: Pose (4, 4) of the observer's eyes to draw a figure there, or None; it crouches under low eyes.
            observer_feet: Height of what the observer stands on, metres.
            lighting: Light on agents and figures; the scene's own light is in its colours.

        Returns:
            The picture; labels are SCENE_LABEL, AGENT_LABEL + i, OBSERVER_LABEL and OVERLAY_LABEL, 0 is the sky.

        Raises:
            ArrayError: If a pose, path, track or ghost has another shape, or is not finite.
            RenderError: If there are more agents than labels, or the renderer was closed, forked or lost.
        """
        overlay = overlay or Overlay()
        joints = self._joints([*agents, *overlay.ghosts])
        self._pose_agents(joints[: len(agents)])
        self._overlay.draw(overlay, joints[len(agents) :], camera)
        if observer is None or np.linalg.norm(observer[:3, 3] - camera.position) < TOO_NEAR:
            self._figure.hide()
        else:
            self._figure.stand(observer, observer_feet)
        return self._renderer.render(camera, lighting)

    def close(self) -> None:
        """Give the renderer back; calling it twice is fine."""
        self._renderer.close()

    def _pose_agents(self, joints: Array) -> None:
        if len(joints) > OBSERVER_LABEL - AGENT_LABEL:
            raise RenderError(f"{len(joints)} agents: there are labels for {OBSERVER_LABEL - AGENT_LABEL} at most.")
        while len(self._agents) < len(joints):
            label = AGENT_LABEL + len(self._agents)
            self._agents.append(self._renderer.add_skinned(self._home.agent, label, casts_shadow=True))
        for index, handle in enumerate(self._agents):
            self._renderer.show(handle, index < len(joints))
        for handle, transforms in zip(self._agents, joints, strict=False):
            self._renderer.pose(handle, transforms)

    def _joints(self, poses: Sequence[tuple[Array, Array]]) -> Array:
        """Joint transforms (n, J, 4, 4) of all poses at once."""
        count = self._home.agent.skeleton.num_joints
        if not len(poses):
            return np.zeros((0, count, 4, 4))
        roots = np.stack([checked("T_world_root", root, (4, 4)) for root, _ in poses])
        rotations = np.stack([checked("joint_rotations", rotation, (count, 3)) for _, rotation in poses])
        return self._home.agent.skeleton.forward_kinematics(roots, rotations)
