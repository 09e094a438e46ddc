"""The body's controller: a wanted speed, turn rate, posture and gaze become a root pose and joint rotations.

Feet come from the gait, the trunk from the posture and the speed, the legs between them from inverse kinematics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import rigid
from ats_sim.reconstruction.capture.synthesis.animal.body import Body
from ats_sim.reconstruction.capture.synthesis.animal.carriage import GazeAndTail, trunk_rotation
from ats_sim.reconstruction.capture.synthesis.animal.gait import BodyMotion, Footing
from ats_sim.reconstruction.capture.synthesis.animal.hop import MAX_DIP, Hop, HopState
from ats_sim.reconstruction.capture.synthesis.animal.legs import LegPose, Legs
from ats_sim.reconstruction.capture.synthesis.animal.postures import (
    HEIGHT,
    Posture,
    PostureName,
    pad_offsets,
)

MAX_TURN_RATE = 2.6
"""Of the cat, rad/s; larger animals turn more slowly."""
MAX_SUBSTEP = 0.05
_ACCELERATION, _SPRINT_ACCELERATION = 2.8, 3.8
SPRINT_SPEED = 2.2
"""A cat that wants to be faster than this, m/s, throws itself forward."""
_TURN_ACCELERATION = 14.0
_POSTURE_RATE = 5.2
_HOP_POSTURE_RATE = 14.0
_CROUCH_TIME = 0.40


@dataclass(frozen=True)
class Command:
    """What the mind wants of the body."""

    speed: float = 0.0
    """Forward, m/s."""
    turn_rate: float = 0.0
    """Yaw rate, rad/s."""
    posture: PostureName = "stand"
    """Posture while not moving."""
    gaze: Array | None = None
    """(3,) world point to look at; None looks ahead."""
    tail_sway: float = 0.08
    """Amplitude of the tail's swing, radians per joint."""


