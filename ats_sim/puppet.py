"""How a physical body is led along a plan: what it aims at between two frames, and the hand that holds its trunk.

A plan is learned from an animal with muscles and balance; a rig that only copies joint angles topples. So a bounded
hand holds the trunk, like a puppeteer's: it may lead and steady the body but carries only a share of the weight. The
paws carry the rest, and whatever is in the way is stronger than the hand. Engine-free; forces in newtons.
"""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, log_so3, quaternion_from_matrix, rigid

GRAVITY = 9.81  # m/s^2, along -z
LEARNING = 0.15  # share of a step's error that the next step reckons with
MOST_SHIFT, MOST_TURN, MOST_FOLD = 0.03, 0.2, 0.15  # metres, rad, rad: more is no load but something in the way


@dataclass(frozen=True)
class Strength:
    """How strongly a body follows its plan; forces in multiples of its weight."""

    support: float = 0.5
    """Share of the weight that the hand may carry; below 1, so that a body without ground under it falls."""
    lift: float = 3.0
    """Most that the hand may lift while the plan climbs: legs that jump push several times the weight."""
    climbing: float = 0.25
    """Planned upward speed that counts as climbing, m/s; a trotting back bobs slower."""
    pull: float = 2.0
    """Most that the hand may pull sideways: enough for a sprint's start, too little to break through anything."""
    steady: float = 0.3
    """Most torque that keeps the trunk upright, in metres of lever for the weight; at 0.1 paws that catch on the
    ground topple the body."""
    joint: float = 0.15
    """Most torque of a joint, in metres of lever for the weight: a leg's length."""
    stiffness: float = 0.8
    """Share of a joint's error that its motor takes back per substep."""
    frequency: float = 6.0
    """How quickly the hand answers, Hz: the frequency of its critically damped spring."""


@dataclass(frozen=True, eq=False)
class Glide:
    """What a body aims at during the S substeps of one step."""

    positions: Array
    """(S, 3) of the root, metres."""
    rotations: Array
    """(S, 4) of the root, quaternions xyzw."""
    velocity: Array
    """(3,) of the root, m/s."""
    spin: Array
    """(3,) of the root, rad/s, world frame."""
    joints: Array
    """(S, L, 4) quaternions of the moved joints."""
    joint_spins: Array
    """(L, 3) angular velocities of the moved joints, rad/s, each in its own frame."""


def glide(roots: tuple[Array, Array], joints: tuple[Array, Array], substeps: int, dt: float) -> Glide:
    """Go from one frame to the next at constant speed.

    Args:
        roots: Root poses (4, 4) at the beginning and the end.
        joints: Rotations (L, 3) of the moved joints at the beginning and the end, axis-angle.
        substeps: S, how many pieces; the first ends a piece after the beginning, the last at the end.
        dt: Seconds from the beginning to the end.
    """
    (first, last), (folded, unfolded) = roots, joints
    share = np.arange(1, substeps + 1) / substeps
    turn = log_so3(last[:3, :3] @ first[:3, :3].T)
    start, end = quaternions(folded), quaternions(unfolded)
    end = np.where((start * end).sum(-1, keepdims=True) < 0.0, -end, end)
    between = start + share[:, None, None] * (end - start)
    relative = np.swapaxes(exp_so3(folded), -1, -2) @ exp_so3(unfolded)
    return Glide(
        positions=first[:3, 3] + share[:, None] * (last[:3, 3] - first[:3, 3]),
        rotations=quaternion_from_matrix(exp_so3(share[:, None] * turn) @ first[:3, :3]),
        velocity=(last[:3, 3] - first[:3, 3]) / dt,
        spin=turn / dt,
        joints=between / np.linalg.norm(between, axis=-1, keepdims=True),
        joint_spins=log_so3(relative) / dt,
    )


