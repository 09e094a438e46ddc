"""The observer: a standing body with eyes that walks, turns, and slides along whatever the home puts in its way.

It stands on what is under it (a step up of 0.25 m is taken in stride), walks, runs or crouches, and cannot walk through
an animal. All of it is scalar arithmetic on flat maps: an observer is moved far more often than anything else.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ActionError, ArrayError, ConfigError
from ats_sim.floor_maps import FlatMap, floor_maps
from ats_sim.geometry import rigid
from ats_sim.perception import PAST
from ats_sim.sliding import Disc, Slide
from ats_sim.volume import PerceptionVolume

Stance = Literal["walk", "run", "crouch"]
STANCES: tuple[Stance, ...] = get_args(Stance)
MAX_PITCH = math.radians(80.0)
ACTION_SLACK = 1e-6
SUBSTEP = 0.08  # metres; under half the body's least width, so that no wall fits between two checks
SHIN = 0.25  # metres above the floor below which nothing stops a person: they step onto it
STOOP = 0.25  # metres that the eyes sink or rise in a step
LOWEST_EYES = 0.3  # metres above the floor
X, Y, YAW, PITCH, FLOOR, EYES = range(6)
"""Entries of a pose."""


@dataclass(frozen=True)
class ObserverOptions:
    """How the observer is built and how fast it may be."""

    speed: float = 1.4
    """Top walking speed, m/s."""
    run_speed: float = 2.6
    """Top running speed, m/s."""
    crouch_speed: float = 0.7
    """Top speed while crouching, m/s."""
    yaw_rate: float = math.radians(90.0)
    """Top turning speed, rad/s."""
    pitch_rate: float = math.radians(60.0)
    """Top speed of looking up and down, rad/s."""
    eye_height: float = 1.4
    """Height of the eyes above the floor, metres."""
    crouch_height: float = 0.7
    """Height of the eyes while crouching, metres."""
    radius: float = 0.2
    """Radius of the body, metres."""
    reach: float = 0.7
    """How far a hand reaches from the shoulder, metres."""
    start_apart: tuple[float, float] = (0.8, 4.0)
    """How near and how far from the first agent an episode may begin, metres."""

    def speed_of(self, stance: Stance) -> float:
        """Top speed (m/s) in a stance."""
        return {"walk": self.speed, "run": self.run_speed, "crouch": self.crouch_speed}[stance]

    def height_of(self, stance: Stance) -> float:
        """Height (m) at which the eyes come to rest in a stance."""
        return self.crouch_height if stance == "crouch" else self.eye_height


class Observer:
    """Where the observer stands and looks; z is up."""

    def __init__(self, volume: PerceptionVolume, options: ObserverOptions, dt: float) -> None:
        """Stand at the origin; `place` before use."""
        self._maps = floor_maps(volume)
        self._dt = dt
        self.options = options
        """Build and speeds."""
        self.stance: Stance = "walk"
        """How it moves."""
        self.pose = np.array([0.0, 0.0, 0.0, 0.0, 0.0, options.eye_height])
        """(6,) x, y, yaw, pitch, floor height, eyes above the floor; metres and radians."""
        self.last_pose = self.pose.copy()
        """(6,) the pose one step earlier."""
        self.track = np.repeat(self.eyes[None], PAST, axis=0)
        """(8, 3) where the eyes were, the last is now."""

    def place(self, x: float, y: float, yaw: float, pitch: float = 0.0) -> None:
        """Stand somewhere at rest, on the main floor or what lies on it, in the stance `walk`."""
        self.stance = "walk"
        floor = self._maps.ground(0.0).at(x, y)
        self.pose = np.array([x, y, yaw, pitch, floor, self.options.eye_height], dtype=np.float64)
        self.last_pose = self.pose.copy()
        self.track = np.repeat(self.eyes[None], PAST, axis=0)

    def take_stance(self, stance: str) -> None:
        """Walk, run or crouch from the next step on.

        Raises:
            ConfigError: If there is no such stance.
        """
        if stance not in STANCES:
            raise ConfigError(f"stance={stance!r}: there is {', '.join(repr(one) for one in STANCES)}")
        self.stance = stance

    def clearance(self, xy: Array) -> Array:
        """Room (...) in metres around a body's axis at floor points (..., 2); less than its radius means touching."""
        return self._room(float(self.pose[FLOOR]), float(self.pose[EYES])).sample(xy)

    def standing_room(self, xy: Array) -> Array:
        """The same for a body that stands upright on the main floor, wherever it is now."""
        return self._room(0.0, self.options.eye_height).sample(xy)

    def move(self, action: Array, obstacles: Sequence[Disc] = ()) -> None:
        """Turn, then walk for one step.

        Args:
            action: (4,) in [-1, 1]: forward, left, yaw left, pitch up, as shares of the stance's top speeds.
            obstacles: What else may not be walked into.
        """
        forward, left, turn, look = action.tolist()
        x, y, yaw, pitch, floor, eyes = self.pose.tolist()
        options = self.options
        yaw = _wrapped(yaw + turn * options.yaw_rate * self._dt)
        pitch = min(max(pitch + look * options.pitch_rate * self._dt, -MAX_PITCH), MAX_PITCH)
        eyes = _towards(eyes, self._wanted_height(x, y, floor, eyes), STOOP)
        if forward or left:
            stride = options.speed_of(self.stance) * self._dt / max(1.0, math.hypot(forward, left))
            cosine, sine = math.cos(yaw) * stride, math.sin(yaw) * stride
            step = (cosine * forward - sine * left, sine * forward + cosine * left)
            x, y = self._swept(Slide(self._room(floor, eyes), obstacles, options.radius), x, y, step)
        ground = self._maps.ground(floor).at(x, y)
        # Feet are on the step at once; the eyes stay where they are and follow with the next steps.
        self._be(np.array([x, y, yaw, pitch, ground, max(eyes + floor - ground, LOWEST_EYES)]))

    def stand_at(self, T_world_camera: Array) -> None:
        """Be where a recorded camera (4, 4) was, whatever stands there: place, height and direction, without roll."""
        ahead = T_world_camera[:3, 2]
        x, y, z = T_world_camera[:3, 3].tolist()
        floor = self._maps.ground(float(self.pose[FLOOR])).at(x, y)
        yaw, pitch = math.atan2(ahead[1], ahead[0]), math.asin(min(max(float(ahead[2]), -1.0), 1.0))
        self._be(np.array([x, y, yaw, pitch, floor, z - floor]))

    def state(self) -> dict[str, Array]:
        """Everything its future depends on, as named arrays."""
        stance = np.array(self.stance)
        return {"stance": stance, "pose": self.pose, "last_pose": self.last_pose, "track": self.track}

    def load_state(self, stored: Mapping[str, Array]) -> None:
        """Continue from what `state` returned; raises KeyError, ArrayError or ConfigError where it makes no sense."""
        pose, last = (checked(name, stored[name], (6,)).copy() for name in ("pose", "last_pose"))
        self.track = checked("track", stored["track"], (PAST, 3)).copy()
        self.take_stance(str(stored["stance"]))
        self.pose, self.last_pose = pose, last

    @property
    def T_world_camera(self) -> Array:
        """(4, 4) pose of the eyes, OpenCV axes."""
        return self.camera_at(self.pose)

    @property
    def feet(self) -> Array:
        """(3,) floor point under the observer."""
        return self.pose[[X, Y, FLOOR]]

    @property
    def eyes(self) -> Array:
        """(3,) where the eyes are."""
        return eyes_at(self.pose)

    @property
    def velocity(self) -> Array:
        """(6,) linear (m/s) and angular (rad/s) velocity of the eyes over the last step, world frame."""
        moved = eyes_at(self.pose) - eyes_at(self.last_pose)
        turned = _turn_between(self.last_pose.tolist(), self.pose.tolist())
        return np.concatenate([moved, turned]) / self._dt

    def camera_at(self, pose: Array) -> Array:
        """(4, 4) pose of the eyes, OpenCV axes, for a pose (6,)."""
        x, y, yaw, pitch, floor, eyes = pose.tolist()
        cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
        axes = np.array([[sy, sp * cy, cp * cy], [-cy, sp * sy, cp * sy], [0.0, -cp, sp]])
        return rigid(axes, np.array([x, y, floor + eyes]))

    def _be(self, pose: Array) -> None:
        """Take a pose (6,) as the next step's."""
        self.last_pose, self.pose = self.pose, pose
        self.track = np.concatenate([self.track[1:], self.eyes[None]])

    def _room(self, floor: float, eyes: float) -> FlatMap:
        # The body ends in a ball like a capsule, so that a step reaches under it without being a wall.
        foot = SHIN + self.options.radius
        return self._maps.room(floor, foot, max(eyes, foot + 0.1))

    def _wanted_height(self, x: float, y: float, floor: float, eyes: float) -> float:
        """The stance's height, or the present one while something overhead keeps the body down."""
        wanted = self.options.height_of(self.stance)
        if wanted <= eyes:
            return wanted
        here = self._room(floor, eyes).at(x, y)
        above = self._room(floor, wanted).at(x, y)
        return wanted if above >= min(here, self.options.radius) - 1e-9 else eyes

    def _swept(self, slide: Slide, x: float, y: float, step: tuple[float, float]) -> tuple[float, float]:
        """End of a walk by `step`, in short pieces, each of which may slide but never squeeze in."""
        length = math.hypot(*step)
        pieces = max(1, math.ceil(length / SUBSTEP))
        dx, dy = step[0] / pieces, step[1] / pieces
        for _ in range(pieces):
            moved = slide.step(x, y, dx, dy)
            if moved is None:
                break
            x, y = moved
        return x, y


