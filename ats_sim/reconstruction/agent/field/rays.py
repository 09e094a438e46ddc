"""The pixels that the agent field learns from: on the agent and close beside it, drawn once and kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.geometry import inverse, transform_points
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.observations import FLYING, smoothed_depth
from ats_sim.reconstruction.agent.shape import PosedFrames
from ats_sim.reconstruction.scene.field.rays import FeatureMaps, looked_up
from ats_sim.reconstruction.scene.raycast import Raycaster

BESIDE = 0.3
"""Share of the pixels that are drawn beside the agent."""
RIM = 0.12
"""How far beside it, as a share of the mask's longer side."""
LEAST_COSINE = 0.3
IN_FRONT = 0.3
"""What lies so many metres before the agent's middle hides it."""


@dataclass(frozen=True, eq=False)
class AgentRays:
    """P pixels of each of K frames; tensors share their first two axes."""

    direction: Tensor
    """(K, P, 3) camera axes, z = 1: a ray's parameter is its z-depth."""
    depth: Tensor
    """(K, P) measured, metres, 0 where unknown or flying."""
    color: Tensor
    """(K, P, 3) in 0..1."""
    on: Tensor
    """(K, P) 1 on the agent, 0 beside it."""
    guide: Tensor
    """(K, P) depth at which the agent's surface is looked for."""
    scene: Tensor
    """(K, P) depth of the scene's surface, 0 where it has none."""
    cosine: Tensor
    """(K, P) between the ray and the surface's normal."""
    feature: Tensor | None
    """(K, P, C)."""
    count: Tensor
    """(K,) how many of the P pixels are there; 0 where the agent was not seen."""
    T_world_camera: Tensor
    """(K, 4, 4)."""

    def chosen(self, frames: Tensor, per_frame: int, generator: torch.Generator, device: str) -> AgentRays:
        """`per_frame` random pixels of frames (F,): the same with axes (F, per_frame)."""
        share = torch.rand((len(frames), per_frame), generator=generator)
        index = (share * self.count[frames, None]).long()

        def take(values: Tensor) -> Tensor:
            return values[frames[:, None], index].to(device)

        return AgentRays(
            take(self.direction),
            take(self.depth),
            take(self.color),
            take(self.on),
            take(self.guide),
            take(self.scene),
            take(self.cosine),
            None if self.feature is None else take(self.feature).float(),
            self.count[frames],
            self.T_world_camera[frames].to(device),
        )


def gather(
    skinned: SkinnedMesh,
    parts: Sequence[PosedFrames],
    places: Sequence[Array],
    total: int,
    caster: Raycaster,
    *,
    per_frame: int,
    seed: int,
    features: FeatureMaps | None = None,
) -> AgentRays:
    """Draw the pixels of all seen frames.

    Args:
        skinned: The fitted body.
        parts: Seen frames of every video.
        places: Of every part, which of all `total` fitted frames its frames are.
        total: K.
        caster: The scene's surface.
        per_frame: P.
        seed: Of the draw.
        features: Dense features of frames, if any.

    Raises:
        ReconstructionError: If no frame has a pixel that can be used.
    """
    rows: dict[int, dict[str, Array]] = {}
    cameras = np.tile(np.eye(4), (total, 1, 1))
    for number, (part, index) in enumerate(zip(parts, places, strict=True)):
        for k, at in enumerate(index):
            frame = int(part.frames[k])
            cameras[at] = part.T_world_camera[frame]
            rng = np.random.default_rng([seed, number, frame])
            row = _drawn(skinned, part, k, caster, per_frame, rng)
            if row is not None:
                found = None if features is None else features(part.video.name, frame)
                pixel = row.pop("pixel")
                shape = (part.video.intrinsics.height, part.video.intrinsics.width)
                rows[int(at)] = row | ({} if found is None else {"feature": looked_up(found, pixel, shape)})
    if not rows:
        raise ReconstructionError("no pixel of the agent can be used: the agent field has nothing to learn from")
    return _padded(rows, total, per_frame, cameras)


