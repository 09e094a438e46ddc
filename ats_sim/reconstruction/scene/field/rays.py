"""The pixels that the field learns from, drawn once from all frames and kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import Intrinsics, transform_points
from ats_sim.reconstruction.scene.fusion import FusedPicture, PosedFrames
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

FeatureMaps = Callable[[str, int], Array | None]
"""A dense feature extractor's answer for (recording, frame): an array (h, w, C) over the whole picture, or None."""
LEAST_COSINE = 0.15
FULL_WEIGHT_DEPTH = 1.5


@dataclass(frozen=True, eq=False)
class Rays:
    """N pixels with depth; tensors share their first axis."""

    direction: Tensor
    """(N, 3) camera axes, z = 1: a ray's parameter is its z-depth."""
    depth: Tensor
    """(N,) metres."""
    color: Tensor
    """(N, 3) in 0..1."""
    cosine: Tensor
    """(N,) between the ray and the surface's normal."""
    weight: Tensor
    """(N,) falls with the square of depth, as the noise of depth sensors grows."""
    frame: Tensor
    """(N,) int64, into the bank's frames."""
    feature: Tensor | None
    """(N, C), zero where the frame has none."""

    def __len__(self) -> int:
        return len(self.depth)

    def chosen(self, index: Tensor, device: str) -> Rays:
        """Some of them, on a device."""
        return Rays(
            self.direction[index].to(device),
            self.depth[index].to(device),
            self.color[index].to(device),
            self.cosine[index].to(device),
            self.weight[index].to(device),
            self.frame[index].to(device),
            None if self.feature is None else self.feature[index].to(device).float(),
        )


@dataclass(frozen=True, eq=False)
class RayBank:
    """All rays, and the frames they were taken in."""

    rays: Rays
    """On the CPU."""
    T_world_camera: Array
    """(F, 4, 4) cameras as registered."""
    recording: Array
    """(F,) int64, which recording a frame belongs to."""
    names: tuple[str, ...]
    """Recordings in the order of capture."""
    fixed: Array
    """(R,) bool: recordings whose cameras are given (the walkthrough)."""


def gather(
    parts: Sequence[PosedFrames],
    pictures: Callable[[PosedFrames], Iterable[FusedPicture]],
    volume: TsdfVolume,
    *,
    per_frame: int,
    seed: int,
    features: FeatureMaps | None = None,
    blocked: Callable[[int], Array] | None = None,
    fixed: Sequence[bool] = (),
) -> RayBank:
    """Draw up to `per_frame` pixels of every frame.

    Args:
        parts: Frames by recording, in order of capture.
        pictures: Reads the frames of a part, with depth 0 where a pixel must not be used.
        volume: The fused scene, which gives normals.
        per_frame: Pixels per frame.
        seed: Of the draw.
        features: Dense features of frames, if any.
        blocked: For a recording, where (X, Y, Z) bool of the volume it contradicts the layout to be learned.
        fixed: Per recording, whether its cameras are given.

    Raises:
        ReconstructionError: If no pixel can be used.
    """
    rows: list[dict[str, Array]] = []
    poses: list[Array] = []
    recording: list[int] = []
    for number, part in enumerate(parts):
        barred = None if blocked is None else blocked(number)
        barred = barred if barred is not None and barred.any() else None
        for picture in pictures(part):
            rng = np.random.default_rng([seed, number, picture.index])
            row = _drawn(picture, part.video.intrinsics, volume, per_frame, rng, barred)
            found = None if features is None else features(part.video.name, picture.index)
            row |= {} if found is None else {"feature": looked_up(found, row["pixel"], picture.depth.shape)}
            row["frame"] = np.full(len(row["depth"]), len(poses), np.int64)
            rows.append(row)
            poses.append(picture.T_world_camera)
            recording.append(number)
    if not sum(len(row["depth"]) for row in rows):
        raise ReconstructionError("no pixel has depth that can be used: the scene field has nothing to learn from")
    names = tuple(part.video.name for part in parts)
    held = np.asarray(fixed, bool) if len(fixed) else np.zeros(len(parts), bool)
    return RayBank(_stacked(rows), np.stack(poses), np.array(recording, np.int64), names, held)


