"""Volume rendering of the field: along given samples while training, and whole pictures from any camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.scene.field.density import interval_depths, interval_weights
from ats_sim.reconstruction.scene.field.network import SceneField

MARCH_STEPS = 96
FARTHEST = 12.0
CHUNK = 8192
AROUND = 12
SHADED = 4
"""Intervals of a ray whose colour is asked for."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """What rays meet."""

    opacity: Tensor
    """(R,) 0..1."""
    depth: Tensor
    """(R,) metres along the camera's axis."""
    color: Tensor
    """(R, 3)."""
    feature: Tensor | None
    """(R, C)."""
    distance: Tensor
    """(R, S) signed distances at the samples."""


def render_rays(
    field: SceneField, origin: Tensor, direction: Tensor, depths: Tensor, code: Tensor, width: float
) -> Rendered:
    """Render R rays, origin and direction (R, 3), from samples at rising depths (R, S) under codes (R, K).

    `width` (m) is the scale of the surface.
    """
    points = (origin[:, None] + direction[:, None] * depths[..., None]).reshape(-1, 3)
    embedded = field.embed(points)
    distance = field.signed_distance(points, embedded)
    return composited(field, points, embedded, distance.reshape(depths.shape), depths, code, width)


def composited(
    field: SceneField, points: Tensor, embedded: Tensor, distance: Tensor, depths: Tensor, code: Tensor, width: float
) -> Rendered:
    """Integrate along rays whose samples (R, S) have distances (R, S) and are the first R S of the points (P, 3) with
    plane features (P, F).

    Colour and feature are asked for in the few intervals that a ray is most likely to end in: the others' share is too
    small to be seen, and asking costs the most.
    """
    count, samples = depths.shape
    weight = interval_weights(distance, width)
    opacity = weight.sum(dim=1)
    depth = (weight * interval_depths(distance, depths)).sum(dim=1) / opacity.clamp(min=1e-4)
    size = min(SHADED, samples - 1)
    part, interval = weight.topk(size, dim=1)
    chosen = (interval + samples * torch.arange(count, device=depths.device)[:, None]).reshape(-1)
    codes = code[:, None].expand(-1, size, -1).reshape(count * size, -1)
    color, feature = field.radiance(points[chosen], codes, embedded[chosen])
    share = (part / part.sum(dim=1, keepdim=True).clamp(min=1e-4))[..., None]
    mixed = None if feature is None else (share * feature.reshape(count, size, -1)).sum(dim=1)
    return Rendered(opacity, depth, (share * color.reshape(count, size, 3)).sum(dim=1), mixed, distance)


@torch.no_grad()
def first_hit(field: SceneField, origin: Tensor, direction: Tensor, voxel_size: float) -> Tensor:
    """z-depth (R,) at which rays first meet the surface, by sphere tracing; 0 where they meet none within 12 m."""
    length = direction.norm(dim=1)
    depth = torch.full_like(length, 0.05)
    found = torch.zeros_like(length)
    going = torch.arange(len(length), device=length.device)
    for _ in range(MARCH_STEPS):
        at = depth[going]
        distance = field.signed_distance(origin[going] + direction[going] * at[:, None])
        hit = distance < 0.1 * voxel_size
        found[going[hit]] = at[hit]
        depth[going] = at + torch.clamp(0.9 * distance, min=0.25 * voxel_size) / length[going]
        going = going[~hit & (depth[going] < FARTHEST)]
        if not len(going):
            break
    return found


@torch.no_grad()
def render_view(
    field: SceneField, intrinsics: Intrinsics, T_world_camera: Array, *, recording: int = 0, width: float = 0.008
) -> tuple[Array, Array, Array | None]:
    """A picture from any camera under a recording's light: colours (H, W, 3) uint8, depth (H, W) float32 metres (0
    where there is nothing) and features (H, W, C) float32 or None."""
    device = field.distance.origin.device
    T = torch.as_tensor(T_world_camera, dtype=torch.float32, device=device)
    rays = torch.as_tensor(intrinsics.rays().reshape(-1, 3), dtype=torch.float32, device=device)
    code = field.appearance(torch.tensor([recording], device=device))
    voxel = float(field.distance.extent[0]) / (field.distance.values.shape[2] - 1)
    band = torch.linspace(-2.0 * voxel, 2.0 * voxel, AROUND, device=device)
    rows: list[list[Tensor]] = [[], [], []]
    for part in torch.split(rays, CHUNK):
        direction = part @ T[:3, :3].T
        origin = T[:3, 3].expand_as(direction)
        hit = first_hit(field, origin, direction, voxel)
        depths = (hit[:, None] + band).clamp(min=0.02)
        seen = render_rays(field, origin, direction, depths, code.expand(len(part), -1), width)
        there = (hit > 0).float()
        rows[0].append(seen.color * there[:, None])
        rows[1].append(torch.where(seen.opacity > 0.3, seen.depth, hit) * there)
        if seen.feature is not None:
            rows[2].append(seen.feature * there[:, None])
    shape = (intrinsics.height, intrinsics.width)
    color = torch.cat(rows[0]).clamp(0, 1).cpu().numpy().reshape(*shape, 3)
    depth = torch.cat(rows[1]).cpu().numpy().reshape(shape)
    feature = torch.cat(rows[2]).cpu().numpy().reshape(*shape, -1) if rows[2] else None
    return np.rint(color * 255.0).astype(np.uint8), depth, feature
