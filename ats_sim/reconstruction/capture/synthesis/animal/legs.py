"""Legs that reach: where the four pads must be, the joint rotations follow in closed form.

Every leg moves in a plane through its upper joint and the parent's x axis. In that plane points are complex numbers
x - iz, so that a pitch p about +y multiplies by exp(ip).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3
from ats_sim.reconstruction.capture.synthesis.animal.body import FEET, Body

_FRONT_CHAIN = ("upper_arm", "forearm", "front_paw")
_HIND_CHAIN = ("thigh", "shank", "hock", "hind_paw")
_SPINE = (1, 2, 3)
REACH_MARGIN = 0.9995
SCAPULA_GAIN = 2.4
"""Radians for each metre of a cat that the front pads are away from where they stand."""
SCAPULA_LIMIT = 0.42


@dataclass(frozen=True)
class LegPose:
    """What the paws do beside touching their pads' places; pitches against the horizon, radians."""

    paw_pitch: Array
    """(4,) pitch of the paws away from rest."""
    metatarsal_pitch: Array
    """(4,) pitch of the hind middle feet away from rest; the front legs ignore theirs."""


class Legs:
    """Inverse kinematics of one body, all four legs at once."""

    def __init__(self, body: Body) -> None:
        index = {name: i for i, name in enumerate(body.skeleton.joint_names)}
        rest = body.skeleton.joint_rest[:, :3, 3]
        chains = [
            [index[f"{foot.split('_')[0]}_{part}"] for part in (_FRONT_CHAIN if "front" in foot else _HIND_CHAIN)]
            for foot in FEET
        ]
        self._upper, self._lower, self._third = (np.array([chain[k] for chain in chains]) for k in range(3))
        self._hind_paw = np.array([chains[2][3], chains[3][3]])
        self._shoulder = np.array([index["left_shoulder"], index["right_shoulder"]])
        self._spine_offset = rest[list(_SPINE)]
        self._shoulder_offset = rest[self._shoulder]
        self._upper_offset = rest[self._upper]
        self._bone1 = _plane(rest[self._lower])
        self._bone2 = _plane(rest[self._third])
        self._middle = np.array([0, 0, *_plane(rest[self._hind_paw])])
        self._pad = _plane(body.pads)
        bent = self._bone1 / (self._bone1 + self._bone2)
        self._bend_side = np.sign(np.angle(bent))
        self._lengths = np.abs(self._bone1), np.abs(self._bone2)
        places = body.skeleton.rest_transforms[:, :3, 3]
        self.neutral = np.concatenate([places[self._third[:2]], places[self._hind_paw]]) + body.pads
        """(4, 3) pads in the root frame at rest."""
        self._neutral_front = self.neutral[:2] - places[3]
        self._scapula_gain = SCAPULA_GAIN / body.plan.similarity.length

    def solve(self, rotations: Array, T_world_root: Array, pads: Array, pose: LegPose) -> Array:
        """Joint rotations (J, 3) with the legs' rows filled so that the pads lie at `pads` (4, 3), world frame.

        The spine's rows of `rotations` (J, 3) are used as they are. Pads out of reach are approached as far as the
        leg goes.
        """
        rotations = rotations.copy()
        root_rotation, root_position = T_world_root[:3, :3], T_world_root[:3, 3]
        chest_rotation, chest_position = self._chest(rotations, root_rotation, root_position)
        front = (pads[:2] - chest_position) @ chest_rotation
        scapula = np.clip(
            -self._scapula_gain * (front[:, 0] - self._neutral_front[:, 0]), -SCAPULA_LIMIT, SCAPULA_LIMIT
        )
        local = np.concatenate(
            [
                _pitched(front - self._shoulder_offset, -scapula) - self._upper_offset[:2],
                (pads[2:] - root_position) @ root_rotation - self._upper_offset[2:],
            ]
        )
        tilt = np.array([chest_rotation[2, 0]] * 2 + [root_rotation[2, 0]] * 2)
        parent_pitch = -np.arcsin(np.clip(tilt, -1.0, 1.0)) + np.array([*scapula, 0.0, 0.0])
        roll = np.arctan2(local[:, 1], -local[:, 2])
        target = local[:, 0] + 1j * np.hypot(local[:, 1], local[:, 2])
        paw = pose.paw_pitch - parent_pitch
        middle = pose.metatarsal_pitch - parent_pitch
        target = target - self._pad * np.exp(1j * paw) - self._middle * np.exp(1j * middle)

        pitch1, pitch2 = self._two_bones(target)
        above_paw = np.array([*(pitch1 + pitch2)[:2], *middle[2:]])
        rotations[self._shoulder, 1] = scapula
        rotations[self._upper] = _roll_then_pitch(roll, pitch1)
        rotations[self._lower, 1] = _wrapped(pitch2)
        rotations[self._third[:2], 1] = _wrapped(paw - above_paw)[:2]
        rotations[self._third[2:], 1] = _wrapped(middle - pitch1 - pitch2)[2:]
        rotations[self._hind_paw, 1] = _wrapped(paw - above_paw)[2:]
        return rotations

    def _chest(self, rotations: Array, rotation: Array, position: Array) -> tuple[Array, Array]:
        bends = exp_so3(rotations[1:4])
        for offset, bend in zip(self._spine_offset, bends, strict=True):
            position = position + rotation @ offset
            rotation = rotation @ bend
        return rotation, position

    def _two_bones(self, target: Array) -> tuple[Array, Array]:
        """Pitches of the two long bones that bring their far end to `target` (4,) complex."""
        first, second = self._lengths
        distance = np.clip(np.abs(target), np.abs(first - second) + 0.004, (first + second) * REACH_MARGIN)
        direction = np.angle(target)
        inner = np.arccos((first**2 + distance**2 - second**2) / (2.0 * first * distance))
        along = first * np.exp(1j * (direction + self._bend_side * inner))
        rest_of = distance * np.exp(1j * direction) - along
        pitch1 = np.angle(along / self._bone1)
        return pitch1, np.angle(rest_of / self._bone2) - pitch1


def _plane(vectors: Array) -> Array:
    return vectors[..., 0] - 1j * vectors[..., 2]


def _pitched(points: Array, pitch: Array) -> Array:
    turned = _plane(points) * np.exp(1j * pitch)
    return np.stack([turned.real, points[..., 1], -turned.imag], axis=-1)


def _wrapped(angle: Array) -> Array:
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def _roll_then_pitch(roll: Array, pitch: Array) -> Array:
    """Axis-angle (n, 3) of Rx(roll) Ry(pitch), by half-angle quaternions."""
    cr, sr, cp, sp = np.cos(roll / 2), np.sin(roll / 2), np.cos(pitch / 2), np.sin(pitch / 2)
    axis = np.stack([sr * cp, cr * sp, sr * sp], axis=-1)
    real = cr * cp
    axis = axis * np.where(real < 0, -1.0, 1.0)[:, None]
    norm = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(norm, np.abs(real)[:, None])
    return axis * np.where(norm < 1e-9, 2.0, angle / np.maximum(norm, 1e-9))
