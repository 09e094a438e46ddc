"""A map of where the real animal has been: the ground on which the simulated one is to be trusted."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh
from ats_sim.volume import PerceptionVolume

FELT = 0.05
"""Cells visited for less are left out, seconds."""
COMMON = 97.0
"""Percentile of the visited cells that gets the brightest colour: beds would outshine the rest."""
ABOVE = 0.03
"""How far the map floats over what carried the animal, metres."""
STOPS = np.array([[70, 30, 150], [205, 40, 120], [250, 120, 40], [255, 235, 90]], dtype=np.float64)


def heat_colors(seconds: Array, most: float) -> Array:
    """(N, 3) uint8 sRGB of visits (N,), seconds: logarithmic, violet for FELT seconds to yellow for the most."""
    share = np.log(np.clip(seconds, FELT, most) / FELT) / np.log(most / FELT)
    place = np.linspace(0.0, 1.0, len(STOPS))
    return np.stack([np.round(np.interp(share, place, STOPS[:, k])) for k in range(3)], axis=-1).astype(np.uint8)


def visits_map(volume: PerceptionVolume, root_height: float) -> TriangleMesh | None:
    """A square for each cell of `agent_visits`, where the animal's feet were; None where no visits are known.

    Squares lie on what carried the animal: the root's median height above the cell, less root_height, metres.
    """
    cells = np.argwhere(volume.agent_visits > FELT)
    if not len(cells):
        return None
    seconds = volume.agent_visits[cells[:, 0], cells[:, 1]]
    middles = volume.visit_origin + cells * volume.visit_cell
    heights = np.maximum(_root_heights(volume, middles) - root_height, 0.0) + ABOVE
    half = 0.5 * volume.visit_cell
    corners = half * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    vertices = np.concatenate(
        [middles[:, None] + corners, np.broadcast_to(heights[:, None, None], (len(cells), 4, 1))], axis=-1
    )
    faces = np.array([[0, 1, 2], [0, 2, 3]]) + 4 * np.arange(len(cells))[:, None, None]
    most = max(float(np.percentile(seconds, COMMON)), 2.0 * FELT)
    colors = np.repeat(heat_colors(seconds, most), 4, axis=0)
    return TriangleMesh(vertices.reshape(-1, 3), faces.reshape(-1, 3), colors=colors)


def _root_heights(volume: PerceptionVolume, middles: Array) -> Array:
    """(N,) heights of the real animal's root near places (N, 2), metres; 0 where no poses are known."""
    roots = volume.agent_roots[:, :3, 3]
    if not len(roots):
        return np.zeros(len(middles))
    heights = np.empty(len(middles))
    for index, middle in enumerate(middles):
        distance = np.hypot(*(roots[:, :2] - middle).T)
        heights[index] = np.median(roots[distance <= max(volume.visit_cell, float(distance.min())), 2])
    return heights
