"""Pictures of one day in the home: ideal colour, depth and labels, with the animal in the room's light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.capture.synthesis.home.daylight import Daylight, LightTracer, paint_light
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout
from ats_sim.rendering import Camera, Lighting, open_renderer

HOME_LABEL, AGENT_LABEL = 1, 2
_PROBE_CELL = 0.3
_PROBE_HEIGHTS = (0.3, 0.85)


@dataclass(frozen=True)
class Shot:
    """An ideal picture: rgb (H, W, 3) uint8, z-depth (H, W) metres with 0 = nothing, agent mask (H, W) bool."""

    rgb: Array
    depth: Array
    mask: Array


class Studio:
    """Renders one layout under one day's light, with or without an animal."""

    def __init__(self, layout: HomeLayout, day: Daylight, rng: np.random.Generator, agent: SkinnedMesh | None = None):
        self._renderer = open_renderer()
        self.mesh = replace(layout.mesh, texture=paint_light(layout, day, rng))
        self._renderer.add(self.mesh, HOME_LABEL, unlit=True)
        self._agent = agent
        self._handle = -1
        self._ambient = 1.0
        self._outside = day.outside
        if agent is not None:
            self._probe = _LightProbe(layout, day, rng)
            self._handle = self._renderer.add(agent.mesh, AGENT_LABEL, casts_shadow=True, tint=self._probe.tint)

    def pose(self, T_world_root: Array, joint_rotations: Array) -> None:
        """Moves the animal."""
        if self._agent is not None:
            self._renderer.update_vertices(self._handle, self._agent.posed(T_world_root, joint_rotations))
            self._ambient = self._probe.at(T_world_root[:3, 3])

    def shoot(self, intrinsics: Intrinsics, T_world_camera: Array) -> Shot:
        """One picture; colours are averaged over the 3x3 samples about each pixel, depth is that of its centre."""
        import cv2

        light = Lighting(
            ambient=0.72 * self._ambient,
            strength=0.5 * self._ambient,
            direction=(0.25, 0.2, 0.95),
            shadow=0.75,
            horizon=self._outside[0],
            zenith=self._outside[1],
        )
        frame = self._renderer.render(Camera(_doubled(intrinsics), T_world_camera), light)
        rgb = cv2.GaussianBlur(frame.rgb, (3, 3), 0.75)[::2, ::2]
        mask = frame.labels[::2, ::2] == AGENT_LABEL
        return Shot(np.ascontiguousarray(rgb), np.ascontiguousarray(frame.depth[::2, ::2]), mask)

    def close(self) -> None:
        """Gives the renderer back."""
        self._renderer.close()


def _doubled(intrinsics: Intrinsics) -> Intrinsics:
    """Twice as many pixels, of which every other one looks through the centre of a pixel of the original."""
    k = intrinsics
    return Intrinsics(2 * k.fl_x, 2 * k.fl_y, 2 * k.cx, 2 * k.cy, 2 * k.width, 2 * k.height)


class _LightProbe:
    """How bright it is around the animal's back, on a coarse grid over the floor and one at the height of a bed."""

    def __init__(self, layout: HomeLayout, day: Daylight, rng: np.random.Generator):
        low, high = layout.nav.origin, layout.nav.to_world(np.array(layout.nav.free.shape) - 1)
        self._origin = low
        shape = (len(_PROBE_HEIGHTS), *(((high - low) / _PROBE_CELL).astype(int) + 2))
        cells = np.moveaxis(np.mgrid[: shape[1], : shape[2]], 0, -1).reshape(-1, 2) * _PROBE_CELL + low
        points = np.concatenate([np.insert(cells, 2, height, axis=1) for height in _PROBE_HEIGHTS])
        light = LightTracer(layout, day, rng).irradiance(points, np.tile([0.0, 0.0, 1.0], (len(points), 1)))
        level = light.mean(1)
        # Probes inside furniture see no light at all; the animal never is where they are.
        self._level = np.clip(level, 0.4 * np.median(level), 1.6).reshape(shape)
        mean = np.maximum(np.median(light, axis=0), 1e-3)
        red, green, blue = (mean / mean.mean()).tolist()
        self.tint = (float(red), float(green), float(blue))

    def at(self, point: Array) -> float:
        """Brightness at a point (3,), blended from the eight probes around it."""
        steps = np.diff(_PROBE_HEIGHTS)[0]
        cell = np.array([(point[2] - _PROBE_HEIGHTS[0] + 0.1) / steps, *(point[:2] - self._origin) / _PROBE_CELL])
        cell = np.clip(cell, 0, np.array(self._level.shape) - 1.001)
        k, i, j = cell.astype(int)
        f, g, h = cell - [k, i, j]
        weights = np.einsum("a,b,c->abc", [1 - f, f], [1 - g, g], [1 - h, h])
        return float((self._level[k : k + 2, i : i + 2, j : j + 2] * weights).sum())
