"""Which body the fit starts from, by what the user says that the agent is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ats_sim.reconstruction.agent.observations import Sightings
from ats_sim.reconstruction.agent.segmentation import Bounds
from ats_sim.reconstruction.agent.template import Template
from ats_sim.reconstruction.agent.templates.quadruped import quadruped
from ats_sim.reconstruction.config import AgentBody


@dataclass(frozen=True)
class BodyPlan:
    """A kind of body."""

    bounds: Bounds
    """What it looks like to somebody who has not made it out yet."""
    template: Callable[[Sequence[Sightings]], Template]
    """The template for what videos show; only loose bones are made after it."""


PLANS: Mapping[AgentBody, BodyPlan] = {
    "quadruped": BodyPlan(Bounds(), lambda _: quadruped()),
}
