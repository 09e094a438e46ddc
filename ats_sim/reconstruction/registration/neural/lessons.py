"""What the localizers learn from: small posed RGB-D pictures, rendered from the map or filmed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import Intrinsics
from ats_sim.progress import track
from ats_sim.reconstruction.registration.neural.camera_sampling import Style, sample_cameras
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

LEAST_SEEN = 0.6
NEAREST_MIDDLE = 0.6
PATIENCE = 4
"""How many cameras are tried for every picture wanted: many look into a wall or out of the home."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """N pictures of one size with their cameras."""

    rgb: Array
    """(N, h, w, 3) uint8."""
    depth: Array
    """(N, h, w) float32 metres, 0 = unknown."""
    hidden: Array
    """(N, h, w) bool, where the agent is."""
    T_world_camera: Array
    """(N, 4, 4)."""
    intrinsics: Intrinsics
    """Of all of them."""

    def __len__(self) -> int:
        return len(self.rgb)

    @property
    def key(self) -> str:
        """SHA-256 of everything that is learned from."""
        total = hashlib.sha256(repr(self.intrinsics).encode())
        for array in (self.rgb, self.depth, self.hidden, self.T_world_camera):
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()

    def joined(self, other: Lessons) -> Lessons:
        """These and others; those of another picture size are left out."""
        if self.rgb.shape[1:] != other.rgb.shape[1:] or not len(other):
            return self
        return Lessons(
            np.concatenate([self.rgb, other.rgb]),
            np.concatenate([self.depth, other.depth]),
            np.concatenate([self.hidden, other.hidden]),
            np.concatenate([self.T_world_camera, other.T_world_camera]),
            self.intrinsics,
        )


def filmed(views: Sequence[View], T_world_camera: Array) -> Lessons:
    """Real pictures from known cameras (N,4,4).

    Raises:
        ReconstructionError: Without any picture.
    """
    if not views:
        raise ReconstructionError("a localizer has no picture to learn from; the walkthrough is empty")
    return Lessons(
        np.stack([view.rgb for view in views]),
        np.stack([view.depth for view in views]),
        np.stack([view.hidden for view in views]),
        np.asarray(T_world_camera, dtype=np.float64),
        views[0].intrinsics,
    )


def rendered(
    caster: Raycaster,
    volume: TsdfVolume,
    walked: Array,
    intrinsics: Intrinsics,
    count: int,
    rng: np.random.Generator,
    style: Style = "handheld",
    label: str | None = None,
) -> Lessons:
    """At most `count` renders of the map's mesh from sampled cameras that look at something.

    Raises:
        ReconstructionError: If no camera sees anything.
    """
    shape = (count, intrinsics.height, intrinsics.width)
    rgb, depth = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32)
    cameras = sample_cameras(rng, PATIENCE * count, walked, volume, style)
    kept: list[int] = []
    for i in track(range(len(cameras)), label) if label else range(len(cameras)):
        z, _, color = caster.render(intrinsics, cameras[i])
        known = z > 0
        if known.mean() < LEAST_SEEN or np.median(z[known]) < NEAREST_MIDDLE:
            continue
        rgb[len(kept)], depth[len(kept)] = color, z
        kept.append(i)
        if len(kept) == count:
            break
    if not kept:
        raise ReconstructionError("no camera inside the map sees any of its surface; is the walkthrough's depth right?")
    used = len(kept)
    return Lessons(rgb[:used], depth[:used], np.zeros((used, *shape[1:]), dtype=bool), cameras[kept], intrinsics)
