"""Collision shapes of a home, parsed here because a physics engine crashes on a bad face index instead of raising."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import HomeError

MAX_OBJ_BYTES = 256 * 2**20
MAX_FACES = 2_000_000


def read_collision(paths: Sequence[Path]) -> list[tuple[Array, Array]]:
    """Read Wavefront OBJ files of triangles.

    Returns:
        Per file: vertices (V, 3) float64 and faces (F, 3) int32.

    Raises:
        HomeError: If a file is too large, no text, not made of triangles, or has wrong indices or NaN.
    """
    return [_read_obj(Path(path)) for path in paths]


def chunks(shapes: Sequence[tuple[Array, Array]], most: int) -> Iterator[tuple[Array, Array]]:
    """Meshes, vertices (V, 3) and faces (F, 3), cut where they are too large for one shape of an engine: to at most
    `most` faces with three vertices each. Each chunk keeps only its own vertices."""
    for vertices, faces in shapes:
        if len(faces) <= most and len(vertices) <= 3 * most:
            yield vertices, faces
            continue
        for first in range(0, len(faces), most):
            used, local = np.unique(faces[first : first + most], return_inverse=True)
            yield vertices[used], local.reshape(-1, 3)


def _read_obj(path: Path) -> tuple[Array, Array]:
    if path.stat().st_size > MAX_OBJ_BYTES:
        raise HomeError(f"{path}: larger than {MAX_OBJ_BYTES} bytes")
    lines = path.read_bytes().split(b"\n")
    vertices = _numbers(path, [line[2:] for line in lines if line.startswith(b"v ")], np.float64)[:, :3]
    corners = [line[2:] for line in lines if line.startswith(b"f ")]
    if any(b"/" in line for line in corners):
        corners = [b" ".join(corner.split(b"/")[0] for corner in line.split()) for line in corners]
    faces = _numbers(path, corners, np.int64)
    if faces.shape[1] != 3 or len(faces) > MAX_FACES:
        raise HomeError(f"{path}: {len(faces)} faces of {faces.shape[1]} corners, want up to {MAX_FACES} triangles")
    if faces.min() < 1 or faces.max() > len(vertices):
        raise HomeError(f"{path}: face index {faces.min()}..{faces.max()} outside 1..{len(vertices)}")
    if not np.isfinite(vertices).all() or np.abs(vertices).max() > 1e4:
        raise HomeError(f"{path}: vertices are not finite or farther than 10 km away")
    return vertices, (faces - 1).astype(np.int32)


def _numbers(path: Path, rows: list[bytes], dtype: type) -> Array:
    """Parse rows of equally many numbers into (rows, columns), at least three columns."""
    width = len(rows[0].split()) if rows else 0
    if width < 3:
        raise HomeError(f"{path}: holds no triangles with vertices of three numbers")
    try:
        return np.array(b" ".join(rows).split()).astype(dtype).reshape(len(rows), width)
    except ValueError as error:
        raise HomeError(f"{path}: a line of the OBJ does not parse ({error})") from error
