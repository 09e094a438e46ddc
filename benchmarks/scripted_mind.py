"""A mind without networks, for soaks that are about everything else: it walks straight to places it draws."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ats_sim.geometry import yaw_matrix
from ats_sim.perception import FUTURE, Perception
from ats_sim.plan import Plan

STRIDE = 0.05
FARTHEST = 2.5


class ScriptedMind:
    """Answers `ats_sim.planning.Mind`; plans cost microseconds."""

    def plan(self, perceptions: Sequence[Perception], rngs: Sequence[np.random.Generator], **_: Any) -> list[Plan]:
        """A walk in a straight line with swinging joints per agent."""
        return [self._walk(*pair) for pair in zip(perceptions, rngs, strict=True)]

    def _walk(self, perception: Perception, rng: np.random.Generator) -> Plan:
        heading = float(rng.uniform(-np.pi, np.pi))
        frames = np.minimum(np.arange(1, FUTURE + 1) * STRIDE, rng.uniform(0.0, FARTHEST))
        path = perception.T_world_ego[:3, 3] + frames[:, None] * [np.cos(heading), np.sin(heading), 0.0]
        joints = np.zeros((FUTURE, perception.past_joints.shape[1], 3))
        joints[:, 1:, 1] = 0.3 * np.sin(np.arange(FUTURE) * 0.8)[:, None]
        rotations = np.repeat(yaw_matrix(np.array(heading))[None], FUTURE, axis=0)
        return Plan(perception.T_world_ego.copy(), path[-1], path, rotations, joints)
