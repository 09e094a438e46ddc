"""Which pixels show the agent: those that stand in space which the static scene knows to be empty, and move.

A pixel whose depth lies well in front of the ray-cast scene, inside space seen empty, breaks the static scene. Such
pixels form blobs; a blob of an animal's size is a candidate. One candidate per frame is linked into the track that
moves steadily through the video; blobs that stand where they always stood (a moved chair) score low.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, transform_points
from ats_sim.progress import track
from ats_sim.reconstruction.scene.raycast import Raycaster

if TYPE_CHECKING:
    from ats_sim.reconstruction.capture.video import Video
    from ats_sim.reconstruction.scene.tsdf import TsdfVolume

STRONG = 0.05
"""Metres from every static surface, in space seen empty, that a pixel must lie to start a blob."""
WEAK = 0.018
"""The same to belong to a blob that has started: feet stand close to the floor."""
REACH = 0.08
"""Weak pixels join strong ones no farther away than this, metres across the picture."""
MIN_PIXELS, MIN_SHARE = 12, 1.5e-4
"""A blob has at least so many pixels, and at least this share of the picture's."""
MAX_SPEED = 3.0
"""Metres per second."""
MOVES = 0.5
"""Share of other frames that see a moving thing's place empty."""
STATIC = 0.25
"""A blob whose place is seen empty in a smaller share of the other frames counts as furniture."""
CELL = 0.1


@dataclass(frozen=True)
class Bounds:
    """What a blob must be like to be the agent."""

    extent: tuple[float, float] = (0.15, 1.2)
    """Least and greatest size of what is seen of it, metres."""
    headroom: float = 1.2
    """Its middle is no higher above the floor than this, metres (an animal may be on a table)."""
    reach: float = 0.35
    """A piece of it that something cuts off lies no farther from the rest, metres."""


@dataclass(frozen=True, eq=False)
class Blob:
    """Connected pixels of one frame that stand in the scene's free space."""

    frame: int
    mask: Array
    """(H, W) bool."""
    centre: Array
    """(3,) median of its world points, metres."""
    cells: Array
    """(C, 3) int: 0.1 m world cells that it fills."""


def segment_video(
    video: Video,
    frames: Array,
    T_world_camera: Array,
    mesh_caster: Raycaster,
    volume: TsdfVolume,
    floor: float,
    bounds: Bounds = Bounds(),
) -> dict[int, Array]:
    """Masks (H, W) bool of the agent by frame number, for the frames where it was found.

    Args:
        video: The recording.
        frames: (K,) frame numbers to look at, rising.
        T_world_camera: (N, 4, 4) registered cameras of all frames.
        mesh_caster: The static scene.
        volume: Its distance volume, which knows where space was seen empty.
        floor: World height of the floor, metres.
        bounds: What it may look like.
    """
    blobs: list[list[Blob]] = []
    depths: list[Array] = []
    for frame in track(frames, f"agent in {video.name}"):
        depth = video.depth(int(frame))
        scene, _ = mesh_caster.depth(video.intrinsics, T_world_camera[frame])
        found = find_blobs(int(frame), depth, scene, video.intrinsics, T_world_camera[frame], volume, floor, bounds)
        blobs.append(found)
        depths.append(depth[::4, ::4])
    scores = _scores(blobs, depths, video.intrinsics, T_world_camera[frames])
    chosen = link(blobs, scores, video.times[frames])
    return {
        blob.frame: blob.mask | _fragments(blob, found, score, bounds.reach)
        for blob, found, score in zip(chosen, blobs, scores, strict=True)
        if blob is not None
    }


