"""Training of the field: deterministic under its seed, guarded against numbers that are none, resumable.

Everything random in a step follows from (seed, step), so a training that goes on from a checkpoint is the same to the
last bit as one that never stopped (on the CPU; CUDA adds gradients in any order).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.progress import steps as progress_steps
from ats_sim.reconstruction.scene.field.appearance import swap_chance, swapped
from ats_sim.reconstruction.scene.field.checkpoints import content_hash, read_checkpoint, write_checkpoint
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.losses import EIKONAL_POINTS, eikonal_loss, eikonal_probes, ray_losses
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.field.poses import Poses
from ats_sim.reconstruction.scene.field.rays import RayBank, Rays
from ats_sim.reconstruction.scene.field.rendering import composited
from ats_sim.reconstruction.scene.field.sampling import depth_guided
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

MOST_SKIPPED = 20
"""Steps in a row whose gradient may be no number before training gives up."""


class FieldTraining:
    """A field, its cameras and its optimiser; :meth:`advance` takes one step."""

    def __init__(self, volume: TsdfVolume, bank: RayBank, config: FieldConfig) -> None:
        self.config, self.bank = config, bank
        features = 0 if bank.rays.feature is None else bank.rays.feature.shape[1]
        self.field = SceneField.from_volume(volume, len(bank.names), features, config)
        self.poses = Poses(bank.T_world_camera, bank.recording, bank.fixed).to(config.device)
        self.voxel_size, self.truncation = volume.voxel_size, volume.truncation
        self.key = content_hash(volume, bank, config)
        self.step, self.skipped = 0, 0
        self._named: dict[str, torch.nn.Parameter] = {f"field.{n}": p for n, p in self.field.named_parameters()}
        self._named |= {f"poses.{n}": p for n, p in self.poses.named_parameters()} if config.refine_poses else {}
        self._rates = [self._rate(name) for name in self._named]
        groups = [{"params": [p], "lr": r} for p, r in zip(self._named.values(), self._rates, strict=True)]
        self._optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-10, fused=True)

    def _rate(self, name: str) -> float:
        config = self.config
        if name.startswith("poses."):
            return config.rate_poses
        if name.startswith("field.distance."):
            return config.rate_grid
        return config.rate_codes if name.startswith("field.appearance.") else config.rate_planes

    def advance(self) -> dict[str, float]:
        """One optimiser step; returns its losses. A step without finite gradients changes nothing.

        Raises:
            ReconstructionError: If that happens too often in a row.
        """
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * self.config.last_rate ** (self.step / self.config.steps)
        self._optimiser.zero_grad(set_to_none=True)
        losses = self.losses()
        total = torch.stack(list(losses.values())).sum()
        torch.autograd.backward(total)
        self.step += 1
        if self._finite(total):
            self._optimiser.step()
            self.skipped = 0
        else:
            self.skipped += 1
            if self.skipped > MOST_SKIPPED:
                raise ReconstructionError(f"the scene field diverged at step {self.step}; lower its rates")
        return {name: float(value.detach()) for name, value in losses.items()}

    def losses(self) -> dict[str, Tensor]:
        """The weighted losses of the next step's rays."""
        config = self.config
        generator = self._generator()
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
        return float(first * (last / first) ** min(1.0, self.step / self.config.steps))

    def state(self) -> dict[str, Tensor]:
        """Everything that the rest of the training depends on."""
        out = {"step": torch.tensor([self.step, self.skipped])}
        for name, parameter in self._named.items():
            out[name] = parameter.detach()
            for kind, value in self._optimiser.state.get(parameter, {}).items():
                out[f"adam.{kind}.{name}"] = value.detach()
        return {name: tensor.cpu().clone() for name, tensor in out.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a :meth:`state`."""
        self.step, self.skipped = (int(value) for value in state["step"])
        with torch.no_grad():
            for name, parameter in self._named.items():
                parameter.copy_(state[name])
                kinds = {kind: state.get(f"adam.{kind}.{name}") for kind in ("step", "exp_avg", "exp_avg_sq")}
                if kinds["step"] is not None:
                    self._optimiser.state[parameter] = {
                        kind: value.clone().to(parameter.device) for kind, value in kinds.items() if value is not None
                    }

    def run(self, checkpoint: Path | None = None, label: str | None = "scene field") -> None:
        """Take all steps that are left, from a checkpoint of the same training where there is one."""
        state = None if checkpoint is None else read_checkpoint(checkpoint, self.key)
        if state is not None:
            self.restore(state)
        with progress_steps(self.config.steps, label) as bar:
            bar.advance(self.step)
            while self.step < self.config.steps:
                bar.advance(1, **self.advance())
                if checkpoint is not None and self.step % self.config.checkpoint_every == 0:
                    write_checkpoint(checkpoint, self.state(), self.key)

    def cameras(self) -> dict[str, Array]:
        """Refined T_world_camera (N, 4, 4) of each recording's frames that were learned from."""
        everything = self.poses.cameras()
        return {name: everything[self.bank.recording == r] for r, name in enumerate(self.bank.names)}

    def _generator(self) -> torch.Generator:
        seed = np.random.SeedSequence([self.config.seed, self.step]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(seed >> np.uint64(1)))

    def _finite(self, total: Tensor) -> bool:
        gradients = [p.grad for p in self._named.values() if p.grad is not None]
        sums = torch.stack([total.detach(), *(gradient.sum() for gradient in gradients)])
        return bool(torch.isfinite(sums).all())
