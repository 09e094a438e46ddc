"""A home's texture: pictures of the capture projected onto its mesh, the nearest and most frontal ones foremost.

As in texture mapping of scans generally: unwrap, make exposures agree, look up every texel in the pictures that show
it, and keep to few views per texel, because a mean over many slightly misplaced ones is blurred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import TriangleMesh
from ats_sim.progress import track
from ats_sim.reconstruction.painting.atlas import Atlas
from ats_sim.reconstruction.painting.exposure import exposure_gains, local_gains
from ats_sim.reconstruction.painting.kept import Kept
from ats_sim.reconstruction.painting.sightings import chosen_views, sightings
from ats_sim.reconstruction.painting.views import FARTHEST, View

SAMPLES = 12_000
"""Surface points by which views are chosen and exposures compared."""
BLOCK = 0.5
"""Edge of the blocks of texels that are tested against a view at once, metres."""
BATCH = 400_000
FAINT = 4.0
"""Texels whose best view scores less (pixels per metre, weighted) are partly filled in."""
SPREAD_STEPS = 100


@dataclass(frozen=True)
class TextureOptions:
    """How a texture is made."""

    size: int = 2048
    """Edge of the picture, texels."""
    views: int = 120
    """Most frames projected."""


def textured(mesh: TriangleMesh, views: Sequence[View], options: TextureOptions | None = None) -> TriangleMesh:
    """The mesh with a texture in place of its vertex colours; the same input gives the same texture.

    Args:
        mesh: With colours per vertex: what no view shows gets them, matched to what is around it.
        views: Frames to take colours from, in the mesh's frame; may be empty.
        options: Size and effort.
    """
    options = options or TextureOptions()
    atlas = Atlas.of(mesh, options.size)
    surface = _Surface.of(atlas, mesh)
    chosen, gains = _selected(views, surface, options.views)
    kept = Kept.empty(len(atlas.texel))
    for view, gain in track(list(zip(chosen, gains, strict=True)), "paint the scene"):
        _project(view, gain, surface, kept)
    colors, sure = np.zeros((len(atlas.texel), 3), np.float32), np.zeros(len(atlas.texel), np.float32)
    # From the order of blocks back into the atlas's.
    colors[surface.order], sure[surface.order] = kept.blended()
    return atlas.painted(_completed(atlas, mesh, colors, sure))


@dataclass(frozen=True, eq=False)
class _Surface:
    """The points under all texels, sorted into blocks so that a view needs to look at few of them."""

    points: Array
    """(N, 3) float32."""
    normals: Array
    """(N, 3) float32 unit."""
    order: Array
    """(N,) which of the atlas's texels each is."""
    starts: Array
    """(B + 1,) where each block begins and the last one ends."""
    centres: Array
    """(B, 3) of the blocks."""
    radii: Array
    """(B,) of balls around their points."""

    @classmethod
    def of(cls, atlas: Atlas, mesh: TriangleMesh) -> _Surface:
        points = atlas.at_texels(mesh.vertices)
        normals = atlas.at_texels(mesh.vertex_normals())
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        cell = np.floor(points / BLOCK).astype(np.int64) + (1 << 19)
        key = (cell[:, 0] << 40) + (cell[:, 1] << 20) + cell[:, 2]
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        points = points[order]
        low = np.minimum.reduceat(points, first, axis=0) if len(first) else points
        high = np.maximum.reduceat(points, first, axis=0) if len(first) else points
        radii = 0.5 * np.linalg.norm(high - low, axis=1)
        return cls(points, normals[order], order, np.append(first, len(order)), 0.5 * (low + high), radii)

    def near(self, view: View) -> Array:
        """Indices of the points in blocks that the view's picture may show."""
        lens = view.video.intrinsics
        local = transform_points(inverse(view.T_world_camera), self.centres.astype(np.float64))
        inside = (local[:, 2] > -self.radii) & (local[:, 2] < FARTHEST + self.radii)
        for axis, focal, centre, extent in ((0, lens.fl_x, lens.cx, lens.width), (1, lens.fl_y, lens.cy, lens.height)):
            for sign, reach in ((1.0, (extent - centre) / focal), (-1.0, (centre + 1.0) / focal)):
                # Distance outside the plane through the eye and this side of the picture.
                beyond = (sign * local[:, axis] - reach * local[:, 2]) / np.hypot(1.0, reach)
                inside &= beyond < self.radii
        ranges = [np.arange(a, b) for a, b in zip(self.starts[:-1][inside], self.starts[1:][inside], strict=True)]
        return np.concatenate(ranges) if ranges else np.zeros(0, dtype=np.int64)


def _selected(views: Sequence[View], surface: _Surface, count: int) -> tuple[list[View], Array]:
    """The views to project and the maps of their exposure (C, h, w, 3)."""
    if not len(views) or not len(surface.points):
        return [], np.zeros((0, 1, 1, 3))
    sample = np.random.default_rng(0).choice(len(surface.points), SAMPLES)
    seen = sightings(views, surface.points[sample], surface.normals[sample])
    index = chosen_views(seen.scores, count)
    part = seen.of(index)
    chosen = [replace(views[i], weight=views[i].weight * float(seen.sharpness[i])) for i in index]
    foremost = max(view.weight for view in views)
    gains = exposure_gains(part, np.array([views[i].weight == foremost for i in index], dtype=bool))
    return chosen, local_gains(part, gains)


def _project(view: View, gain: Array, surface: _Surface, kept: Kept) -> None:
    picture, near = view.picture().evened(gain), surface.near(view)
    for first in range(0, len(near), BATCH):
        part = near[first : first + BATCH]
        index, pixels, scores = picture.sees(surface.points[part], surface.normals[part])
        kept.offer(part[index], scores, picture.colors(pixels))


def _completed(atlas: Atlas, mesh: TriangleMesh, colors: Array, sure: Array) -> Array:
    """Texel colours (N, 3) with those that no view shows filled in from the mesh's vertices.

    Vertices within what was seen take its colours and the others are tinted like them, so that no edge shows where the
    pictures end.
    """
    count = len(mesh.vertices)
    base = np.full((count, 3), 128.0) if mesh.colors is None else mesh.colors.astype(np.float64)
    around, weight = atlas.at_vertices(colors, (sure > 0).astype(np.float32), count)
    known = weight > 0
    filled = atlas.at_texels(np.where(known[:, None], around, base + _spread(mesh, around - base, known)))
    share = np.clip(sure / FAINT, 0.0, 1.0)[:, None]
    return np.asarray(colors * share + filled * (1.0 - share))


def _spread(mesh: TriangleMesh, values: Array, known: Array) -> Array:
    """Vertex values (V, K) carried from known vertices (V,) along the mesh's edges to the others, fading to 0."""
    from scipy.sparse import coo_matrix

    count = len(values)
    ends = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    pairs = np.concatenate([ends, ends[:, ::-1]])
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count)).tocsr()
    degree = np.asarray(links.sum(1)).ravel()[:, None] + 0.02
    result = np.where(known[:, None], values, 0.0)
    for _ in range(SPREAD_STEPS):
        result = np.where(known[:, None], values, links @ result / degree)
    return result
