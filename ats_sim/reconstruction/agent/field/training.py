"""Training of the agent field on pixels of all videos, through differentiable rendering of agent and scene together."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict

import torch
from torch import Tensor

from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.field.articulation import FittedMotion, Placed
from ats_sim.reconstruction.agent.field.compositing import Medium, shares
from ats_sim.reconstruction.agent.field.config import AgentFieldConfig
from ats_sim.reconstruction.agent.field.losses import Composite, ray_losses
from ats_sim.reconstruction.agent.field.network import AgentField, into_root
from ats_sim.reconstruction.agent.field.rays import AgentRays
from ats_sim.reconstruction.agent.field.sampling import around
from ats_sim.reconstruction.agent.field.scene import Surroundings
from ats_sim.reconstruction.agent.field.warp import Warp
from ats_sim.reconstruction.descent import Descent, content_hash
from ats_sim.reconstruction.scene.field.appearance import swap_chance, swapped
from ats_sim.reconstruction.scene.field.losses import UNIT, eikonal_loss, eikonal_probes

SHADED = 4
"""Intervals of a ray whose colour is asked for."""
PROBES = 512
"""Points at which slopes, the fused body and the cycle are compared."""
SCENE_WIDTH = 0.01
NOWHERE = 50.0
"""Depth of a scene that a ray misses, metres."""


class AgentTraining(Descent):
    """An agent field and its optimiser."""

    what = "agent field"

    def __init__(
        self,
        skinned: SkinnedMesh,
        motion: FittedMotion,
        rays: AgentRays,
        scene: Surroundings,
        config: AgentFieldConfig,
    ) -> None:
        self.config, self.rays, self.scene = config, rays, scene
        features = 0 if rays.feature is None else rays.feature.shape[-1]
        self.field = AgentField(skinned, motion, features, config)
        self.start = deepcopy(self.field.canonical).requires_grad_(False)
        self.seen = torch.nonzero(rays.count)[:, 0]
        named = dict(self.field.named_parameters())
        if not config.refine_poses:
            named = {name: one for name, one in named.items() if not name.startswith("articulation.")}
        drawn = [rays.direction, rays.depth, rays.color, rays.on, rays.guide, rays.scene, rays.feature, rays.count]
        given = [motion.T_world_root, motion.joint_rotations, motion.time, self.field.volume.distance]
        key = content_hash(asdict(config), [*drawn, rays.T_world_camera, *given])
        super().__init__(named, self._rate, config, key)

    def _rate(self, name: str) -> float:
        config = self.config
        if name == "canonical.distance.values":
            return config.rate_grid
        rates = {"articulation": config.rate_motion, "skin": config.rate_skin}
        return rates.get(name.split(".")[0], config.rate_planes)

    def losses(self) -> dict[str, Tensor]:
        """The weighted losses of the next step's rays."""
        config, generator = self.config, self.generator()
        frames = self.seen[torch.randint(len(self.seen), (config.frames,), generator=generator)]
        rays = _flat(self.rays.chosen(frames, config.rays_per_frame, generator, config.device))
        frames = frames.to(config.device)
        placed = self.field.articulation(frames)
        warp = self.field.warp(placed)
        pose = torch.arange(config.frames, device=config.device).repeat_interleave(config.rays_per_frame)
        depths, is_free = around(rays.guide, config.band, config.surface_samples, config.free_samples, generator)
        seen, rest = self._composite(rays, depths, frames, placed, warp, pose, generator)
        losses = ray_losses(seen, rays, depths, is_free, self.field.volume.truncation)
        losses |= self._held(rest, warp, pose, generator)
        if config.refine_poses:
            losses |= dict(zip(("bent", "turning", "jerking"), self.field.articulation.unrest(frames), strict=True))
        return {name: getattr(config, f"weight_{name}") * value for name, value in losses.items()}

    def _composite(
        self,
        rays: AgentRays,
        depths: Tensor,
        frames: Tensor,
        placed: Placed,
        warp: Warp,
        pose: Tensor,
        generator: torch.Generator,
    ) -> tuple[Composite, Tensor]:
        """What the rays meet, and the rest points (R, S, 3) of the agent's samples."""
        camera = rays.T_world_camera[pose]
        origin, direction = camera[:, :3, 3], (camera[:, :3, :3] @ rays.direction[..., None])[..., 0]
        world = origin[:, None] + direction[:, None] * depths[..., None]
        rest, _ = warp.backward(into_root(placed, pose, world), pose)
        distance = self.field.canonical.signed_distance(rest.flatten(0, 1)).reshape(depths.shape)
        agent = Medium.of(distance, depths, self.width())
        behind, behind_color = self._scene(rays, origin, direction, generator)
        share, beyond = shares([agent, behind])
        opacity = share.sum(1) + beyond.sum(1)
        video = self.field.articulation.video[frames][pose]
        color, feature = self._shaded(rest, share, video, generator)
        color = color + (beyond[..., None] * self.field.scene_color(behind_color, video)).sum(1)
        depth = ((share * agent.depth).sum(1) + (beyond * behind.depth).sum(1)) / opacity.clamp_min(1e-4)
        return Composite(color, depth, opacity, share.sum(1), feature, distance), rest

    def _shaded(
        self, rest: Tensor, share: Tensor, video: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Colour (R, 3) that the agent adds, and its mean feature (R, C): asked for in the few intervals that count."""
        config, canonical = self.config, self.field.canonical
        part, interval = share.topk(SHADED, dim=1)
        points = rest.gather(1, interval[..., None].expand(-1, -1, 3)).flatten(0, 1)
        videos = len(canonical.appearance.codes)
        chance = swap_chance(self.step, config.steps, config.swap, config.swap_until)
        code = canonical.appearance(swapped(video, videos, chance, generator))
        codes = code[:, None].expand(-1, SHADED, -1).flatten(0, 1)
        color, feature = canonical.radiance(points, codes)
        mixed = None
        if feature is not None:
            relative = part / part.sum(dim=1, keepdim=True).clamp_min(1e-4)
            mixed = (relative[..., None] * feature.reshape(*part.shape, -1)).sum(1)
        return (part[..., None] * color.reshape(*part.shape, 3)).sum(1), mixed

    def _scene(
        self, rays: AgentRays, origin: Tensor, direction: Tensor, generator: torch.Generator
    ) -> tuple[Medium, Tensor]:
        """The scene along the rays, and the colours (R, I, 3) of its intervals."""
        count, reach = self.config.scene_samples, self.scene.truncation
        jitter = torch.rand((len(origin), count), generator=generator).to(origin.device)
        steps = (torch.arange(count, device=origin.device) + jitter) / count
        middle = torch.where(rays.scene > 0, rays.scene, NOWHERE)
        depths = (middle - reach)[:, None].clamp_min(0.05) + 2.0 * reach * steps
        points = (origin[:, None] + direction[:, None] * depths[..., None]).flatten(0, 1)
        distance = self.scene.distance(points).reshape(depths.shape)
        distance = torch.where(rays.scene[:, None] > 0, distance, reach)
        color = self.scene.color(points).reshape(*depths.shape, 3)
        return Medium.of(distance, depths, SCENE_WIDTH), color[:, :-1]

    def _held(self, rest: Tensor, warp: Warp, pose: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Slope one, the fused body where pictures are silent, and warps that undo each other."""
        canonical, volume = self.field.canonical, self.field.volume
        index = torch.randint(rest.shape[0] * rest.shape[1], (PROBES,), generator=generator).to(rest.device)
        some = rest.flatten(0, 1)[index]
        step = 0.5 * volume.voxel_size
        at_probes = canonical.signed_distance(eikonal_probes(some.detach(), step))
        anywhere = canonical.distance.origin + canonical.distance.extent * torch.rand(
            (PROBES, 3), generator=generator
        ).to(rest.device)
        told = canonical.signed_distance(anywhere)
        with torch.no_grad():
            began = self.start.signed_distance(anywhere)
            near = (began.abs() < 0.9 * volume.truncation).float()
        whose = pose[index // rest.shape[1]]
        there = warp.forward(some[:, None], whose)
        again, _ = warp.backward(there, whose)
        return {
            "eikonal": eikonal_loss(at_probes, step, volume.truncation),
            "anchor": ((told - began).abs() * near).sum() / near.sum().clamp_min(1.0) / UNIT,
            "cycle": (again[:, 0] - some).norm(dim=-1).clamp(max=UNIT).mean() / UNIT,
        }

    def width(self) -> float:
        """Scale of the surface's density at this step, metres."""
        first, last = self.config.sharpness
        return float(first * (last / first) ** self.progress)


def _flat(rays: AgentRays) -> AgentRays:
    """Axes (F, P) as one; frames' cameras stay."""
    return AgentRays(
        rays.direction.flatten(0, 1),
        rays.depth.flatten(0, 1),
        rays.color.flatten(0, 1),
        rays.on.flatten(0, 1),
        rays.guide.flatten(0, 1),
        rays.scene.flatten(0, 1),
        rays.cosine.flatten(0, 1),
        None if rays.feature is None else rays.feature.flatten(0, 1),
        rays.count,
        rays.T_world_camera,
    )
