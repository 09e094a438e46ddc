"""Which pixels are fused: a plane at any angle is smooth, an edge between two surfaces is not."""

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.observation import reliable, unbent

WIDTH, HEIGHT, FOCAL = 96, 72, 85.0


def ceiling(height: float, pitch: float) -> Array:
    """Exact depth (H, W) of a level plane `height` metres above a camera that looks up by `pitch`; 0 beside it."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    x, y = (u - WIDTH / 2) / FOCAL, (v - HEIGHT / 2) / FOCAL
    up = np.sin(pitch) - y * np.cos(pitch) + 0.0 * x
    return np.where(up > 0.05, height / np.maximum(up, 1e-6), 0.0).astype(np.float32)


def test_a_ceiling_at_a_grazing_angle_is_smooth_as_far_as_one_sees() -> None:
    depth = ceiling(1.2, 0.15)
    far = (depth > 4.0) & (depth < 7.0)
    inner = np.zeros_like(far)
    inner[3:-3, 3:-3] = True
    seen = np.roll(depth, -2, axis=0) > 0.0
    assert far.sum() > 500 and unbent(depth)[far & inner & seen].all()
    assert reliable(depth, None)[far].mean() < 0.5


@pytest.mark.parametrize("noise", [0.0, 0.004])
@pytest.mark.parametrize("jump", [0.3, 1.0])
def test_both_sides_of_an_edge_are_left_out(jump: float, noise: float) -> None:
    depth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    depth[:, 50:] += jump
    depth += (noise * np.random.default_rng(0).standard_normal(depth.shape)).astype(np.float32)
    kept = unbent(depth)
    assert not kept[:, 49:51].any() and kept[:, :46].all() and kept[:, 54:].all()


def test_what_has_no_depth_is_no_surface_and_makes_no_edge() -> None:
    depth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    depth[30:40, 20:30] = 0.0
    assert (unbent(depth) == (depth > 0.0)).all()
