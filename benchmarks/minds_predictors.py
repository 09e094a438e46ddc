"""What foresees: policies, baselines that know places only, and what was reconstructed of what really happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.home import Home
from ats_sim.models.baselines import Baseline
from ats_sim.perception import FUTURE
from ats_sim.policy import Policy
from benchmarks.minds_futures import Case, Futures
from benchmarks.minds_truth import Likeness
from benchmarks.minds_world import perceived


@dataclass(frozen=True, eq=False)
class PolicyPredictor:
    """Draws plans from an exported policy, as the simulator does."""

    policy: Policy
    home: Home
    likeness: Likeness
    frame: Array | None = None
    """(4, 4) the one frame it thinks in; its own where not given."""

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        """See `Predictor`."""
        known = case.perception
        if self.frame is not None:
            known = perceived(known, self.home.perception, self.frame)
        rngs = [np.random.default_rng([*seed, draw]) for draw in range(count)]
        plans = self.policy.plan(
            [known] * count,
            rngs,
            goals=None if goal is None else [goal] * count,
            paths=None if path is None else [path] * count,
        )
        goals, paths, rotations, joints = (
            np.stack([getattr(plan, name) for plan in plans])
            for name in ("goal", "path", "root_rotations", "joint_rotations")
        )
        return Futures(goals, paths, self.likeness.roots(rotations), self.likeness.limbs(joints))


@dataclass(frozen=True, eq=False)
class PlacePredictor:
    """Draws from a baseline."""

    baseline: Baseline

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        """See `Predictor`."""
        if goal is not None or path is not None:
            return None
        paths = self.baseline(case.perception, np.random.default_rng(seed), count)
        return Futures(paths[:, -1], paths)


@dataclass(frozen=True, eq=False)
class Reconstructed:
    """What the reconstruction says that happened: no foresight, but how far anything learned from it may be off."""

    likeness: Likeness

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        """See `Predictor`; the last frame known is held where the video ends before the 5.6 s do."""
        if goal is not None or path is not None:
            return None
        recording = case.recording
        frames = np.minimum(case.now + 1 + np.arange(FUTURE), len(recording.valid) - 1)
        motion = self.likeness.motion(recording.T_world_root[frames], recording.joint_rotations[frames])
        roots, limbs = motion.T_world_root, motion.limbs
        parts = roots[:, :3, 3], roots[:, :3, :3], limbs
        paths, turns, limbs = (np.broadcast_to(value, (count, *value.shape)) for value in parts)
        return Futures(paths[:, -1], paths, turns, limbs)
