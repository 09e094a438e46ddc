"""Where the floor is: the lowest large horizontal layer of the scene, never assumed at zero."""

from __future__ import annotations

import numpy as np

from ats_sim.errors import ReconstructionError
from ats_sim.mesh import TriangleMesh

BIN = 0.02
LEVEL = np.cos(np.radians(15.0))
SHARE_OF_LARGEST = 0.3
NEAR = 0.04


def floor_height(mesh: TriangleMesh) -> float:
    """World z (metres) of the lowest upward layer at least 0.3 times as large as the largest one (a table top may be
    larger than the visible floor); the area-weighted mean of the faces within 4 cm of it.

    Raises:
        ReconstructionError: If the mesh has no face that looks up.
    """
    normals = mesh.face_normals()
    area = 0.5 * np.linalg.norm(normals, axis=1)
    height = mesh.vertices[mesh.faces].mean(axis=1)[:, 2].astype(np.float64)
    level = (normals[:, 2] > LEVEL * 2.0 * area) & (area > 0)
    if not level.any():
        raise ReconstructionError("the scene has no surface that faces up: is its z axis the vertical one?")
    height, area = height[level], area[level]
    first = np.floor(height.min() / BIN)
    layers = np.convolve(np.bincount((np.floor(height / BIN) - first).astype(int), area), np.ones(3), mode="same")
    lowest = int(np.flatnonzero(layers >= SHARE_OF_LARGEST * layers.max())[0])
    # The first bin over the threshold is the layer's lower edge; its peak lies within the next few bins.
    peak = lowest + int(np.argmax(layers[lowest : lowest + 5]))
    centre = (first + peak + 0.5) * BIN
    near = np.abs(height - centre) < NEAR
    return float(np.average(height[near], weights=area[near]))
