"""When agents think, they think together: one batch for all plans that are due."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ats_sim.agent import Agent
from ats_sim.arrays import Array
from ats_sim.perception import Perception, perceive
from ats_sim.plan import Awareness, Plan


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


def plan_due(
    mind: Mind,
    agents: Sequence[Agent],
    rngs: Sequence[np.random.Generator],
    observer_past: Array,
    replan_every: int,
) -> None:
    """Draw and adopt plans for all agents that want one, one batch per guidance strength (nearly always one).

    Args:
        mind: Draws the plans.
        agents: All agents.
        rngs: One generator per agent, the source of its noise.
        observer_past: (8, 3) camera centres of the observer, world frame, the last is now.
        replan_every: Frames after which a plan is due.
    """
    due = [i for i, agent in enumerate(agents) if agent.wants_plan(replan_every)]
    for guidance in sorted({agents[i].steering.guidance for i in due}):
        group = [i for i in due if agents[i].steering.guidance == guidance]
        thinking = [agents[i] for i in group]
        plans = mind.plan(
            _perceptions(thinking, observer_past),
            [rngs[i] for i in group],
            goals=[agent.steering.goal for agent in thinking],
            paths=[agent.steering.path for agent in thinking],
            previous=[agent.running_plan() for agent in thinking],
            executed=[agent.executed for agent in thinking],
            awareness=[agent.steering.awareness for agent in thinking],
            guidance=guidance,
        )
        for agent, plan in zip(thinking, plans, strict=True):
            agent.adopt(plan)


def imagine(
    mind: Mind,
    agents: Sequence[Agent],
    rngs: Sequence[np.random.Generator],
    observer_past: Array,
    replan_every: int,
    steps: int,
) -> Array:
    """Let agents live on for some steps beside a standing observer; returns root poses (steps, N, 4, 4)."""
    frames = np.empty((steps, len(agents), 4, 4))
    for step in range(steps):
        plan_due(mind, agents, rngs, observer_past, replan_every)
        for agent in agents:
            agent.follow()
        observer_past = np.concatenate([observer_past[1:], observer_past[-1:]])
        frames[step] = [agent.T_world_root for agent in agents]
    return frames


def _perceptions(agents: Sequence[Agent], observer_past: Array) -> list[Perception]:
    """What each agent perceives; agents with the same history share one object, which is then encoded once."""
    known: dict[bytes, Perception] = {}
    perceptions = []
    for agent in agents:
        key = agent.roots.tobytes() + agent.joints.tobytes()
        if key not in known:
            known[key] = perceive(agent.volume, agent.history, observer_past)
        perceptions.append(known[key])
    return perceptions
