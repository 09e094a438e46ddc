"""What space knows about a home: features, free space, a signed distance field, and where everybody has been.

The field is the authority on where bodies may be: a closed-form lookup costs microseconds where a query against the
triangles costs milliseconds, and "unknown" counts as solid, so nobody walks out through a hole in the scan.
"""

import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ArrayError, HomeError
from ats_sim.files import read_npz, write_npz

OUTSIDE_DISTANCE = -1.0  # metres; what the distance field says beyond its grid
MAX_VOLUME_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class PerceptionVolume:
    """Grids over a home, all in the home frame (metres, z up, main floor at z = 0)."""

    origin: Array
    """(3,) centre of voxel [0, 0, 0] of `features` and `occupancy`."""
    voxel_size: float
    """Edge of a feature voxel, metres."""
    features: Array
    """(C, X, Y, Z) float16 channels that the behaviour models perceive."""
    feature_names: tuple[str, ...]
    """C names of the channels."""
    occupancy: Array
    """(X, Y, Z) uint8: 0 unknown, 1 free, 2 occupied."""
    sdf_origin: Array
    """(3,) centre of voxel [0, 0, 0] of `sdf`."""
    sdf_voxel_size: float
    """Edge of a distance voxel, metres."""
    sdf: Array
    """(X, Y, Z) float16 metres: > 0 in free space, < 0 inside things and where nobody ever saw."""
    visit_origin: Array
    """(2,) centre of cell [0, 0] of the visit maps."""
    visit_cell: float
    """Edge of a visit cell, metres."""
    agent_visits: Array
    """(X, Y) float32 seconds that the real agent spent per cell."""
    observer_visits: Array
    """(X, Y) float32 seconds that the real observer spent per cell."""
    agent_roots: Array
    """(N, 4, 4) float32 recorded root poses."""
    observer_cameras: Array
    """(M, 4, 4) float32 recorded camera poses, OpenCV axes."""

    def __post_init__(self) -> None:
        channels = len(self.feature_names)
        features = checked("features", self.features, (channels, None, None, None), dtype=np.float16)
        grid = features.shape[1:]
        visits = checked("agent_visits", self.agent_visits, (None, None), dtype=np.float32)
        sdf = checked("sdf", self.sdf, (None, None, None), dtype=np.float16)
        if min(sdf.shape) < 2:
            raise ArrayError(f"sdf: shape {sdf.shape}, want at least two voxels along each axis")
        arrays: dict[str, Any] = {
            "origin": checked("origin", self.origin, (3,)),
            "features": features,
            "feature_names": tuple(str(name) for name in self.feature_names),
            "occupancy": checked("occupancy", self.occupancy, grid, dtype=np.uint8),
            "sdf_origin": checked("sdf_origin", self.sdf_origin, (3,)),
            "sdf": sdf,
            "visit_origin": checked("visit_origin", self.visit_origin, (2,)),
            "agent_visits": visits,
            "observer_visits": checked("observer_visits", self.observer_visits, visits.shape, dtype=np.float32),
            "agent_roots": checked("agent_roots", self.agent_roots, (None, 4, 4), dtype=np.float32),
            "observer_cameras": checked("observer_cameras", self.observer_cameras, (None, 4, 4), dtype=np.float32),
        }
        for name in ("voxel_size", "sdf_voxel_size", "visit_cell"):
            size = float(checked(name, getattr(self, name), ()))
            if size <= 0.0:
                raise ArrayError(f"{name}: {size} m, want a positive length")
            arrays[name] = size
        for name, value in arrays.items():
            object.__setattr__(self, name, value)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read `perception.npz`.

        Raises:
            HomeError: If the file is missing, corrupt, unpacks to too much, or an array is missing, misshapen or NaN.
        """
        _refuse_bombs(path)
        try:
            stored = read_npz(path, HomeError)
        except zlib.error as broken:
            raise HomeError(f"{path}: not a readable npz file ({broken})") from broken
        missing = [field.name for field in fields(cls) if field.name not in stored]
        if missing:
            raise HomeError(f"{path}: misses {', '.join(missing)}; export the home again")
        try:
            values: dict[str, Any] = {field.name: stored[field.name] for field in fields(cls)}
            values["feature_names"] = tuple(stored["feature_names"].astype(str).reshape(-1).tolist())
            return cls(**values)
        except (ArrayError, TypeError, ValueError) as error:
            raise HomeError(f"{path}: {error}") from error

    def write(self, path: Path) -> None:
        """Write `perception.npz` atomically."""
        write_npz(path, **{field.name: np.asarray(getattr(self, field.name)) for field in fields(self)})

    def sample_sdf(self, points: Array) -> Array:
        """Distance (...) in metres at home-frame points (..., 3), trilinear; -1 outside the grid."""
        grid = (np.asarray(points, dtype=np.float64) - self.sdf_origin) * self._per_voxel
        held = np.fmin(np.fmax(grid, 0.0), self._last)  # what is no number counts as outside
        low = np.minimum(held.astype(np.int64), self._last_low)
        share = held - low
        x, y, z = share[..., 0], share[..., 1], share[..., 2]
        row, column, _ = self._steps
        # Corners first: each weighted sum below then runs over all points in one piece.
        corners = self._flat_sdf.take(
            np.add.outer(self._corner_steps, low[..., 0] * row + low[..., 1] * column + low[..., 2])
        )
        along_z = corners[:4] + (corners[4:] - corners[:4]) * z
        along_y = along_z[:2] + (along_z[2:] - along_z[:2]) * y
        value = along_y[0] + (along_y[1] - along_y[0]) * x
        return np.where((held == grid).all(-1), value, OUTSIDE_DISTANCE)

    def distance_at(self, x: float, y: float, z: float) -> float:
        """The same at one point, by plain arithmetic: ten times as fast."""
        per, (ox, oy, oz), (nx, ny, nz) = self._per_voxel, self._corner, self._most
        x, y, z = (x - ox) * per, (y - oy) * per, (z - oz) * per
        if not (0.0 <= x <= nx and 0.0 <= y <= ny and 0.0 <= z <= nz):
            return OUTSIDE_DISTANCE
        i, j, k = min(int(x), nx - 1), min(int(y), ny - 1), min(int(z), nz - 1)
        x, y, z = x - i, y - j, z - k
        row, column, _ = self._steps
        first = i * row + j * column + k
        at = self._flat_sdf.item
        a, b = at(first), at(first + column)
        a, b = a + (at(first + 1) - a) * z, b + (at(first + column + 1) - b) * z
        c, d = at(first + row), at(first + row + column)
        c, d = c + (at(first + row + 1) - c) * z, d + (at(first + row + column + 1) - d) * z
        near: float = a + (b - a) * y
        far: float = c + (d - c) * y
        return near + (far - near) * x

    def slope_at(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """The gradient at one point, as `sdf_gradient`."""
        step, at = self.sdf_voxel_size, self.distance_at
        return (
            (at(x + step, y, z) - at(x - step, y, z)) / (2.0 * step),
            (at(x, y + step, z) - at(x, y - step, z)) / (2.0 * step),
            (at(x, y, z + step) - at(x, y, z - step)) / (2.0 * step),
        )

    def sdf_gradient(self, points: Array) -> Array:
        """Gradient (..., 3) of the distance at points (..., 3), by central differences of one voxel; points to free
        space. It is not normalised: near 1 in front of a wall, 0 in the middle of a room."""
        points = np.asarray(points, dtype=np.float64)
        step = np.eye(3) * self.sdf_voxel_size
        ahead = self.sample_sdf(points[..., None, :] + step)
        behind = self.sample_sdf(points[..., None, :] - step)
        return (ahead - behind) / (2.0 * self.sdf_voxel_size)

    def inside_floor_plan(self, points: Array) -> Array:
        """Whether points (..., 2 or 3) stand on the home's known floor plan: free space somewhere in their column."""
        grid = np.rint((np.asarray(points)[..., :2] - self.sdf_origin[:2]) / self.sdf_voxel_size).astype(np.int64)
        shape = np.array(self.sdf.shape[:2])
        inside = ((grid >= 0) & (grid < shape)).all(-1)
        cell = np.clip(grid, 0, shape - 1)
        return np.asarray(inside & self._floor_plan[cell[..., 0], cell[..., 1]])

    def agent_seconds(self, points: Array) -> Array:
        """Seconds (...) that the real agent spent in the 3x3 visit cells around points (..., 2 or 3)."""
        cell = np.rint((np.asarray(points)[..., :2] - self.visit_origin) / self.visit_cell).astype(np.int64) + 1
        last = np.array(self._agent_seconds.shape) - 1
        held = np.clip(cell, 0, last)
        return np.asarray(np.where((held == cell).all(-1), self._agent_seconds[held[..., 0], held[..., 1]], 0.0))

    def agent_seconds_at(self, x: float, y: float) -> float:
        """The same around one floor point, by plain look-up."""
        return self._seconds_at(self._agent_seconds, x, y)

    def observer_seconds_at(self, x: float, y: float) -> float:
        """Seconds that the real observer spent around one floor point."""
        return self._seconds_at(self._observer_seconds, x, y)

    def _seconds_at(self, around: Array, x: float, y: float) -> float:
        left, low = self._visit_corner
        i, j = round((x - left) / self.visit_cell), round((y - low) / self.visit_cell)
        inside = -1 <= i < around.shape[0] - 1 and -1 <= j < around.shape[1] - 1
        return float(around.item(i + 1, j + 1)) if inside else 0.0

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner (3,), (3,) of the distance grid."""
        return self.sdf_origin, self.sdf_origin + (np.array(self.sdf.shape) - 1) * self.sdf_voxel_size

    @cached_property
    def _flat_sdf(self) -> Array:
        return self.sdf.astype(np.float64).reshape(-1)

    @cached_property
    def _per_voxel(self) -> float:
        return 1.0 / self.sdf_voxel_size

    @cached_property
    def _last(self) -> Array:
        return np.array(self.sdf.shape, dtype=np.float64) - 1.0

    @cached_property
    def _last_low(self) -> Array:
        return np.array(self.sdf.shape, dtype=np.int64) - 2

    @cached_property
    def _corner(self) -> tuple[float, float, float]:
        x, y, z = self.sdf_origin.tolist()
        return x, y, z

    @cached_property
    def _most(self) -> tuple[int, int, int]:
        x, y, z = self.sdf.shape
        return x - 1, y - 1, z - 1

    @cached_property
    def _steps(self) -> tuple[int, int, int]:
        """How far apart neighbours along x, y and z lie in the flat field."""
        return self.sdf.shape[1] * self.sdf.shape[2], self.sdf.shape[2], 1

    @cached_property
    def _corner_steps(self) -> Array:
        row, column, _ = self._steps
        return np.array([x * row + y * column + z for z in (0, 1) for y in (0, 1) for x in (0, 1)])

    @cached_property
    def _visit_corner(self) -> tuple[float, float]:
        x, y = self.visit_origin.tolist()
        return x, y

    @cached_property
    def _agent_seconds(self) -> Array:
        return _sums_around(self.agent_visits)

    @cached_property
    def _observer_seconds(self) -> Array:
        return _sums_around(self.observer_visits)

    @cached_property
    def _floor_plan(self) -> Array:
        return np.asarray((self.sdf > 0).any(-1))


def _sums_around(visits: Array) -> Array:
    """Sums (X + 2, Y + 2) of a map (X, Y) over the 3x3 cells around every cell, with one more cell at each edge."""
    wide = np.pad(visits.astype(np.float64), 2)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).sum((-1, -2)))


def _refuse_bombs(path: Path) -> None:
    """Refuse an npz that would unpack to more than a home can need, before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as stream:
                    _refuse_false_header(path, entry.filename, entry.file_size, stream)
            size = sum(entry.file_size for entry in archive.infolist())
    except FileNotFoundError as missing:
        raise HomeError(f"{path}: no such file") from missing
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as broken:
        raise HomeError(f"{path}: not a readable npz file ({broken})") from broken
    if size > MAX_VOLUME_BYTES:
        raise HomeError(f"{path}: would unpack to {size} bytes, more than {MAX_VOLUME_BYTES}")


def _refuse_false_header(path: Path, name: str, size: int, stream: IO[bytes]) -> None:
    """Refuse an array whose header promises more numbers than its bytes hold: NumPy would allocate them first."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > size:
        raise HomeError(f"{path}: {name} claims shape {shape} but holds only {size} bytes")
