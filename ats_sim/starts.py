"""Where an episode may begin: places where the real agent and the real observer have been, if they are free today."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import HomeError
from ats_sim.footing import Footing
from ats_sim.geometry import gravity_aligned, interpolate_poses
from ats_sim.home import Home
from ats_sim.observer import Observer, ObserverOptions
from ats_sim.perception import HZ, PAST

APART = 0.6  # metres between two agents
KNOWN = 0.3  # metres within which a recorded motion's root must match a recorded root pose
TRIES = 32


@dataclass(frozen=True, eq=False)
class Starts:
    """Histories an agent may wake up with, and floor points where an observer may stand."""

    roots: Array
    """(N, 8, 4, 4) root poses, the last is the start."""
    joints: Array
    """(N, 8, J, 3) joint rotations."""
    observers: Array
    """(M, 2) floor points."""

    def draw_agents(self, rng: np.random.Generator, count: int) -> Array:
        """(count,) indices of starts that keep agents apart from each other where the home allows it."""
        chosen: list[int] = []
        for _ in range(count):
            index = int(rng.integers(len(self.roots)))
            for _ in range(TRIES):
                gaps = self.roots[chosen, -1, :3, 3] - self.roots[index, -1, :3, 3]
                if (np.linalg.norm(gaps, axis=-1) >= APART).all():
                    break
                index = int(rng.integers(len(self.roots)))
            chosen.append(index)
        return np.array(chosen, dtype=np.int64)

    def draw_observer(
        self,
        rng: np.random.Generator,
        place: Array,
        apart: tuple[float, float],
        sees: Callable[[Array, Array], Array],
    ) -> Array:
        """(2,) floor point from which a place (3,) can be looked at: neither on top of it nor across the house.

        Args:
            rng: Source of chance; as much is drawn wherever the place is.
            place: What is looked at.
            apart: How near and how far the point should be, metres; where the home has none, the next best are taken.
            sees: Whether nothing stands between floor points (N, 2), at eye height, and a place (3,): (N,).
        """
        distance, (near, far) = np.linalg.norm(self.observers - place[:2], axis=1), apart
        good = np.flatnonzero((distance >= near) & (distance <= far))
        candidates = good if len(good) else np.argsort(np.abs(distance - 0.5 * (near + far)))[:10]
        drawn = self.observers[candidates[(rng.random(TRIES) * len(candidates)).astype(np.int64)]]
        return np.array(drawn[int(np.argmax(sees(drawn, place)))])  # the first that sees it, else just the first


def find_starts(home: Home, footing: Footing, observer: Observer) -> Starts:
    """Collect the starts of a home, where bodies fit and the observer has room.

    Raises:
        HomeError: If the home records no free place for the agent, or has no room for the observer's body.
    """
    roots, joints = _recorded_motion(home, footing)
    if not len(roots):
        roots, joints = _recorded_places(home, footing.margin)
    if not len(roots):
        raise HomeError(f"{home.folder}: every recorded agent pose lies inside something solid; export the home again")
    return Starts(roots, joints, _observer_points(home, observer, observer.options.radius))


def _recorded_motion(home: Home, footing: Footing) -> tuple[Array, Array]:
    """Windows of 0.8 s cut from the recorded motions wherever they lie in free space of this home."""
    found_roots, found_joints = [], []
    for animation in home.animations:
        length = float(animation.time[-1] - animation.time[0])
        ticks = animation.time[0] + np.arange(int(length * HZ) + 1) / HZ
        if len(ticks) < PAST or animation.joint_rotations.shape[1] != home.skeleton.num_joints:
            continue
        roots = interpolate_poses(animation.time, animation.T_world_root, ticks)
        nearest = np.clip(np.searchsorted(animation.time, ticks), 0, len(animation.time) - 1)
        windows = np.arange(len(ticks) - PAST + 1)[:, None] + np.arange(PAST)
        free = _is_usable(footing, roots, animation.joint_rotations[nearest])[windows[:, -1]]
        found_roots.append(roots[windows[free]])
        found_joints.append(animation.joint_rotations[nearest][windows[free]])
    if not found_roots:
        return np.zeros((0, PAST, 4, 4)), np.zeros((0, PAST, home.skeleton.num_joints, 3))
    return np.concatenate(found_roots), np.concatenate(found_joints)


def _is_usable(footing: Footing, roots: Array, joints: Array) -> Array:
    """Whether bodies, roots (N, 4, 4) and joints (N, J, 3), fit, are carried by something, and are where the agent was
    recorded (a motion may be from elsewhere)."""
    places, known = roots[:, :3, 3], footing.volume.agent_roots[:, :3, 3].astype(np.float64)
    # |p - k|^2 = |p|^2 + |k|^2 - 2 p k: thousands by thousands of places are one matrix product.
    squares = (known * known).sum(-1) - 2.0 * places @ known.T
    near = (places * places).sum(-1) + squares.min(-1, initial=np.inf) <= KNOWN**2
    bodies = footing.skeleton.forward_kinematics(roots, joints)[..., :3, 3]
    room = footing.distances(bodies)
    # What carried it then may have been moved since.
    carried = footing.floating(bodies, room) <= 0.0
    return np.asarray(near & carried & footing.fits(room))


def _recorded_places(home: Home, margin: float) -> tuple[Array, Array]:
    """Standing still, in the rest pose, at the recorded root poses."""
    poses = gravity_aligned(home.perception.agent_roots.astype(np.float64))
    poses = poses[home.perception.sample_sdf(poses[:, :3, 3]) >= margin]
    roots = np.repeat(poses[:, None], PAST, axis=1)
    return roots, np.zeros((len(roots), PAST, home.skeleton.num_joints, 3))


def _observer_points(home: Home, observer: Observer, radius: float) -> Array:
    """Recorded camera places with room for a body, else any such place of the floor plan near them."""
    recorded = home.perception.observer_cameras[:, :2, 3].astype(np.float64)
    roomy = recorded[observer.standing_room(recorded) >= radius]
    if len(roomy):
        return np.asarray(roomy)
    low, high = home.perception.bounds
    axes = [np.arange(low[i], high[i], 2.0 * home.perception.sdf_voxel_size) for i in range(2)]
    floor = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    room = observer.standing_room(floor)
    needed = min(radius, float(room.max(initial=0.0)))
    if needed < 0.05:
        raise HomeError(f"{home.folder}: no place with room for an observer of radius {radius} m; give a smaller one")
    return np.asarray(floor[room >= needed])


# Worlds of one home share its starts; an entry dies with its home.
_STARTS: "weakref.WeakKeyDictionary[Home, dict[ObserverOptions, Starts]]" = weakref.WeakKeyDictionary()


def starts_of(home: Home, footing: Footing, observer: Observer) -> Starts:
    """The starts of a home for an observer's build, collected once; raises like `find_starts`."""
    known = _STARTS.setdefault(home, {})
    if observer.options not in known:
        known[observer.options] = find_starts(home, footing, observer)
    return known[observer.options]