def _drawn(
    skinned: SkinnedMesh, part: PosedFrames, k: int, caster: Raycaster, most: int, rng: np.random.Generator
) -> dict[str, Array] | None:
    """Pixels of one frame, or None where the agent shows none."""
    frame, lens = int(part.frames[k]), part.video.intrinsics
    mask, depth, T = part.masks[frame], part.video.depth(frame), part.T_world_camera[frame]
    if not (mask & (depth > 0)).any():
        return None
    smooth = smoothed_depth(mask, depth)
    hidden = (depth > 0) & (depth < np.median(depth[mask & (depth > 0)]) - IN_FRONT)
    beside = _rim(mask) & ~mask & ~hidden
    here, there = np.flatnonzero(mask), np.flatnonzero(beside)
    aside = min(len(there), int(BESIDE * most))
    pixel = np.concatenate(
        [rng.choice(here, min(len(here), most - aside), replace=False), rng.choice(there, aside, replace=False)]
    )
    on = mask.ravel()[pixel]
    vertices = skinned.posed(part.T_world_root[k], part.joint_rotations[k]).astype(np.float64)
    expected = _depth_of_nearest(transform_points(inverse(T), vertices), lens.rays().reshape(-1, 3)[pixel])
    measured = np.where(on & (np.abs(depth - smooth).ravel()[pixel] > FLYING), 0.0, depth.ravel()[pixel])
    scene, _ = caster.depth(lens, T)
    return {
        "pixel": pixel,
        "direction": lens.rays().reshape(-1, 3)[pixel],
        "depth": measured,
        "color": part.video.rgb(frame).reshape(-1, 3)[pixel] / 255.0,
        "on": on,
        "guide": np.where(on & (measured > 0), measured, expected),
        "scene": scene.ravel()[pixel],
        "cosine": _cosine(smooth, mask, lens.rays()).ravel()[pixel],
    }


def _rim(mask: Array) -> Array:
    rows, columns = np.nonzero(mask)
    reach = max(3, round(RIM * max(np.ptp(rows), np.ptp(columns))))
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0


def _depth_of_nearest(vertices: Array, rays: Array) -> Array:
    """Depth (P,) of the camera-frame vertex (V, 3) that looks nearest to each ray (P, 3), the foremost of the nearest
    few."""
    from scipy.spatial import cKDTree

    ahead = vertices[vertices[:, 2] > 0.1]
    if not len(ahead):
        return np.ones(len(rays))
    _, nearest = cKDTree(ahead[:, :2] / ahead[:, 2:]).query(rays[:, :2], k=min(3, len(ahead)))
    return np.asarray(ahead[nearest.reshape(len(rays), -1), 2].min(axis=1))


def _cosine(depth: Array, mask: Array, rays: Array) -> Array:
    """Between rays (H, W, 3) and the normal of the agent's surface, by differences of its depth (H, W)."""
    points = rays * depth[..., None]
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    length = np.linalg.norm(normal, axis=-1) * np.linalg.norm(rays, axis=-1)
    cosine = np.abs((normal * rays).sum(-1)) / np.maximum(length, 1e-12)
    return np.where(mask, np.clip(cosine, LEAST_COSINE, 1.0), 1.0)


def _padded(rows: dict[int, dict[str, Array]], total: int, most: int, cameras: Array) -> AgentRays:
    def all_of(name: str, *tail: int, kind: type = np.float32) -> Tensor:
        out: Array = np.zeros((total, most, *tail), kind)
        for at, row in rows.items():
            if name in row:
                out[at, : len(row[name])] = row[name]
        return torch.as_tensor(out)

    count = np.zeros(total, np.int64)
    for at, row in rows.items():
        count[at] = len(row["depth"])
    channels = {row["feature"].shape[1] for row in rows.values() if "feature" in row}
    return AgentRays(
        all_of("direction", 3),
        all_of("depth"),
        all_of("color", 3),
        all_of("on"),
        all_of("guide"),
        all_of("scene"),
        all_of("cosine"),
        all_of("feature", channels.pop(), kind=np.float16) if channels else None,
        torch.as_tensor(count),
        torch.as_tensor(cameras, dtype=torch.float32),
    )
