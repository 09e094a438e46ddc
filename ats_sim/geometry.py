"""Rigid motions, rotations and pinhole cameras.

Frames and units are the house's: metres, radians, right-handed, z up; cameras have OpenCV axes (x right, y down, z
forward) and `T_world_camera` maps camera points to world points. Quaternions are xyzw. Pixel centres lie at integers.
All functions take any number of leading batch axes.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError

OPENCV_FROM_OPENGL: Array = np.diag([1.0, -1.0, -1.0, 1.0])
SMALL_ANGLE = 1e-6
_DIAGONAL = np.arange(3)
_SKEW_PLUS_ROW, _SKEW_PLUS_COLUMN = np.array([2, 0, 1]), np.array([1, 2, 0])
"""Where x, y and z stand in a skew matrix with their own sign."""


def rigid(rotation: Array, translation: Array) -> Array:
    """Build transforms (..., 4, 4) from rotations (..., 3, 3) and translations (..., 3)."""
    rotation, translation = np.asarray(rotation), np.asarray(translation)
    batch = np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    transform = np.zeros((*batch, 4, 4), dtype=np.result_type(rotation, translation, np.float32))
    transform[..., :3, :3] = rotation
    transform[..., :3, 3] = translation
    transform[..., 3, 3] = 1.0
    return transform


def inverse(transform: Array) -> Array:
    """Invert rigid transforms (..., 4, 4) by their structure (exact transpose, no solve)."""
    transposed = np.swapaxes(transform[..., :3, :3], -1, -2)
    return rigid(transposed, -(transposed @ transform[..., :3, 3:])[..., 0])


def transform_points(transform: Array, points: Array) -> Array:
    """Map points (..., N, 3) by transforms (..., 4, 4); returns (..., N, 3)."""
    rotation = np.swapaxes(transform[..., :3, :3], -1, -2)
    return points @ rotation + transform[..., None, :3, 3]


def exp_so3(rotation_vector: Array) -> Array:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3) in radians (Rodrigues' formula)."""
    vector = np.asarray(rotation_vector, dtype=np.result_type(rotation_vector, np.float32))
    square = (vector * vector).sum(-1)
    angle = np.sqrt(square)
    is_small = angle < SMALL_ANGLE
    safe = np.where(is_small, 1.0, angle)
    sine = np.where(is_small, 1.0 - square / 6.0, np.sin(safe) / safe)[..., None, None]
    cosine = np.where(is_small, 0.5 - square / 24.0, (1.0 - np.cos(safe)) / (safe * safe))[..., None, None]
    # The square of a skew matrix is the outer product minus the squared length: no 3x3 product is needed.
    outer = vector[..., :, None] * vector[..., None, :]
    outer[..., _DIAGONAL, _DIAGONAL] -= square[..., None]
    rotation: Array = sine * skew(vector) + cosine * outer
    rotation[..., _DIAGONAL, _DIAGONAL] += 1.0
    return rotation


def log_so3(rotation: Array) -> Array:
    """Axis-angle vectors (..., 3), of length at most pi, of rotation matrices (..., 3, 3)."""
    quaternion = quaternion_from_matrix(rotation)
    quaternion = np.where(quaternion[..., 3:] < 0.0, -quaternion, quaternion)
    axis = quaternion[..., :3]
    norm = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(norm, quaternion[..., 3:])
    return axis * np.where(norm < SMALL_ANGLE, 2.0, angle / np.where(norm < SMALL_ANGLE, 1.0, norm))


def skew(vector: Array) -> Array:
    """Matrices (..., 3, 3) that multiply as the cross product with vectors (..., 3)."""
    vector = np.asarray(vector)
    matrix = np.zeros((*vector.shape, 3), dtype=vector.dtype)
    matrix[..., _SKEW_PLUS_ROW, _SKEW_PLUS_COLUMN] = vector
    matrix[..., _SKEW_PLUS_COLUMN, _SKEW_PLUS_ROW] = -vector
    return matrix


def quaternion_from_matrix(rotation: Array) -> Array:
    """Unit quaternions xyzw (..., 4) of rotation matrices (..., 3, 3), stable at every angle."""
    r = np.asarray(rotation, dtype=np.result_type(rotation, np.float32))
    if r.ndim == 2:
        return np.array(_one_quaternion(r.tolist()), dtype=r.dtype)
    # The four rows are one quaternion each, scaled by 4 times its own component: the largest scale is the stable one.
    rows = np.empty((*r.shape[:-2], 4, 4), dtype=r.dtype)
    xx, yy, zz = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    rows[..., 0, 0], rows[..., 1, 1] = 1 + xx - yy - zz, 1 - xx + yy - zz
    rows[..., 2, 2], rows[..., 3, 3] = 1 - xx - yy + zz, 1 + xx + yy + zz
    rows[..., 0, 1] = rows[..., 1, 0] = r[..., 0, 1] + r[..., 1, 0]
    rows[..., 0, 2] = rows[..., 2, 0] = r[..., 0, 2] + r[..., 2, 0]
    rows[..., 1, 2] = rows[..., 2, 1] = r[..., 1, 2] + r[..., 2, 1]
    rows[..., 0, 3] = rows[..., 3, 0] = r[..., 2, 1] - r[..., 1, 2]
    rows[..., 1, 3] = rows[..., 3, 1] = r[..., 0, 2] - r[..., 2, 0]
    rows[..., 2, 3] = rows[..., 3, 2] = r[..., 1, 0] - r[..., 0, 1]
    squares = np.einsum("...ii->...i", rows)
    row = np.take_along_axis(rows, np.argmax(squares, axis=-1)[..., None, None], axis=-2)[..., 0, :]
    return np.asarray(row / np.sqrt((row * row).sum(-1, keepdims=True)))