@dataclass(frozen=True, eq=False)
class Lean:
    """How far beyond its target a body has to aim to end at it: what gravity and friction took in the last steps.

    A spring under load stops short. A plan that starts anew from where the body really is would take over what is
    missing each time, and the animal would sink to its belly within a minute.
    """

    shift: Array
    """(3,) metres of the root, world frame."""
    turn: Array
    """(3,) rad of the root, world frame."""
    fold: Array
    """(J, 3) rad of every joint, each in its own frame."""

    def learned(self, wanted: tuple[Array, Array], reached: tuple[Array, Array]) -> "Lean":
        """The next lean, from a wanted and a reached root pose (4, 4) and joint rotations (J, 3)."""
        (root, joints), (real_root, real_joints) = wanted, reached
        turn = log_so3(root[:3, :3] @ real_root[:3, :3].T)
        fold = log_so3(np.swapaxes(exp_so3(real_joints), -1, -2) @ exp_so3(joints))
        return Lean(
            _within(self.shift + LEARNING * (root[:3, 3] - real_root[:3, 3]), MOST_SHIFT),
            _within(self.turn + LEARNING * turn, MOST_TURN),
            _within(self.fold + LEARNING * fold, MOST_FOLD),
        )

    def beyond(self, root: Array, joints: Array) -> tuple[Array, Array]:
        """Where to aim for a root pose (4, 4) and joint rotations (J, 3)."""
        aim = rigid(exp_so3(self.turn) @ root[:3, :3], root[:3, 3] + self.shift)
        return aim, log_so3(exp_so3(joints) @ exp_so3(self.fold))


def _within(vectors: Array, most: float) -> Array:
    """Vectors (..., 3), shortened to a length."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors * np.minimum(1.0, most / np.maximum(lengths, 1e-12)))


class Hand:
    """The bounded force and torque that lead a trunk of a body of some mass (kg) and inertia (kg m^2)."""

    def __init__(self, strength: Strength, mass: float, inertia: float, substep: float) -> None:
        """`substep` is the seconds for which a force acts before it is asked for again."""
        omega = 2.0 * np.pi * strength.frequency
        # The spring and damper as they will be at the end of the substep: stable at any stiffness (Tan, Liu and Turk,
        # "Stable Proportional-Derivative Controllers", 2011).
        implicit = 1.0 + 2.0 * omega * substep + (omega * substep) ** 2
        self._spring, self._damper = omega**2 / implicit, 2.0 * omega / implicit
        self._mass, self._inertia, self._weight = mass, inertia, mass * GRAVITY
        self._strength = strength

    def force(self, behind: Array, slower: Array, climb: float) -> Array:
        """(3,) N, for a body that is (3,) m behind its aim and (3,) m/s slower, while the plan climbs at m/s."""
        strength, weight = self._strength, self._weight
        force = self._mass * (self._spring * behind + self._damper * slower)
        sideways = float(np.hypot(force[0], force[1]))
        force[:2] *= min(1.0, strength.pull * weight / max(sideways, 1e-12))
        most = strength.lift if climb > strength.climbing else strength.support
        # The hand never pushes down: that is gravity's part.
        force[2] = min(max(force[2] + weight, 0.0), most * weight)
        return force

    def torque(self, behind: Array, slower: Array) -> Array:
        """(3,) N m, for a trunk turned (3,) rad short of its aim and (3,) rad/s slower, world frame."""
        torque = self._inertia * (self._spring * behind + self._damper * slower)
        size = float(np.linalg.norm(torque))
        return np.asarray(torque * min(1.0, self._strength.steady * self._weight / max(size, 1e-12)))


def quaternions(rotations: Array) -> Array:
    """Unit quaternions xyzw (..., 4) of axis-angle vectors (..., 3); continuous in the vector."""
    half = 0.5 * np.linalg.norm(rotations, axis=-1, keepdims=True)
    return np.concatenate([rotations * 0.5 * np.sinc(half / np.pi), np.cos(half)], axis=-1)


def rotation_vectors(quaternion: Array) -> Array:
    """Axis-angle vectors (..., 3), of length at most pi, of unit quaternions xyzw (..., 4)."""
    quaternion = np.where(quaternion[..., 3:] < 0.0, -quaternion, quaternion)
    sine = np.linalg.norm(quaternion[..., :3], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quaternion[..., 3:])
    return np.asarray(quaternion[..., :3] * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2.0))


def turned_short(wanted: Array, quaternion: Array) -> Array:
    """(3,) rad that a body still has to turn from one quaternion xyzw (4,) to a wanted one (4,), world frame."""
    x, y, z, w = wanted
    a, b, c, d = quaternion
    # wanted * conjugate(quaternion)
    product = np.array([
        -w * a + x * d - y * c + z * b,
        -w * b + y * d - z * a + x * c,
        -w * c + z * d - x * b + y * a,
        w * d + x * a + y * b + z * c,
    ])  # fmt: skip
    return rotation_vectors(product)
