"""Questions about an animal that change nothing: what does it heed, where was the real one, what can be replayed?"""

from dataclasses import replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.perception import perceive
from ats_sim.plan import Awareness
from ats_sim.planning import Mind, Thinker
from ats_sim.snapshot import pack_rng, unpack_rng
from ats_sim.world import World

MAX_SAMPLES = 64
SENSES = ("scene", "observer", "past")


def awareness_effect(world: World, n: int) -> dict[str, Array]:
    """How far each kind of knowledge moves what the agents are about to do.

    Every agent draws n plans with and n without it, from the same noise; the figure is the mean distance between the
    two paths' points, over all n pairs and the plan's 5.6 s. Goals, paths and the other switches stay as they are.

    Args:
        world: The world; it does not change.
        n: Pairs of plans per agent.

    Returns:
        "scene", "observer" and "past", each (A,) metres.

    Raises:
        ConfigError: If n is out of range or nobody thinks here.
    """
    if world.policy is None or not 1 <= n <= MAX_SAMPLES:
        raise ConfigError(f"awareness_effect(n={n}): want a policy and n from 1 to {MAX_SAMPLES}")
    effects = [_effects(world.policy, thinker, n) for thinker in world.thinkers()]
    return {sense: np.array([effect[sense] for effect in effects]) for sense in SENSES}


def data_support_map(home: Home) -> tuple[Array, Array, float]:
    """Seconds (X, Y) that the real agent spent per cell, the centre (2,) of cell [0, 0] and the cells' edge, metres."""
    volume = home.perception
    return np.array(volume.agent_visits), np.array(volume.visit_origin), float(volume.visit_cell)


def replay_names(home: Home) -> tuple[str, ...]:
    """The recordings that `reset(options={"replay": {"video": name}})` takes."""
    return tuple(recording.name for recording in home.recordings)


def _effects(mind: Mind, thinker: Thinker, n: int) -> dict[str, float]:
    """One agent's: all sets of plans go as one batch, with everything and without each sense in turn."""
    agent, steering = thinker.agent, thinker.agent.steering
    # A copy of the generator is drawn from, so that asking does not change what will happen.
    seeds = unpack_rng(pack_rng(thinker.rng)).integers(2**63, size=n).tolist()
    with_it = {sense: replace(steering.awareness, **{sense: True}) for sense in SENSES}
    without = {sense: replace(steering.awareness, **{sense: False}) for sense in SENSES}
    variants = list(dict.fromkeys([*with_it.values(), *without.values()]))
    count = len(variants) * n
    plans = mind.plan(
        [perceive(agent.footing.volume, agent.history, thinker.others)] * count,
        [np.random.Generator(np.random.PCG64(seed)) for _ in variants for seed in seeds],
        goals=[steering.goal] * count,
        paths=[steering.path] * count,
        awareness=[variant for variant in variants for _ in seeds],
        guidance=steering.guidance,
    )
    paths = np.array([plan.path for plan in plans]).reshape(len(variants), n, -1, 3)
    drawn: dict[Awareness, Array] = dict(zip(variants, paths, strict=True))
    moved = {sense: drawn[with_it[sense]] - drawn[without[sense]] for sense in SENSES}
    return {sense: float(np.linalg.norm(shift, axis=-1).mean()) for sense, shift in moved.items()}
