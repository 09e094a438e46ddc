"""What any generator says of single frames: a pose each, and how much it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.neural.view import View


@dataclass(frozen=True, eq=False)
class FramePoses:
    """Poses of n of the frames that were asked for."""

    frames: Array
    """(n,) which of them."""
    T_world_camera: Array
    """(n, 4, 4)."""
    weights: Array
    """(n,) support, larger is better."""

    @classmethod
    def of(cls, found: list[tuple[int, Array, float]]) -> Self:
        """From (frame, pose, weight) triples."""
        if not found:
            return cls(np.zeros(0, dtype=np.int64), np.zeros((0, 4, 4)), np.zeros(0))
        frames, poses, weights = zip(*found, strict=True)
        return cls(np.array(frames), np.stack(poses), np.array(weights, dtype=np.float64))


class FrameLocalizer(Protocol):
    """Something that says where single frames were taken."""

    def locate_frames(self, views: Sequence[View], T_odometry_camera: Array | None) -> FramePoses:
        """Poses of those views that it can place; odometry (N,4,4), where known, has z up."""

    def place_video(
        self, views: Sequence[View], T_odometry_camera: Array, *, level: bool
    ) -> tuple[Array, float] | None:
        """T_world_odometry (4,4) from all views together and its support in 0..1, where it can; `level`: z is up."""

    def study(self, views: Sequence[View], T_world_camera: Array) -> None:
        """Learn from further frames of known cameras (N,4,4), where it is of the kind that does."""