def find_blobs(
    frame: int,
    depth: Array,
    scene_depth: Array,
    intrinsics: Intrinsics,
    T_world_camera: Array,
    volume: TsdfVolume,
    floor: float,
    bounds: Bounds = Bounds(),
) -> list[Blob]:
    """Blobs of one frame that may be the agent; `depth` and `scene_depth` (H, W) metres, 0 = unknown."""
    from scipy import ndimage

    clear, unseen = clearance(depth, scene_depth, intrinsics, T_world_camera, volume)
    strong = ndimage.binary_opening(clear > STRONG)
    may_join = (clear > WEAK) | unseen
    return [
        blob
        for mask in _grown(strong, may_join, depth, intrinsics.fl_x)
        if (blob := _as_blob(frame, mask, depth, intrinsics, T_world_camera, floor, bounds)) is not None
    ]


def clearance(
    depth: Array, scene_depth: Array, intrinsics: Intrinsics, T_world_camera: Array, volume: TsdfVolume
) -> tuple[Array, Array]:
    """Distance (H, W) in metres of every pixel from the static scene, where it stands in space seen empty, else 0; and
    whether it stands (H, W) bool well in front of the scene in space that was never seen."""
    from scipy import ndimage

    clear = np.zeros(depth.shape)
    ahead = (depth > 0) & ((scene_depth == 0) | (scene_depth - depth > np.maximum(WEAK, 0.005 * depth)))
    points = transform_points(T_world_camera, intrinsics.unproject(depth)[ahead])
    cells = ((points - volume.origin) / volume.voxel_size).T
    distance = ndimage.map_coordinates(volume.distance, cells, order=1, cval=0.0)
    nearest = np.clip(np.rint(cells).astype(int), 0, np.array(volume.shape)[:, None] - 1)
    seen = volume.weight[tuple(nearest)] > 0
    clear[ahead] = np.where(seen, distance, 0.0)
    unseen = np.zeros(depth.shape, dtype=bool)
    unseen[ahead] = ~seen
    return clear, unseen & (scene_depth > depth + STRONG)


