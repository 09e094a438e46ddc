"""The agent at rest as a field of distance, colour and feature: the scene's field, on a body, and symmetric if that is.

Animals are the same left and right, and seldom seen from both sides equally: distances are asked on one side only.
Colours are not, as coats differ.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.field.config import AgentFieldConfig
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

MARGIN = 0.05
"""Metres of free space around the body."""
TRUNCATION = 0.03
SAMPLES = 60_000


class SymmetricField(SceneField):
    """A scene field over the root frame whose distances are symmetric about y = 0."""

    def signed_distance(self, points: Tensor, embedded: Tensor | None = None) -> Tensor:
        """Signed distance (N,) in metres, > 0 outside, of rest points (N, 3)."""
        folded = folded_points(points)
        return super().signed_distance(folded, self.embed(folded))


def folded_points(points: Tensor) -> Tensor:
    """The same points (N, 3), or their mirror images, on the left side (y >= 0)."""
    return torch.stack([points[:, 0], points[:, 1].abs(), points[:, 2]], dim=-1)


def body_volume(skinned: SkinnedMesh, voxel_size: float) -> TsdfVolume:
    """Distances and colours on a grid around a rest surface, root frame."""
    from scipy.spatial import cKDTree

    places, normals, colors = _surface_samples(skinned)
    half = np.abs(places[:, 1]).max() + MARGIN
    low, high = places.min(axis=0) - MARGIN, places.max(axis=0) + MARGIN
    low[1], high[1] = -half, half
    volume = TsdfVolume.empty(low, high, voxel_size, TRUNCATION)
    cells = np.indices(volume.shape).reshape(3, -1).T * voxel_size + volume.origin
    away, nearest = cKDTree(places).query(cells, k=4)
    side = np.einsum("nkc,nkc->nk", cells[:, None] - places[nearest], normals[nearest]).mean(axis=1)
    signed = np.where(side > 0, away[:, 0], -away[:, 0]).clip(-TRUNCATION, TRUNCATION)
    volume.distance[:] = signed.reshape(volume.shape)
    volume.weight[:] = 1.0
    volume.color[:] = colors[nearest[:, 0]].reshape(*volume.shape, 3)
    return volume


def canonical_field(volume: TsdfVolume, videos: int, features: int, config: AgentFieldConfig) -> SceneField:
    """A field over the root frame that begins as a body's volume."""
    size = FieldConfig(
        plane_cell=config.plane_cell,
        plane_channels=config.plane_channels,
        code_channels=config.code_channels,
        hidden=config.hidden,
        relief=config.relief,
        seed=config.seed,
        device=config.device,
    )
    kind = SymmetricField if config.symmetric else SceneField
    return kind.from_volume(volume, videos, features, size)


def _surface_samples(skinned: SkinnedMesh) -> tuple[Array, Array, Array]:
    """Places (S, 3), normals (S, 3) and colours (S, 3) spread evenly over the rest surface."""
    mesh, rng = skinned.mesh, np.random.default_rng(0)
    area = np.linalg.norm(mesh.face_normals(), axis=1)
    face = rng.choice(len(area), SAMPLES, p=area / area.sum())
    corner = rng.dirichlet([1.0, 1.0, 1.0], SAMPLES)
    colors = np.full(mesh.vertices.shape, 128.0) if mesh.colors is None else mesh.colors.astype(np.float64)
    of_corners = (mesh.vertices.astype(np.float64), mesh.vertex_normals().astype(np.float64), colors)
    places, normals, shown = (np.einsum("sk,skc->sc", corner, values[mesh.faces[face]]) for values in of_corners)
    return places, normals, shown
