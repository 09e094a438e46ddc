"""The scene behind and before the agent, as the composite rendering sees it: fused distances, or the neural scene."""

from __future__ import annotations

import torch
from torch import Tensor

from ats_sim.reconstruction.scene.field.grid import Grid, completed_color, completed_distance
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


class Surroundings:
    """A scene that stands still: distances and colours of world points, nothing of it is learned here."""

    def __init__(self, volume: TsdfVolume, neural: SceneField | None = None, device: str = "cpu") -> None:
        self.truncation = volume.truncation
        self._neural = None if neural is None else neural.to(device).eval()
        if neural is None:
            self._distance = Grid(completed_distance(volume)[None], volume.origin, volume.voxel_size, learned=False).to(
                device
            )
            self._color = Grid(completed_color(volume), volume.origin, volume.voxel_size, learned=False).to(device)

    @torch.no_grad()
    def distance(self, points: Tensor) -> Tensor:
        """Signed distance (N,) in metres of world points (N, 3)."""
        if self._neural is not None:
            return self._neural.signed_distance(points)
        return self._distance(points)[:, 0]

    @torch.no_grad()
    def color(self, points: Tensor) -> Tensor:
        """Colours (N, 3) in 0..1 of world points (N, 3), in the light of the scene's first recording."""
        if self._neural is not None:
            code = self._neural.appearance(torch.zeros(1, dtype=torch.long, device=points.device))
            return self._neural.radiance(points, code.expand(len(points), -1))[0]
        return self._color(points)
