"""The whole agent field: what it looks like at rest, what holds it, and how it moves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.field.articulation import Articulation, FittedMotion, Placed
from ats_sim.reconstruction.agent.field.canonical import body_volume, canonical_field
from ats_sim.reconstruction.agent.field.config import AgentFieldConfig
from ats_sim.reconstruction.agent.field.dual_quaternions import conjugate, rotated
from ats_sim.reconstruction.agent.field.skinning import GaussianSkinning
from ats_sim.reconstruction.agent.field.warp import Bones, Warp


class AgentField(nn.Module):
    """Canonical field, skin and articulation of one agent in all videos."""

    def __init__(self, skinned: SkinnedMesh, motion: FittedMotion, features: int, config: AgentFieldConfig) -> None:
        """Begin as a fitted body with its fitted motion."""
        super().__init__()
        self.volume = body_volume(skinned, config.voxel_size)
        self.bones = Bones(skinned.skeleton, config.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.articulation = Articulation(motion).to(config.device)
            self.skin = GaussianSkinning(self.bones.joints.cpu().numpy()).to(config.device)
        self.skin.learn(skinned.mesh.vertices, skinned.dense_weights())
        self.canonical = canonical_field(self.volume, int(motion.video.max()) + 1, features, config)
        self.light = nn.Parameter(torch.zeros(int(motion.video.max()) + 1, 6, device=config.device))
        """Gain and offset of the scene's colours in every video."""

    def warp(self, placed: Placed) -> Warp:
        """The bend of every pose."""
        return Warp.of(self.bones, self.skin, placed.joints)

    def scene_color(self, color: Tensor, video: Tensor) -> Tensor:
        """Colours (R, ..., 3) of the scene as videos (R,) show them."""
        light = self.light[video].reshape(-1, *[1] * (color.dim() - 2), 6)
        return color * torch.exp(light[..., :3]) + light[..., 3:]


def into_root(placed: Placed, pose: Tensor, points: Tensor) -> Tensor:
    """World points (R, S, 3) in the root frames of poses (R,)."""
    return rotated(conjugate(placed.turn[pose])[:, None], points - placed.place[pose][:, None])
