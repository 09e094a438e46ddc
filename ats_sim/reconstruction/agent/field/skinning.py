"""Which bones hold a point: a Gaussian per bone and a small network on top (Agent-to-Sim, section 3.1).

A Gaussian sits in its bone's frame, so that the same one says what holds a point of the rest pose and a point of any
pose. The network knows the rest pose alone.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.reconstruction.agent.field.dual_quaternions import matrix, of_rotation_vector

OCTAVES = 4
HIDDEN = 48
FIRST_SIZE = 0.03
LEARNING_STEPS = 400
LEARNING_RATE = 0.01


class GaussianSkinning(nn.Module):
    """Skin weights of points, over J bones."""

    joints: Tensor

    def __init__(self, joints: Array) -> None:
        """Bones whose joints (J, 3) lie there in the rest pose, root frame."""
        super().__init__()
        count = len(joints)
        self.register_buffer("joints", torch.as_tensor(joints, dtype=torch.float32))
        self.centres = nn.Parameter(torch.zeros(count, 3))
        self.log_sizes = nn.Parameter(torch.full((count, 3), float(np.log(FIRST_SIZE))))
        self.turns = nn.Parameter(torch.zeros(count, 3))
        self.detail = nn.Linear(HIDDEN, count)
        self.place = nn.Sequential(nn.Linear(3 + 6 * OCTAVES, HIDDEN), nn.ReLU())
        nn.init.zeros_(self.detail.weight)
        nn.init.zeros_(self.detail.bias)

    def near(self, points: Tensor, turns: Tensor, places: Tensor) -> Tensor:
        """Weights (R, S, J) of points (R, S, 3) near bones with rotations (R, J, 3, 3) at places (R, J, 3): the
        Gaussians alone."""
        return torch.softmax(self._closeness(points, turns, places), dim=-1)

    def forward(self, points: Tensor) -> Tensor:
        """Weights (..., J) of points (..., 3) of the rest pose."""
        waves = [points * 10.0 * 2.0**k for k in range(OCTAVES)]
        told = torch.cat([points * 10.0, *(torch.sin(w) for w in waves), *(torch.cos(w) for w in waves)], dim=-1)
        upright = torch.eye(3, device=points.device).expand(1, len(self.joints), 3, 3)
        coarse = self._closeness(points.reshape(1, -1, 3), upright, self.joints[None])
        return torch.softmax(coarse.reshape(*points.shape[:-1], -1) + self.detail(self.place(told)), dim=-1)

    def _closeness(self, points: Tensor, turns: Tensor, places: Tensor) -> Tensor:
        """Log density (R, S, J), up to what all bones share."""
        sizes = torch.exp(-self.log_sizes)
        axes = matrix(of_rotation_vector(self.turns)) * sizes[:, None, :]
        # One product for all bones: a point in a Gaussian's axes is affine in the point.
        into = turns @ axes
        start = (places[..., None, :] @ into)[..., 0, :] + (self.centres[:, None] @ axes)[:, 0]
        across = points @ into.transpose(1, 2).flatten(2) - start.flatten(1)[:, None]
        return -0.5 * across.square().reshape(*points.shape[:-1], -1, 3).sum(-1)

    def learn(self, points: Array, weights: Array) -> None:
        """Take over given weights (V, J) of points (V, 3) of the rest pose."""
        places = torch.as_tensor(points, dtype=torch.float32, device=self.joints.device)
        wanted = torch.as_tensor(weights, dtype=torch.float32, device=self.joints.device)
        with torch.no_grad():
            held = wanted.sum(0)[:, None].clamp_min(1e-6)
            middle = wanted.T @ places / held
            spread = ((wanted.T @ places.square() / held) - middle.square()).clamp_min(1e-6).sqrt()
            some = (held > 1e-3).expand_as(middle)
            self.centres.copy_(torch.where(some, middle - self.joints, 0.0))
            self.log_sizes.copy_(torch.where(some, spread.clamp(0.008, 0.1).log(), self.log_sizes))
        upright = torch.eye(3, device=places.device).expand(1, len(self.joints), 3, 3)
        optimiser = torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)
        for _ in range(LEARNING_STEPS):
            optimiser.zero_grad()
            # Both must hold: the Gaussians are all there is before a point has found its place in the rest pose.
            near = self.near(places[None], upright, self.joints[None])[0]
            told = torch.log(self(places) + 1e-6) + 0.3 * torch.log(near + 1e-6)
            torch.autograd.backward(-(wanted * told).sum(-1).mean())
            optimiser.step()
