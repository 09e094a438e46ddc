"""A tabby coat as vertex colours: mackerel stripes, ringed tail and legs, lighter belly, muzzle and chin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.capture.synthesis.animal.coat import Color, any_of, mirrored_left, mix, ramp


@dataclass(frozen=True, eq=False)
class Tabby:
    """Colours (sRGB, 0-255) and stripes of one cat."""

    base: Color
    """Ground colour between the stripes."""
    stripe: Color
    """Colour of the stripes."""
    belly: Color
    """Colour of belly, chest, muzzle and chin."""
    iris: Color
    """Eye colour."""
    nose: Color
    """Nose leather."""
    rim: Color
    """Skin around the eye."""
    ear: Color
    """Inside of the ear."""
    wavelength: float
    """Distance between stripes on the flank, metres."""
    waves: Array
    """(6, 4) wave vectors and phases that make the stripes waver."""

    def colors(self, body: SkinnedMesh, scale: float) -> Array:
        """Vertex colours (V, 3) uint8 of a cat at rest; `scale` relates it to its plan."""
        points = body.mesh.vertices.astype(np.float64) / scale
        normals = body.mesh.vertex_normals().astype(np.float64)
        owner = np.array(body.skeleton.joint_names)[body.skin_joints[:, 0]]
        local = points - body.skeleton.rest_transforms[body.skin_joints[:, 0], :3, 3] / scale
        folded = mirrored_left(points)
        waver = np.sin(folded @ self.waves[:, :3].T + self.waves[:, 3]).sum(axis=1) / np.sqrt(len(self.waves))

        dark = _stripes(points, local, owner, waver, self.wavelength)
        light = _lightness(points, normals, local, owner)
        grain = 1.0 + 0.03 * np.sin(folded @ (self.waves[:3, :3].T * 7.0)).sum(axis=1, keepdims=True)
        color = mix(np.tile(self.base, (len(points), 1)), self.stripe, dark) * grain
        color = mix(color, self.belly, light)
        color = _face(color, points, normals, local, owner, self)
        return np.clip(color, 0, 255).astype(np.uint8)


_PALETTES: tuple[tuple[Color, Color, Color], ...] = (
    ((176, 144, 108), (70, 52, 38), (232, 214, 188)),
    ((158, 152, 144), (58, 56, 56), (226, 222, 214)),
    ((224, 158, 92), (164, 88, 38), (250, 230, 204)),
)


def draw_tabby(rng: np.random.Generator) -> Tabby:
    """Draw a coat: brown, grey or ginger tabby."""
    base, stripe, belly = _PALETTES[int(rng.integers(len(_PALETTES)))]
    tint = rng.normal(scale=6.0) + rng.normal(scale=4.0) * np.array([1.0, 0.2, -1.0])

    def shifted(color: Color) -> Color:
        return tuple(float(c) for c in np.clip(np.array(color) + tint, 0, 255))  # type: ignore[return-value]

    waves = np.concatenate([rng.normal(scale=28.0, size=(6, 3)), rng.uniform(0, 2 * np.pi, size=(6, 1))], axis=1)
    iris = ((168, 176, 72), (202, 160, 60), (120, 168, 104))[int(rng.integers(3))]
    return Tabby(
        base=shifted(base),
        stripe=shifted(stripe),
        belly=shifted(belly),
        iris=iris,
        nose=(206, 128, 122),
        rim=(38, 32, 30),
        ear=(214, 164, 152),
        wavelength=float(rng.uniform(0.030, 0.036)),
        waves=waves,
    )


def _stripes(points: Array, local: Array, owner: Array, waver: Array, wavelength: float) -> Array:
    phase = 2 * np.pi * points[:, 0] / wavelength + 0.9 * waver
    # Mackerel stripes lean backwards towards the belly.
    trunk = np.sin(phase + 12.0 * points[:, 2])
    dark = np.clip(1.4 * (trunk - 0.05), 0.0, 0.85)
    spine = np.exp(-((points[:, 1] / 0.010) ** 2)) * (points[:, 2] > 0.02)
    dark = np.maximum(dark, 0.8 * spine)

    tail = np.char.startswith(owner, "tail")
    rings = np.clip(1.6 * np.sin(2 * np.pi * points[:, 0] / 0.036 + 0.3 * waver), 0.0, 0.9)
    dark = np.where(tail, np.maximum(rings, points[:, 0] < -0.375), dark)

    leg = any_of(owner, ("upper_arm", "forearm", "shank", "hock"))
    bands = np.clip(1.3 * np.sin(2 * np.pi * points[:, 2] / 0.026 + 0.5 * waver) - 0.1, 0.0, 0.75)
    dark = np.where(leg, bands, dark)

    head = owner == "head"
    crown = np.clip(1.5 * np.cos(2 * np.pi * points[:, 1] / 0.016), 0.0, 0.8) * (local[:, 2] > 0.018)
    cheek = np.clip(1.6 * np.sin(2 * np.pi * (local[:, 2] + 0.25 * local[:, 0]) / 0.016) - 0.3, 0.0, 0.7)
    cheek = cheek * (np.abs(local[:, 1]) > 0.022) * (local[:, 0] < 0.045)
    dark = np.where(head, np.maximum(crown, cheek), dark)
    return np.where(any_of(owner, ("paw",)), 0.0, dark)


def _lightness(points: Array, normals: Array, local: Array, owner: Array) -> Array:
    trunk = any_of(owner, ("root", "spine"))
    belly = ramp(-normals[:, 2], 0.35, 0.75) * ramp(-points[:, 2], 0.02, 0.05) * trunk
    bib = ramp(normals[:, 0], 0.35, 0.7) * ramp(points[:, 0], 0.12, 0.15) * ramp(-points[:, 2], -0.03, 0.01) * trunk
    socks = 0.75 * any_of(owner, ("paw",))
    head = owner == "head"
    muzzle = ramp(local[:, 0], 0.056, 0.066) * ramp(-local[:, 2], -0.002, 0.008) * head
    chin = ramp(-local[:, 2], 0.016, 0.026) * ramp(local[:, 0], 0.02, 0.04) * head
    return np.maximum.reduce([belly, bib, socks, 0.95 * muzzle, 0.95 * chin])


def _face(color: Array, points: Array, normals: Array, local: Array, owner: Array, coat: Tabby) -> Array:
    head = owner == "head"
    ear = head & (local[:, 2] > 0.052)
    inside = ear & (normals[:, 0] > 0.25) & (np.abs(local[:, 1]) > 0.019)
    color = mix(color, coat.ear, 0.85 * inside)
    color = mix(color, coat.stripe, 0.5 * (ear & ~inside))
    to_eye = np.hypot(np.abs(local[:, 1]) - 0.021, local[:, 2] - 0.009)
    socket = head & (local[:, 0] > 0.035)
    return mix(color, coat.belly, 0.55 * ramp(-to_eye, -0.021, -0.014) * socket)
