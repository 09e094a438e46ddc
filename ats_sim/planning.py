"""When agents think, they think together: one batch for all plans that are due, in one world or in many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ats_sim.agent import Agent, adopt
from ats_sim.arrays import Array
from ats_sim.perception import Perception, perceive_all
from ats_sim.plan import Awareness, Plan
from ats_sim.routes import routes_of
from ats_sim.sliding import Disc

NOBODY, OBSERVER = -1, 0
"""Whom an agent may attend to; i + 1 stands for agent i."""
AGENT_RADIUS = 0.12  # metres around an agent's root that nobody else's body enters
LEGS_RADIUS = 0.15  # metres around the observer's axis that an agent does not enter


class Mind(Protocol):
    """What draws plans: `ats_sim.policy.Policy`, or anything that answers the same call."""

    def plan(
        self,
        perceptions: Sequence[Perception],
        rngs: Sequence[np.random.Generator],
        *,
        goals: Sequence[Array | None] | None = None,
        paths: Sequence[Array | None] | None = None,
        previous: Sequence[Plan | None] | None = None,
        executed: Sequence[int] | None = None,
        awareness: Awareness | Sequence[Awareness] = ...,
        guidance: float = 1.0,
    ) -> list[Plan]:
        """Draw one plan per perception; see `Policy.plan`."""


@dataclass(frozen=True, eq=False)
class Thinker:
    """An agent that may be due to think, with what it needs for it."""

    agent: Agent
    """Who thinks."""
    rng: np.random.Generator
    """Source of its noise."""
    others: Array
    """(8, 3) track of whom it attends to, world frame, the last is now."""


class Inhabited(Protocol):
    """A world as far as thinking is concerned: `ats_sim.world.World`."""

    @property
    def policy(self) -> Mind | None:
        """What draws its agents' plans; None lets them stand still."""

    def thinkers(self) -> Sequence[Thinker]:
        """All its agents that may be due to think."""


def think(worlds: Sequence[Inhabited]) -> None:
    """Draw all plans that are due in some worlds, which share the first one's mind, in one batch."""
    mind = worlds[0].policy if worlds else None
    if mind is not None:
        plan_due(mind, [t for w in worlds for t in w.thinkers() if t.agent.wants_plan])


def plan_due(mind: Mind, thinkers: Sequence[Thinker]) -> None:
    """Draw and adopt plans for everybody, one batch per guidance strength (nearly always one)."""
    for guidance in sorted({thinker.agent.steering.guidance for thinker in thinkers}):
        group = [thinker for thinker in thinkers if thinker.agent.steering.guidance == guidance]
        agents = [thinker.agent for thinker in group]
        plans = mind.plan(
            _perceptions(group),
            [thinker.rng for thinker in group],
            goals=[_stage(agent) for agent in agents],
            paths=[agent.steering.path for agent in agents],
            previous=[agent.running_plan() for agent in agents],
            executed=[agent.executed for agent in agents],
            awareness=[agent.steering.awareness for agent in agents],
            guidance=guidance,
        )
        adopt(agents, plans)


def _stage(agent: Agent) -> Array | None:
    """(3,) what an agent that was sent somewhere makes for now: a stage of the way there, or the place itself."""
    goal = agent.steering.goal
    return None if goal is None else routes_of(agent.footing).stage(agent.T_world_root[:3, 3], goal)


def attended(agents: Sequence[Agent], observer: Array) -> Array:
    """Whom each of A agents attends to: whoever is nearest to it, the observer at (3,) or another agent.

    The networks know one other being, whoever it is; the nearest matters most. An agent whose awareness of others is
    off attends to nobody.
    """
    if len(agents) == 1:
        return np.array([OBSERVER if agents[0].steering.awareness.observer else NOBODY])
    places = [observer[:2].tolist(), *(agent.T_world_root[:2, 3].tolist() for agent in agents)]
    found = []
    for own, agent in enumerate(agents, 1):
        gaps = [math.dist(places[own], place) if other != own else math.inf for other, place in enumerate(places)]
        found.append(gaps.index(min(gaps)) if agent.steering.awareness.observer else NOBODY)
    return np.array(found, dtype=np.int64)


def thinkers_of(agents: Sequence[Agent], rngs: Sequence[np.random.Generator], observer_past: Array) -> list[Thinker]:
    """The agents of one world with the tracks of whom they attend to; `observer_past` (8, 3) is that of the eyes."""
    if len(agents) == 1:
        return [Thinker(agents[0], rngs[0], observer_past)]
    whom = attended(agents, observer_past[-1])
    tracks = [observer_past if index <= OBSERVER else agents[index - 1].roots[:, :3, 3] for index in whom.tolist()]
    return [Thinker(*parts) for parts in zip(agents, rngs, tracks, strict=True)]


def bodies_of_others(agents: Sequence[Agent], index: int, legs: Array) -> list[Disc]:
    """Whom agent `index` may not walk into: the observer's legs at a floor point (3,), and agents on its own level."""
    discs = [(float(legs[0]), float(legs[1]), LEGS_RADIUS)]
    height = agents[index].T_world_root[2, 3]
    for other, agent in enumerate(agents):
        if other != index and abs(agent.T_world_root[2, 3] - height) < 2.0 * AGENT_RADIUS:
            discs.append((float(agent.T_world_root[0, 3]), float(agent.T_world_root[1, 3]), AGENT_RADIUS))
    return discs


def agents_in_the_way(agents: Sequence[Agent], floor: float, eyes: float) -> list[Disc]:
    """Agents that an observer may not walk into: those between the feet at a height (m) and the eyes above them."""
    places = [agent.T_world_root[:3, 3].tolist() for agent in agents]
    return [(x, y, AGENT_RADIUS) for x, y, z in places if floor < z < floor + eyes]


def _perceptions(thinkers: Sequence[Thinker]) -> list[Perception]:
    """What each agent perceives; agents with the same history share one object, which is then encoded once."""
    keys = [t.agent.roots.tobytes() + t.agent.drawn.tobytes() + t.others.tobytes() for t in thinkers]
    unique = dict(zip(keys, thinkers, strict=True))
    agents, others = [one.agent for one in unique.values()], [one.others for one in unique.values()]
    perceived = perceive_all([agent.footing.volume for agent in agents], [agent.history for agent in agents], others)
    known = dict(zip(unique, perceived, strict=True))
    return [known[key] for key in keys]
