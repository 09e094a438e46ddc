"""The fitted animal's texture: the videos' own pictures, carried back onto its rest surface.

As in texture mapping of scans (Zhou and Koltun 2014 name the trouble: places a little off blur a mean over many views),
but of a surface that bends. Only corners are bent and triangles stay flat, so a texel lies in every frame exactly where
its weights put it between its triangle's posed corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.progress import track
from ats_sim.reconstruction.agent.shape import GREY, PosedFrames
from ats_sim.reconstruction.painting.atlas import Atlas
from ats_sim.reconstruction.painting.exposure import exposure_gains
from ats_sim.reconstruction.painting.kept import Kept
from ats_sim.reconstruction.painting.sightings import Sightings
from ats_sim.reconstruction.scene.raycast import Raycaster

FRAMES, FRAMES_PER_VIDEO = 600, 150
"""Most frames looked at, of all videos together and of one."""
SAMPLES, GAIN_FRAMES = 3000, 40
"""Texels and frames a video by which exposures are compared."""
DEPTH_MARGIN = 0.03
"""Metres that a texel may lie from the picture's own depth and still be what it shows."""
NEAREST = 0.1
LEAST_COSINE = 0.2
FEATHER = 3.0
"""Pixels over which a frame fades out towards the mask's rim, where a pose a little off shows the room."""
MIRRORED = 0.02
"""Metres within which the mirror image of a place counts as seen."""
WELL_FITTED = 8.0
"""How fast a frame's say drops with the overlap of fitted body and mask."""
SHARPNESS = 2.0
"""How fast it drops beside the best view's; low, because the nearest view's pose is no better than the others'."""


@dataclass(frozen=True)
class AgentTextureOptions:
    """How an agent's texture is made."""

    size: int = 512
    """Edge of the picture, texels."""
    views: int = 12
    """Views kept per texel: fewer show crisper stripes, more show them at their mean place."""


def painted(
    skinned: SkinnedMesh,
    parts: Sequence[PosedFrames],
    options: AgentTextureOptions | None = None,
    *,
    symmetric: bool = True,
) -> SkinnedMesh:
    """The mesh with a texture in place of its vertex colours, its vertices doubled along the texture's cuts.

    What no frame shows takes the colour of its mirror image, then of its surroundings. The same input gives the same
    texture.

    Args:
        skinned: The animal at rest.
        parts: Fitted frames of every video.
        options: Size and effort.
        symmetric: Whether what is seen of the left holds for the right.
    """
    options = options or AgentTextureOptions()
    atlas = Atlas.of(skinned.mesh, options.size)
    surface = _Surface.of(atlas)
    most = min(FRAMES_PER_VIDEO, FRAMES // max(1, len(parts)))
    picked = [(number, part, k) for number, part in enumerate(parts) for k in _spread(part, most)]
    gains = _gains(skinned, surface, parts)
    kept = Kept.empty(len(atlas.texel), options.views)
    for number, part, k in track(picked, "paint the agent"):
        index, scores, colors = _sight(skinned, surface, part, k)
        kept.offer(index, scores, np.rint(np.clip(colors / gains[number], 0, 255)).astype(np.uint8))
    colors, sure = kept.blended(SHARPNESS)
    mesh = atlas.painted(_filled(surface.at(skinned.mesh.vertices), colors, sure > 0, symmetric))
    return SkinnedMesh(mesh, skinned.skin_joints[atlas.source], skinned.skin_weights[atlas.source], skinned.skeleton)


@dataclass(frozen=True, eq=False)
class _Surface:
    """Places on the animal's surface that move with it."""

    corners: Array
    """(N, 3) vertices around each."""
    weights: Array
    """(N, 3) float32 of those."""

    @classmethod
    def of(cls, atlas: Atlas) -> _Surface:
        """Those under an atlas's texels."""
        return cls(atlas.source[atlas.mesh.faces][atlas.face], atlas.weights)

    def some(self, count: int) -> _Surface:
        """`count` of them, chosen evenly by chance."""
        chosen = np.random.default_rng(0).choice(len(self.corners), count)
        return _Surface(self.corners[chosen], self.weights[chosen])

    def at(self, values: Array) -> Array:
        """Values (V, K) of the vertices at the places: (N, K) float32."""
        return np.einsum("nc,nck->nk", self.weights, values[self.corners].astype(np.float32))


def _spread(part: PosedFrames, most: int) -> list[int]:
    """Indices of at most that many of a video's frames, spread evenly."""
    count = len(part.frames)
    return [int(k) for k in np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))]


