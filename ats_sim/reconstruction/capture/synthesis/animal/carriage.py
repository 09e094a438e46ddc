"""How the spine, the head and the tail are carried: gaze, bends in turns, tail swing."""

from __future__ import annotations

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.synthesis.animal.postures import Posture
from ats_sim.skeleton import QUADRUPED_NAMES

_SPINE = [QUADRUPED_NAMES.index(name) for name in ("spine1", "spine2", "spine3")]
_HEAD = QUADRUPED_NAMES.index("head")
_TAIL = [QUADRUPED_NAMES.index(f"tail{k}") for k in range(1, 6)]
_GAZE_SHARE = (0.06, 0.12, 0.20)
"""Part of the gaze's yaw that each spine joint takes; the head takes the rest."""
_LICK_RATE = 2.0 * np.pi * 2.5
"""Of the nods while an animal grooms itself, rad/s."""
MAX_GAZE_YAW = 1.45
MAX_GAZE_RATE = 4.0


class GazeAndTail:
    """State of gaze and tail, both filtered so that their speed stays bounded."""

    def __init__(self, tail_slope: float) -> None:
        """The tail's root points `tail_slope` radians below the horizon in the rest pose."""
        self._tail_slope = tail_slope
        self._yaw = self._pitch = 0.0
        self._share = 0.0
        self._sway = 0.08
        self._swing_phase = 0.0

    def look(self, target: Array | None, eye: Array, yaw: float, tail_sway: float, dt: float) -> None:
        """Turn the gaze towards `target` (3,) seen from `eye` (3,), world; None lets it return ahead."""
        wanted_yaw = wanted_pitch = 0.0
        if target is not None:
            toward = np.asarray(target) - eye
            wanted_yaw = _wrapped(float(np.arctan2(toward[1], toward[0])) - yaw)
            wanted_yaw = float(np.clip(wanted_yaw, -MAX_GAZE_YAW, MAX_GAZE_YAW))
            wanted_pitch = float(np.clip(-np.arctan2(toward[2], np.hypot(toward[0], toward[1])), -0.65, 0.8))
        limit = MAX_GAZE_RATE * dt
        ease = min(1.0, 6.0 * dt)
        self._yaw += float(np.clip((wanted_yaw - self._yaw) * ease, -limit, limit))
        self._pitch += float(np.clip((wanted_pitch - self._pitch) * ease, -limit, limit))
        self._share += ((1.0 if target is not None else 0.0) - self._share) * min(1.0, 4.0 * dt)
        self._sway += (tail_sway - self._sway) * min(1.0, 2.0 * dt)
        self._swing_phase += dt * (2.2 + 6.0 * self._sway)

    def fill(self, rotations: Array, posture: Posture, bend: float, time: float) -> None:
        """Write spine, head and tail rows of `rotations` (J, 3) for a posture and a sideways bend (rad per joint)."""
        spine_pitch = posture.spine / 3.0
        head_yaw = self._yaw
        for joint, share in zip(_SPINE, _GAZE_SHARE, strict=True):
            yaw = bend + share * self._yaw + posture.spine_turn / 3.0
            head_yaw -= share * self._yaw
            breath = 0.008 * np.sin(2.6 * time) if joint == _SPINE[0] else 0.0
            rotations[joint] = axis_angle_zyx(yaw, spine_pitch + breath, 0.0)
        horizon = posture.pitch + posture.spine
        # Eating and sleeping heads stay down whatever there is to see.
        down = float(np.clip((posture.head - 0.2) / 0.2, 0.0, 1.0))
        pitch = posture.head + self._share * (1.0 - down) * (self._pitch - posture.head)
        pitch += posture.lick * np.sin(_LICK_RATE * time)
        rotations[_HEAD] = _leveled(horizon, head_yaw * (1.0 - down) - bend + posture.head_turn, pitch)
        lift = posture.tail_lift + self._tail_slope - posture.pitch
        for k, joint in enumerate(_TAIL):
            swing = self._sway * np.sin(self._swing_phase - 0.8 * k) - 0.25 * bend
            rotations[joint] = axis_angle_zyx(
                posture.tail_wrap * (k > 0) + swing, lift if k == 0 else posture.tail_curl, 0
            )


def trunk_rotation(yaw: float, pitch: float, roll: float) -> Array:
    """Rz(yaw) Ry(pitch) Rx(roll), (3, 3)."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def axis_angle_zyx(yaw: float, pitch: float, roll: float) -> Array:
    """Axis-angle (3,) of Rz(yaw) Ry(pitch) Rx(roll)."""
    cy, sy, cp, sp = np.cos(yaw / 2), np.sin(yaw / 2), np.cos(pitch / 2), np.sin(pitch / 2)
    cr, sr = np.cos(roll / 2), np.sin(roll / 2)
    axis = np.array([cy * cp * sr - sy * sp * cr, cy * sp * cr + sy * cp * sr, sy * cp * cr - cy * sp * sr])
    return _from_quaternion(axis, cy * cp * cr + sy * sp * sr)


def _leveled(parent_pitch: float, yaw: float, pitch: float) -> Array:
    """Axis-angle of Ry(-parent_pitch) Rz(yaw) Ry(pitch): yaw about the vertical although the parent is pitched."""
    ca, sa = np.cos(parent_pitch / 2), -np.sin(parent_pitch / 2)
    cy, sy, cp, sp = np.cos(yaw / 2), np.sin(yaw / 2), np.cos(pitch / 2), np.sin(pitch / 2)
    x, y, z, w = -sy * sp, cy * sp, sy * cp, cy * cp
    return _from_quaternion(np.array([ca * x + sa * z, ca * y + sa * w, ca * z - sa * x]), ca * w - sa * y)


def _from_quaternion(axis: Array, real: float) -> Array:
    if real < 0.0:
        axis, real = -axis, -real
    norm = float(np.sqrt(axis @ axis))
    if norm < 1e-9:
        return 2.0 * axis
    scaled: Array = axis * (2.0 * np.arctan2(norm, real) / norm)
    return scaled


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)
