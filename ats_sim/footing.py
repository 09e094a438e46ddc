"""Keeping a whole body out of what is solid and on what carries it.

A plan says where the root goes; paws, head and tail follow from the pose and may then lie in the floor or in a wall, or
float. What was recorded knows better: how near the lowest paw is to what carries it, and how much room a root keeps.
A body is shifted as a whole, which keeps its pose as the mind drew it.
"""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.home import Home
from ats_sim.legs import Legs
from ats_sim.remembered import remembered
from ats_sim.skeleton import Skeleton
from ats_sim.volume import PerceptionVolume

LEAST_MARGIN, MOST_MARGIN = 0.02, 0.08  # metres of free space that a root keeps
LEAST_SOLE, MOST_SOLE = 0.015, 0.08  # metres between the lowest paw's joint and the ground
SOLE_SLACK = 0.03  # metres that it may be higher than at rest, for bodies whose feet have higher joints than paws
SLACK = 0.003  # metres that a joint may lie inside something before the body gives way
TRIES = 6  # shifts until a body is free, or is not
MAX_SHIFT = 0.15  # metres that a body may be shifted away from its plan
FALL = 0.1  # metres per frame that an unsupported body sinks
SEEN_JOINTS = 8
LOOK = 0.05  # metres up and down between which the free space must grow
LOOKS: Array = np.array([[0.0, 0.0, LOOK], [0.0, 0.0, -LOOK]])
SLOPE = 0.3  # metres of free space gained per metre up, from which a surface counts as below
HIGHEST = 0.5  # metres above the ground that are told apart
SAMPLES = 2000  # recorded poses that are looked at


@dataclass(frozen=True, eq=False)
class Footing:
    """What a body keeps to in one home; shared by all its agents."""

    volume: PerceptionVolume
    """What is solid."""
    skeleton: Skeleton
    """The body."""
    feet: Array
    """(F,) joints it stands on."""
    room: Array
    """(J,) metres that each joint keeps from what is solid: the root a little, the rest none."""
    shown: Array
    """(S,) joints that stand for the body when asking what is seen."""
    legs: Legs | None
    """What it walks on; None for a body without pairs of legs."""
    sole: float
    """Metres from the lowest paw's joint to the ground, above which nothing carries the body."""

    @classmethod
    def of(cls, home: Home) -> "Footing":
        """Measure what was usual in the recordings of a home."""
        skeleton, volume = home.skeleton, home.perception
        room = np.zeros(skeleton.num_joints)
        room[0] = root_margin(volume)
        feet = foot_joints(skeleton)
        return cls(volume, skeleton, feet, room, seen_joints(skeleton), Legs.of(home, feet), _sole(home, feet))

    @property
    def margin(self) -> float:
        """Metres of free space that the root keeps."""
        return float(self.room[0])

    def distances(self, joints: Array) -> Array:
        """(..., J) metres of free space at joint positions (..., J, 3), negative inside something."""
        return self.volume.sample_sdf(joints)

    def floating(self, joints: Array, distances: Array) -> Array:
        """(...) metres by which bodies hang above what should carry them.

        Only what is below counts: a wall beside a body carries nothing.

        Args:
            joints: (..., J, 3) joint positions.
            distances: (..., J) their distances.
        """
        hanging = np.zeros(distances.shape[:-1])
        if not len(self.feet):
            return hanging
        # Nearly always the nearest joint is a paw that stands: then nothing else needs to be looked at.
        nearest = distances.argmin(-1)
        where = (*np.indices(nearest.shape, sparse=True), nearest)
        rest = ~((distances[where] <= self.sole) & self._is_below(joints[where]))
        if rest.any():
            gap = np.where(self._is_below(joints[rest]), distances[rest], HIGHEST).min(-1)
            hanging[rest] = np.maximum(np.minimum(gap, HIGHEST) - self.sole, 0.0)
        return hanging

    def _is_below(self, points: Array) -> Array:
        """(...) whether what is nearest to points (..., 3) lies below them."""
        felt = self.distances(points[..., None, :] + LOOKS)
        return np.asarray(felt[..., 0] - felt[..., 1] > SLOPE * 2.0 * LOOK)

    def fits(self, distances: Array) -> Array:
        """(...) whether no joint is inside anything."""
        return np.asarray((self.room - distances <= SLACK).all(-1))

    def settle(self, joints: Array, sinks: Array) -> tuple[Array, Array]:
        """Shift bodies until they are free and carried.

        Args:
            joints: (N, J, 3) joint positions.
            sinks: (N,) metres that each body may sink if nothing carries it; 0 where it is jumping.

        Returns:
            The shifts (N, 3), and whether (N,) the bodies fit there; some find no place nearby.
        """
        shifts, distances = np.zeros((len(joints), 3)), self.distances(joints)
        falls = np.minimum(self.floating(joints, distances), sinks)
        falling = np.flatnonzero(falls > 0.0)
        if len(falling):
            shifts[falling, 2] = -falls[falling]
            distances[falling] = self.distances(joints[falling] + shifts[falling, None])
        fits = self.fits(distances)
        stuck = np.flatnonzero(~fits)
        if len(stuck):
            shifts[stuck], fits[stuck] = self._freed(joints[stuck], distances[stuck], shifts[stuck])
        return shifts, fits

    def _freed(self, joints: Array, distances: Array, shifts: Array) -> tuple[Array, Array]:
        """Add to the shifts (M, 3) of bodies, joints (M, J, 3), what gets them out of walls; and whether (M,) that
        succeeds."""
        shifts, fits = shifts.copy(), np.zeros(len(joints), dtype=bool)
        tried = np.arange(len(joints))
        for _ in range(TRIES):
            lacking = self.room - distances
            worst = lacking.argmax(-1)
            one_each = np.arange(len(tried)), worst
            slopes = self.volume.sdf_gradient(joints[tried, worst] + shifts[tried])
            lengths = np.sqrt((slopes * slopes).sum(-1))
            ways_out = lengths >= 1e-6
            pushes = np.where(ways_out, lacking[one_each] / np.where(ways_out, lengths, 1.0), 0.0)
            shifts[tried] += slopes * pushes[:, None]
            near = np.sqrt((shifts[tried] * shifts[tried]).sum(-1)) <= MAX_SHIFT
            tried = tried[ways_out & near]
            if not len(tried):
                break
            distances = self.distances(joints[tried] + shifts[tried, None])
            free = self.fits(distances)
            fits[tried[free]] = True
            tried, distances = tried[~free], distances[~free]
            if not len(tried):
                break
        return shifts, fits