def _grown(strong: Array, may_join: Array, depth: Array, focal: float) -> list[Array]:
    """Connected strong pixels, without depth jumps inside, each with the pixels around it that may join."""
    from scipy import ndimage

    spread = ndimage.maximum_filter(np.where(strong, depth, 0), 3) - ndimage.minimum_filter(
        np.where(strong, depth, np.inf), 3
    )
    labels, _ = ndimage.label(strong & (spread < 0.12), structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    grown = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[label] < _least(depth) // 2:
            continue
        near = float(np.median(depth[box][labels[box] == label]))
        pad = int(np.ceil(REACH * focal / near)) + 2
        wide = tuple(slice(max(s.start - pad, 0), s.stop + pad) for s in box)
        mask = np.zeros(depth.shape, dtype=bool)
        mask[wide] = _joined(labels[wide] == label, may_join[wide] | strong[wide], depth[wide], REACH * focal / near)
        grown.append(mask)
    return grown


def _least(picture: Array) -> int:
    return max(MIN_PIXELS, int(MIN_SHARE * picture.size))


def _joined(core: Array, may_join: Array, depth: Array, reach: float) -> Array:
    """The core and the pixels within reach that may join, continuous in depth with the core's nearest pixel."""
    from scipy import ndimage

    apart, nearest = ndimage.distance_transform_edt(~core, return_indices=True)
    joined = core | (may_join & (np.abs(depth[tuple(nearest)] - depth) < 0.12) & (apart < reach))
    return np.asarray(ndimage.binary_fill_holes(ndimage.binary_closing(np.pad(joined, 2))))[2:-2, 2:-2]


def _as_blob(
    frame: int,
    mask: Array,
    depth: Array,
    intrinsics: Intrinsics,
    T_world_camera: Array,
    floor: float,
    bounds: Bounds,
) -> Blob | None:
    valid = mask & (depth > 0)
    if valid.sum() < _least(depth):
        return None
    points = transform_points(T_world_camera, intrinsics.unproject(depth)[valid])
    low, high = np.percentile(points, [3, 97], axis=0)
    centre = np.median(points, axis=0)
    extent = float((high - low).max())
    least, most = bounds.extent
    if not least <= extent <= most or not -0.2 < centre[2] - floor < bounds.headroom:
        return None
    return Blob(frame, mask, centre, np.unique(np.floor(points / CELL).astype(np.int64), axis=0))


def _scores(blobs: list[list[Blob]], depths: list[Array], intrinsics: Intrinsics, cameras: Array) -> list[Array]:
    """How much each blob speaks for itself: the share of its space that is empty in other frames of the video."""
    everything = [blob.cells for found in blobs for blob in found]
    if not everything:
        return [np.zeros(0) for _ in blobs]
    cells = np.unique(np.concatenate(everything), axis=0)
    emptied = np.zeros(len(cells))
    filled = np.zeros(len(cells))
    index = {tuple(cell): k for k, cell in enumerate(cells.tolist())}
    rows = [[np.array([index[tuple(cell)] for cell in blob.cells.tolist()]) for blob in found] for found in blobs]
    coarse = intrinsics.resized(depths[0].shape[1], depths[0].shape[0])
    for found, depth, camera in zip(rows, depths, cameras, strict=True):
        for row in found:
            filled[row] += 1
        emptied += _seen_through((cells + 0.5) * CELL, depth, coarse, camera)
    share = emptied / np.maximum(emptied + filled, 1)
    return [np.array([share[row].mean() for row in found]) for found in rows]


def _seen_through(points: Array, depth: Array, intrinsics: Intrinsics, T_world_camera: Array) -> Array:
    u, v, z = intrinsics.project(transform_points(inverse(T_world_camera), points))
    column, row = np.rint(u).astype(int), np.rint(v).astype(int)
    height, width = depth.shape
    inside = (z > 0.1) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    seen = depth[np.where(inside, row, 0), np.where(inside, column, 0)]
    return np.asarray(inside & (seen > z + 0.12))


def _fragments(chosen: Blob, others: list[Blob], scores: Array, reach: float) -> Array:
    """Mask of the blobs close to the chosen one whose space is as empty at other times: the rest of a body that
    something thin cuts in two."""
    mask = np.zeros_like(chosen.mask)
    for blob, score in zip(others, scores, strict=True):
        if blob is not chosen and score > MOVES and np.linalg.norm(blob.centre - chosen.centre) < reach:
            mask |= blob.mask
    return mask


def link(blobs: list[list[Blob]], scores: list[Array], times: Array) -> list[Blob | None]:
    """One blob or none per frame: the path with the best sum of scores that never outruns an animal (Viterbi).

    A frame may be skipped at no gain; the speed limit then counts from the last blob taken.
    """
    flat = [(step, k) for step, found in enumerate(blobs) for k in range(len(found))]
    gain = np.array([_gain(blobs[step][k], scores[step][k]) for step, k in flat])
    best, back = gain.copy(), np.full(len(flat), -1)
    centres = np.array([blobs[step][k].centre for step, k in flat]).reshape(-1, 3)
    when = np.array([times[step] for step, _ in flat])
    for i in range(len(flat)):
        earlier = np.flatnonzero((when < when[i]) & (when > when[i] - 10.0))
        if not len(earlier):
            continue
        apart = np.linalg.norm(centres[earlier] - centres[i], axis=1)
        reachable = apart < MAX_SPEED * (when[i] - when[earlier]) + 0.15
        total = np.where(reachable, best[earlier] - 0.3 * apart, -np.inf)
        pick = int(np.argmax(total))
        if total[pick] > 0:
            best[i], back[i] = gain[i] + total[pick], earlier[pick]
    chosen: list[Blob | None] = [None] * len(blobs)
    current = int(np.argmax(best)) if len(flat) and best.max() > 0 else -1
    while current >= 0:
        step, k = flat[current]
        chosen[step] = blobs[step][k]
        current = int(back[current])
    return chosen


def _gain(blob: Blob, score: float) -> float:
    """Large blobs whose place is empty at other times are worth most; static ones cost."""
    return (score - STATIC) * min(float(np.sqrt(blob.mask.sum())) / 20.0, 3.0)
