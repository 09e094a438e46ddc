"""The observer: a standing body with eyes that walks, turns, and slides along whatever the home puts in its way."""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ActionError, ArrayError
from ats_sim.geometry import log_so3, rigid
from ats_sim.volume import PerceptionVolume

MAX_PITCH = np.deg2rad(80.0)
ACTION_SLACK = 1e-6
SUBSTEP = 0.03  # metres; well under the body's radius, so that no wall fits between two checks
SLIDES = 3


@dataclass(frozen=True)
class ObserverOptions:
    """How the observer is built and how fast it may be."""

    speed: float = 1.4
    """Top walking speed, m/s."""
    yaw_rate: float = float(np.deg2rad(90.0))
    """Top turning speed, rad/s."""
    pitch_rate: float = float(np.deg2rad(60.0))
    """Top speed of looking up and down, rad/s."""
    eye_height: float = 1.4
    """Height of the eyes above the floor, metres."""
    radius: float = 0.2
    """Radius of the body, metres."""


class Observer:
    """Where the observer stands and looks; z is up and the floor is at z = 0."""

    def __init__(self, volume: PerceptionVolume, options: ObserverOptions, dt: float) -> None:
        """Stand at the origin; `place` before use."""
        self._volume = volume
        self._options = options
        self._dt = dt
        low, high = volume.bounds
        count = max(2, round((options.eye_height - 0.25) / 0.2) + 1)
        heights = np.linspace(options.radius + 0.05, options.eye_height, count)
        self._heights = heights[(heights > low[2]) & (heights < high[2])]
        self.pose = np.zeros(4)
        """(4,) x, y, yaw, pitch."""
        self.last_pose = np.zeros(4)
        """(4,) the pose one step earlier."""

    def place(self, x: float, y: float, yaw: float, pitch: float = 0.0) -> None:
        """Stand somewhere at rest."""
        self.pose = np.array([x, y, yaw, pitch], dtype=np.float64)
        self.last_pose = self.pose.copy()

    def clearance(self, xy: Array) -> Array:
        """Room (...) in metres around a body's axis at floor points (..., 2); less than its radius means touching."""
        xy = np.asarray(xy, dtype=np.float64)
        points = np.empty((*xy.shape[:-1], len(self._heights), 3))
        points[..., :2] = xy[..., None, :]
        points[..., 2] = self._heights
        return np.asarray(self._volume.sample_sdf(points).min(-1))

    def move(self, action: Array) -> None:
        """Turn, then walk for one step; action (4,) in [-1, 1]: forward, left, yaw left, pitch up."""
        forward, left, turn, look = (float(part) for part in action)
        self.last_pose = self.pose.copy()
        x, y, yaw, pitch = (float(part) for part in self.pose)
        yaw = _wrapped(yaw + turn * self._options.yaw_rate * self._dt)
        pitch = float(np.clip(pitch + look * self._options.pitch_rate * self._dt, -MAX_PITCH, MAX_PITCH))
        length = max(1.0, float(np.hypot(forward, left)))
        stride = np.array([forward, left]) / length * self._options.speed * self._dt
        cosine, sine = np.cos(yaw), np.sin(yaw)
        step = np.array([cosine * stride[0] - sine * stride[1], sine * stride[0] + cosine * stride[1]])
        x, y = self._swept(np.array([x, y]), step)
        self.pose = np.array([x, y, yaw, pitch])

    @property
    def T_world_camera(self) -> Array:
        """(4, 4) pose of the eyes, OpenCV axes."""
        return self.camera_at(self.pose)

    @property
    def feet(self) -> Array:
        """(3,) floor point under the observer."""
        return np.array([self.pose[0], self.pose[1], 0.0])

    @property
    def velocity(self) -> Array:
        """(6,) linear (m/s) and angular (rad/s) velocity of the eyes over the last step, world frame."""
        now, before = self.camera_at(self.pose), self.camera_at(self.last_pose)
        turn = log_so3(now[:3, :3] @ before[:3, :3].T)
        return np.concatenate([now[:3, 3] - before[:3, 3], turn]) / self._dt

    def camera_at(self, pose: Array) -> Array:
        """(4, 4) pose of the eyes, OpenCV axes, for a pose (4,) x, y, yaw, pitch."""
        x, y, yaw, pitch = pose
        turned, tilted = (np.cos(yaw), np.sin(yaw)), (np.cos(pitch), np.sin(pitch))
        right = [turned[1], -turned[0], 0.0]
        down = [tilted[1] * turned[0], tilted[1] * turned[1], -tilted[0]]
        ahead = [tilted[0] * turned[0], tilted[0] * turned[1], tilted[1]]
        return rigid(np.array([right, down, ahead]).T, np.array([x, y, self._options.eye_height]))

    def _swept(self, start: Array, step: Array) -> Array:
        """End of a walk by `step` from `start`, in short pieces, each of which may slide but never squeeze in."""
        pieces = int(np.ceil(np.linalg.norm(step) / SUBSTEP))
        position = start
        for _ in range(pieces):
            room = float(self.clearance(position))
            moved = self._slid(position, step / pieces, min(self._options.radius, room))
            if moved is None:
                break
            position = moved
        return position

    def _slid(self, position: Array, piece: Array, needed: float) -> Array | None:
        """Where a short piece of the walk ends, bent along what is in the way, or None if there is no way on.

        A body that starts in a tight spot may stay as tight as it is, never tighter.
        """
        length = float(np.linalg.norm(piece))
        target = position + piece
        for _ in range(SLIDES):
            lacking = needed - float(self.clearance(target))
            if lacking <= 1e-9:
                return target
            normal = self._outward(target)
            if normal is None:
                return None
            target = target + normal * (lacking + 1e-4)
            shift = target - position
            reach = float(np.linalg.norm(shift))
            if reach > length:
                target = position + shift * (length / reach)
        return target if needed - float(self.clearance(target)) <= 1e-9 else None

    def _outward(self, xy: Array) -> Array | None:
        """(2,) horizontal direction in which the tightest height of the body gains room."""
        step = self._volume.sdf_voxel_size
        around = xy + step * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        room = self.clearance(around)
        gradient = np.array([room[0] - room[1], room[2] - room[3]])
        length = float(np.linalg.norm(gradient))
        return gradient / length if length > 1e-9 else None


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
    if np.abs(wanted).max() > 1.0 + ACTION_SLACK:
        raise ActionError(f"action: {wanted.tolist()} leaves [-1, 1]; clip it first")
    return np.clip(wanted, -1.0, 1.0)


def _wrapped(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)
