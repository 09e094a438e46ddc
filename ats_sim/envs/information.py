"""What is behind the observation: goals, plans, measures, and how a replayed video compares."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.measures import Measures
from ats_sim.replay import Replay
from ats_sim.world import World


def information(worlds: Sequence[World], measures: Measures, terms: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The info of a step of W worlds, as arrays with a leading axis (W, ...): a function of their states alone, with
    the same keys, types and shapes every time, all new.

    Args:
        worlds: The worlds.
        measures: Their measures now, (W, A).
        terms: The terms of their tasks.
    """
    agents = [world.agents for world in worlds]
    return {
        "time": np.array([world.time for world in worlds]),
        "goal": np.array([[agent.goal() for agent in own] for own in agents], dtype=np.float32),
        "planned_path": np.array([[agent.remaining_path() for agent in own] for own in agents], dtype=np.float32),
        "goal_imposed": np.array([[agent.steering.goal is not None for agent in own] for own in agents]),
        "blocked": np.array([[agent.blocked for agent in own] for own in agents]),
        "attention": measures.attention.astype(np.int64),
        "distance": measures.distance.astype(np.float32),
        "visibility": measures.visible.astype(np.float32),
        "penetration": measures.penetration.astype(np.float32),
        "foot_skate": measures.foot_skate.astype(np.float32),
        "floating": measures.floating.astype(np.float32),
        "in_reach": measures.in_reach.astype(np.bool_),
        "data_support": measures.data_support.astype(np.float32),
        "out_of_data": measures.out_of_data.astype(np.bool_),
        "observer_support": measures.observer_support.astype(np.float64),
        "observer_unlike": np.array([world.observer_unlike for world in worlds], dtype=np.float64),
        "replay_active": np.array([world.replay is not None for world in worlds]),
        "replay": _replays([world.replay for world in worlds]),
        "task": {name: np.array([own[name] for own in terms]) for name in terms[0]},
    }


def alone(info: dict[str, Any]) -> dict[str, Any]:
    """The info of the one world of `information`: what is a number there is one of Python's own."""
    told: dict[str, Any] = {}
    for name, value in info.items():
        if isinstance(value, dict):
            told[name] = alone(value)
        else:
            told[name] = value.item() if value.ndim == 1 else value[0]
    return told


def _replays(replays: Sequence[Replay | None]) -> dict[str, Array]:
    """How living animals compare with recorded ones; zeros while nothing is replayed."""
    nowhere = np.zeros(3)
    places = [nowhere if replay is None else replay.T_world_root[:3, 3] for replay in replays]
    return {
        "ade": np.array([0.0 if replay is None else replay.ade for replay in replays], dtype=np.float64),
        "minade": np.array([0.0 if replay is None else replay.minade for replay in replays], dtype=np.float64),
        "valid": np.array([replay is not None and replay.valid for replay in replays], dtype=np.bool_),
        "finished": np.array([replay is not None and replay.finished for replay in replays], dtype=np.bool_),
        "real_position": np.array(places, dtype=np.float32),
    }