def _sight(skinned: SkinnedMesh, surface: _Surface, part: PosedFrames, k: int) -> tuple[Array, Array, Array]:
    """The places (M,) that a frame shows, how well (M,), and in which colours (M, 3).

    The score is in pixels per metre of surface, less near the mask's rim and where the body fits the mask badly.
    """
    frame, lens = int(part.frames[k]), part.video.intrinsics
    pose, mask = part.T_world_camera[frame], part.masks[frame]
    body = TriangleMesh(skinned.posed(part.T_world_root[k], part.joint_rotations[k]), skinned.mesh.faces)
    points, normals = surface.at(body.vertices), surface.at(body.vertex_normals())
    u, v, z = lens.project(transform_points(inverse(pose), points.astype(np.float64)))
    inside = (z > NEAREST) & (u > 0) & (v > 0) & (u < lens.width - 1) & (v < lens.height - 1)
    row, column = np.rint(np.where(inside, v, 0)).astype(int), np.rint(np.where(inside, u, 0)).astype(int)
    towards = pose[:3, 3] - points
    distance = np.linalg.norm(towards, axis=1)
    cosine = np.einsum("nk,nk->n", normals, towards) / np.maximum(distance * np.linalg.norm(normals, axis=1), 1e-9)
    agrees = np.abs(part.video.depth(frame)[row, column] - z) < DEPTH_MARGIN
    index = np.flatnonzero(inside & mask[row, column] & agrees & (cosine > LEAST_COSINE))
    fade = np.minimum(1.0, ndimage.distance_transform_edt(mask)[row, column][index] / FEATHER)
    fits = _overlap(Raycaster(body).depth(lens, pose)[0] > 0, mask) ** WELL_FITTED
    scores = lens.fl_x * cosine[index] / distance[index] * fade * fits
    return index, scores.astype(np.float32), _colors(part.video.rgb(frame), mask, u[index], v[index])


def _overlap(first: Array, second: Array) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))


def _colors(rgb: Array, mask: Array, u: Array, v: Array) -> Array:
    """Colours (M, 3) float32 between pixels; the animal's own go on beyond its mask, so that no room shines through."""
    import cv2

    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    own = rgb[tuple(nearest)].astype(np.float32)
    if not len(u):
        return np.zeros((0, 3), np.float32)
    columns = 8192
    place = np.zeros((2, -(-len(u) // columns) * columns), np.float32)
    place[:, : len(u)] = u, v
    shown = cv2.remap(own, place[0].reshape(-1, columns), place[1].reshape(-1, columns), cv2.INTER_LINEAR)
    return np.asarray(shown.reshape(-1, 3)[: len(u)])


def _gains(skinned: SkinnedMesh, surface: _Surface, parts: Sequence[PosedFrames]) -> Array:
    """How much brighter than the others each video took the animal, (videos, 3) factors."""
    some = surface.some(SAMPLES)
    scores, colors = np.zeros((len(parts), SAMPLES)), np.zeros((len(parts), SAMPLES, 3))
    for number, part in enumerate(parts):
        for k in _spread(part, GAIN_FRAMES):
            index, says, shown = _sight(skinned, some, part, k)
            scores[number, index] += says
            colors[number, index] += says[:, None] * shown
    colors /= np.maximum(scores, 1e-9)[..., None]
    seen = Sightings(scores, colors, np.zeros((len(parts), SAMPLES, 2)), np.ones(len(parts)))
    return exposure_gains(seen, np.ones(len(parts), dtype=bool))


def _filled(places: Array, colors: Array, known: Array, symmetric: bool) -> Array:
    """Texel colours (N, 3) at rest places (N, 3), those not known (N,) taken from their mirror image, else from what is
    around them."""
    from scipy.spatial import cKDTree

    if not known.any():
        return np.full_like(colors, GREY)
    tree = cKDTree(places[known])
    nearest, source = tree.query(places[~known])
    if symmetric:
        distance, index = tree.query(places[~known] * np.array([1, -1, 1], np.float32))
        source = np.where(distance < np.maximum(MIRRORED, nearest), index, source)
    filled = colors.copy()
    filled[~known] = colors[known][source]
    return filled
