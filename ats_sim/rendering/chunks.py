"""Cutting a large mesh into chunks on a grid, so that only what the camera can see is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

CHUNK_SIZE = 0.8
WORTH_CUTTING = 1500


@dataclass(frozen=True)
class Chunks:
    """Runs of faces with the boxes around them."""

    order: Array
    """(F,) the faces in drawing order; a chunk is a run of it."""
    starts: Array
    """(K + 1,) first face of each chunk, and F."""
    centers: Array
    """(K, 3) box centres, metres."""
    halves: Array
    """(K, 3) half the boxes' sizes, metres."""

    @classmethod
    def of(cls, vertices: Array, faces: Array) -> Chunks:
        """Group the faces (F, 3) by the grid cell of their middle; small meshes stay one chunk."""
        corners = vertices[faces]
        keys = np.zeros(len(faces), dtype=np.int64)
        if len(faces) >= WORTH_CUTTING:
            cells = np.floor(corners.mean(1) / CHUNK_SIZE).astype(np.int64)
            cells -= cells.min(0)
            keys = np.ravel_multi_index(tuple(cells.T), tuple(cells.max(0) + 1))
        order = np.argsort(keys, kind="stable")
        starts = np.nonzero(np.diff(keys[order], prepend=-1))[0]
        low = np.minimum.reduceat(corners.min(1)[order], starts)
        high = np.maximum.reduceat(corners.max(1)[order], starts)
        return cls(order, np.append(starts, len(faces)), (low + high) / 2.0, (high - low) / 2.0)

    def nearest_first(self, T_clip_mesh: Array) -> list[tuple[int, int]]:
        """(first face, number of faces) of the chunks that may touch the clip volume of a matrix (4, 4).

        Nearer chunks come first, so that most of what is behind them is never coloured.
        """
        planes = np.concatenate([T_clip_mesh[3] + T_clip_mesh[:3], T_clip_mesh[3] - T_clip_mesh[:3]])
        normals, offsets = planes[:, :3], planes[:, 3]
        farthest = self.centers @ normals.T + offsets + self.halves @ np.abs(normals).T
        seen = np.nonzero((farthest >= 0.0).all(1))[0]
        depth = self.centers[seen] @ T_clip_mesh[3, :3] - self.halves[seen] @ np.abs(T_clip_mesh[3, :3])
        seen = seen[np.argsort(depth, kind="stable")]
        starts = self.starts[seen]
        return list(zip(starts.tolist(), (self.starts[seen + 1] - starts).tolist(), strict=True))
