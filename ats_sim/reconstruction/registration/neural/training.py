"""From a map and the frames that made it to localizers of this home, learned anew or taken from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.registration.neural.batches import BatchMaker
from ats_sim.reconstruction.registration.neural.calibration import calibrated
from ats_sim.reconstruction.registration.neural.channels import COLOR, GEOMETRY
from ats_sim.reconstruction.registration.neural.coordinate_network import CoordinateNetwork
from ats_sim.reconstruction.registration.neural.learner import Learner, learn
from ats_sim.reconstruction.registration.neural.lessons import Lessons, filmed, rendered
from ats_sim.reconstruction.registration.neural.paper_augmentation import paper_disturbed
from ats_sim.reconstruction.registration.neural.pose_network import PoseNetwork
from ats_sim.reconstruction.registration.neural.pose_regression import PoseRegression, regression_loss
from ats_sim.reconstruction.registration.neural.scene_coordinates import (
    SceneCoordinates,
    coordinate_loss,
    scene_anchors,
)
from ats_sim.reconstruction.registration.neural.settings import LocalizerSettings
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.stages import digest

CALIBRATION_RENDERS = 64


class School:
    """Teaches localizers one home. Everything follows from map, frames, settings and seed."""

    def __init__(
        self,
        volume: TsdfVolume,
        views: Sequence[View],
        T_world_camera: Array,
        settings: LocalizerSettings,
        *,
        device: str = "cpu",
        seed: int = 0,
        folder: Path | None = None,
        quiet: bool = False,
    ) -> None:
        """`views` (N) from `T_world_camera` (N,4,4) are frames that made the map; checkpoints go to `folder`."""
        self._volume, self._settings, self._device, self._seed, self._folder = volume, settings, device, seed, folder
        self._quiet = quiet
        self._filmed = filmed(views, T_world_camera)
        self._walked = self._filmed.T_world_camera
        mesh = extract_mesh(volume)
        self._surface, self._caster = mesh.vertices, Raycaster(mesh)

    def show(self, views: Sequence[View], T_world_camera: Array) -> None:
        """Learn also from further frames of known cameras (N,4,4); those of another picture size are left out."""
        fitting = [i for i, view in enumerate(views) if view.rgb.shape == self._filmed.rgb.shape[1:]]
        if fitting:
            self._filmed = self._filmed.joined(filmed([views[i] for i in fitting], T_world_camera[fitting]))

    def scene_coordinates(self) -> SceneCoordinates:
        """Train the scene-coordinate localizer."""
        s = self._settings
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            anchors = scene_anchors(self._surface, s.anchors, self._seed)
            network = CoordinateNetwork(COLOR + (GEOMETRY if s.geometry else 0), s.width, s.blocks, anchors)
        network.to(self._device)
        renders = self._rendered(1, s.renders)
        learner = Learner(
            network,
            partial(coordinate_loss, rays=self._rays(), geometry=s.geometry, device=self._device),
            s.rate,
        )
        key = self._taught(learner, "neural", self._filmed, renders, s.steps, "")
        localizer = SceneCoordinates(network, s.geometry, self._device, self._seed)
        localizer.teacher = partial(self._studied_further, localizer, learner, renders, key)
        learner.averaged()
        calibrated(localizer, self._rendered(2, CALIBRATION_RENDERS), self._seed)
        return localizer

    def pose_regression(self) -> PoseRegression:
        """Train the paper's localizer: renders alone, sampled and augmented as the paper does."""
        s = self._settings
        renders = self._rendered(3, s.renders, paper=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            network = PoseNetwork(COLOR, s.width, s.blocks, renders.T_world_camera[:, :3, 3])
        network.to(self._device)
        learner = Learner(network, partial(regression_loss, rays=self._rays(), device=self._device), s.rate / 2)
        self._taught(learner, "regression", renders, None, s.steps, "")
        learner.averaged()
        return PoseRegression(network, self._device)

    def _studied_further(
        self,
        localizer: SceneCoordinates,
        learner: Learner,
        renders: Lessons,
        key: str,
        views: Sequence[View],
        T_world_camera: Array,
    ) -> None:
        """Go on with frames of videos that were registered since (the rounds of ACE Zero, Brachmann et al. 2024)."""
        self.show(views, T_world_camera)
        steps = learner.step + self._settings.more_steps
        key = self._taught(learner, "neural", self._filmed, renders, steps, key)
        localizer.teacher = partial(self._studied_further, localizer, learner, renders, key)
        learner.averaged()
        calibrated(localizer, self._rendered(2, CALIBRATION_RENDERS), self._seed)

    def _taught(
        self, learner: Learner, name: str, first: Lessons, renders: Lessons | None, steps: int, before: str
    ) -> str:
        """Take the learner to `steps`; returns the key of what it then knows."""
        s = self._settings
        facts = [asdict(s), name, self._seed, steps, first.key, renders.key if renders else "", before]
        key = digest(facts)
        maker = BatchMaker(
            first, renders, s.batch, s.filmed_share, self._seed, paper_disturbed if name == "regression" else None
        )
        label = None if self._quiet else f"learn {name} localizer"
        path = None if self._folder is None else self._folder / f"{name}-{key[:12]}.safetensors"
        learn(learner, maker.batch, steps, label=label, checkpoint=path, key=key, every=s.checkpoint_every)
        return key

    def _rendered(self, purpose: int, count: int, *, paper: bool = False) -> Lessons:
        return rendered(
            self._caster,
            self._volume,
            self._walked,
            self._filmed.intrinsics,
            count,
            np.random.default_rng([self._seed, purpose]),
            "paper" if paper else "handheld",
        )

    def _rays(self) -> Tensor:
        return rays_of(self._filmed.intrinsics, self._device)


def rays_of(intrinsics: Intrinsics, device: str) -> Tensor:
    """Directions (3,h,w) of all pixels, z = 1."""
    return torch.from_numpy(intrinsics.rays().astype(np.float32)).permute(2, 0, 1).contiguous().to(device)