def _one_quaternion(r: list[list[float]]) -> list[float]:
    """The same for one matrix, by plain arithmetic: twenty times as fast."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = r
    squares = (1.0 + xx - yy - zz, 1.0 - xx + yy - zz, 1.0 - xx - yy + zz, 1.0 + xx + yy + zz)
    best = squares.index(max(squares))
    rows = (
        (squares[0], xy + yx, xz + zx, zy - yz),
        (xy + yx, squares[1], yz + zy, xz - zx),
        (xz + zx, yz + zy, squares[2], yx - xy),
        (zy - yz, xz - zx, yx - xy, squares[3]),
    )
    row = rows[best]
    length = math.sqrt(sum(part * part for part in row))
    return [part / length for part in row]


def matrix_from_quaternion(quaternion: Array) -> Array:
    """Rotation matrices (..., 3, 3) of quaternions xyzw (..., 4) of any length but zero."""
    quaternion = np.asarray(quaternion, dtype=np.result_type(quaternion, np.float32))
    unit = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    cross = skew(unit[..., :3])
    w = unit[..., 3, None, None]
    return np.eye(3, dtype=unit.dtype) + 2.0 * w * cross + 2.0 * (cross @ cross)


def yaw_matrix(yaw: Array | float) -> Array:
    """Rotations (..., 3, 3) about z by angles (...)."""
    angle = np.asarray(yaw, dtype=np.float64)
    rotation = np.zeros((*angle.shape, 3, 3))
    rotation[..., 0, 0] = rotation[..., 1, 1] = np.cos(angle)
    rotation[..., 1, 0] = np.sin(angle)
    rotation[..., 0, 1] = -rotation[..., 1, 0]
    rotation[..., 2, 2] = 1.0
    return rotation


def heading(rotation: Array) -> Array:
    """Yaw (...) of the x axis of rotations (..., 3, 3), in (-pi, pi]."""
    return np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])


def gravity_aligned(transform: Array) -> Array:
    """Keep position and heading of poses (..., 4, 4), drop pitch and roll: the agent's ego frame."""
    return rigid(yaw_matrix(heading(transform[..., :3, :3])), transform[..., :3, 3])


def project_to_so3(matrix: Array) -> Array:
    """Nearest rotations (..., 3, 3) to matrices (..., 3, 3) in the Frobenius norm."""
    u, _, vt = np.linalg.svd(matrix)
    sign = np.sign(np.linalg.det(u @ vt))
    u = np.concatenate([u[..., :2], u[..., 2:] * sign[..., None, None]], axis=-1)
    return u @ vt


def geodesic_angle(first: Array, second: Array) -> Array:
    """Angles (...) between rotations (..., 3, 3), in [0, pi]."""
    return np.linalg.norm(log_so3(np.swapaxes(first, -1, -2) @ second), axis=-1)


def rotation_6d_from_matrix(rotation: Array) -> Array:
    """First two columns (..., 6) of rotations (..., 3, 3): the continuous representation networks regress."""
    return np.concatenate([rotation[..., :, 0], rotation[..., :, 1]], axis=-1)


def matrix_from_rotation_6d(columns: Array) -> Array:
    """Rotations (..., 3, 3) from two columns (..., 6) by Gram-Schmidt."""
    first, second = columns[..., :3], columns[..., 3:]
    matrix = np.empty((*columns.shape[:-1], 3, 3), dtype=columns.dtype)
    x = first / np.maximum(np.sqrt((first * first).sum(-1, keepdims=True)), 1e-12)
    y = second - (x * second).sum(-1, keepdims=True) * x
    y = y / np.maximum(np.sqrt((y * y).sum(-1, keepdims=True)), 1e-12)
    matrix[..., 0], matrix[..., 1] = x, y
    matrix[..., 0, 2] = x[..., 1] * y[..., 2] - x[..., 2] * y[..., 1]
    matrix[..., 1, 2] = x[..., 2] * y[..., 0] - x[..., 0] * y[..., 2]
    matrix[..., 2, 2] = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
    return matrix


