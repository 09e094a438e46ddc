"""The frames that an agent walks until its next plan, all worked out at once.

A plan says what the mind wants; a stretch is what the home lets the body do: the root is swept so that it never passes
through anything, the body is kept out of walls and on its feet. Between two plans nothing that the observer does
changes it (unless they touch), so a whole stretch costs little more than a frame.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.footing import FALL, Footing
from ats_sim.gait import standing_paws, steps
from ats_sim.geometry import exp_so3, log_so3, rigid
from ats_sim.perception import FUTURE, HZ
from ats_sim.plan import Plan
from ats_sim.seam import Seam
from ats_sim.sliding import Disc
from ats_sim.sweep import swept, ways_are_free

CATCH_UP = 0.05  # metres per frame that an agent may go beyond its plan's stride
MAX_STRIDE = 0.4  # metres per frame, 4 m/s: a cat's sprint in a home
STRAYED = 0.2  # metres from the planned place that count as blocked
CONTACT = 0.05  # metres between a foot joint and what is solid that count as standing on it
JUMP = 0.1  # metres that a plan's height varies within `JUMP_FRAMES` each way when it means to leave the ground
JUMP_FRAMES = 4
BODY_RADIUS = 0.08  # metres around the root that nobody else's body enters


@dataclass(frozen=True, eq=False)
class Stretch:
    """K frames of a body in the world."""

    roots: Array
    """(K, 4, 4) root poses."""
    joints: Array
    """(K, J, 3) joint rotations, axis-angle."""
    drawn: Array
    """(K, J, 3) the same as the mind drew them, before the legs stepped."""
    positions: Array
    """(K, J, 3) joint positions, metres."""
    distances: Array
    """(K, J) metres of free space at every joint."""
    velocities: Array
    """(K, 6) linear (m/s) and angular (rad/s) velocity of the root since the frame before."""
    foot_skate: Array
    """(K,) m/s that standing feet slide."""
    floating: Array
    """(K,) metres by which the body hangs above what should carry it."""
    blocked: Array
    """(K,) whether something solid kept the body from its plan."""
    paws: Array
    """(K, F, 4) what each paw does, see `gait.Steps`; F is 0 for a body without legs."""

    def __len__(self) -> int:
        return len(self.roots)

    def state(self) -> dict[str, Array]:
        """All arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, stored: Mapping[str, Array], joints: int) -> "Stretch":
        """Read back what `state` returned; KeyError or ArrayError where it is incomplete."""
        count = len(stored["roots"])
        shapes: dict[str, tuple[int, ...]] = {
            "roots": (count, 4, 4),
            "joints": (count, joints, 3),
            "drawn": (count, joints, 3),
            "positions": (count, joints, 3),
            "distances": (count, joints),
            "velocities": (count, 6),
            "foot_skate": (count,),
            "floating": (count,),
            "paws": (count, stored["paws"].shape[1], 4),
        }
        arrays = {name: checked(name, stored[name], shape).copy() for name, shape in shapes.items()}
        return cls(blocked=checked("blocked", stored["blocked"], (count,), dtype=bool).copy(), **arrays)


def standing(footing: Footing, roots: Array, joints: Array) -> Stretch:
    """The stretch of a body that takes given poses: roots (K, 4, 4) and joint rotations (K, J, 3); K is at least 2."""
    positions = footing.skeleton.forward_kinematics(roots, joints)[..., :3, 3]
    still = np.zeros(len(roots), dtype=bool)
    return _measured(footing, None, roots, joints, joints, positions, still, _standing_paws(footing, positions))


def moved(footing: Footing, before: Stretch, meant: Stretch, root: Array, joints: Array, blocked: bool) -> Stretch:
    """One frame in which something else than the plan put the body: root (4, 4) and joint rotations (J, 3).

    What was meant, one frame too, still says what the paws are up to and where the mind has the legs.
    """
    positions = footing.skeleton.forward_kinematics(root[None], joints[None])[..., :3, 3]
    drawn = joints[None].copy()
    if footing.legs is not None:
        drawn[:, footing.legs.chains] = meant.drawn[:, footing.legs.chains]
    return _measured(footing, before, root[None], joints[None], drawn, positions, np.array([blocked]), meant.paws)


