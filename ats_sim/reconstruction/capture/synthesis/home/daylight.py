"""The light of one day, computed once and painted into the home's texture: sun, sky, lamps and what walls give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.capture.synthesis.home.atlas import fractions
from ats_sim.reconstruction.capture.synthesis.home.layout import HomeLayout
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch
from ats_sim.rendering.color import linear_from_fraction, srgb_from_linear

_STEP = 0.08
_GATHER = 14
_LIFT = 0.012
_REACH = 1.1


@dataclass(frozen=True)
class Daylight:
    """Light sources of one day; colours are linear RGB."""

    to_sun: tuple[float, float, float]
    sun: tuple[float, float, float]
    sky: tuple[float, float, float]
    lamps: tuple[float, float, float]
    bounce: tuple[float, float, float]

    @property
    def outside(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """sRGB of what is seen through a window, at eye height and overhead."""
        level = np.clip(np.array(self.sky) / 2.0, 0.0, 1.0) ** (1 / 2.4)
        low, high = 232 * level, np.array([150, 186, 224]) * level
        return tuple(int(v) for v in low), tuple(int(v) for v in high)  # type: ignore[return-value]


NEUTRAL = Daylight((0.4, 0.3, 0.85), (0.0, 0.0, 0.0), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), (0.62, 0.62, 0.62))


def draw_daylight(rng: np.random.Generator, style: Literal["varied", "day", "evening", "constant"]) -> Daylight:
    """The light of a random day: sunny, overcast or lamp-lit evening."""
    if style == "constant":
        return NEUTRAL
    azimuth, height = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(18, 50))
    to_sun = (float(np.cos(azimuth) * np.cos(height)), float(np.sin(azimuth) * np.cos(height)), float(np.sin(height)))
    kinds = {"varied": ("sunny", "sunny", "overcast", "evening"), "day": ("sunny", "overcast"), "evening": ("evening",)}
    kind = rng.choice(kinds[style])
    level = rng.uniform(0.85, 1.2)
    warm = rng.uniform(0.0, 0.12)
    if kind == "evening":
        return Daylight(
            to_sun,
            (0, 0, 0),
            _times((0.10, 0.13, 0.22), level),
            _times((1.7, 1.35, 0.92), level),
            _times((0.44, 0.36, 0.27), level),
        )
    sun = 1.9 * level if kind == "sunny" else 0.0
    sky = (1.7, 1.85, 2.05) if kind == "sunny" else (2.2, 2.25, 2.3)
    bounce = (0.62 + warm / 2, 0.60, 0.58 - warm / 2)
    return Daylight(
        to_sun,
        (sun * (1 + warm), sun * 0.95, sun * (0.85 - warm)),
        _times(sky, level),
        (0, 0, 0),
        _times(bounce, level),
    )


def _times(color: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return color[0] * factor, color[1] * factor, color[2] * factor


class LightTracer:
    """Traces light in one layout (without the animal)."""

    def __init__(self, layout: HomeLayout, day: Daylight, rng: np.random.Generator):
        from embreex.mesh_construction import TriangleMesh as EmbreeMesh
        from embreex.rtcore_scene import EmbreeScene

        self._layout, self._day, self._rng = layout, day, rng
        self._scene = EmbreeScene()
        mesh: TriangleMesh = layout.mesh
        EmbreeMesh(self._scene, np.ascontiguousarray(mesh.vertices[mesh.faces], np.float32))

    def irradiance(self, points: Array, normals: Array) -> Array:
        """Light (N, 3), linear, that arrives at points (N, 3) with unit normals (N, 3); 1 shows a surface as it is."""
        lifted = points + _LIFT * normals
        light = self._bounce(lifted, normals) + self._sun(lifted, normals)
        for window in self._layout.windows:
            along = np.array([-window.inward[1], window.inward[0], 0.0]) * window.width / 4
            up = np.array([0, 0, window.height / 4])
            inward = np.array([*window.inward, 0.0])
            for a, b in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
                source = window.center + a * along + b * up
                light += self._area(lifted, normals, source, inward, window.width * window.height / 4)
        if any(self._day.lamps):
            for position in self._bulbs():
                light += self._bulb(lifted, normals, position)
        return light

    def _bulbs(self) -> list[Array]:
        ceiling = [np.array([*room.center, 2.3]) for room in self._layout.rooms]
        return ceiling + [lamp.position for lamp in self._layout.lamps]

    def _free(self, origins: Array, directions: Array, reach: Array) -> Array:
        distance = self._scene.run(origins.astype(np.float32), directions.astype(np.float32), query="DISTANCE")
        return np.asarray(distance >= reach - 1e-3)

    def _bounce(self, points: Array, normals: Array) -> Array:
        """Light that has been everywhere: what is left of the half space above a point within a metre."""
        count = len(points)
        k = np.arange(_GATHER)
        turn = self._rng.uniform(0, 2 * np.pi, count)[:, None] + k * 2.39996
        radius = np.sqrt((k + 0.5) / _GATHER)
        tangent = np.cross(normals, np.where(np.abs(normals[:, :1]) < 0.8, [[1.0, 0, 0]], [[0, 1.0, 0]]))
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        other = np.cross(normals, tangent)
        directions = (
            (radius * np.cos(turn))[..., None] * tangent[:, None]
            + (radius * np.sin(turn))[..., None] * other[:, None]
            + np.sqrt(1 - radius**2)[None, :, None] * normals[:, None]
        )
        origins = np.repeat(points[:, None], _GATHER, axis=1)
        distance = self._scene.run(
            origins.reshape(-1, 3).astype(np.float32), directions.reshape(-1, 3).astype(np.float32), query="DISTANCE"
        ).reshape(count, _GATHER)
        open_share = np.clip(distance / _REACH, 0, 1).mean(1) ** 0.8
        return (open_share * (0.85 + 0.15 * normals[:, 2]))[:, None] * np.array(self._day.bounce)

    def _sun(self, points: Array, normals: Array) -> Array:
        light = np.zeros((len(points), 3))
        to_sun = np.array(self._day.to_sun)
        facing = normals @ to_sun
        lit = np.flatnonzero(facing > 0.02)
        if not any(self._day.sun) or not len(lit):
            return light
        free = self._free(points[lit], np.repeat(to_sun[None], len(lit), axis=0), np.full(len(lit), 1e6))
        light[lit] = (facing[lit] * free)[:, None] * np.array(self._day.sun)
        return light

    def _area(self, points: Array, normals: Array, source: Array, facing: Array, area: float) -> Array:
        to_source = source - points
        distance = np.linalg.norm(to_source, axis=1)
        direction = to_source / distance[:, None]
        form = (
            np.clip((direction * normals).sum(1), 0, 1)
            * np.clip(-direction @ facing, 0, 1)
            * area
            / (np.pi * (distance**2 + 0.25))
        )
        return self._where_seen(points, direction, distance, form, np.array(self._day.sky) * 2.2)

    def _bulb(self, points: Array, normals: Array, source: Array) -> Array:
        to_source = source - points
        distance = np.linalg.norm(to_source, axis=1)
        direction = to_source / distance[:, None]
        form = np.clip((direction * normals).sum(1), 0, 1) / (distance**2 + 0.5)
        return self._where_seen(points, direction, distance, form, np.array(self._day.lamps))

    def _where_seen(self, points: Array, direction: Array, distance: Array, form: Array, color: Array) -> Array:
        light = np.zeros((len(points), 3))
        near = np.flatnonzero(form > 2e-3)
        if len(near):
            free = self._free(points[near], direction[near], distance[near] - 0.05)
            light[near] = (form[near] * free)[:, None] * color
        return light


def paint_light(layout: HomeLayout, day: Daylight, rng: np.random.Generator) -> Array:
    """The home's texture (S, S, 3) uint8 with the light of a day in it."""
    import cv2

    tracer = LightTracer(layout, day, rng)
    grids = [_light_grid(patch) for patch in layout.patches]
    points = np.concatenate([grid[0].reshape(-1, 3) for grid in grids])
    normals = np.concatenate([grid[1].reshape(-1, 3) for grid in grids])
    light = tracer.irradiance(points, normals).astype(np.float32)
    albedo, atlas = np.asarray(layout.mesh.texture), layout.atlas
    lit = np.zeros_like(albedo)
    start = 0
    for (grid, _), patch, slot in zip(grids, layout.patches, atlas.slots, strict=True):
        rows, columns = grid.shape[:2]
        here = light[start : start + rows * columns].reshape(rows, columns, 3)
        start += rows * columns
        if min(rows, columns) >= 4:
            here = cv2.GaussianBlur(here, (3, 3), 0.7)
        fine = cv2.resize(here, (slot.width, slot.height), interpolation=cv2.INTER_LINEAR)
        if patch.material == "lamp_shade" and any(day.lamps):
            fine = fine + 0.9
        region = albedo[slot.y : slot.y + slot.height, slot.x : slot.x + slot.width]
        atlas.place(lit, slot, shaded(region, fine))
    return lit


