"""The shading model in numpy, for backends that have no shader of their own.

Colours are decoded to linear light first and encoded last. A surface turned away from the eye is lit as if it were
two-sided, with ``color * (ambient * (0.8 + 0.2 n_z) + strength * max(0, n . lamp) * lit)`` where ``lit`` falls to
``1 - shadow`` in full shadow; unlit surfaces get ``color * (0.35 + 0.65 lit)``. Where nothing is, there is sky.
Translucent surfaces cover what is behind them by their opacity, and more at the rims, so that their shape is seen.
"""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.rendering.body import unit
from ats_sim.rendering.color import linear_from_fraction, srgb_from_linear
from ats_sim.rendering.frame import Camera, Lighting

RIM = 0.8


def shade(albedo: Array, normals: Array, rays: Array, unlit: Array, lit: Array, lighting: Lighting) -> Array:
    """Lit colours (N, 3) uint8 sRGB of surface points.

    Takes sRGB fractions albedo (N, 3), normals (N, 3) of any length, viewing rays (N, 3), unlit (N,) bool and
    lit (N,), the share of the lamp that reaches each point; all in the world frame.
    """
    normals = unit(normals)
    away = np.einsum("nk,nk->n", normals, rays) > 0.0
    normals = np.where(away[:, None], -normals, normals)
    lamp = lighting.to_lamp
    facing = normals[:, 0] * lamp[0] + normals[:, 1] * lamp[1] + normals[:, 2] * lamp[2]
    shaded = lighting.ambient * (0.8 + 0.2 * normals[:, 2]) + lighting.strength * np.maximum(facing, 0.0) * lit
    light = np.where(unlit, 0.35 + 0.65 * lit, shaded)[:, None] * np.array(lighting.color)
    return srgb_from_linear(linear_from_fraction(albedo) * light)


def cover(normals: Array, rays: Array, opacity: float) -> Array:
    """(N,) share of what is behind that a translucent surface hides: opacity face on, more where it turns away."""
    facing = np.abs(np.einsum("nk,nk->n", unit(normals), unit(rays)))
    return np.asarray(opacity + RIM * (1.0 - opacity) * (1.0 - facing) ** 2)


def sky(rays: Array, lighting: Lighting) -> Array:
    """Sky colours (N, 3) uint8 along rays (N, 3) in the world frame; below the horizon it darkens."""
    elevation = (rays[:, 2] / np.linalg.norm(rays, axis=1))[:, None]
    blend = np.clip(elevation * 1.4, 0.0, 1.0)
    color = np.array(lighting.horizon) * (1.0 - blend) + np.array(lighting.zenith) * blend
    return np.asarray(np.round(color * (1.0 - 0.22 * np.clip(-elevation * 3.0, 0.0, 1.0))).astype(np.uint8))


def sky_picture(camera: Camera, lighting: Lighting) -> Array:
    """(H, W, 3) uint8 of nothing but sky."""
    rays = camera.rays()
    return sky(rays.reshape(-1, 3), lighting).reshape(rays.shape)