def eyes_at(pose: Array) -> Array:
    """(3,) where the eyes are in a pose (6,)."""
    x, y, _, _, floor, eyes = pose.tolist()
    return np.array([x, y, floor + eyes])


def checked_action(action: object) -> Array:
    """Return an action as float64 (4,).

    Raises:
        ActionError: If it is no floating point array of shape (4,), not finite, or outside [-1, 1].
    """
    if not isinstance(action, np.ndarray) or not np.issubdtype(action.dtype, np.floating):
        kind = action.dtype if isinstance(action, np.ndarray) else type(action).__name__
        raise ActionError(f"action: {kind}, want a NumPy array of floats, shape (4,)")
    try:
        wanted = checked("action", action, (4,))
    except ArrayError as error:
        raise ActionError(str(error)) from error
    if max(abs(part) for part in wanted.tolist()) > 1.0 + ACTION_SLACK:
        raise ActionError(f"action: {wanted.tolist()} leaves [-1, 1]; clip it first")
    return np.minimum(np.maximum(wanted, -1.0), 1.0)


def _turn_between(before: Sequence[float], now: Sequence[float]) -> Array:
    """(3,) rotation vector, world frame, from one pose's direction to another's.

    A pose turns by its yaw about z after its pitch about the level axis to the left, so as quaternions the turn is
    z(yaw) y(-pitch) y(pitch before) z(-yaw before).
    """
    half_yaw, half_last = 0.5 * now[YAW], 0.5 * before[YAW]
    half_tilt = 0.5 * (before[PITCH] - now[PITCH])
    c, s = math.cos(half_tilt), math.sin(half_tilt)
    w, z = c * math.cos(half_yaw - half_last), c * math.sin(half_yaw - half_last)
    x, y = -s * math.sin(half_yaw + half_last), s * math.cos(half_yaw + half_last)
    if w < 0.0:
        w, x, y, z = -w, -x, -y, -z
    length = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 * math.atan2(length, w) / length if length > 1e-12 else 2.0
    return np.array([x * scale, y * scale, z * scale])


def _towards(value: float, wanted: float, most: float) -> float:
    return value + min(max(wanted - value, -most), most)


def _wrapped(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi
