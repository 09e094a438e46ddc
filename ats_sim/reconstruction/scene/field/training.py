"""Training of the scene field on drawn pixels, through differentiable rendering."""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.reconstruction.descent import Descent, content_hash
from ats_sim.reconstruction.scene.field.appearance import swap_chance, swapped
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.losses import EIKONAL_POINTS, eikonal_loss, eikonal_probes, ray_losses
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.field.poses import Poses
from ats_sim.reconstruction.scene.field.rays import RayBank, Rays
from ats_sim.reconstruction.scene.field.rendering import composited
from ats_sim.reconstruction.scene.field.sampling import depth_guided
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


class FieldTraining(Descent):
    """A field, its cameras and its optimiser."""

    what = "scene field"

    def __init__(self, volume: TsdfVolume, bank: RayBank, config: FieldConfig) -> None:
        self.config, self.bank = config, bank
        features = 0 if bank.rays.feature is None else bank.rays.feature.shape[1]
        self.field = SceneField.from_volume(volume, len(bank.names), features, config)
        self.poses = Poses(bank.T_world_camera, bank.recording, bank.fixed).to(config.device)
        self.voxel_size, self.truncation = volume.voxel_size, volume.truncation
        named = {f"field.{name}": parameter for name, parameter in self.field.named_parameters()}
        named |= {f"poses.{n}": p for n, p in self.poses.named_parameters()} if config.refine_poses else {}
        super().__init__(named, self._rate, config, _key(volume, bank, config))

    def _rate(self, name: str) -> float:
        config = self.config
        if name.startswith("poses."):
            return config.rate_poses
        if name.startswith("field.distance."):
            return config.rate_grid
        return config.rate_codes if name.startswith("field.appearance.") else config.rate_planes

    def losses(self) -> dict[str, Tensor]:
        """The weighted losses of the next step's rays."""
        config = self.config
        generator = self.generator()
        index = torch.randint(len(self.bank.rays), (config.rays,), generator=generator)
        rays = self.bank.rays.chosen(index, config.device)
        origin, direction = self._placed(rays)
        depths, is_free = depth_guided(
            rays.depth, self.truncation, config.surface_samples, config.free_samples, generator
        )
        chance = swap_chance(self.step, config.steps, config.swap, config.swap_until)
        recording = swapped(self.poses.recording[rays.frame], len(self.bank.names), chance, generator)
        along = (origin[:, None] + direction[:, None] * depths[..., None]).reshape(-1, 3)
        few, middle = min(EIKONAL_POINTS, config.rays), config.free_samples + config.surface_samples // 2
        probed = (origin[:few] + direction[:few] * depths[:few, middle, None]).detach()
        # One question for everything: gradients of the grid and the planes are as large as these, however few ask.
        points = torch.cat([along, eikonal_probes(probed, 0.5 * self.voxel_size)])
        embedded = self.field.embed(points)
        distance = self.field.signed_distance(points, embedded)
        on_rays, at_probes = torch.split(distance, [len(along), len(points) - len(along)])
        code, on_rays = self.field.appearance(recording), on_rays.reshape(depths.shape)
        rendered = composited(self.field, points, embedded, on_rays, depths, code, self.width())
        losses = ray_losses(rendered, rays, depths, is_free, self.truncation)
        losses["eikonal"] = eikonal_loss(at_probes, 0.5 * self.voxel_size, self.truncation)
        if config.refine_poses:
            losses["prior"] = self.poses.prior()
        return {name: getattr(config, f"weight_{name}") * value for name, value in losses.items()}

    def _placed(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Origins and directions (N, 3) of rays in the world."""
        if self.config.refine_poses:
            rotation, origin = self.poses(rays.frame)
        else:
            start = self.poses.start[rays.frame]
            rotation, origin = start[:, :3, :3], start[:, :3, 3]
        return origin, (rotation @ rays.direction[..., None])[..., 0]

    def width(self) -> float:
        """Scale of the surface's density at this step, metres."""
        first, last = self.config.sharpness
        return float(first * (last / first) ** self.progress)

    def cameras(self) -> dict[str, Array]:
        """Refined T_world_camera (N, 4, 4) of each recording's frames that were learned from."""
        everything = self.poses.cameras()
        return {name: everything[self.bank.recording == r] for r, name in enumerate(self.bank.names)}


def _key(volume: TsdfVolume, bank: RayBank, config: FieldConfig) -> str:
    rays = bank.rays
    options = {**asdict(config), "names": bank.names, "grid": [volume.voxel_size, volume.truncation]}
    drawn = [rays.direction, rays.depth, rays.color, rays.cosine, rays.weight, rays.frame, rays.feature]
    given = [bank.T_world_camera, bank.recording, bank.fixed, volume.origin, volume.distance, volume.weight]
    return content_hash(options, [*drawn, *given])