class Motor:
    """One body in motion. Deterministic: the same commands give the same motion."""

    def __init__(self, body: Body, position: Array, yaw: float, ground: float = 0.0) -> None:
        """Stand at `position` (2,) on a surface at height `ground`, heading `yaw`."""
        self.body, self.legs = body, Legs(body)
        self.position, self.yaw, self.ground = np.array(position, dtype=np.float64), float(yaw), float(ground)
        self.speed = self.turn_rate = self.time = 0.0
        self._plan, self._size = body.plan, body.plan.similarity
        self._scale = body.stand_height / body.plan.stand_height
        self._posture = body.plan.postures["stand"].vector.copy()
        self._posture_rate = np.zeros_like(self._posture)
        self._carriage = GazeAndTail(body.plan.tail_slope)
        self._hop: Hop | None = None
        self._hop_time = 0.0
        self._hop_pads: tuple[Array, Array] = (np.zeros((4, 3)), np.zeros((4, 3)))
        self._hop_state: HopState | None = None
        self._hop_ground = 0.0
        self._effort = 0.0
        self._footing = Footing(body.plan.gaits, self._motion(), self._neutral())

    @property
    def hopping(self) -> bool:
        """Whether a hop, its crouch included, is under way; speed and posture commands wait."""
        return self._hop is not None or self._hop_time < 0.0

    @property
    def pads(self) -> Array:
        """(4, 3) world points where the paws touch, or would touch, the ground; order of FEET."""
        return self._footing.pads

    @property
    def planted(self) -> Array:
        """(4,) bool: paws that bear on the ground now."""
        if self._hop is not None:
            return np.zeros(4, dtype=bool)
        planted: Array = ~self._footing.swinging
        return planted

    @property
    def pace(self) -> float:
        """Factor from the cat's speeds to the equal ones of this animal."""
        return self._size.pace

    @property
    def velocity(self) -> Array:
        """(2,) world, m/s, while on the ground."""
        return self.speed * np.array([np.cos(self.yaw), np.sin(self.yaw)])

    def settled(self, posture: PostureName) -> bool:
        """Whether the trunk has come to rest in a posture."""
        return (
            abs(self._posture[HEIGHT] - self._plan.postures[posture].height) < 0.008 * self._size.length
            and self.speed < 0.05
        )

    def hop(self, target: Array) -> None:
        """Crouch, then hop so that the body stands above `target` (3,), a point on a surface; keeps the heading."""
        self._hop_target = np.array(target, dtype=np.float64)
        self._hop_time = -_CROUCH_TIME

    def advance(self, dt: float, command: Command) -> None:
        """Move on by `dt` seconds."""
        count = max(1, int(np.ceil(dt / MAX_SUBSTEP - 1e-9)))
        for _ in range(count):
            self.time += dt / count
            if self.hopping:
                self._advance_hop(dt / count, command)
            else:
                self._advance_ground(dt / count, command)

    def pose(self) -> tuple[Array, Array]:
        """`T_world_root` (4, 4) and joint rotations (J, 3)."""
        posture = Posture.from_vector(self._posture)
        swing = 2.0 * np.pi * self._footing.phase
        rock = self._plan.gaits.rocking(self._motion().stepping_speed, swing, self._effort)
        trunk = replace(
            posture, pitch=posture.pitch + rock[0], roll=posture.roll + rock[1], spine=posture.spine + rock[4]
        )
        rotation = trunk_rotation(self.yaw, trunk.pitch, trunk.roll)
        T_world_root = rigid(rotation, self._root_position(posture, rock[3]))
        rotations = np.zeros((self.body.skeleton.num_joints, 3))
        bend = float(np.clip(0.05 * self.turn_rate, -0.2, 0.2)) + rock[2]
        self._carriage.fill(rotations, trunk, bend, self.time)
        return T_world_root, self.legs.solve(rotations, T_world_root, self.pads, self._leg_pose(posture))

    def _root_position(self, posture: Posture, bounce: float) -> Array:
        if self._hop_state is not None:
            return self._hop_state.root
        height = posture.height * self._scale + bounce
        return np.array([self.position[0], self.position[1], self.ground + height])

    def _advance_ground(self, dt: float, command: Command) -> None:
        upright = float(np.clip((self._posture[HEIGHT] / self._plan.stand_height - 0.78) / 0.10, 0.0, 1.0))
        wanted = float(np.clip(command.speed, 0.0, self._plan.gaits.top_speed * self.pace)) * upright
        turning = MAX_TURN_RATE / self.pace
        turn = float(np.clip(command.turn_rate, -turning, turning)) * upright
        push = _SPRINT_ACCELERATION if wanted > SPRINT_SPEED * self.pace else _ACCELERATION
        self.speed += float(np.clip(wanted - self.speed, -1.6 * push * dt, push * dt))
        self.turn_rate += float(np.clip(turn - self.turn_rate, -_TURN_ACCELERATION * dt, _TURN_ACCELERATION * dt))
        middle = self.yaw + 0.5 * self.turn_rate * dt
        self.position = self.position + self.speed * dt * np.array([np.cos(middle), np.sin(middle)])
        self.yaw = _wrapped(self.yaw + self.turn_rate * dt)
        self._effort += (min(self._motion().stepping_speed / (0.5 * self.pace), 1.4) - self._effort) * min(
            1.0, 5.0 * dt
        )
        moving = command.speed > 0.05 or abs(command.turn_rate) > 0.1
        name = (
            command.posture
            if not moving
            else ("trot" if command.speed > 0.95 * self.pace else _moving_posture(command.posture))
        )
        self._relax(self._plan.postures[name], _POSTURE_RATE, dt)
        self._footing.advance(dt, self._motion(), self._neutral())
        self._look(command, dt)

    def _advance_hop(self, dt: float, command: Command) -> None:
        self._hop_time += dt
        self._effort *= 1.0 - min(1.0, 5.0 * dt)
        self.speed = self.turn_rate = 0.0
        if self._hop is None:
            self._relax(self._plan.postures["crouch"], _POSTURE_RATE * 1.5, dt)
            self._footing.advance(dt, self._motion(), self._neutral())
            if self._hop_time >= 0.0:
                self._take_off()
        if self._hop is not None:
            self._fly(dt)
        self._look(command, dt)

    def _take_off(self) -> None:
        crouched = np.array([*self.position, self.ground + self._posture[HEIGHT] * self._scale])
        standing = np.array([*self.position, self.ground + self.body.stand_height])
        landing = self._hop_target + np.array([0.0, 0.0, 0.92 * self.body.stand_height])
        self._hop = Hop(crouched, standing, landing, MAX_DIP * self._size.length, self._plan.stretch)
        self._footing.swinging[:] = False
        landed = replace(
            self._motion(),
            position=self._hop_target[:2],
            velocity=np.zeros(2),
            turn_rate=0.0,
            ground=float(self._hop_target[2]),
        )
        stand = self._neutral("stand")
        self._hop_pads = (self._footing.pads.copy(), landed.footprints(stand, np.zeros(4)))

    def _fly(self, dt: float) -> None:
        if self._hop is None:
            return
        state = self._hop.at(self._hop_time)
        airborne = replace(self._plan.postures["stand"], pitch=state.pitch, tail_lift=-0.1, spine=-0.3 * state.pitch)
        self._relax(airborne, _HOP_POSTURE_RATE, dt)
        self.position = state.root[:2].copy()
        start, end = self._hop_pads
        tucked = start.copy()
        heading = np.array([[np.cos(self.yaw), -np.sin(self.yaw)], [np.sin(self.yaw), np.cos(self.yaw)]])
        tucked[:, :2] = state.root[:2] + (self._neutral("stand")[:, :2] + [0.015 * self._size.length, 0.0]) @ heading.T
        tucked[:, 2] = state.root[2] - self._plan.tuck * self._scale
        share = np.array([state.front, state.front, state.hind, state.hind])[:, None]
        rise, fall = np.clip(2.0 * share, 0.0, 1.0), np.clip(2.0 * share - 1.0, 0.0, 1.0)
        self._footing.pads = start + (tucked - start) * rise + (end - tucked) * fall
        self._footing.progress = np.minimum(share[:, 0], 0.999)
        self._hop_state = state
        if state.done:
            self._touch_down()

    def _touch_down(self) -> None:
        self.ground = float(self._hop_target[2])
        self._footing.pads = self._hop_pads[1].copy()
        self._footing.progress = np.zeros(4)
        self._posture[HEIGHT], self._posture_rate[HEIGHT] = 0.92 * self._plan.stand_height, 0.0
        self._hop, self._hop_state, self._hop_time = None, None, 0.0

    def _relax(self, posture: Posture, rate: float, dt: float) -> None:
        # Critically damped: never overshoots and has no jumps in speed.
        target, rate = posture.vector, rate / self.pace
        self._posture_rate += dt * (rate**2 * (target - self._posture) - 2.0 * rate * self._posture_rate)
        self._posture = self._posture + dt * self._posture_rate

    def _look(self, command: Command, dt: float) -> None:
        length = self._size.length
        eye = np.array([*(self.position + 0.2 * length * np.array([np.cos(self.yaw), np.sin(self.yaw)])), 0.0])
        eye[2] = self.ground + self._posture[HEIGHT] * self._scale + 0.08 * length
        self._carriage.look(command.gaze, eye, self.yaw, command.tail_sway, dt)

    def _motion(self) -> BodyMotion:
        return BodyMotion(self.position, self.yaw, self.velocity, self.turn_rate, self.ground, self._size)

    def _neutral(self, posture: PostureName | None = None) -> Array:
        """(4, 3) pads under the resting body in the heading frame, in the present posture where none is named."""
        vector = self._posture if posture is None else self._plan.postures[posture].vector
        neutral = self.legs.neutral.copy()
        neutral[:, :2] += pad_offsets(vector) * self._scale
        return neutral

    def _leg_pose(self, posture: Posture) -> LegPose:
        heading = np.array([np.cos(self.yaw), np.sin(self.yaw)])
        ahead = ((self.pads[:, :2] - self.position) @ heading - self._neutral()[:, 0]) / self._size.length
        roll = self._plan.foot_roll
        swing = np.sin(np.pi * self._footing.progress)
        # A paw that trails rolls over its toes, a paw in the air hangs.
        rolling = np.clip(-5.0 * (ahead + 0.02), 0.0, 0.5)
        paw = np.array([posture.front_paw, posture.front_paw, 0.0, 0.0]) + np.array([1.0, 1.0, 0.25, 0.25]) * rolling
        # The middle foot lies down only as far as the paw has come to where that leaves room for the knee.
        in_place = np.clip(1.3 - np.abs(ahead) / 0.06, 0.0, 1.0)
        middle = posture.metatarsal * in_place + np.clip(-roll.metatarsal_gain * ahead, *roll.metatarsal_limits)
        return LegPose(
            paw_pitch=paw + swing * np.array([0.6, 0.6, 0.5, 0.5]),
            metatarsal_pitch=middle + 0.35 * swing,
        )


def _moving_posture(posture: PostureName) -> PostureName:
    return "alert" if posture == "alert" else "walk"


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)