def _drawn(
    picture: FusedPicture,
    intrinsics: Intrinsics,
    volume: TsdfVolume,
    per_frame: int,
    rng: np.random.Generator,
    barred: Array | None,
) -> dict[str, Array]:
    known = np.flatnonzero(picture.depth)
    pixel = rng.choice(known, size=min(per_frame, len(known)), replace=False) if len(known) else known
    direction = intrinsics.rays().reshape(-1, 3)[pixel].astype(np.float32)
    depth = picture.depth.ravel()[pixel]
    T = picture.T_world_camera
    if barred is not None:
        open_way = ~_crosses(barred, volume, direction, depth, T)
        pixel, direction, depth = pixel[open_way], direction[open_way], depth[open_way]
    _, normal, seen = volume.sample(transform_points(T, direction * depth[:, None]))
    towards = direction @ T[:3, :3].T
    length = np.linalg.norm(normal, axis=1) * np.linalg.norm(towards, axis=1)
    cosine = np.abs((normal * towards).sum(1)) / np.maximum(length, 1e-6)
    return {
        "pixel": pixel,
        "direction": direction,
        "depth": depth.astype(np.float32),
        "color": picture.rgb.reshape(-1, 3)[pixel],
        "cosine": np.where(seen, np.clip(cosine, LEAST_COSINE, 1.0), 1.0).astype(np.float32),
        "weight": np.minimum(1.0, (FULL_WEIGHT_DEPTH / np.maximum(depth, 0.3)) ** 2).astype(np.float32),
    }


def _crosses(barred: Array, volume: TsdfVolume, direction: Array, depth: Array, T: Array) -> Array:
    """Whether rays (N,) up to a little behind their surface pass through barred voxels."""
    step = 2.0 * volume.voxel_size
    places = np.arange(0.1, float(depth.max(initial=0.1)) + volume.truncation, step)
    hit = np.zeros(len(depth), bool)
    world = (direction @ T[:3, :3].T).astype(np.float32) / np.float32(volume.voxel_size)
    origin = ((T[:3, 3] - volume.origin) / volume.voxel_size).astype(np.float32)
    limit = np.array(volume.shape)
    for z in places:
        cell = np.rint(origin + world * np.float32(z)).astype(np.int32)
        inside = np.all((cell >= 0) & (cell < limit), axis=1) & (z < depth + volume.truncation)
        hit[inside] |= barred[tuple(cell[inside].T)]
    return hit


def looked_up(feature: Array, pixel: Array, shape: tuple[int, ...]) -> Array:
    """Nearest entries (N, C) of a map (h, w, C) that covers a picture of another size."""
    row, column = np.divmod(pixel, shape[1])
    height, width = feature.shape[:2]
    v = np.minimum(((row + 0.5) * height / shape[0]).astype(int), height - 1)
    u = np.minimum(((column + 0.5) * width / shape[1]).astype(int), width - 1)
    return feature[v, u].astype(np.float16)


def _stacked(rows: Sequence[dict[str, Array]]) -> Rays:
    def all_of(name: str) -> Tensor:
        return torch.as_tensor(np.concatenate([row[name] for row in rows]))

    channels = {row["feature"].shape[1] for row in rows if "feature" in row}
    feature = None
    if channels:
        if len(channels) > 1:
            raise ReconstructionError(f"feature maps have {sorted(channels)} channels; they must have the same number")
        width = channels.pop()
        feature = torch.as_tensor(
            np.concatenate([row.get("feature", np.zeros((len(row["depth"]), width), np.float16)) for row in rows])
        )
    return Rays(
        all_of("direction"),
        all_of("depth"),
        all_of("color").float() / 255.0,
        all_of("cosine"),
        all_of("weight"),
        all_of("frame"),
        feature,
    )
