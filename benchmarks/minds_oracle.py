"""The best that anybody could foresee: the true mind itself, lived on from the same state by other chances.

The animal knows its moods, its plans and its memory, which no video shows; the person does as recorded. What is left of
the error is chance, and a predictor that comes near it has understood the animal.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.perception import FUTURE
from ats_sim.reconstruction.capture.synthesis.animal.mind import Mind
from ats_sim.reconstruction.capture.synthesis.filming.scene_life import TICK
from benchmarks.minds_futures import Case, Futures
from benchmarks.minds_truth import TICKS, Moment, Motion, Synthesized


@dataclass(frozen=True, eq=False)
class Oracle:
    """Re-rolls the living animal."""

    synthesized: Synthesized

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        """Futures of the true mind; None where a goal or path is given, which it never asks for."""
        if goal is not None or path is not None:
            return None
        chances = [np.random.default_rng([*seed, draw]) for draw in range(count)]
        motions = [lived_on(self.synthesized, case.moment, case.moment.mind.reseeded(rng)) for rng in chances]
        roots = np.stack([motion.T_world_root for motion in motions])
        paths = roots[..., :3, 3]
        return Futures(paths[:, -1], paths, roots[..., :3, :3], np.stack([motion.limbs for motion in motions]))


def lived_on(synthesized: Synthesized, moment: Moment, mind: Mind | None = None) -> Motion:
    """The 56 frames that follow a moment, home frame; by the mind as it was where none is given."""
    mind = copy.deepcopy(moment.mind) if mind is None else mind
    roots, joints = [], []
    for tick in range(TICKS * FUTURE):
        state = mind.step(TICK, moment.observer_positions[tick], moment.observer_velocities[tick])
        if tick % TICKS == TICKS - 1:
            roots.append(state.T_world_root)
            joints.append(state.joint_rotations)
    return synthesized.motion(np.stack(roots), np.stack(joints))
