"""The trained field as a skinned mesh, so that everything downstream reads one thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.field.network import AgentField
from ats_sim.reconstruction.agent.outline import outlined
from ats_sim.skeleton import Skeleton

CHUNK = 65_536


@torch.no_grad()
def meshed(field: AgentField, skeleton: Skeleton) -> SkinnedMesh:
    """The field's surface at rest, held by its skin, in the colours that all videos share."""
    volume, canonical = field.volume, field.canonical
    cells = np.indices(volume.shape).reshape(3, -1).T * volume.voxel_size + volume.origin
    device = canonical.distance.origin.device

    def tensor(points: Array) -> torch.Tensor:
        return torch.as_tensor(points, dtype=torch.float32, device=device)

    told = [canonical.signed_distance(tensor(part)).cpu().numpy() for part in _chunks(cells)]
    skinned = outlined(
        np.concatenate(told).reshape(volume.shape),
        volume.origin,
        volume.voxel_size,
        skeleton,
        lambda points: field.skin(tensor(points)).cpu().numpy(),
    )
    code = canonical.appearance.codes.mean(dim=0)
    shown, _ = canonical.radiance(tensor(skinned.mesh.vertices), code.expand(len(skinned.mesh.vertices), -1))
    colors = np.rint(255.0 * shown.clamp(0, 1).cpu().numpy()).astype(np.uint8)
    return replace(skinned, mesh=replace(skinned.mesh, colors=colors))


def _chunks(points: Array) -> list[Array]:
    return [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
