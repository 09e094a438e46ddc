"""A home's solid as overlapping convex parts, for engines whose moving bodies cannot collide with concave meshes.

The solid is cut by planes along the grid's axes, again and again, until no part's convex hull reaches farther into free
space than it may; then neighbours are joined where their common hull does not either. A cut keeps the grid's cells
whole and points on it belong to both sides, so every triangle of the solid's surface stays inside some part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.mesh import TriangleMesh

THICKNESS = 0.15
"""How deep below its surface the solid is filled, metres: what is farther inside, nobody touches."""
LARGEST = 40
"""Cells along the longest edge of a part: what cutting costs rises faster than a part's size."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Some points of the solid in grid cells, and their hull."""

    points: Array
    """(N, 3) the hull's corners and all others."""
    hull: ConvexHull
    """Its facets."""
    excess: float
    """How much free space lies in it: the sum of depths of its grid points, cells."""


def convex_parts(sdf: Array, origin: Array, voxel: float, tolerance: float = 0.1) -> list[TriangleMesh]:
    """Convex hulls that cover the surface of a home's solid.

    Args:
        sdf: (X, Y, Z) metres, > 0 in free space, sampled at the grid's points.
        origin: (3,) the first point.
        voxel: Metres between points.
        tolerance: No part larger than two cells holds a grid point that is farther than this from the solid, metres.

    Returns:
        Meshes in the frame of the origin, normals outwards.
    """
    depth = np.pad(sdf.astype(np.float32), 1, constant_values=-voxel)
    if not (depth > 0).any():
        return []
    measure = _measure_of(np.where(depth > tolerance, depth / voxel, 0.0))
    pieces = [part for block in _blocks(_solid_points(depth, voxel)) for part in _cut(block, measure)]
    return [_mesh(piece, origin - voxel, voxel) for piece in _joined(pieces, measure)]


def write_parts(path: Path, parts: list[TriangleMesh]) -> None:
    """Write an OBJ with an object `part_000`, ... for each part, z up, atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii") as stream:
        stream.write("# convex parts, z up, metres\n")
        first = 1
        for number, part in enumerate(parts):
            stream.write(f"o part_{number:03d}\n")
            np.savetxt(stream, part.vertices, fmt="v %.4f %.4f %.4f")
            np.savetxt(stream, part.faces + first, fmt="f %d %d %d")
            first += len(part.vertices)


def _solid_points(depth: Array, voxel: float) -> Array:
    """(N, 3) in cells: grid points just inside the solid, and where its surface crosses the grid's edges."""
    inside = (depth <= 0) & (depth >= -max(THICKNESS, voxel))
    found = [np.argwhere(inside).astype(np.float64)]
    for axis in range(3):
        here, there = (np.take(depth, range(k, depth.shape[axis] - 1 + k), axis) for k in (0, 1))
        edges = np.argwhere((here <= 0) != (there <= 0))
        a, b = here[tuple(edges.T)], there[tuple(edges.T)]
        crossing = edges.astype(np.float64)
        crossing[:, axis] += a / (a - b)
        found.append(crossing)
        # A solid corner beside the surface counts however deep it is: with it, no cell's piece is flat.
        found.append((edges + (a > 0)[:, None] * np.eye(3, dtype=int)[axis]).astype(np.float64))
    return np.unique(np.concatenate(found), axis=0)


