"""What is drawn to be understood: plans, sampled futures, where the real animal went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.geometry import rigid
from ats_sim.home import Home
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.rendering.frame import Camera
from ats_sim.rendering.labels import OVERLAY_LABEL
from ats_sim.rendering.renderer import Renderer
from ats_sim.rendering.shapes import dots, goal_marker, tubes
from ats_sim.rendering.visits import visits_map

DOT_RADIUS = 0.03
NEAR_COLOR, FAR_COLOR = np.array([255, 255, 255]), np.array([255, 170, 30])
TRACK_RADIUS, TRACK_PIXELS = 0.012, 0.8
"""Tracks are at least this wide to each side, metres and pixels."""
FIRST_TRACK, LAST_TRACK = np.array([40, 205, 255]), np.array([235, 70, 215])
GHOST_TINT, GHOST_OPACITY = (0.42, 0.80, 1.0), 0.4
MAP_OPACITY = 0.55
ABOVE_FLOOR = 0.02
ABOVE_MAP = 0.045
"""Tracks lie this much higher than other marks, or the map of visits would hide them, metres."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """What to draw into the picture besides what is there; it shows in rgb, depth and labels (OVERLAY_LABEL)."""

    goals: Array | None = None
    """(n, 3) goals of the agents' roots in the world, metres."""
    paths: Array | None = None
    """(n, K, 3) planned root positions in the world, metres, as dots."""
    tracks: Array | None = None
    """(n, K, 3) root positions of sampled futures in the world, metres, as lines of one colour each."""
    ghosts: Sequence[tuple[Array, Array]] = ()
    """Root pose (4, 4) and joint rotations (J, 3) of each agent to draw as of blue glass: futures, or the recorded
    animal."""
    support: bool = False
    """Whether to paint on the floor for how long the real animal was where, from violet (a moment) to yellow."""
    root_height: float = 0.2
    """How far the root floats above what carries the agent, metres: marks are drawn that much lower."""


class OverlayDrawing:
    """The overlay's meshes in one renderer, added when they are first needed."""

    def __init__(self, renderer: Renderer, home: Home) -> None:
        self._renderer, self._home = renderer, home
        self._goals: list[int] = []
        self._ghosts: list[int] = []
        self._dots, self._tubes = _Strokes(renderer), _Strokes(renderer)
        self._map: int | None = None
        self._map_height = 0.0

    def draw(self, overlay: Overlay, ghost_joints: Array, camera: Camera) -> None:
        """Show an overlay whose ghosts have joint transforms (G, J, 4, 4); ArrayError on arrays of another shape."""
        drop = np.array([0.0, 0.0, overlay.root_height])
        self._draw_goals(overlay, drop)
        self._dots.draw(_lowered("overlay.paths", overlay.paths, drop), _dotted, DOT_RADIUS)
        tracks = _lowered("overlay.tracks", overlay.tracks, drop - [0.0, 0.0, ABOVE_MAP])
        self._tubes.draw(tracks, _traced, _visible_radius(tracks, camera))
        self._draw_ghosts(ghost_joints)
        self._draw_map(overlay)

    def _draw_goals(self, overlay: Overlay, drop: Array) -> None:
        goals = np.zeros((0, 3)) if overlay.goals is None else checked("overlay.goals", overlay.goals, (None, 3))
        while len(self._goals) < len(goals):
            self._goals.append(self._renderer.add(goal_marker(), OVERLAY_LABEL, unlit=True))
        for index, handle in enumerate(self._goals):
            self._renderer.show(handle, index < len(goals))
            if index < len(goals):
                self._renderer.place(handle, rigid(np.eye(3), _on_floor(goals[index] - drop)))

    def _draw_ghosts(self, ghost_joints: Array) -> None:
        while len(self._ghosts) < len(ghost_joints):
            handle = self._renderer.add_skinned(
                _bleached(self._home.agent), OVERLAY_LABEL, tint=GHOST_TINT, opacity=GHOST_OPACITY
            )
            self._ghosts.append(handle)
        for index, handle in enumerate(self._ghosts):
            self._renderer.show(handle, index < len(ghost_joints))
            if index < len(ghost_joints):
                self._renderer.pose(handle, ghost_joints[index])

    def _draw_map(self, overlay: Overlay) -> None:
        if not overlay.support:
            if self._map is not None:
                self._renderer.show(self._map, False)
            return
        if self._map is not None and self._map_height != overlay.root_height:
            self._renderer.remove(self._map)
            self._map = None
        if self._map is None:
            mesh = visits_map(self._home.perception, overlay.root_height)
            if mesh is None:
                return
            self._map = self._renderer.add(mesh, OVERLAY_LABEL, opacity=MAP_OPACITY)
            self._map_height = overlay.root_height
        self._renderer.show(self._map, True)


class _Strokes:
    """A mesh drawn anew whenever its points change."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._handle: int | None = None
        self._points = np.zeros((0, 0, 3))
        self._radius = 0.0

    def draw(self, points: Array | None, mesh_of: Callable[[Array, float], TriangleMesh], radius: float) -> None:
        """Show the mesh of points (n, K, 3) and a radius in metres, or nothing."""
        if points is None or not points.size:
            if self._handle is not None:
                self._renderer.show(self._handle, False)
            return
        if self._handle is None or points.shape != self._points.shape:
            if self._handle is not None:
                self._renderer.remove(self._handle)
            self._handle = self._renderer.add(mesh_of(points, radius), OVERLAY_LABEL, unlit=True)
        elif radius != self._radius or not np.array_equal(points, self._points):
            self._renderer.update_vertices(self._handle, mesh_of(points, radius).vertices)
        self._points, self._radius = points, radius
        self._renderer.show(self._handle, True)


def _dotted(points: Array, radius: float) -> TriangleMesh:
    return dots(points.reshape(-1, 3), radius, NEAR_COLOR, FAR_COLOR)


def _traced(points: Array, radius: float) -> TriangleMesh:
    share = np.linspace(0.0, 1.0, len(points))[:, None]
    return tubes(points, radius, np.round((1.0 - share) * FIRST_TRACK + share * LAST_TRACK).astype(np.uint8))


def _visible_radius(tracks: Array | None, camera: Camera) -> float:
    """A radius in metres that shows in the picture, in coarse steps: a moving camera does not redraw every line."""
    if tracks is None or not tracks.size:
        return TRACK_RADIUS
    distance = float(np.linalg.norm(tracks - camera.position, axis=-1).min())
    wanted = TRACK_PIXELS * distance / camera.intrinsics.fl_x
    return TRACK_RADIUS * 1.3 ** max(0.0, float(np.ceil(np.log(wanted / TRACK_RADIUS + 1e-9) / np.log(1.3))))


def _bleached(skinned: SkinnedMesh) -> SkinnedMesh:
    """The agent without its coat, so that the tint alone decides the colour."""
    mesh, white = skinned.mesh, np.uint8(255)
    if mesh.texture is not None:
        return replace(skinned, mesh=replace(mesh, texture=np.full((1, 1, 3), white)))
    return replace(skinned, mesh=replace(mesh, colors=np.full(mesh.vertices.shape, white)))


def _lowered(name: str, points: Array | None, drop: Array) -> Array | None:
    """Points (n, K, 3) lowered from the root to what carries it."""
    return None if points is None else _on_floor(checked(name, points, (None, None, 3)) - drop)


def _on_floor(points: Array) -> Array:
    points = np.array(points, dtype=np.float64)
    points[..., 2] = np.maximum(points[..., 2], ABOVE_FLOOR)
    return points