def walked(
    footing: Footing, before: Stretch, plan: Plan, seam: Seam, first: int, count: int, obstacles: tuple[Disc, ...] = ()
) -> Stretch:
    """Walk `count` frames of a plan.

    Args:
        footing: The body in its home.
        before: Where the body was; its last two frames count.
        plan: What is meant.
        seam: What is left of the motion before the plan.
        first: Frames of the plan that have been walked.
        count: Frames to walk; beyond its end a plan stands still.
        obstacles: Others who may not be walked into.
    """
    frames = np.minimum(np.arange(first, first + count), FUTURE - 1)
    shift, turn, bend = seam.after(np.arange(first + 1, first + count + 1))
    joints = _wrapped(plan.joint_rotations[frames] + bend)
    joints[:, 0] = 0.0
    rotations = exp_so3(turn) @ plan.root_rotations[frames]
    bodies = footing.skeleton.forward_kinematics(rigid(rotations, np.zeros(3)), joints)
    wanted = _Wanted(
        plan.path[frames] + shift, rotations, joints, bodies, _strides(plan, frames), _airborne(plan, frames)
    )
    places = _unhindered(footing, before, wanted) if not obstacles else None
    if places is not None:
        roots, blocked = rigid(rotations, places), np.zeros(count, dtype=bool)
        return _stepped(footing, before, wanted, roots, joints, wanted.poses + places[:, None], blocked)
    taken = _Steps(footing, before, wanted, obstacles)
    for frame in range(count):
        taken.take(frame)
    off = np.linalg.norm(taken.roots[:, :3, 3] - wanted.places, axis=-1) > STRAYED
    return _stepped(footing, before, wanted, taken.roots, taken.joints, taken.positions, taken.stopped | off)


@dataclass(frozen=True, eq=False)
class _Wanted:
    """What a plan wants of K frames."""

    places: Array
    """(K, 3) root positions."""
    rotations: Array
    """(K, 3, 3) root rotations."""
    joints: Array
    """(K, J, 3) joint rotations."""
    bodies: Array
    """(K, J, 4, 4) transforms of all joints of a body whose root is at the origin."""
    strides: Array
    """(K,) metres that the plan moves into each frame."""
    airborne: Array
    """(K,) whether the plan means to leave the ground."""

    @property
    def poses(self) -> Array:
        """(K, J, 3) joint positions about the root."""
        return np.asarray(self.bodies[..., :3, 3])

    def placed(self, roots: Array, joints: Array) -> Array | None:
        """The bodies with their roots (K, 4, 4) in place; None where other poses, joints (K, J, 3), were taken."""
        same_joints = joints is self.joints or np.array_equal(joints, self.joints)
        if not same_joints or not np.array_equal(roots[:, :3, :3], self.rotations):
            return None
        bodies = self.bodies.copy()
        bodies[..., :3, 3] += roots[:, None, :3, 3]
        return bodies


def _unhindered(footing: Footing, before: Stretch, wanted: _Wanted) -> Array | None:
    """Root places (K, 3) where nothing is in the way of any frame, all looked at together; else None."""
    place, momentum = before.roots[-1, :3, 3], math.dist(before.roots[-1, :3, 3], before.roots[-2, :3, 3])
    places = np.empty_like(wanted.places)
    for frame, target in enumerate(wanted.places):
        moved = _within(place, target, _reach(float(wanted.strides[frame]), momentum))
        momentum, place = math.dist(moved, place), moved
        places[frame] = moved
    starts = np.concatenate([before.roots[-1:, :3, 3], places[:-1]])
    if not ways_are_free(footing.volume, starts, places, footing.margin).all():
        return None
    positions = wanted.poses + places[:, None]
    distances = footing.distances(positions)
    hanging = (footing.floating(positions, distances) > 0.0) & ~wanted.airborne
    return None if hanging.any() or not footing.fits(distances).all() else places


def _stepped(
    footing: Footing, before: Stretch, wanted: _Wanted, roots: Array, joints: Array, positions: Array, blocked: Array
) -> Stretch:
    """Put the paws where they step; a frame in which a bent leg would enter something keeps the mind's own legs."""
    legs = footing.legs
    if legs is None:
        return _measured(footing, before, roots, joints, joints, positions, blocked, np.zeros((len(roots), 0, 4)))
    past = (before.roots[-1], before.paws[-1])
    gait = steps(legs, footing.volume, past, roots, positions[:, legs.feet], wanted.airborne)
    bodies = wanted.placed(roots, joints)
    bodies = footing.skeleton.forward_kinematics(roots, joints) if bodies is None else bodies
    bent, stepped = legs.bent(bodies, joints, gait.places, gait.held)
    fits = footing.fits(footing.distances(stepped))[:, None, None]
    shown, places = np.where(fits, bent, joints), np.where(fits, stepped, positions)
    return _measured(footing, before, roots, shown, joints, places, blocked, gait.states)


def _standing_paws(footing: Footing, positions: Array) -> Array:
    legs = footing.legs
    return np.zeros((len(positions), 0, 4)) if legs is None else standing_paws(legs, positions)


