"""The animal's true outline: all fitted frames of all videos, unbent into the rest pose and fused there.

A template's limbs have no ears of the right size, no tail of the right length, no coat. Here every frame says of every
place around the rest surface, carried along by the skin into that frame's pose, whether it lies in front of what the
camera saw there, behind it, or beside the animal's mask; most say the same, and the surface is where they change their
mind (truncated distances as in Curless and Levoy 1996, carried by the skin as in Newcombe et al. 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.observations import smoothed_depth
from ats_sim.reconstruction.agent.outline import outlined
from ats_sim.reconstruction.agent.shape import PosedFrames

VOXEL = 0.006
"""Metres, for a body of a cat's size; this and the next two grow with the grain."""
REACH = 0.045
"""Metres around the template in which the surface is looked for."""
TRUNCATION = 0.012
"""Metres beyond which a distance is just far: no more than a leg is thick, else what lies beside it outvotes it."""
BEHIND = 1.5
"""Truncations behind the seen surface up to which a place is known to be inside."""
FRAMES = 240
"""Frames of all videos together that are fused."""
OUTSIDE = 0.15
"""Weight of a frame that finds nothing at a place, beside one that finds the animal there: a thin leg that is fitted a
little off misses its own place in the pictures far more often than something else is found in it by chance."""
PRIOR = 4.0
"""How many frames the template itself counts as where few frames say anything."""
KEPT = 1.0
"""How much it weighs beside the frames where it has a body: it has a limb too many nowhere, but ears too short."""
SAMPLES = 20000


@dataclass(frozen=True, eq=False)
class _Band:
    """Voxels around a rest surface, with the skin of the surface next to them."""

    voxel: float
    """Metres."""
    truncation: float
    """Metres."""
    origin: Array
    """(3,) place of voxel 0, 0, 0, root frame; the grid is symmetric about y = 0."""
    shape: tuple[int, int, int]
    """Voxels along each axis."""
    index: Array
    """(N,) flat indices of the voxels that count."""
    points: Array
    """(N, 3) float32 their places."""
    weights: Array
    """(N, J) float32 skin weights."""
    distance: Array
    """(N,) signed distance from the template, metres."""


def fused_body(
    skinned: SkinnedMesh, parts: Sequence[PosedFrames], *, grain: float = 1.0, symmetric: bool = True
) -> SkinnedMesh:
    """The body with the surface that the frames agree on, its skeleton as it was.

    Args:
        skinned: The fitted template.
        parts: Fitted frames of every video.
        grain: How much coarser than a cat's its surface is found, and how much farther from the template.
        symmetric: Whether what is seen of the left holds for the right.
    """
    band = _band(skinned, grain)
    total, weight = np.zeros(len(band.index)), np.zeros(len(band.index))
    count = sum(len(part.frames) for part in parts)
    for part in parts:
        wanted = min(len(part.frames), max(1, round(FRAMES * len(part.frames) / count)))
        for k in np.unique(np.linspace(0, len(part.frames) - 1, wanted).astype(int)):
            value, says = _frame_votes(skinned, band, part, int(k))
            total += says * value
            weight += says
    if symmetric:
        total, weight = total + _mirrored(band, total), weight + _mirrored(band, weight)
    prior = PRIOR + np.where(band.distance < 0.0, KEPT, 0.0) * weight
    field = (total + prior * np.clip(band.distance / band.truncation, -1.0, 1.0)) / (weight + prior)
    held = partial(_held_as, skinned)
    return outlined(_volume(band, field), band.origin, band.voxel, skinned.skeleton, held)