def root_margin(volume: PerceptionVolume) -> float:
    """Metres of free space that a root keeps: what all but the most cramped recorded roots kept, within bounds.

    A cat on a couch carries its root a hand above the cloth, a scan may be off by some centimetres; the recordings
    know how near is normal in this home.
    """
    room = volume.sample_sdf(volume.agent_roots[:, :3, 3])
    usual = float(np.percentile(room, 2)) if len(room) else LEAST_MARGIN
    return float(np.clip(usual, LEAST_MARGIN, MOST_MARGIN))


def foot_joints(skeleton: Skeleton) -> Array:
    """Indices of the joints that the animal stands on at rest: leaves of the tree within 5 cm of the lowest."""
    leaves = np.setdiff1d(np.arange(1, skeleton.num_joints), skeleton.joint_parents)
    if not len(leaves):
        return np.zeros(0, dtype=np.int64)
    heights = skeleton.rest_transforms[leaves, 2, 3]
    return np.asarray(leaves[heights <= heights.min() + 0.05])


def seen_joints(skeleton: Skeleton) -> Array:
    """A handful of joints spread over the body, the root among them, that stand for it when asking what is seen."""
    last = skeleton.num_joints - 1
    return np.unique(np.linspace(0, last, min(SEEN_JOINTS, last + 1)).astype(np.int64))


def _sole(home: Home, feet: Array) -> float:
    """How high the lowest joint is above what carries it: nine of ten recorded moments are below this."""
    heights = []
    for animation in home.animations:
        if not len(feet) or animation.joint_rotations.shape[1] != home.skeleton.num_joints:
            continue
        every = slice(None, None, max(1, len(home.animations) * len(animation.time) // SAMPLES))
        pose = home.skeleton.forward_kinematics(animation.T_world_root[every], animation.joint_rotations[every])
        heights.append(home.perception.sample_sdf(pose[..., :3, 3]).min(-1))
    usual = float(np.percentile(np.concatenate(heights), 90)) if heights else MOST_SOLE
    return float(np.clip(usual, LEAST_SOLE, max(MOST_SOLE, _rest_sole(home, feet) + SOLE_SLACK)))


def _rest_sole(home: Home, feet: Array) -> float:
    """How high the lowest foot's joint is above the lowest skin at rest: an ankle is higher than a paw, and the middle
    of a loose bone is half of a thing above its underside."""
    if not len(feet):
        return 0.0
    lowest = home.skeleton.rest_transforms[feet, 2, 3].min()
    return float(lowest - home.agent.mesh.vertices[:, 2].min())


@remembered
def footing_of(home: Home) -> Footing:
    """The footing of a home, measured once."""
    return Footing.of(home)
