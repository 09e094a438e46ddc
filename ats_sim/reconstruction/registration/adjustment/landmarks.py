"""Points on the map's surface, and which of them a camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, transform_points
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.scene.raycast import Raycaster

SPACING = 0.08
MOST = 40_000
NEAREST, FARTHEST = 0.3, 6.0
FACING = 0.2
HIDDEN = 0.05
HIDDEN_SHARE = 0.02
DISAGREES = 0.12
DISAGREES_SHARE = 0.04
CAST_WIDTH = 96


@dataclass(frozen=True, eq=False)
class Sighting:
    """What one camera sees of the landmarks."""

    index: Array
    """(M,) which landmarks."""
    pixels: Array
    """(M, 2) where."""


class Landmarks:
    """P points spread evenly over a mesh."""

    def __init__(self, mesh: TriangleMesh, rng: np.random.Generator, spacing: float = SPACING) -> None:
        """Sample one point per `spacing` x `spacing` metres of surface, at most 40 000."""
        normals = mesh.face_normals().astype(np.float64)
        twice = np.linalg.norm(normals, axis=1)
        total = float(twice.sum())
        count = min(MOST, int(0.5 * total / spacing**2)) if total > 0 else 0
        # Evenly along the running sum of areas: less clumped than independent draws.
        edges = np.cumsum(twice)
        face = np.searchsorted(edges, (np.arange(count) + rng.random(count)) * total / max(count, 1))
        face = np.minimum(face, len(mesh.faces) - 1)
        a, b = rng.random((2, count))
        a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
        corners = mesh.vertices[mesh.faces[face]].astype(np.float64)
        self.points: Array = (
            corners[:, 0] + a[:, None] * (corners[:, 1] - corners[:, 0]) + b[:, None] * (corners[:, 2] - corners[:, 0])
        )
        self.normals: Array = normals[face] / np.maximum(twice[face], 1e-12)[:, None]
        self._caster = Raycaster(mesh)

    def __len__(self) -> int:
        return len(self.points)

    def seen(self, intrinsics: Intrinsics, T_world_camera: Array, depth: Array, ignore: Array | None) -> Sighting:
        """Landmarks in view that the map does not hide, and that the sensor's depth (H,W; 0 = unknown) confirms to
        12 cm: neither the agent (`ignore` (H,W) bool) nor something that moved stands there now."""
        local = transform_points(inverse(T_world_camera), self.points)
        u, v, z = intrinsics.project(local)
        inside = (z > NEAREST) & (z < FARTHEST) & (u >= 0) & (v >= 0)
        inside &= (u <= intrinsics.width - 1) & (v <= intrinsics.height - 1)
        index = np.flatnonzero(inside)
        ray = self.points[index] - T_world_camera[:3, 3]
        facing = -(ray * self.normals[index]).sum(1) / np.maximum(np.linalg.norm(ray, axis=1), 1e-9)
        index = index[facing > FACING]
        pixels, z = np.stack([u[index], v[index]], axis=1), z[index]
        column, row = np.rint(pixels).astype(int).T
        sensed = depth[row, column]
        keep = (sensed > 0) & (np.abs(sensed - z) < DISAGREES + DISAGREES_SHARE * z)
        if ignore is not None:
            keep &= ~ignore[row, column]
        small = intrinsics.scaled(min(1.0, CAST_WIDTH / intrinsics.width))
        surface, _ = self._caster.depth(small, T_world_camera)
        scale = np.array([small.width / intrinsics.width, small.height / intrinsics.height])
        x, y = np.clip(np.rint((pixels + 0.5) * scale - 0.5).astype(int).T, 0, [[small.width - 1], [small.height - 1]])
        keep &= z < surface[y, x] + HIDDEN + HIDDEN_SHARE * z
        return Sighting(index[keep], pixels[keep])