def interpolate_poses(times: Array, transforms: Array, query_times: Array) -> Array:
    """Interpolate poses (N, 4, 4), given at rising times (N,), at query times (M,); ends are held.

    Positions are interpolated linearly, rotations along the geodesic. Returns (M, 4, 4).
    """
    times, query = np.asarray(times, dtype=np.float64), np.asarray(query_times, dtype=np.float64)
    if len(times) == 1:
        return np.repeat(transforms, len(query), axis=0)
    after = np.clip(np.searchsorted(times, query, side="right"), 1, len(times) - 1)
    before = after - 1
    share = np.clip((query - times[before]) / (times[after] - times[before]), 0.0, 1.0)[:, None]
    start, end = transforms[before], transforms[after]
    turn = log_so3(np.swapaxes(start[:, :3, :3], -1, -2) @ end[:, :3, :3])
    rotation = start[:, :3, :3] @ exp_so3(share * turn)
    return rigid(rotation, (1.0 - share) * start[:, :3, 3] + share * end[:, :3, 3])


def look_at(eye: Array, target: Array) -> Array:
    """Camera poses `T_world_camera` (..., 4, 4) at `eye` (..., 3), looking at `target` (..., 3), world z up.

    Raises:
        ArrayError: If eye and target coincide.
    """
    eye, target = np.asarray(eye, dtype=np.float64), np.asarray(target, dtype=np.float64)
    forward = target - eye
    length = np.linalg.norm(forward, axis=-1, keepdims=True)
    if np.any(length < 1e-9):
        raise ArrayError("look_at: eye and target coincide")
    forward = forward / length
    # Straight up or down leaves "right" open: the world's y axis then points down the picture's upper edge.
    vertical = np.abs(forward[..., 2:]) > 1.0 - 1e-9
    reference = np.where(vertical, [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    right = np.cross(forward, reference)
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    return rigid(np.stack([right, np.cross(forward, right), forward], axis=-1), eye)


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion; pixel centres lie at integers."""

    fl_x: float
    """Focal length along x, pixels."""
    fl_y: float
    """Focal length along y, pixels."""
    cx: float
    """Principal point along x, pixels."""
    cy: float
    """Principal point along y, pixels."""
    width: int
    """Picture width, pixels."""
    height: int
    """Picture height, pixels."""

    def __post_init__(self) -> None:
        checked("intrinsics", [self.fl_x, self.fl_y, self.cx, self.cy], (4,))
        if self.fl_x <= 0 or self.fl_y <= 0 or self.width < 1 or self.height < 1:
            raise ArrayError(
                f"intrinsics: focal lengths ({self.fl_x}, {self.fl_y}) and size {self.width}x{self.height} must be > 0"
            )

    @classmethod
    def from_fov(cls, fov_y: float, width: int, height: int) -> Self:
        """Build from the vertical field of view (radians), principal point in the middle."""
        focal = 0.5 * height / float(np.tan(0.5 * fov_y))
        return cls(focal, focal, 0.5 * (width - 1), 0.5 * (height - 1), width, height)

    @property
    def matrix(self) -> Array:
        """The 3x3 matrix K."""
        return np.array([[self.fl_x, 0.0, self.cx], [0.0, self.fl_y, self.cy], [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> "Intrinsics":
        """The same camera with another picture size (the whole picture is kept)."""
        x, y = width / self.width, height / self.height
        return Intrinsics(
            self.fl_x * x, self.fl_y * y, (self.cx + 0.5) * x - 0.5, (self.cy + 0.5) * y - 0.5, width, height
        )

    def scaled(self, factor: float) -> "Intrinsics":
        """The same camera with its picture scaled by a factor and rounded to whole pixels."""
        return self.resized(max(1, round(self.width * factor)), max(1, round(self.height * factor)))

    def rays(self) -> Array:
        """Camera-frame directions (H, W, 3) through all pixels, scaled to z = 1."""
        u = (np.arange(self.width) - self.cx) / self.fl_x
        v = (np.arange(self.height) - self.cy) / self.fl_y
        x, y = np.meshgrid(u, v)
        return np.stack([x, y, np.ones_like(x)], axis=-1)

    def unproject(self, depth: Array) -> Array:
        """Camera-frame points (H, W, 3) of a z-depth picture (H, W) in metres."""
        return self.rays() * np.asarray(depth)[..., None]

    def project(self, points_camera: Array) -> tuple[Array, Array, Array]:
        """Pixel coordinates u, v (...) and depth z (...) of camera-frame points (..., 3); z <= 0 is behind."""
        x, y, z = np.moveaxis(points_camera, -1, 0)
        safe = np.where(np.abs(z) < 1e-9, 1e-9, z)
        return self.fl_x * x / safe + self.cx, self.fl_y * y / safe + self.cy, z

    def to_json(self) -> dict[str, float]:
        """The six numbers under the names of `cameras.json` and `transforms.json`."""
        return {
            "fl_x": self.fl_x,
            "fl_y": self.fl_y,
            "cx": self.cx,
            "cy": self.cy,
            "w": self.width,
            "h": self.height,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote.

        Raises:
            ArrayError: If a number is missing, not finite or out of range.
        """
        try:
            fl_x, fl_y, cx, cy = (float(value[name]) for name in ("fl_x", "fl_y", "cx", "cy"))
            return cls(fl_x, fl_y, cx, cy, int(value["w"]), int(value["h"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ArrayError(f"intrinsics: needs the numbers fl_x, fl_y, cx, cy, w, h ({error!r})") from error
