"""What the agent knows: the world around it, the observer's and its own last 0.8 s, all seen from its own frame.

The ego frame keeps the position and the heading of the current root and drops pitch and roll (ATS section 3.3 moves the
world by the inverse of the whole root pose; gravity makes pitch and roll information, not a choice of frame). Training
and the running simulator call the same functions here, so that a policy meets at run time exactly what it was
trained on. Nothing in this file looks at a frame later than "now".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.geometry import (
    gravity_aligned,
    heading,
    inverse,
    matrix_from_rotation_6d,
    rotation_6d_from_matrix,
    transform_points,
)
from ats_sim.remembered import remembered
from ats_sim.volume import PerceptionVolume

HZ = 10
"""Ticks of the behaviour clock per second."""
PAST = 8
"""Frames of history, the last is now (0.8 s)."""
FUTURE = 56
"""Frames of a plan, the first is 0.1 s from now (5.6 s)."""
PATCH_SHAPE = (32, 32, 8)
"""Cells of the scene patch along x (ahead), y (left), z (up)."""
PATCH_CELL = 0.2
"""Edge of a patch cell, metres: the patch spans 6.4 x 6.4 x 1.6 m."""
PATCH_BELOW = 0.5
"""Height of the lowest cell centres below the root, metres."""
CLEARANCE_LIMIT = 0.5
"""Signed distances are clipped to this, metres: further away nothing touches a cat."""
_AHEAD: Array = ((np.arange(PATCH_SHAPE[0]) - 0.5 * (PATCH_SHAPE[0] - 1)) * PATCH_CELL)[:, None]
_LEFT: Array = (np.arange(PATCH_SHAPE[1]) - 0.5 * (PATCH_SHAPE[1] - 1)) * PATCH_CELL
_UP: Array = np.arange(PATCH_SHAPE[2]) * PATCH_CELL - PATCH_BELOW
GEOMETRY_CHANNELS = ("occupied", "free", "clearance")
"""Channels every patch ends with, after the volume's own features."""
ROOT_WIDTH = 9
"""Leading entries of packed motion: the root's position and two columns of its rotation; joints follow."""


@dataclass(frozen=True, eq=False)
class AgentHistory:
    """Where one agent has been; the last frame is now."""

    T_world_root: Array
    """(8, 4, 4) root poses in the world."""
    joint_rotations: Array
    """(8, J, 3) axis-angle, as in `Skeleton.forward_kinematics`."""


@dataclass(frozen=True, eq=False)
class Perception:
    """What one agent knows at one moment; everything but `T_world_ego` is in the ego frame."""

    T_world_ego: Array
    """(4, 4) the ego frame: position and heading of the current root."""
    scene_patch: Array
    """(C, 32, 32, 8) float32: features of the scene around the agent, turned with its heading."""
    observer_past: Array
    """(8, 3) camera centres of the observer, metres."""
    past_path: Array
    """(8, 3) root positions, metres; the last is 0."""
    past_rotations: Array
    """(8, 3, 3) root rotations."""
    past_joints: Array
    """(8, J, 3) joint rotations, axis-angle."""


def perceive(volume: PerceptionVolume, history: AgentHistory, observer_past_world: Array) -> Perception:
    """Gather what an agent knows now.

    Args:
        volume: The home's perception volume.
        history: The agent's own last 8 frames, world frame.
        observer_past_world: (8, 3) the observer's camera centres over the same frames, world frame, metres.

    Raises:
        ArrayError: If a history has another length than 8 frames or holds NaN.
    """
    return perceive_all([volume], [history], [observer_past_world])[0]


def perceive_all(
    volumes: Sequence[PerceptionVolume], histories: Sequence[AgentHistory], observer_pasts: Sequence[Array]
) -> list[Perception]:
    """What N agents know now, as `perceive` for each; what one perceives does not depend on the others."""
    pairs = zip(histories, observer_pasts, strict=True)
    known = [
        (
            checked("history.T_world_root", history.T_world_root, (PAST, 4, 4)),
            checked("history.joint_rotations", history.joint_rotations, (PAST, None, 3)),
            checked("observer_past_world", observer_past, (PAST, 3)),
        )
        for history, observer_past in pairs
    ]
    roots, observers = np.array([own[0] for own in known]), np.array([own[2] for own in known])
    egos = gravity_aligned(roots[:, -1])
    paths, rotations = motion_in_ego(egos[:, None], roots)
    observed = transform_points(inverse(egos), observers)
    parts = zip(volumes, egos, observed, paths, rotations, known, strict=True)
    return [
        Perception(ego, scene_patch(volume, ego), observer, path, rotation, joints)
        for volume, ego, observer, path, rotation, (_, joints, _) in parts
    ]


def motion_in_ego(T_world_ego: Array, T_world_root: Array) -> tuple[Array, Array]:
    """Root positions (..., 3) and rotations (..., 3, 3) in ego frames, from root poses (..., 4, 4) in the world."""
    T_ego_root = inverse(T_world_ego) @ T_world_root
    return T_ego_root[..., :3, 3], T_ego_root[..., :3, :3]