def _measure_of(free: Array) -> Callable[[ConvexHull], float]:
    """Sum of free depths (cells) inside a hull."""

    def measure(hull: ConvexHull) -> float:
        low = np.maximum(np.ceil(hull.min_bound), 0).astype(int)
        high = np.floor(hull.max_bound).astype(int) + 1
        box = free[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        places = np.argwhere(box > 0)
        if not len(places):
            return 0.0
        inside = np.ones(len(places), dtype=bool)
        for plane in np.unique(np.round(hull.equations, 6), axis=0):
            inside[inside] = (places[inside] + low) @ plane[:3] + plane[3] < -1e-3
        return float(box[tuple(places[inside].T)].sum())

    return measure


def _piece(points: Array, measure: Callable[[ConvexHull], float]) -> Piece | None:
    """The piece of some points; none if they are flat: then they lie on a cut, and a neighbour has them."""
    if len(points) < 4:
        return None
    try:
        hull = ConvexHull(_outermost(points))
    except QhullError:
        return None
    return Piece(points, hull, measure(hull))


def _outermost(points: Array) -> Array:
    """Without the points that lie between two others along z, which no hull needs."""
    order = np.lexsort((points[:, 2], points[:, 1], points[:, 0]))
    columns = points[order]
    step = (np.diff(columns[:, :2], axis=0) != 0).any(1)
    return np.asarray(columns[np.append(True, step) | np.append(step, True)])


def _blocks(points: Array) -> Iterator[Array]:
    """The points by cubes of the grid; those on a face are in both."""
    for axis in range(3):
        if np.ptp(points[:, axis]) > LARGEST:
            middle = np.rint(0.5 * (points[:, axis].min() + points[:, axis].max()))
            yield from _blocks(points[points[:, axis] <= middle])
            yield from _blocks(points[points[:, axis] >= middle])
            return
    yield points


def _cut(points: Array, measure: Callable[[ConvexHull], float]) -> Iterator[Piece]:
    """Cut until every part fits, each time where least free space remains in the hulls."""
    whole = _piece(points, measure)
    waiting = [] if whole is None else [whole]
    while waiting:
        piece = waiting.pop()
        if piece.excess == 0.0:
            yield piece
            continue
        halves = [_halves(piece, axis, plane, measure) for axis in range(3) for plane in _planes(piece.points, axis)]
        halves = [pair for pair in halves if pair]
        if halves:
            waiting += min(halves, key=lambda pair: (sum(half.excess for half in pair), _lopsided(pair)))
        else:  # nothing left to cut
            yield piece


def _halves(piece: Piece, axis: int, plane: int, measure: Callable[[ConvexHull], float]) -> list[Piece]:
    along = piece.points[:, axis]
    sides = (_piece(piece.points[along <= plane], measure), _piece(piece.points[along >= plane], measure))
    return [side for side in sides if side is not None]


def _planes(points: Array, axis: int) -> list[int]:
    """Whole coordinates within the points where a cut may pay: around where the amount of solid changes most, and the
    middle."""
    low, high = int(np.floor(points[:, axis].min())), int(np.ceil(points[:, axis].max()))
    amount = np.bincount(np.floor(points[:, axis]).astype(int) - low, minlength=high - low + 1).astype(float)
    most = low + int(np.abs(np.diff(amount)).argmax())
    return sorted(k for k in {(low + high) // 2, most, most + 1} if low < k < high)


def _lopsided(pair: Iterable[Piece]) -> int:
    return max(len(half.points) for half in pair)


def _joined(pieces: list[Piece], measure: Callable[[ConvexHull], float]) -> list[Piece]:
    """Join neighbours, largest first, while the common hull fits too."""
    waiting = sorted(pieces, key=lambda piece: piece.hull.volume)
    done = []
    while waiting:
        piece = waiting.pop()
        for other in _neighbours(piece, waiting):
            both = _piece(np.concatenate([_corners(piece), _corners(other)]), measure)
            if both is not None and both.excess == 0.0:
                waiting = [one for one in waiting if one is not other]
                piece = both
        done.append(piece)
    return done


def _neighbours(piece: Piece, others: list[Piece]) -> list[Piece]:
    """Those whose boxes touch the piece's, the largest first, unless both together are too long."""
    if not others:
        return []
    low, high = (np.stack([getattr(one.hull, end) for one in others]) for end in ("min_bound", "max_bound"))
    mine = (piece.hull.min_bound, piece.hull.max_bound)
    apart = np.maximum(low, mine[0]) - np.minimum(high, mine[1])
    long = np.maximum(high, mine[1]) - np.minimum(low, mine[0])
    return [others[k] for k in np.flatnonzero((apart.max(1) <= 0) & (long.max(1) <= LARGEST))[::-1]]


def _corners(piece: Piece) -> Array:
    return np.asarray(piece.hull.points[piece.hull.vertices])


def _mesh(piece: Piece, origin: Array, voxel: float) -> TriangleMesh:
    """The hull as triangles seen from outside."""
    hull = piece.hull
    corners = np.searchsorted(np.sort(hull.vertices), hull.simplices)
    vertices = hull.points[np.sort(hull.vertices)]
    a, b, c = (vertices[corners[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    corners[inward] = corners[inward][:, ::-1]
    return TriangleMesh((origin + vertices * voxel).astype(np.float32), corners.astype(np.int32))
