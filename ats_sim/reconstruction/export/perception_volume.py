"""The perception volume of a home: what the behaviour models see, and where everybody has been."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.home import PerceptionVolume
from ats_sim.reconstruction.export.space import Space, signed_distance
from ats_sim.reconstruction.thinning import evenly

FEATURES = ("red", "green", "blue", "height")
"""Appearance and height; what is occupied, free or unknown is a grid of its own."""
HEIGHT_UNIT = 2.0
"""Height above the floor is given in units of this, metres."""
VISIT_CELL = 0.1
MOST_POSES = 6000
UNKNOWN, FREE, OCCUPIED = 0, 1, 2
FARTHEST = 1.0
"""Distances are held to this, metres: bodies only ask what is within reach."""
SDF_STEP = 1 / 256
"""Distances are rounded to this, metres, far below a voxel: the file is then less than half as large."""


def perception_volume(
    space: Space, agent_roots: Array, observer_cameras: Array, observer_seconds: Array, agent_seconds: float = 0.1
) -> PerceptionVolume:
    """Gather the volume.

    Args:
        space: The carved home.
        agent_roots: (N, 4, 4) recorded root poses, home frame, one every `agent_seconds`.
        observer_cameras: (M, 4, 4) recorded camera poses, home frame.
        observer_seconds: (M,) time that each stands for.
        agent_seconds: Time that each root stands for.
    """
    coarse = _coarse(space)
    low = space.origin[:2]
    cells = np.ceil(np.array(space.free.shape[:2]) * space.voxel / VISIT_CELL).astype(int)
    agent = np.full(len(agent_roots), agent_seconds)
    return PerceptionVolume(
        origin=space.origin + 0.5 * space.voxel,
        voxel_size=2 * space.voxel,
        features=_features(coarse, space.origin[2] + 0.5 * space.voxel, 2 * space.voxel),
        feature_names=FEATURES,
        occupancy=coarse["occupancy"],
        sdf_origin=space.origin,
        sdf_voxel_size=space.voxel,
        sdf=_rounded(signed_distance(space)),
        visit_origin=low,
        visit_cell=VISIT_CELL,
        agent_visits=_visits(agent_roots[:, :3, 3], agent, low, cells),
        observer_visits=_visits(observer_cameras[:, :3, 3], observer_seconds, low, cells),
        agent_roots=agent_roots[evenly(len(agent_roots), MOST_POSES)].astype(np.float32),
        observer_cameras=observer_cameras[evenly(len(observer_cameras), MOST_POSES)].astype(np.float32),
    )


def _coarse(space: Space) -> dict[str, Array]:
    """Blocks of 2x2x2 voxels: occupancy (X, Y, Z) and mean colour (X, Y, Z, 3) in 0..1."""
    pad = [(0, n % 2) for n in space.free.shape]
    free = _blocks(np.pad(space.free, pad))
    solid = _blocks(np.pad(space.known & (space.depth <= 0) & ~space.free, pad))
    colored = _blocks(np.pad(space.color.any(-1) & ~space.free, pad))
    color = np.pad(space.color, [*pad, (0, 0)])
    channels = np.stack([_blocks(color[..., c] / 255.0 * np.pad(~space.free, pad)) for c in range(3)], -1)
    mean = np.where(colored[..., None] > 0, channels / np.maximum(colored[..., None], 1), 0.0)
    occupancy = np.full(free.shape, UNKNOWN, dtype=np.uint8)
    occupancy[free >= 4] = FREE
    # A block that holds any solid voxel touches a surface: legs of chairs must not vanish.
    occupancy[(solid >= 1) & (free < 7)] = OCCUPIED
    return {"occupancy": occupancy, "color": mean}


def _blocks(values: Array) -> Array:
    x, y, z = values.shape
    return np.asarray(values.astype(np.float32).reshape(x // 2, 2, y // 2, 2, z // 2, 2).sum((1, 3, 5)))


def _rounded(distance: Array) -> Array:
    # To the middles of steps: a distance of exactly zero would open the surfaces that are meshed from the field.
    steps = np.floor(np.clip(distance, -FARTHEST, FARTHEST) / SDF_STEP)
    return ((steps + 0.5) * SDF_STEP).astype(np.float16)


def _features(coarse: dict[str, Array], lowest: float, voxel: float) -> Array:
    occupancy = coarse["occupancy"]
    height = np.clip((lowest + voxel * np.arange(occupancy.shape[2])) / HEIGHT_UNIT, -1.0, 2.0)
    channels = [*np.moveaxis(coarse["color"], -1, 0), np.broadcast_to(height, occupancy.shape)]
    return np.stack([np.asarray(channel, dtype=np.float16) for channel in channels])


def _visits(places: Array, seconds: Array, low: Array, cells: Array) -> Array:
    """Seconds (X, Y) float32 spent per cell."""
    visits = np.zeros(tuple(cells), dtype=np.float32)
    index = np.rint((places[:, :2] - low) / VISIT_CELL).astype(int)
    inside = ((index >= 0) & (index < cells)).all(1)
    np.add.at(visits, tuple(index[inside].T), seconds[inside].astype(np.float32))
    return visits
