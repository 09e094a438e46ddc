"""Legs: which joints bend a paw where, where paws belong under a walking body, and bending them there."""

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, gravity_aligned, inverse, log_so3, rigid, transform_points
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
        """(K, F, 3) where paws belong under bodies with root poses (K, 4, 4), metres."""
        return transform_points(gravity_aligned(roots), self.home)

    def bent(self, bodies: Array, joints: Array, places: Array, held: Array) -> tuple[Array, Array]:
        """Bend legs to their paws by damped least squares on the joint rotations that were drawn.

        Args:
            bodies: (K, J, 4, 4) transforms of all joints.
            joints: (K, J, 3) joint rotations, axis-angle.
            places: (K, F, 3) where the paws should be, metres.
            held: (K, F) which of them.

        Returns:
            Joint rotations (K, J, 3) and positions (K, J, 3) that differ in the legs alone. What is out of reach is
            stretched for.
        """
        chains = self.chains
        base = bodies[:, self.skeleton.joint_parents[chains[:, 0]]]
        rest, tip = self.skeleton.joint_rest[chains], self.skeleton.joint_rest[self.feet]
        turns = exp_so3(joints[:, chains])
        for _ in range(ROUNDS):
            frames, paws = _forward(base, rest, tip, turns)
            missing = np.where(held[..., None], places - paws, 0.0)
            arms = paws[:, :, None] - frames[..., :3, 3]
            squares = (arms * arms).sum((-1, -2)) + DAMPING**2
            normal = squares[..., None, None] * np.eye(3) - np.swapaxes(arms, -1, -2) @ arms
            pull = np.linalg.solve(normal, missing[..., None])[..., 0]
            world = np.cross(arms, pull[:, :, None])
            local = (np.swapaxes(frames[..., :3, :3], -1, -2) @ world[..., None])[..., 0]
            turns = turns @ exp_so3(local)
        bent, positions = joints.copy(), bodies[..., :3, 3].copy()
        bent[:, chains] = np.where(held[..., None, None], log_so3(turns), joints[:, chains])
        frames, paws = _forward(base, rest, tip, turns)
        positions[:, chains], positions[:, self.feet] = frames[..., :3, 3], paws
        return bent, positions


def _forward(base: Array, rest: Array, tip: Array, turns: Array) -> tuple[Array, Array]:
    """Transforms (K, F, 3, 4, 4) of the bending joints and places (K, F, 3) of the paws."""
    frames = np.empty((*turns.shape[:-2], 4, 4))
    last = base
    for joint in range(BENDING):
        last = last @ rest[:, joint] @ rigid(turns[:, :, joint], np.zeros(3))
        frames[:, :, joint] = last
    return frames, (last @ tip)[..., :3, 3]


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
