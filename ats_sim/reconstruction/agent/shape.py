"""The fitted animal's look: vertex colours averaged over the frames of all videos that show each vertex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import SkinnedMesh, TriangleMesh

if TYPE_CHECKING:
    from ats_sim.reconstruction.capture.video import Video

FRAMES_PER_VIDEO = 40
DEPTH_MARGIN = 0.04
MIN_FACING = 0.25
GREY = 128.0


@dataclass(frozen=True, eq=False)
class PosedFrames:
    """Fitted frames of one video."""

    video: Video
    """Where the pictures are."""
    frames: Array
    """(K,) frame numbers with evidence."""
    masks: dict[int, Array]
    """Agent masks by frame number."""
    T_world_camera: Array
    """(N, 4, 4) of all frames of the video."""
    T_world_root: Array
    """(K, 4, 4)."""
    joint_rotations: Array
    """(K, J, 3)."""


def colored(skinned: SkinnedMesh, parts: Sequence[PosedFrames]) -> SkinnedMesh:
    """The mesh with the mean colour that the pictures show on each vertex.

    Every video is first brought to the common brightness of what it shares with the others. Vertices that no picture
    shows take the colour of their mirror image, then of their neighbours.
    """
    count = len(skinned.mesh.vertices)
    total, weight = np.zeros((count, 3)), np.zeros(count)
    for part in parts:
        seen, share = _video_colors(skinned, part)
        mean = np.divide(seen, share[:, None], where=share[:, None] > 0, out=np.zeros_like(seen))
        both = (share > 0) & (weight > 0)
        if both.sum() > 20:
            target = (total[both] / weight[both, None]).mean(0)
            mean = mean * np.clip(target / np.maximum(mean[both].mean(0), 1.0), 0.5, 2.0)
        total += mean * share[:, None]
        weight += share
    colors = np.divide(total, weight[:, None], where=weight[:, None] > 0, out=np.full((count, 3), GREY))
    colors = _filled(skinned.mesh, colors, weight > 0)
    mesh = replace(skinned.mesh, colors=np.rint(colors).clip(0, 255).astype(np.uint8))
    return replace(skinned, mesh=mesh)


def _video_colors(skinned: SkinnedMesh, part: PosedFrames) -> tuple[Array, Array]:
    """Weighted colour sums (V, 3) and weights (V,) of one video."""
    count = len(skinned.mesh.vertices)
    total, weight = np.zeros((count, 3)), np.zeros(count)
    picked = np.linspace(0, len(part.frames) - 1, min(FRAMES_PER_VIDEO, len(part.frames)))
    for k in np.unique(picked.astype(int)):
        frame = int(part.frames[k])
        vertices = skinned.posed(part.T_world_root[k], part.joint_rotations[k])
        facing, pixel = _visible(part, frame, vertices, skinned.mesh.faces)
        shown = facing > 0
        rgb = part.video.rgb(frame)[pixel[shown, 0], pixel[shown, 1]].astype(np.float64)
        total[shown] += rgb * facing[shown, None]
        weight[shown] += facing[shown]
    return total, weight


def _visible(part: PosedFrames, frame: int, vertices: Array, faces: Array) -> tuple[Array, Array]:
    """How squarely (V,) the camera sees each vertex, 0 where it does not, and its pixel (V, 2) row, column."""
    pose, lens = part.T_world_camera[frame], part.video.intrinsics
    normals = TriangleMesh(vertices, faces).vertex_normals()
    u, v, z = lens.project(transform_points(inverse(pose), vertices.astype(np.float64)))
    row, column = np.rint(v).astype(int), np.rint(u).astype(int)
    inside = (z > 0.1) & (row >= 0) & (column >= 0) & (row < lens.height) & (column < lens.width)
    row, column = np.where(inside, row, 0), np.where(inside, column, 0)
    view = pose[:3, 3] - vertices
    facing = (normals * view).sum(1) / np.maximum(np.linalg.norm(view, axis=1), 1e-6)
    near = np.abs(part.video.depth(frame)[row, column] - z) < DEPTH_MARGIN
    shown = inside & near & part.masks[frame][row, column] & (facing > MIN_FACING)
    return np.where(shown, facing**2, 0.0), np.stack([row, column], axis=1)


def _filled(mesh: TriangleMesh, colors: Array, known: Array) -> Array:
    """Give unseen vertices the colour of their mirror image, else of their surroundings."""
    from scipy.spatial import cKDTree

    if not known.any():
        return colors
    colors, known = colors.copy(), known.copy()
    tree = cKDTree(mesh.vertices[known])
    distance, index = tree.query(mesh.vertices[~known] * [1, -1, 1])
    nearest, fallback = tree.query(mesh.vertices[~known])
    mirrored = distance < np.maximum(0.02, nearest)
    source = np.where(mirrored, index, fallback)
    colors[~known] = colors[known][source]
    return colors