_LINEAR = linear_from_fraction(np.arange(256) / 255)


def shaded(albedo: Array, light: Array) -> Array:
    """Colours (..., 3) uint8 of surfaces under linear light; bright light is compressed as film does."""
    linear = _LINEAR[albedo] * light
    soft = np.where(linear < 0.7, linear, 0.7 + 0.3 * (1 - np.exp(-(linear - 0.7) / 0.3)))
    return srgb_from_linear(soft)


def _light_grid(patch: Patch) -> tuple[Array, Array]:
    """Points (r, c, 3) about every 8 cm on a patch and the outward unit normals there."""
    width, height = patch.size
    columns, rows = int(np.clip(np.ceil(width / _STEP), 2, 200)), int(np.clip(np.ceil(height / _STEP), 2, 200))
    s, t = fractions(patch)
    x = np.interp((np.arange(columns) + 0.5) / columns, s, np.arange(len(s)))
    y = np.interp((np.arange(rows) + 0.5) / rows, t, np.arange(len(t)))
    column = np.minimum(x.astype(int), len(s) - 2)
    row = np.minimum(y.astype(int), len(t) - 2)
    fx, fy = (x - column)[None, :, None], (y - row)[:, None, None]
    a, b = patch.grid[row][:, column], patch.grid[row][:, column + 1]
    d, c = patch.grid[row + 1][:, column], patch.grid[row + 1][:, column + 1]
    points = (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * d + fx * c)
    across, down = (1 - fy) * (b - a) + fy * (c - d), (1 - fx) * (d - a) + fx * (c - b)
    normals = np.cross(down, across)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return points, np.where(length > 1e-12, normals / np.maximum(length, 1e-12), [0.0, 0.0, 1.0])