def pack_motion(path: Array, rotations: Array, joint_rotations: Array) -> Array:
    """Flatten motion for the networks: position 3, rotation 6 (two columns), joints 1..J-1 as axis-angle.

    Args:
        path: (..., 3) root positions.
        rotations: (..., 3, 3) root rotations.
        joint_rotations: (..., J, 3); the root's own entry is always zero and is left out.

    Returns:
        (..., 9 + 3 (J - 1)) float32.
    """
    joints = joint_rotations[..., 1:, :]
    flat = joints.reshape(*joints.shape[:-2], -1)
    return np.concatenate([path, rotation_6d_from_matrix(rotations), flat], axis=-1).astype(np.float32)


def unpack_motion(motion: Array) -> tuple[Array, Array, Array]:
    """Undo `pack_motion`: path (..., 3), proper rotations (..., 3, 3) and joint rotations (..., J, 3), float64."""
    motion = np.asarray(motion, dtype=np.float64)
    joints = motion[..., ROOT_WIDTH:].reshape(*motion.shape[:-1], -1, 3)
    joints = np.concatenate([np.zeros_like(joints[..., :1, :]), joints], axis=-2)
    return motion[..., :3], matrix_from_rotation_6d(motion[..., 3:ROOT_WIDTH]), joints


def motion_width(num_joints: int) -> int:
    """Length of the last axis of `pack_motion` for a skeleton of J joints, the root included."""
    return 9 + 3 * (num_joints - 1)


def patch_channels(volume: PerceptionVolume) -> tuple[str, ...]:
    """Names of the C channels of `scene_patch`."""
    return (*volume.feature_names, *GEOMETRY_CHANNELS)


def scene_patch(volume: PerceptionVolume, T_world_ego: Array) -> Array:
    """Sample the scene around an ego frame: (C, 32, 32, 8) float32, channels named by `patch_channels`.

    The voxels are smoothed to the patch's cell size once per volume; a look-up is then one gather (well under 1 ms).
    Cells outside the volume are unknown: all zero, and as far inside things as the clip allows.
    """
    grid = _grid(volume)
    flat = _cell_indices(volume, grid.shape, T_world_ego)
    cells = grid.cells.take(flat, axis=0)
    return np.ascontiguousarray(cells.T).reshape(-1, *PATCH_SHAPE)


@dataclass(frozen=True, eq=False)
class _Grid:
    cells: Array
    """((X + 2) (Y + 2) (Z + 2), C) float32, smoothed; the outermost cells stand for everything outside."""
    shape: tuple[int, int, int]
    """X + 2, Y + 2, Z + 2."""


@remembered  # smoothing takes tens of milliseconds
def _grid(volume: PerceptionVolume) -> _Grid:
    shape = volume.occupancy.shape
    corner = np.asarray(volume.origin, dtype=np.float64)
    axes = [corner[i] + volume.voxel_size * np.arange(shape[i]) for i in range(3)]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    clearance = np.clip(volume.sample_sdf(centres), -CLEARANCE_LIMIT, CLEARANCE_LIMIT)
    geometry = np.stack([volume.occupancy == 2, volume.occupancy == 1, clearance / CLEARANCE_LIMIT])
    channels = np.concatenate([np.asarray(volume.features, dtype=np.float32), geometry.astype(np.float32)])
    for axis in (1, 2, 3):
        channels = _smoothed(channels, axis)
    # Rounded to half precision, as policies were trained on. Outside nothing is known, and all is solid.
    cells = np.pad(channels.astype(np.float16), [(0, 0), (1, 1), (1, 1), (1, 1)])
    for axis in (1, 2, 3):
        np.moveaxis(cells[-1], axis - 1, 0)[[0, -1]] = -1.0
    # Rows in one piece: gathering from any other order would copy the whole grid first.
    rows = np.ascontiguousarray(np.moveaxis(cells, 0, -1), dtype=np.float32)
    return _Grid(rows.reshape(-1, len(channels)), rows.shape[:3])


def _smoothed(values: Array, axis: int) -> Array:
    """Weights 1/4, 1/2, 1/4 along an axis, ends held: voxels of 0.1 m are then fit for cells of 0.2 m."""
    padding = [(1, 1) if i == axis else (0, 0) for i in range(values.ndim)]
    padded = np.pad(values, padding, mode="edge")
    size = values.shape[axis]
    before, here, after = (np.take(padded, np.arange(start, start + size), axis=axis) for start in range(3))
    return 0.25 * before + 0.5 * here + 0.25 * after


def _cell_indices(volume: PerceptionVolume, shape: tuple[int, int, int], T_world_ego: Array) -> Array:
    """Rows of the grid, whose shape has a cell more at every side, for the patch's cells: (8192,)."""
    yaw = float(heading(T_world_ego[:3, :3]))
    # Half a voxel to the cell's edge, and one for the cell more.
    left, back, below = ((np.asarray(T_world_ego[:3, 3]) - volume.origin) / volume.voxel_size + 1.5).tolist()
    step = 1.0 / volume.voxel_size
    cosine, sine = step * math.cos(yaw), step * math.sin(yaw)
    x = _held(left + (cosine * _AHEAD - sine * _LEFT), shape[0])
    y = _held(back + (sine * _AHEAD + cosine * _LEFT), shape[1])
    z = _held(below + step * _UP, shape[2])
    return np.asarray(((x * shape[1] + y) * shape[2])[..., None] + z).reshape(-1)


def _held(cells: Array, count: int) -> Array:
    """Whole cells of an axis; what lies beyond it is held to the outermost, which stand for everything outside."""
    return np.minimum(np.maximum(cells, 0.0), count - 1.0).astype(np.int64)
