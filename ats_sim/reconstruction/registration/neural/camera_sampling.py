"""Where training renders are taken from: near the walkthrough's way and anywhere in the air, as a hand holds it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, look_at, rigid
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

Style = Literal["handheld", "paper"]
NEAR_SPREAD = 0.25
BELOW, ABOVE = 0.9, 0.3
DOWN, UP = np.radians(55.0), np.radians(20.0)
HANDHELD_ROLL = np.radians(4.0)
PAPER_ELEVATION, PAPER_ROLL = np.radians(45.0), np.radians(30.0)


def sample_cameras(
    rng: np.random.Generator, count: int, walked: Array, volume: TsdfVolume, style: Style = "handheld"
) -> Array:
    """Cameras (count,4,4), half of them near positions of `walked` (n,4,4), half spread over space.

    "handheld" spreads over the volume's free space at the heights of hands, and looks level or down. "paper" is the
    sampling of Yang et al. 2024: uniform in the box of the scene, elevation within 45 and roll within 30 degrees.
    """
    near = walked[rng.integers(len(walked), size=count), :3, 3] + rng.normal(scale=NEAR_SPREAD, size=(count, 3))
    far = _in_free_space(rng, count, walked, volume) if style == "handheld" else _in_box(rng, count, volume)
    eye = np.where(rng.random((count, 1)) < 0.5, near, far)
    azimuth = rng.uniform(-np.pi, np.pi, size=count)
    if style == "handheld":
        elevation, roll = rng.uniform(-DOWN, UP, size=count), rng.normal(scale=HANDHELD_ROLL, size=count)
    else:
        elevation = rng.uniform(-PAPER_ELEVATION, PAPER_ELEVATION, size=count)
        roll = rng.uniform(-PAPER_ROLL, PAPER_ROLL, size=count)
    ahead = np.stack(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], axis=1
    )
    turn = exp_so3(np.column_stack([np.zeros((count, 2)), roll]))
    return np.asarray(look_at(eye, eye + ahead) @ rigid(turn, np.zeros(3)))


def _in_free_space(rng: np.random.Generator, count: int, walked: Array, volume: TsdfVolume) -> Array:
    """Positions (count,3) in voxels seen to be empty, between knee and raised hand of whoever walked."""
    height = np.median(walked[:, 2, 3])
    rows = np.arange(volume.shape[2]) * volume.voxel_size + volume.origin[2]
    band = (rows > height - BELOW) & (rows < height + ABOVE)
    open_air = (volume.weight > 0) & (volume.distance > 0.9 * volume.truncation) & band
    cells = np.argwhere(open_air)
    if not len(cells):
        return np.asarray(walked[rng.integers(len(walked), size=count), :3, 3])
    chosen = cells[rng.integers(len(cells), size=count)]
    return np.asarray((chosen + rng.uniform(-0.5, 0.5, size=(count, 3))) * volume.voxel_size + volume.origin)


def _in_box(rng: np.random.Generator, count: int, volume: TsdfVolume) -> Array:
    size = (np.array(volume.shape) - 1) * volume.voxel_size
    return np.asarray(volume.origin + rng.uniform(size=(count, 3)) * size)
