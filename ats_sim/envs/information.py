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
        "blocked": np.array([[agent.blocked for agent in own] for own in agents]),
        "attention": np.array(measures.attention, dtype=np.int64),
        "distance": _floats(measures.distance),
        "visibility": _floats(measures.visible),
        "penetration": _floats(measures.penetration),
        "foot_skate": _floats(measures.foot_skate),
        "floating": _floats(measures.floating),
        "in_reach": np.array(measures.in_reach, dtype=np.bool_),
        "data_support": _floats(measures.data_support),
        "out_of_data": np.array(measures.out_of_data, dtype=np.bool_),
        "observer_support": np.array(measures.observer_support, dtype=np.float64),
        "observer_unlike": np.array([world.observer_unlike for world in worlds], dtype=np.float64),
        "replay_active": np.array([world.replay is not None for world in worlds]),
        "replay": _replays([world.replay for world in worlds]),
        "task": {name: np.array([own[name] for own in terms]) for name in terms[0]},
    }


def alone(info: Mapping[str, Any]) -> dict[str, Any]:
    """The info of the one world of `information`: what is a number there is one of Python's own."""
    return {name: alone(value) if isinstance(value, Mapping) else _first(value) for name, value in info.items()}


def _first(values: Array) -> Any:
    return values.item() if values.ndim == 1 else values[0]


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


def _floats(values: Array) -> Array:
    return np.array(values, dtype=np.float32)