def _band(skinned: SkinnedMesh, grain: float) -> _Band:
    from scipy.spatial import cKDTree

    voxel, reach = VOXEL * grain, REACH * grain
    places, normals, skin = _sampled(skinned)
    low, high = places.min(axis=0) - reach, places.max(axis=0) + reach
    side = int(np.ceil(max(-low[1], high[1]) / voxel))
    origin = np.array([low[0], -side * voxel, low[2]])
    shape = tuple(np.ceil((np.array([high[0], side * voxel, high[2]]) - origin) / voxel).astype(int) + 1)
    axes = [origin[axis] + voxel * np.arange(shape[axis]) for axis in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    away, index = cKDTree(places).query(grid, distance_upper_bound=reach)
    near = np.isfinite(np.asarray(away))
    grid, away, nearest = grid[near], np.asarray(away)[near], np.asarray(index)[near]
    outside = np.einsum("ij,ij->i", grid - places[nearest], normals[nearest]) > 0.0
    distance = np.where(outside, away, -away)
    return _Band(
        voxel,
        TRUNCATION * grain,
        origin,
        (shape[0], shape[1], shape[2]),
        np.flatnonzero(near),
        grid.astype(np.float32),
        skin[nearest],
        distance,
    )


def _sampled(skinned: SkinnedMesh) -> tuple[Array, Array, Array]:
    """Places (S, 3), normals (S, 3) and skin weights (S, J) of points spread evenly over the rest surface."""
    mesh, rng = skinned.mesh, np.random.default_rng(0)
    area = np.linalg.norm(mesh.face_normals(), axis=1)
    face = rng.choice(len(area), SAMPLES, p=area / area.sum())
    corner = rng.dirichlet([1.0, 1.0, 1.0], SAMPLES).astype(np.float32)
    held = skinned.dense_weights()
    mixed = [np.einsum("sk,skc->sc", corner, values[mesh.faces[face]]) for values in (mesh.vertices, held)]
    normals = np.einsum("sk,skc->sc", corner, mesh.vertex_normals()[mesh.faces[face]])
    return mixed[0], normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9), mixed[1]


def _frame_votes(skinned: SkinnedMesh, band: _Band, part: PosedFrames, k: int) -> tuple[Array, Array]:
    """What a frame says of every voxel, -1 (inside) to 1 (outside), and how much that weighs, 0 where it is silent."""
    from scipy import ndimage

    frame, lens = int(part.frames[k]), part.video.intrinsics
    bones = skinned.skeleton.forward_kinematics(part.T_world_root[k], part.joint_rotations[k])
    maps = skinned.skeleton.skinning_transforms(bones)[:, :3].reshape(-1, 12).astype(np.float32)
    blended = (band.weights @ maps).reshape(-1, 3, 4)
    world = np.einsum("nij,nj->ni", blended[..., :3], band.points) + blended[..., 3]
    u, v, z = lens.project(transform_points(inverse(part.T_world_camera[frame]), world.astype(np.float64)))
    row, column = np.rint(v).astype(int), np.rint(u).astype(int)
    known = (z > 0.1) & (row >= 0) & (column >= 0) & (row < lens.height) & (column < lens.width)
    row, column = np.where(known, row, 0), np.where(known, column, 0)
    mask, depth = part.masks[frame], part.video.depth(frame)
    on_it = mask[row, column]
    measured = smoothed_depth(mask, depth)[row, column]
    before = (measured - z) / band.truncation
    # What stands in front of the animal hides whether it goes on behind.
    is_free = ~mask & ((depth == 0.0) | (depth > np.median(depth[mask & (depth > 0)]) - 0.3))
    beside = ndimage.distance_transform_edt(~mask)[row, column] * z / lens.fl_x / band.truncation
    value = np.where(on_it, before, beside)
    known &= np.where(on_it, (measured > 0.0) & (before > -BEHIND), is_free[row, column])
    return np.clip(value, -1.0, 1.0), known * np.where(value > 0.0, OUTSIDE, 1.0)


def _mirrored(band: _Band, values: Array) -> Array:
    """Values (N,) of the voxels on the body's other side: animals are symmetric, and seldom seen from all sides."""
    volume = np.zeros(band.shape)
    volume.reshape(-1)[band.index] = values
    return volume[:, ::-1].reshape(-1)[band.index]


def _volume(band: _Band, field: Array) -> Array:
    """Values (X, Y, Z) of the whole grid, negative inside, from those of the band (N,), smoothed."""
    from scipy import ndimage

    volume = np.ones(band.shape)
    inner = np.ones(band.shape, bool)
    inner.reshape(-1)[band.index] = False
    volume.reshape(-1)[band.index] = field
    # Beyond the band lies the deep inside of the trunk, or nothing.
    labels, count = ndimage.label(inner)
    border = {int(label) for axis in range(3) for label in np.unique(np.take(labels, [0, -1], axis=axis))}
    for label in range(1, count + 1):
        if label not in border:
            volume[labels == label] = -1.0
    return np.asarray(ndimage.gaussian_filter(volume, 0.7))


def _held_as(skinned: SkinnedMesh, points: Array) -> Array:
    """Weights (V, J) of points (V, 3): each is held as the old surface next to it is."""
    from scipy.spatial import cKDTree

    places, _, skin = _sampled(skinned)
    near, nearest = cKDTree(places).query(points, k=8)
    share = np.exp(-near / 0.01)
    return np.einsum("vk,vkj->vj", share / share.sum(axis=1, keepdims=True), skin[nearest])
