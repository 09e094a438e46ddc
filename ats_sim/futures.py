"""Branches of the future: what the agents might do from here, drawn from copies, so that nothing here changes."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from ats_sim.agent import Agent
from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.observer import Observer
from ats_sim.perception import HZ
from ats_sim.planning import Mind, bodies_of_others, plan_due, thinkers_of
from ats_sim.snapshot import pack_rng, unpack_rng

MOST, LONGEST = 256, 600  # futures, and steps of each


def futures(
    mind: Mind,
    agents: Sequence[Agent],
    rngs: Sequence[np.random.Generator],
    observer: Observer,
    n: int,
    seconds: float,
) -> Array:
    """(n, A, T, 4, 4) root poses at 10 Hz of A agents beside an observer who stands still; see `World.sample_futures`.

    Raises:
        ConfigError: If a number is out of range.
    """
    numbers = isinstance(n, Integral) and isinstance(seconds, Real)
    steps = round(seconds * HZ) if numbers else 0
    if not numbers or not 1 <= n <= MOST or not 1 <= steps <= LONGEST:
        wanted = f"want a whole n up to {MOST}, up to {LONGEST // HZ} s"
        raise ConfigError(f"sample_futures(n={n!r}, seconds={seconds!r}): {wanted}")
    # Copies of the generators are drawn from, so that looking ahead does not change what will happen.
    sources = [unpack_rng(pack_rng(rng)) for rng in rngs[: len(agents)]]
    households = [[agent.dreaming() for agent in agents] for _ in range(n)]
    seeds = [[int(source.integers(2**63)) for source in sources] for _ in range(n)]
    own = [[np.random.Generator(np.random.PCG64(seed)) for seed in row] for row in seeds]
    frames = imagine(mind, households, own, observer.track, observer.feet, steps)
    return np.moveaxis(frames, 0, 2).copy()


def imagine(
    mind: Mind,
    households: Sequence[Sequence[Agent]],
    rngs: Sequence[Sequence[np.random.Generator]],
    observer_past: Array,
    legs: Array,
    steps: int,
) -> Array:
    """Let households of agents live on, each by itself, beside an observer who stands still at a floor point (3,).

    Returns:
        (steps, N, A, 4, 4) root poses of N households of A agents.
    """
    frames = np.empty((steps, len(households), len(households[0]), 4, 4))
    for step in range(steps):
        everybody = [
            thinker
            for agents, sources in zip(households, rngs, strict=True)
            for thinker in thinkers_of(agents, sources, observer_past)
        ]
        plan_due(mind, [thinker for thinker in everybody if thinker.agent.wants_plan])
        for agents in households:
            for index, agent in enumerate(agents):
                agent.follow(bodies_of_others(agents, index, legs))
        observer_past = np.concatenate([observer_past[1:], observer_past[-1:]])
        frames[step] = [[agent.T_world_root for agent in agents] for agents in households]
    return frames
