"""Batch k of a training follows from the seed and k alone, so that a resumed training repeats an uninterrupted one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.geometry import inverse, transform_points
from ats_sim.reconstruction.registration.neural.encoder import STRIDE
from ats_sim.reconstruction.registration.neural.lessons import Lessons
from ats_sim.reconstruction.registration.neural.relighting import Pictures, disturbed
from ats_sim.reconstruction.registration.observation import reliable

FARTHEST = 6.0
EDGE = 0.12


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from."""

    pictures: Pictures
    """As the network is shown them."""
    target: Tensor
    """(B, 3, h/4, w/4) true world coordinates of the cells."""
    valid: Tensor
    """(B, h/4, w/4) 1 where they are known and not covered."""
    T_world_camera: Tensor
    """(B, 4, 4)."""


class BatchMaker:
    """Draws disturbed pictures of filmed and rendered lessons."""

    def __init__(
        self,
        filmed: Lessons,
        renders: Lessons | None,
        batch: int,
        filmed_share: float,
        seed: int,
        disturb: Callable[[Pictures, torch.Generator], Pictures] | None = None,
    ) -> None:
        """`filmed_share` of each batch is `filmed`; without `renders` all is. `disturb` replaces the usual one."""
        self._lessons = filmed if renders is None else filmed.joined(renders)
        self._filmed = len(filmed)
        self._batch, self._seed, self._disturb = batch, seed, disturb
        self._share = filmed_share if self._filmed < len(self._lessons) else 1.0
        self.coordinates, self.valid = cell_coordinates(self._lessons)

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([self._seed, step])
        real = round(self._batch * self._share)
        total = len(self._lessons)
        chosen = np.concatenate(
            [
                rng.integers(self._filmed, size=real),
                rng.integers(min(self._filmed, total - 1), total, self._batch - real),
            ]
        )
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        clean = pictures_of(self._lessons, chosen)
        if self._disturb is None:
            pictures, covered = disturbed(clean, generator)
        else:
            pictures = self._disturb(clean, generator)
            covered = pictures.hidden
        valid = torch.from_numpy(self.valid[chosen]) & ~covered[:, 0, ::STRIDE, ::STRIDE]
        return Batch(
            pictures,
            torch.from_numpy(self.coordinates[chosen]).permute(0, 3, 1, 2).contiguous(),
            valid.to(torch.float32),
            torch.from_numpy(self._lessons.T_world_camera[chosen].astype(np.float32)),
        )


def pictures_of(lessons: Lessons, chosen: Array) -> Pictures:
    """Chosen lessons (n,) as the network's input before any disturbance."""
    return Pictures(
        torch.from_numpy(lessons.rgb[chosen]).permute(0, 3, 1, 2).to(torch.float32) / 255.0,
        torch.from_numpy(lessons.depth[chosen])[:, None],
        torch.from_numpy(lessons.hidden[chosen])[:, None],
        torch.from_numpy(lessons.T_world_camera[chosen, 2, :3].astype(np.float32)),
    )


def cell_coordinates(lessons: Lessons) -> tuple[Array, Array]:
    """World coordinates (N,h/4,w/4,3) float32 beneath the cells' pixels and where they are sure (N,h/4,w/4) bool."""
    cells = (slice(None, None, STRIDE), slice(None, None, STRIDE))
    rays = lessons.intrinsics.rays()[cells]
    points, sure = [], []
    for depth, hidden, T in zip(lessons.depth, lessons.hidden, lessons.T_world_camera, strict=True):
        local = (rays * depth[cells][..., None]).reshape(-1, 3)
        points.append(transform_points(T, local).reshape(rays.shape).astype(np.float32))
        sure.append(sure_depth(depth, hidden)[cells])
    return np.stack(points), np.stack(sure)


def sure_depth(depth: Array, hidden: Array) -> Array:
    """Pixels (h,w) whose depth is trusted: near, on no edge (a pixel of a small picture spans much of a floor seen at a
    slant, so that edges are what is steeper than that), and not of the agent."""
    return np.asarray(reliable(depth, hidden if hidden.any() else None, EDGE) & (depth < FARTHEST))


def up_in_camera(T_world_camera: Array) -> Array:
    """The vertical (...,3) in camera axes under poses (...,4,4) whose frame has z up."""
    return np.asarray(inverse(T_world_camera)[..., :3, 2])
