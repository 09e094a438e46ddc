"""Rigid motions as dual quaternions, which blend to rigid motions (Kavan et al. 2007); batched, differentiable.

A quaternion is xyzw; a dual quaternion (..., 8) is its rotation's quaternion and half the translation's times that.
"""

from __future__ import annotations

import torch
from torch import Tensor


def product(left: Tensor, right: Tensor) -> Tensor:
    """Hamilton product of quaternions (..., 4)."""
    a, s = left[..., :3], left[..., 3:]
    b, t = right[..., :3], right[..., 3:]
    vector = s * b + t * a + torch.linalg.cross(a, b, dim=-1)
    return torch.cat([vector, s * t - (a * b).sum(-1, keepdim=True)], dim=-1)


def conjugate(quaternion: Tensor) -> Tensor:
    """The opposite rotation (..., 4)."""
    return torch.cat([-quaternion[..., :3], quaternion[..., 3:]], dim=-1)


def of_rotation_vector(vector: Tensor) -> Tensor:
    """Quaternions (..., 4) of axis-angle vectors (..., 3); smooth at zero."""
    half = 0.5 * (vector.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    return torch.cat([0.5 * torch.sinc(half / torch.pi) * vector, torch.cos(half)], dim=-1)


def rotation_vector(quaternion: Tensor) -> Tensor:
    """Axis-angle vectors (..., 3), at most pi long, of unit quaternions (..., 4)."""
    shortest = torch.where(quaternion[..., 3:] < 0, -quaternion, quaternion)
    length = (shortest[..., :3].square().sum(-1, keepdim=True) + 1e-20).sqrt()
    return 2.0 * torch.atan2(length, shortest[..., 3:]) / length * shortest[..., :3]


def matrix(quaternion: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    x, y, z, w = quaternion.unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(*quaternion.shape[:-1], 3, 3)


def rotated(quaternion: Tensor, points: Tensor) -> Tensor:
    """Points (..., 3) turned by unit quaternions (..., 4)."""
    axis = quaternion[..., :3].expand_as(points)
    across = 2.0 * torch.linalg.cross(axis, points)
    return points + quaternion[..., 3:] * across + torch.linalg.cross(axis, across)


def rigid(quaternion: Tensor, translation: Tensor) -> Tensor:
    """Dual quaternions (..., 8): turn, then move by (..., 3)."""
    moved = torch.cat([translation, torch.zeros_like(translation[..., :1])], dim=-1)
    return torch.cat([quaternion, 0.5 * product(moved, quaternion)], dim=-1)


def blended(weights: Tensor, motions: Tensor) -> Tensor:
    """Unit dual quaternions (..., S, 8) that mix motions (..., J, 8), whose signs agree, by weights (..., S, J)."""
    mixed = weights @ motions
    return mixed / mixed[..., :4].norm(dim=-1, keepdim=True).clamp_min(1e-8)


def applied(motion: Tensor, points: Tensor) -> Tensor:
    """Points (..., 3) moved by dual quaternions (..., 8)."""
    real, dual = motion[..., :4], motion[..., 4:]
    return rotated(real, points) + 2.0 * product(dual, conjugate(real))[..., :3]


def inverted(motion: Tensor) -> Tensor:
    """The opposite motions (..., 8)."""
    return torch.cat([conjugate(motion[..., :4]), conjugate(motion[..., 4:])], dim=-1)
