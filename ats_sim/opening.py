"""How an episode begins: who stands where, with which past, and from which seeds all further chance comes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.agent import Steering
from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.footing import Footing
from ats_sim.observer import Observer
from ats_sim.perception import PAST
from ats_sim.recorded import Recording
from ats_sim.replay import Replay, find_recording
from ats_sim.reset_options import ResetOptions
from ats_sim.starts import Starts
from ats_sim.sweep import ways_are_free
from ats_sim.volume import PerceptionVolume

FACING_JITTER = 0.3  # radians; an episode begins with the agent in view, not dead centre
STEEPEST_START = 0.6  # radians; nobody begins staring at their own feet


@dataclass(frozen=True, eq=False)
class Opening:
    """The first moment of an episode."""

    roots: Array
    """(A, 8, 4, 4) the agents' last root poses."""
    joints: Array
    """(A, 8, J, 3) and joint rotations."""
    observer: Array
    """(4,) x, y, yaw, pitch."""
    stance: str
    """How the observer moves."""
    replay: Replay | None
    """The video that is lived through again, if any."""
    seeds: Array
    """(A + K - 1,) seeds of the agents' minds, then of the replay's further samples."""

    def place(self, observer: Observer) -> None:
        """Put the observer there, in a replay with the camera's last 0.8 s behind it."""
        observer.place(*self.observer)
        if self.replay is not None:
            for camera in self.replay.recording.T_world_camera[self.replay.past]:
                observer.stand_at(camera)
        observer.take_stance(self.stance)


def draw_opening(
    rng: np.random.Generator,
    asked: ResetOptions,
    starts: Starts,
    footing: Footing,
    observer: Observer,
    recordings: Sequence[Recording],
) -> Opening:
    """Draw what was not asked for; as much is drawn whatever was asked, so that later chance does not depend on it.

    Raises:
        ConfigError: If a start is inside something, a goal outside the home, or the asked video does not exist.
    """
    count = len(asked.steering)
    for steering in asked.steering:
        refuse_outside(footing, steering)
    replay = None
    if asked.replay is not None:
        replay = Replay(find_recording(recordings, asked.replay.video), asked.replay)
    seeds = rng.integers(2**63, size=1 + count)
    draw = np.random.Generator(np.random.PCG64(int(seeds[0])))
    chosen = starts.draw_agents(draw, count)
    roots, joints = starts.roots[chosen].copy(), starts.joints[chosen].copy()
    if asked.agent_poses is not None:
        _refuse_solid(footing, asked.agent_poses)
        roots, joints = np.repeat(asked.agent_poses[:, None], PAST, axis=1), np.zeros_like(joints)
    if replay is not None:
        video, past = replay.recording, replay.past
        roots[0], joints[0] = video.T_world_root[past], video.joint_rotations[past]
    place = _observer_start(draw, asked.observer_pose, roots[0, -1, :3, 3], starts, footing.volume, observer)
    further = draw.integers(2**63, size=0 if replay is None else replay.samples - 1)
    return Opening(roots, joints, place, asked.stance, replay, np.concatenate([seeds[1:], further]))


def refuse_outside(footing: Footing, steering: Steering) -> None:
    """Raise ConfigError if a forced goal or path leaves the home."""
    low, high = footing.volume.bounds
    for name, places in (("goal", steering.goal), ("path", steering.path)):
        if places is not None and ((places < low) | (places > high)).any():
            box = f"{np.round(low, 1).tolist()} to {np.round(high, 1).tolist()}"
            raise ConfigError(f"{name}: leaves the home, which lies within {box}")


def _refuse_solid(footing: Footing, poses: Array) -> None:
    room = footing.volume.sample_sdf(poses[:, :3, 3])
    if (room < footing.margin).any():
        worst = int(room.argmin())
        place = np.round(poses[worst, :3, 3], 2).tolist()
        raise ConfigError(
            f"agent_poses: agent {worst} at {place} would start inside something; "
            "z is the root's height (about 0.2 m above the floor), and `data_support_map()` tells where the animal was"
        )


def _observer_start(
    rng: np.random.Generator,
    asked: Array | None,
    agent: Array,
    starts: Starts,
    volume: PerceptionVolume,
    observer: Observer,
) -> Array:
    """(4,) x, y, yaw, pitch: as asked, else near the first agent's root (3,) and looking at it."""
    height = observer.options.eye_height

    def sees(floor_points: Array, place: Array) -> Array:
        eyes = np.column_stack([floor_points, np.full(len(floor_points), height)])
        return ways_are_free(volume, np.repeat(place[None], len(eyes), axis=0), eyes, 0.0)

    place = starts.draw_observer(rng, agent, observer.options.start_apart, sees)
    jitter = float(rng.uniform(-FACING_JITTER, FACING_JITTER))
    if asked is None:
        x, y, z = agent - np.array([place[0], place[1], height])
        pitch = float(np.clip(np.arctan2(z, np.hypot(x, y)), -STEEPEST_START, STEEPEST_START))
        return np.array([place[0], place[1], np.arctan2(y, x) + jitter, pitch])
    if float(observer.standing_room(asked[:2])) <= 0.0:
        raise ConfigError(f"observer_pose: {asked[:2].tolist()} is not free; the observer would stand in something")
    return np.array([*asked, 0.0])
