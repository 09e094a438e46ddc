"""What is behind the observation: goals, plans, measures, and how a replayed video compares."""

from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.measures import Measures
from ats_sim.world import World


def information(world: World, measures: Measures, terms: dict[str, float]) -> dict[str, Any]:
    """The info of a step: a function of the state alone, so equal for equal seeds, with the same keys, types and
    shapes every time, all new.

    Args:
        world: The world.
        measures: Its measures now.
        terms: The task's terms.
    """
    agents = world.agents
    return {
        "time": world.time,
        "goal": np.array([agent.goal() for agent in agents], dtype=np.float32),
        "planned_path": np.array([agent.remaining_path() for agent in agents], dtype=np.float32),
        "blocked": np.array([agent.blocked for agent in agents]),
        "attention": np.array(measures.attention, dtype=np.int64),
        "distance": _floats(measures.distance),
        "visibility": _floats(measures.visible),
        "penetration": _floats(measures.penetration),
        "foot_skate": _floats(measures.foot_skate),
        "floating": _floats(measures.floating),
        "in_reach": np.array(measures.in_reach, dtype=np.bool_),
        "data_support": _floats(measures.data_support),
        "out_of_data": np.array(measures.out_of_data, dtype=np.bool_),
        "observer_support": float(measures.observer_support),
        "observer_unlike": world.observer_unlike,
        "replay_active": world.replay is not None,
        "replay": _replay(world),
        "task": dict(terms),
    }


def _replay(world: World) -> dict[str, Any]:
    """How the living animal compares with the recorded one; zeros while nothing is replayed."""
    replay = world.replay
    if replay is None:
        return {
            "ade": 0.0,
            "minade": 0.0,
            "valid": False,
            "finished": False,
            "real_position": np.zeros(3, dtype=np.float32),
        }
    return {
        "ade": float(replay.ade),
        "minade": float(replay.minade),
        "valid": bool(replay.valid),
        "finished": bool(replay.finished),
        "real_position": np.array(replay.T_world_root[:3, 3], dtype=np.float32),
    }


def _floats(values: Array) -> Array:
    return np.array(values, dtype=np.float32)
