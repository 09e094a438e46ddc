"""Which pictures become the scene: the walkthrough, and of the videos what neither the agent nor a guest stood in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import Intrinsics, transform_points
from ats_sim.progress import track
from ats_sim.reconstruction.capture.format import Video
from ats_sim.reconstruction.registration.observation import around, reliable, unbent
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.scene.votes import Tally
from ats_sim.reconstruction.thinning import evenly

HELD_OUT_EVERY = 10
MARGIN = 0.25
FARTHEST = 5.5
VIDEO_WEIGHT = 0.3
BOUNDS_FRAMES = 60


@dataclass(frozen=True, eq=False)
class PosedFrames:
    """Frames of one recording that are to be fused."""

    video: Video
    """Where the pictures are."""
    indices: Array
    """(N,) which frames."""
    T_world_camera: Array
    """(N, 4, 4) their cameras."""
    weight: float = 1.0
    """How much they count."""

    def thinned(self, count: int) -> PosedFrames:
        """At most `count` of the frames, evenly."""
        chosen = evenly(len(self.indices), count)
        return replace(self, indices=self.indices[chosen], T_world_camera=self.T_world_camera[chosen])


def held_out(index: int | Array) -> Array:
    """Whether a video's frame is kept for evaluation: registered, but never used to build fields or shapes."""
    return np.asarray(np.asarray(index) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1)


def empty_volume(parts: Sequence[PosedFrames], voxel_size: float) -> TsdfVolume:
    """A volume around what the frames see (the outermost 0.1 % of points left out on each side).

    Raises:
        ReconstructionError: If no frame has depth.
    """
    clouds = [_thin_cloud(part) for part in parts]
    cloud = np.concatenate(clouds) if clouds else np.zeros((0, 3))
    if not len(cloud):
        raise ReconstructionError("no frame has any depth: the scene cannot be built; record with depth")
    lower, upper = np.percentile(cloud, 0.1, axis=0) - MARGIN, np.percentile(cloud, 99.9, axis=0) + MARGIN
    return TsdfVolume.empty(lower, upper, voxel_size)


def fuse(
    volume: TsdfVolume,
    part: PosedFrames,
    *,
    use_masks: bool,
    static: TsdfVolume | None = None,
    label: str = "",
    tally: Tally | None = None,
) -> None:
    """Fuse frames into the volume. Pixels of the agent's mask are left out, and so is what stands where the `static`
    map saw free space (the agent where no mask is given, people, things on the move). Votes go into `tally`."""
    for picture in pictures(part, use_masks=use_masks, static=static, label=label or f"fuse {part.video.name}"):
        volume.integrate(
            picture.depth,
            picture.rgb,
            part.video.intrinsics,
            picture.T_world_camera,
            weight=part.weight,
            tally=tally,
        )


@dataclass(frozen=True, eq=False)
class FusedPicture:
    """What of a frame becomes part of the scene."""

    index: int
    """Frame number."""
    depth: Array
    """(H, W) float32 metres, 0 where unknown or not to be used."""
    rgb: Array
    """(H, W, 3) uint8."""
    T_world_camera: Array
    """(4, 4)."""


def pictures(
    part: PosedFrames, *, use_masks: bool, static: TsdfVolume | None = None, label: str
) -> Iterator[FusedPicture]:
    """Read frames one by one; see :func:`fuse` for what is left out."""
    intrinsics = part.video.intrinsics
    pairs = list(zip(part.indices, part.T_world_camera, strict=True))
    for index, T in track(pairs, label):
        depth = part.video.depth(int(index))
        mask = part.video.mask(int(index)) if use_masks else None
        usable = (reliable(depth, None) | unbent(depth)) & (depth < FARTHEST)
        if mask is not None:
            usable &= ~around(mask)
        if static is not None:
            usable &= ~stands_in_free_space(static, depth, intrinsics, T)
        yield FusedPicture(int(index), np.where(usable, depth, 0.0).astype(np.float32), part.video.rgb(int(index)), T)


def stands_in_free_space(static: TsdfVolume, depth: Array, intrinsics: Intrinsics, T_world_camera: Array) -> Array:
    """Pixels (H,W) whose surface lies where the map saw nothing."""
    known = depth > 0
    world = transform_points(T_world_camera, intrinsics.unproject(depth)[known])
    out = np.zeros(depth.shape, dtype=bool)
    out[known] = static.free(world)
    return out


def _thin_cloud(part: PosedFrames) -> Array:
    points = []
    few = part.thinned(BOUNDS_FRAMES)
    for index, T in zip(few.indices, few.T_world_camera, strict=True):
        depth = part.video.depth(int(index))
        local = part.video.intrinsics.unproject(depth)[::8, ::8]
        thin = depth[::8, ::8]
        points.append(transform_points(T, local[(thin > 0) & (thin < FARTHEST)]))
    return np.concatenate(points) if points else np.zeros((0, 3))
