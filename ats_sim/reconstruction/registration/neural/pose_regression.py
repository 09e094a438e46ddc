"""The paper's localizer as a generator of single-frame poses: one network pass each, weighted by expected error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.geometry import rigid
from ats_sim.reconstruction.registration.neural.batches import Batch
from ats_sim.reconstruction.registration.neural.channels import channels
from ats_sim.reconstruction.registration.neural.frame_poses import FramePoses
from ats_sim.reconstruction.registration.neural.learner import one_thread
from ats_sim.reconstruction.registration.neural.pose_network import PoseNetwork, pose_loss
from ats_sim.reconstruction.registration.neural.relighting import on_device, shown
from ats_sim.reconstruction.registration.neural.view import View


def regression_loss(network: nn.Module, batch: Batch, rays: Tensor, device: str) -> Tensor:
    """Pose loss of a batch."""
    centre, rotation, expected = network(channels(on_device(batch.pictures, device), rays, geometry=False))
    return pose_loss(centre, rotation, expected, batch.T_world_camera.to(device))


class PoseRegression:
    """A trained network that regresses the camera of single frames."""

    def __init__(self, network: PoseNetwork, device: str) -> None:
        self.network, self._device = network, device

    def locate_frames(self, views: Sequence[View], T_odometry_camera: Array | None) -> FramePoses:
        """Poses of the views, weighted by the inverse of the expected error; odometry is not used."""
        return FramePoses.of([(i, *self.locate(view, None)) for i, view in enumerate(views)])

    def locate(self, view: View, up: Array | None) -> tuple[Array, float]:
        """Pose (4,4) of one view and its weight."""
        rays = torch.from_numpy(view.intrinsics.rays().astype(np.float32)).permute(2, 0, 1).to(self._device)
        with one_thread(), torch.inference_mode():
            given = channels(on_device(shown(view, None), self._device), rays, geometry=False)
            centre, rotation, expected = (part[0].cpu().numpy().astype(np.float64) for part in self.network(given))
        return rigid(rotation, centre), float(1.0 / (expected + 1e-3))

    def place_video(
        self, views: Sequence[View], T_odometry_camera: Array, *, level: bool
    ) -> tuple[Array, float] | None:
        """A regressed pose has no matches to pool."""
        return None

    def study(self, views: Sequence[View], T_world_camera: Array) -> None:
        """The paper's localizer learns from renders of the walkthrough alone."""
