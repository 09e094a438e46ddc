"""Coats as vertex colours: a ground colour and soft-edged markings, each an ellipsoid on some parts of the body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh

Color = tuple[float, float, float]


class Coat(Protocol):
    """The colours of one individual, sRGB, 0-255."""

    @property
    def iris(self) -> Color:
        """Eye colour."""

    @property
    def nose(self) -> Color:
        """Nose leather."""

    @property
    def rim(self) -> Color:
        """Skin around the eye."""

    def colors(self, body: SkinnedMesh, scale: float) -> Array:
        """Vertex colours (V, 3) uint8 of a body at rest; `scale` relates it to its plan."""


@dataclass(frozen=True)
class Marking:
    """A patch of colour, alike on both sides."""

    color: Color
    joints: tuple[str, ...]
    """Parts of the names of the joints whose skin it may colour."""
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the ellipsoid, in the root frame of the plan at rest, left side, metres."""
    radii: tuple[float, float, float] = (9.0, 9.0, 9.0)
    """Half axes of the ellipsoid, metres."""
    facing: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Unit direction in which the skin must look, left side; zeros where that does not matter."""
    strength: float = 1.0
    """Share of its colour in its middle."""


@dataclass(frozen=True)
class Pattern:
    """One of a species' coats."""

    base: Color
    """Ground colour."""
    markings: tuple[Marking, ...]
    """Painted over it in this order."""
    iris: Color = (92, 56, 30)
    nose: Color = (28, 24, 24)
    rim: Color = (30, 26, 24)


@dataclass(frozen=True, eq=False)
class PatternedCoat:
    """A pattern as one individual wears it."""

    pattern: Pattern
    tint: Array
    """(3,) added to every colour."""
    waves: Array
    """(6, 4) wave vectors (1/m) and phases that make the edges of the markings waver."""

    @property
    def iris(self) -> Color:
        """Eye colour."""
        return self.pattern.iris

    @property
    def nose(self) -> Color:
        """Nose leather."""
        return self.pattern.nose

    @property
    def rim(self) -> Color:
        """Skin around the eye."""
        return self.pattern.rim

    def colors(self, body: SkinnedMesh, scale: float) -> Array:
        """Vertex colours (V, 3) uint8 of a body at rest; `scale` relates it to its plan."""
        points = body.mesh.vertices.astype(np.float64) / scale
        normals = body.mesh.vertex_normals().astype(np.float64)
        owner = np.array(body.skeleton.joint_names)[body.skin_joints[:, 0]]
        points, normals = (mirrored_left(vectors) for vectors in (points, normals))
        waver = np.sin(points @ self.waves[:, :3].T + self.waves[:, 3]).sum(axis=1) / np.sqrt(len(self.waves))
        grain = 1.0 + 0.03 * np.sin(points @ (self.waves[:3, :3].T * 7.0)).sum(axis=1, keepdims=True)
        color = np.tile(self.pattern.base, (len(points), 1))
        for marking in self.pattern.markings:
            color = mix(color, marking.color, _share(marking, points, normals, owner, waver))
        return np.clip((color + self.tint) * grain, 0, 255).astype(np.uint8)


def draw_pattern(patterns: tuple[Pattern, ...], rng: np.random.Generator) -> PatternedCoat:
    """Draw one of the patterns, a little lighter or darker, warmer or colder."""
    pattern = patterns[int(rng.integers(len(patterns)))]
    tint = rng.normal(scale=5.0) + rng.normal(scale=3.0) * np.array([1.0, 0.2, -1.0])
    waves = np.concatenate([rng.normal(scale=28.0, size=(6, 3)), rng.uniform(0, 2 * np.pi, size=(6, 1))], axis=1)
    return PatternedCoat(pattern, tint, waves)


def _share(marking: Marking, points: Array, normals: Array, owner: Array, waver: Array) -> Array:
    radius = np.linalg.norm((points - marking.centre) / marking.radii, axis=1)
    inside = ramp(1.0 - radius + 0.06 * waver, 0.0, 0.25)
    if any(marking.facing):
        inside = inside * ramp(normals @ np.array(marking.facing), 0.2, 0.6)
    return marking.strength * inside * any_of(owner, marking.joints)


def mirrored_left(vectors: Array) -> Array:
    """Vectors (..., 3) with those of the right side thrown over to the left."""
    return vectors * [1.0, 0.0, 1.0] + np.abs(vectors) * [0.0, 1.0, 0.0]


def mix(color: Array, other: Color, share: Array) -> Array:
    """Colours (V, 3) blended towards another by a share (V,)."""
    return color + (np.asarray(other) - color) * np.asarray(share, dtype=np.float64)[:, None]


def ramp(value: Array, low: float, high: float) -> Array:
    """0 up to `low`, 1 from `high` on, smooth between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def any_of(owner: Array, parts: tuple[str, ...]) -> Array:
    """Whether joint names (V,) hold one of some parts of names."""
    return np.logical_or.reduce([np.char.find(owner, part) >= 0 for part in parts])
