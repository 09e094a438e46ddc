"""Legs: which joints bend a paw where, where paws belong under a walking body, and bending them there."""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, gravity_aligned, inverse, log_so3, transform_points
from ats_sim.home import Home
from ats_sim.skeleton import Skeleton

BENDING = 3  # joints that bend a leg
ROUNDS, DAMPING = 3, 0.02  # of the least squares; metres
SLOWEST, FASTEST = 0.15, 1.0  # m/s at which recorded paws are looked at
FEWEST = 50  # recorded moments that say where paws belong
SAMPLES = 4000


@dataclass(frozen=True, eq=False)
class Legs:
    """The F legs of one animal."""

    skeleton: Skeleton
    """The body."""
    feet: Array
    """(F,) joints that stand on the ground."""
    chains: Array
    """(F, 3) joints that bend each leg, from the hip on."""
    partners: Array
    """(F,) which foot is on the other side."""
    home: Array
    """(F, 3) where paws are under a walking body, on average: metres from the root, heading frame."""
    clearance: float
    """Metres between a standing paw's joint and the ground."""

    @classmethod
    def of(cls, home: Home, feet: Array) -> "Legs | None":
        """Measure the legs in a home's recordings; None for a body that has no pairs of legs of three joints."""
        skeleton = home.skeleton
        parents, mirror = skeleton.joint_parents, skeleton.mirror()
        where = {int(foot): index for index, foot in enumerate(feet)}
        partners = [where.get(int(mirror[foot]), -1) for foot in feet]
        chains = [_chain(parents, int(foot)) for foot in feet]
        paired = all(partner not in (-1, own) for own, partner in enumerate(partners))
        if not len(feet) or not paired or any(len(chain) != BENDING for chain in chains):
            return None
        under, clearance = _recorded_paws(home, feet)
        return cls(skeleton, feet, np.array(chains), np.array(partners), under, clearance)

    def under(self, roots: Array) -> Array:
        """(..., F, 3) where paws belong under bodies with root poses (..., 4, 4), metres."""
        return transform_points(gravity_aligned(roots), self.home)

    def bent(self, bodies: Array, joints: Array, places: Array, held: Array) -> tuple[Array, Array]:
        """Bend legs to their paws by damped least squares on the joint rotations that were drawn.

        Args:
            bodies: (..., J, 4, 4) transforms of all joints.
            joints: (..., J, 3) joint rotations, axis-angle.
            places: (..., F, 3) where the paws should be, metres.
            held: (..., F) which of them.

        Returns:
            Joint rotations (..., J, 3) and positions (..., J, 3) that differ in the legs alone. What is out of reach is
            stretched for.
        """
        chains, points = self.chains, np.column_stack([self.chains, self.feet])
        knots = bodies[..., :3, 3][..., points, :]
        # Of every joint its axes and the way to the next one, as columns: whatever lies beyond a joint turns with it.
        links = np.empty((*held.shape, 3, BENDING, 4))
        axes, ways = np.swapaxes(links[..., :3], -3, -2), links[..., 3]
        axes[...], ways[...] = bodies[..., chains, :3, :3], np.swapaxes(np.diff(knots, axis=-2), -1, -2)
        columns = links.reshape(*held.shape, 3, 4 * BENDING)
        lacking = places - knots[..., 0, :]
        for _ in range(ROUNDS):
            arms = _arms(ways)
            missing = np.where(held[..., None], lacking - arms[..., 0], 0.0)
            turning = exp_so3(_turns(arms, _pull(arms, missing)))
            for joint in reversed(range(BENDING)):
                columns[..., 4 * joint :] = turning[..., joint, :, :] @ columns[..., 4 * joint :]
        bent, positions = joints.copy(), bodies[..., :3, 3].copy()
        bent[..., chains, :] = np.where(held[..., None, None], self._rotations(bodies, axes), joints[..., chains, :])
        for joint in range(BENDING):
            knots[..., joint + 1, :] = knots[..., joint, :] + ways[..., joint]
        positions[..., points, :] = knots
        return bent, positions

    def _rotations(self, bodies: Array, axes: Array) -> Array:
        """Joint rotations (..., F, 3, 3), axis-angle, of legs whose joints have axes (..., F, 3, 3, 3) in the world."""
        above = np.empty(axes.shape)
        above[..., 0, :, :] = bodies[..., self.skeleton.joint_parents[self.chains[:, 0]], :3, :3]
        above[..., 1:, :, :] = axes[..., :-1, :, :]
        rest = above @ self.skeleton.joint_rest[self.chains, :3, :3]
        return log_so3(np.swapaxes(rest, -1, -2) @ axes)


