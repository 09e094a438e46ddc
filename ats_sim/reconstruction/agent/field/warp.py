"""Between the rest pose and a moment's pose: blended dual quaternions, forward and backward (Agent-to-Sim, eq. 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ats_sim.reconstruction.agent.field.dual_quaternions import (
    applied,
    blended,
    inverted,
    matrix,
    of_rotation_vector,
    product,
    rigid,
    rotated,
)
from ats_sim.reconstruction.agent.field.skinning import GaussianSkinning
from ats_sim.skeleton import Skeleton


class Bones:
    """A joint tree whose rest rotations are identities, in torch."""

    def __init__(self, skeleton: Skeleton, device: str = "cpu") -> None:
        self.parents = skeleton.joint_parents.tolist()
        self.offsets = torch.as_tensor(skeleton.joint_rest[:, :3, 3], dtype=torch.float32, device=device)
        self.joints = torch.as_tensor(skeleton.rest_transforms[:, :3, 3], dtype=torch.float32, device=device)

    def posed(self, joint_rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations (F, J, 4) and places (F, J, 3) of the bones in the root frame, from axis-angles (F, J, 3)."""
        local = of_rotation_vector(joint_rotations)
        turns = [torch.tensor([0.0, 0.0, 0.0, 1.0], device=local.device).expand(len(local), 4)]
        places = [torch.zeros_like(joint_rotations[:, 0])]
        for joint in range(1, len(self.parents)):
            above = turns[self.parents[joint]]
            places.append(places[self.parents[joint]] + rotated(above, self.offsets[joint].expand_as(places[0])))
            turns.append(product(above, local[:, joint]))
        return torch.stack(turns, 1), torch.stack(places, 1)


@dataclass(frozen=True, eq=False)
class Warp:
    """F poses of a body, ready to bend points of its root frame."""

    skin: GaussianSkinning
    """What holds each point."""
    turns: Tensor
    """(F, J, 3, 3) rotations of the bones."""
    places: Tensor
    """(F, J, 3)."""
    motions: Tensor
    """(F, J, 8) dual quaternions from rest to posed."""

    @classmethod
    def of(cls, bones: Bones, skin: GaussianSkinning, joint_rotations: Tensor) -> Warp:
        """Poses with joint rotations (F, J, 3)."""
        turns, places = bones.posed(joint_rotations)
        # q and -q turn alike, but do not blend: all signs follow the root's.
        turns = torch.where(turns[..., 3:] < 0, -turns, turns)
        motions = rigid(turns, places - rotated(turns, bones.joints.expand_as(places)))
        return cls(skin, matrix(turns), places, motions)

    def backward(self, points: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Rest points (R, S, 3) of posed points (R, S, 3) of poses (R,), and the weights (R, S, J) they came by.

        The Gaussians, which move with the bones, make a first guess of where a point came from; what holds it there is
        then asked in the rest pose, so that forward and backward use the same weights.
        """
        motions = self.motions[pose]
        near = self.skin.near(points, self.turns[pose], self.places[pose])
        guess = applied(inverted(blended(near, motions)), points)
        weights = self.skin(guess)
        return applied(inverted(blended(weights, motions)), points), weights

    def forward(self, points: Tensor, pose: Tensor) -> Tensor:
        """Posed points (R, S, 3) of rest points (R, S, 3) in poses (R,)."""
        return applied(blended(self.skin(points), self.motions[pose]), points)
