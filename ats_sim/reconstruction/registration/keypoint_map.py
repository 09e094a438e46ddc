"""The keypoints of posed frames as one map that pictures are localised in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, transform_points
from ats_sim.reconstruction.registration.keypoints import FrameKeypoints

SAME_PLACE = 0.2
FEWEST_POINTS = 8
RATIO = 0.9


@dataclass(frozen=True, eq=False)
class KeypointMap:
    """M keypoints of F posed frames."""

    points: Array
    """(M, 3) world, metres."""
    descriptors: Array
    """(M, 128) float32, unit length."""
    frame: Array
    """(M,) which frame saw it."""
    T_world_camera: Array
    """(F, 4, 4) the frames' cameras."""

    @classmethod
    def build(cls, frames: Sequence[FrameKeypoints], T_world_camera: Array) -> KeypointMap:
        """Lift the keypoints with known depth of frames seen from known cameras (F,4,4)."""
        lifted = [np.flatnonzero(keypoints.depth > 0) for keypoints in frames]
        points = [transform_points(T, k.points[i]) for k, T, i in zip(frames, T_world_camera, lifted, strict=True)]
        descriptors = [k.descriptors[i] for k, i in zip(frames, lifted, strict=True)]
        return cls(
            np.concatenate([np.zeros((0, 3)), *points]),
            np.concatenate([np.zeros((0, 128), np.float32), *descriptors]),
            np.repeat(np.arange(len(frames)), [len(i) for i in lifted]),
            np.asarray(T_world_camera),
        )

    def joined(self, other: KeypointMap) -> KeypointMap:
        """This map and another one of the same world."""
        return KeypointMap(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.descriptors, other.descriptors]),
            np.concatenate([self.frame, other.frame + len(self.T_world_camera)]),
            np.concatenate([self.T_world_camera, other.T_world_camera]),
        )

    def match(self, descriptors: Array) -> tuple[Array, Array]:
        """Match against the whole map: which query (n,) and which map point (n,). The rival of the ratio test is the
        best descriptor of ANOTHER place, since neighbouring frames saw the same point many times."""
        if not len(descriptors) or len(self.points) <= FEWEST_POINTS:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        best = [
            (value, index + start)
            for start, end in _runs(self.frame)
            for value, index in _two_best(descriptors @ self.descriptors[start:end].T)
        ]
        value, index = (np.stack(parts, axis=1) for parts in zip(*best, strict=True))
        return _best_of_candidates(value, index, self.points)

    def match_near(
        self, keypoints: FrameKeypoints, intrinsics: Intrinsics, T_world_camera: Array, radius: float, frames: int = 6
    ) -> tuple[Array, Array]:
        """As :meth:`match`, only among points of the `frames` most similar views that project within `radius` pixels
        of the keypoint under a first guess of the camera."""
        chosen = self._points_of_similar_views(intrinsics, T_world_camera, frames)
        if not len(keypoints) or len(chosen) <= FEWEST_POINTS:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        projected = intrinsics.project(transform_points(inverse(T_world_camera), self.points[chosen]))
        u, v, z = (part.astype(np.float32) for part in projected)
        pixels, depth = keypoints.pixels.astype(np.float32), keypoints.depth.astype(np.float32)[:, None]
        similarity = keypoints.descriptors @ self.descriptors[chosen].T
        off = (np.abs(pixels[:, :1] - u) > radius) | (np.abs(pixels[:, 1:] - v) > radius)
        off |= (depth > 0) & (np.abs(depth - z) > 0.3 + 0.05 * z)
        similarity[off] = 0.0
        best = [
            (value, index + start)
            for start, end in _runs(self.frame[chosen])
            for value, index in _two_best(similarity[:, start:end])
        ]
        value, top = (np.stack(parts, axis=1) for parts in zip(*best, strict=True))
        query, index = _best_of_candidates(value, top, self.points[chosen], floor=0.75)
        return query, chosen[index]

    def _points_of_similar_views(self, intrinsics: Intrinsics, T_world_camera: Array, frames: int) -> Array:
        u, v, z = intrinsics.project(transform_points(inverse(T_world_camera), self.points))
        inside = (z > 0.1) & (u > 0) & (v > 0) & (u < intrinsics.width) & (v < intrinsics.height)
        shared = np.bincount(self.frame[inside], minlength=len(self.T_world_camera)).astype(np.float64)
        alike = self.T_world_camera[:, :3, 2] @ T_world_camera[:3, 2]
        away = np.linalg.norm(self.T_world_camera[:, :3, 3] - T_world_camera[:3, 3], axis=1)
        score = shared * np.clip(alike, 0.0, 1.0) ** 2 / (0.5 + away)
        best = np.argsort(-score)[:frames]
        return np.flatnonzero(inside & np.isin(self.frame, best[score[best] > 0]))


def _runs(view: Array) -> list[tuple[int, int]]:
    """First and past-the-last index of each run of equal values."""
    starts = np.flatnonzero(np.diff(view, prepend=-1))
    return [(int(a), int(b)) for a, b in zip(starts, np.append(starts[1:], len(view)), strict=True)]


def _two_best(similarity: Array) -> list[tuple[Array, Array]]:
    """Value and column (N,) of each row's best and second best column; two passes of argmax are many times faster than
    a partition of rows full of ties. Overwrites `similarity`."""
    rows = np.arange(len(similarity))
    found = []
    for _ in range(2):
        best = similarity.argmax(axis=1)
        found.append((similarity[rows, best], best))
        similarity[rows, best] = -1.0
    return found


def _best_of_candidates(similarity: Array, index: Array, points: Array, floor: float = 0.0) -> tuple[Array, Array]:
    """Ratio test of each row's best candidate (N,R) against the best one of another place."""
    rows = np.arange(len(index))
    best = similarity.argmax(axis=1)
    winner, top = index[rows, best], similarity[rows, best]
    elsewhere = np.linalg.norm(points[index] - points[winner][:, None], axis=2) > SAME_PLACE
    rival = np.where(elsewhere, similarity, 0.0).max(axis=1)
    keep = (np.sqrt(np.maximum(1 - top, 0)) < RATIO * np.sqrt(np.maximum(1 - rival, 1e-9))) & (top > floor)
    return rows[keep], winner[keep]