def _arms(ways: Array) -> Array:
    """Vectors from each joint to the paw, as columns (..., 3, 3), from those to the next joint."""
    arms = ways.copy()
    for joint in reversed(range(BENDING - 1)):
        arms[..., joint] += arms[..., joint + 1]
    return arms


def _pull(arms: Array, missing: Array) -> Array:
    """The pull (..., 3) on paws that makes up for what is missing (..., 3), by damped least squares.

    The normal matrix is the sum over the joints of |arm|^2 - arm arm^T; it is solved by its cofactors, as it is 3x3.
    """
    moments = arms @ np.swapaxes(arms, -1, -2)
    xx, yy, zz = (moments[..., i, i] for i in range(3))
    a, b, c = yy + zz + DAMPING**2, xx + zz + DAMPING**2, xx + yy + DAMPING**2
    d, e, f = moments[..., 0, 1], moments[..., 0, 2], moments[..., 1, 2]
    x, y, z = (missing[..., i] for i in range(3))
    bc, ac, ab, de, df, ef = b * c - f * f, a * c - e * e, a * b - d * d, d * e + a * f, d * f + b * e, e * f + c * d
    pull = np.stack([bc * x + ef * y + df * z, ef * x + ac * y + de * z, df * x + de * y + ab * z], axis=-1)
    return pull / (a * bc - d * ef - e * df)[..., None]


def _turns(arms: Array, pull: Array) -> Array:
    """How far each joint turns under a pull (..., 3) on its paw: rotation vectors (..., 3, 3), world frame."""
    (ax, ay, az), (x, y, z) = np.moveaxis(arms, -2, 0), np.moveaxis(pull[..., None], -2, 0)
    return np.stack([ay * z - az * y, az * x - ax * z, ax * y - ay * x], axis=-1)


def _chain(parents: Array, foot: int) -> list[int]:
    """The joints above a foot that bend its leg, from the hip on; the trunk begins where joints fork."""
    chain: list[int] = []
    joint = int(parents[foot])
    while joint > 0 and len(chain) < BENDING and (parents == joint).sum() == 1:
        chain.insert(0, joint)
        joint = int(parents[joint])
    return chain


def _recorded_paws(home: Home, feet: Array) -> tuple[Array, float]:
    """(F, 3) mean place of the paws while the recorded animal walked, and how high standing paws are."""
    skeleton, volume = home.skeleton, home.perception
    places, heights = [], []
    for clip in home.animations:
        if len(clip.time) < 3 or clip.joint_rotations.shape[1] != skeleton.num_joints:
            continue
        every = slice(None, None, max(1, len(home.animations) * len(clip.time) // SAMPLES))
        speed = np.linalg.norm(np.gradient(clip.T_world_root[:, :2, 3], clip.time, axis=0), axis=1)[every]
        roots = clip.T_world_root[every]
        paws = skeleton.forward_kinematics(roots, clip.joint_rotations[every])[..., :3, 3][:, feet]
        walking = (speed > SLOWEST) & (speed < FASTEST)
        places.append(transform_points(inverse(gravity_aligned(roots[walking])), paws[walking]))
        heights.append(volume.sample_sdf(paws).min(-1))
    rest = skeleton.rest_transforms[feet, :3, 3]
    found = np.concatenate(places) if places else np.zeros((0, len(feet), 3))
    under = np.median(found, axis=0) if len(found) >= FEWEST else rest
    clearance = float(np.median(np.concatenate(heights))) if heights else 0.0
    return under, float(np.clip(clearance, 0.0, 0.05))