class _Steps:
    """A body on its way through frames that touch something."""

    def __init__(self, footing: Footing, before: Stretch, wanted: _Wanted, obstacles: tuple[Disc, ...]) -> None:
        self._footing, self._wanted, self._obstacles = footing, wanted, obstacles
        self._root, self._joints, self._positions = before.roots[-1], before.drawn[-1], before.positions[-1]
        self._momentum = math.dist(before.roots[-1, :3, 3], before.roots[-2, :3, 3])
        self.roots = rigid(wanted.rotations, wanted.places)
        self.joints = wanted.joints.copy()
        self.positions = np.empty_like(wanted.poses)
        self.stopped = np.zeros(len(wanted.places), dtype=bool)

    def take(self, frame: int) -> None:
        """One frame: towards the plan, on its feet, out of walls; else the new pose on the spot; else stand still."""
        here = self._root[:3, 3]
        reach = _reach(float(self._wanted.strides[frame]), self._momentum)
        aim = _beside(_within(here, self._wanted.places[frame], reach), self._obstacles)
        place, self.stopped[frame] = swept(self._footing.volume, here, aim, self._footing.margin)
        settled = self._settled(frame, place, reach)
        if settled is None:
            self.stopped[frame] = True
            settled = self._settled(frame, here, reach)
        if settled is None:
            self.roots[frame], self.joints[frame], self.positions[frame] = self._root, self._joints, self._positions
        else:
            self.roots[frame, :3, 3] = settled
            self.positions[frame] = self._wanted.poses[frame] + settled
        self._momentum = math.dist(self.roots[frame, :3, 3], here)
        self._root, self._joints, self._positions = self.roots[frame], self.joints[frame], self.positions[frame]

    def _settled(self, frame: int, place: Array, reach: float) -> Array | None:
        """Where the root (3,) goes so that the frame's pose fits near a place, if it gets there at all."""
        positions = self._wanted.poses[frame] + place
        sink = 0.0 if self._wanted.airborne[frame] else FALL
        found = self._footing.settle(positions, self._footing.distances(positions), sink)
        if found is None:
            return None
        here, there = self._root[:3, 3], place + found
        is_near = math.dist(here, there) <= reach + FALL
        return there if is_near and ways_are_free(self._footing.volume, here[None], there[None], 0.0)[0] else None


def _measured(
    footing: Footing,
    before: Stretch | None,
    roots: Array,
    joints: Array,
    drawn: Array,
    positions: Array,
    blocked: Array,
    paws: Array,
) -> Stretch:
    """A stretch with its figures; without a past, its first frame has been there for a while."""
    last_root, last_positions = (roots[0], positions[0]) if before is None else (before.roots[-1], before.positions[-1])
    feet, chain = footing.feet, np.concatenate([last_positions[None], positions])
    distances = footing.distances(chain)
    touches = distances[:, feet] < CONTACT
    steps = np.diff(chain[:, feet, :2], axis=0)
    slides = touches[:-1] & touches[1:]
    skate = np.where(slides, np.sqrt((steps * steps).sum(-1)) * HZ, 0.0).sum(-1) / np.maximum(slides.sum(-1), 1)
    path = np.concatenate([last_root[None], roots])
    moved = np.diff(path[:, :3, 3], axis=0)
    turned = log_so3(path[1:, :3, :3] @ np.swapaxes(path[:-1, :3, :3], -1, -2))
    velocities = np.concatenate([moved, turned], axis=-1) * HZ
    hanging = footing.floating(positions, distances[1:])
    return Stretch(roots, joints, drawn, positions, distances[1:], velocities, skate, hanging, blocked, paws)


def _strides(plan: Plan, frames: Array) -> Array:
    """(K,) metres that the plan moves into each of its frames; none into its first."""
    ways = plan.path[frames] - plan.path[np.maximum(frames - 1, 0)]
    return np.sqrt((ways * ways).sum(-1))


def _airborne(plan: Plan, frames: Array) -> Array:
    """(K,) whether the plan means to leave the ground around each of its frames."""
    around = frames[:, None] + np.arange(-JUMP_FRAMES, JUMP_FRAMES + 1)
    heights = plan.path[np.clip(around, 0, FUTURE - 1), 2]
    return np.asarray(np.ptp(heights, axis=1) > JUMP)


def _reach(stride: float, momentum: float) -> float:
    """Metres that a body may move in a frame: what its plan says, or a little more than it just did."""
    return min(max(stride, momentum + CATCH_UP), MAX_STRIDE)


def _within(start: Array, end: Array, reach: float) -> Array:
    """The end (3,) of a way, or the point of it that far from its start."""
    whole = math.dist(end, start)
    return end if whole <= reach else start + (end - start) * (reach / whole)


def _beside(place: Array, obstacles: tuple[Disc, ...]) -> Array:
    """A place (3,) moved out of the bodies of others, sideways."""
    for x, y, radius in obstacles:
        apart, least = math.hypot(place[0] - x, place[1] - y), radius + BODY_RADIUS
        if 1e-6 < apart < least:
            place = place.copy()
            place[:2] = np.array([x, y]) + (place[:2] - [x, y]) * (least / apart)
    return place


def _wrapped(vectors: Array) -> Array:
    """The same rotations as axis-angle vectors (..., 3) of length at most pi."""
    angle = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    turns = np.rint(angle / (2.0 * np.pi))
    safe = np.where(angle > 0.0, angle, 1.0)
    return np.asarray(vectors * (1.0 - 2.0 * np.pi * turns / safe))
