"""Describing the present moment: state, rewards and info of one environment or of a batch, in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.information import information
from ats_sim.envs.observations import StateLayout
from ats_sim.envs.situation import situation
from ats_sim.envs.tasks import Task
from ats_sim.measures import measure
from ats_sim.world import World

AT_REST = np.zeros(4)


@dataclass(frozen=True, eq=False)
class Description:
    """What W environments tell after a step."""

    states: Array
    """(W, size) float32, laid out as `observations.StateLayout`."""
    rewards: Sequence[float]
    """(W,) rewards; 0 where an episode has just begun."""
    terminated: Sequence[bool]
    """(W,) whether the task has ended."""
    info: dict[str, Any]
    """Arrays with a leading axis (W, ...), see `information.information`."""


def describe(
    layout: StateLayout, worlds: Sequence[World], tasks: Sequence[Task], actions: Sequence[Array | None]
) -> Description:
    """Measure, judge and describe W worlds; nothing that is said of one depends on the others.

    Args:
        layout: Of the state.
        worlds: The worlds, copies of one home.
        tasks: What is rewarded in each.
        actions: The observers' actions (4,); None where an episode has just begun, so that its task begins too.
    """
    measures = measure([world.household() for world in worlds])
    states = np.empty((len(worlds), layout.size), dtype=np.float32)
    layout.write(states, worlds, measures)
    seen = zip(measures.visible[:, 0].tolist(), measures.in_reach[:, 0].tolist(), strict=True)
    rewards = [0.0] * len(worlds)
    for index, (task, action, (visible, in_reach)) in enumerate(zip(tasks, actions, seen, strict=True)):
        done = AT_REST if action is None else action
        now = situation(worlds[index], visible, in_reach, task.LOOKS_AT_FRAMING, done)
        if action is None:
            task.begin(now)
        else:
            rewards[index] = task.judge(now)
    terms = [task.terms for task in tasks]
    return Description(states, rewards, [task.ended for task in tasks], information(worlds, measures, terms))
