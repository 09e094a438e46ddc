"""Which body the fit starts from, by what the user says that the agent is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ats_sim.reconstruction.agent.observations import Sightings
from ats_sim.reconstruction.agent.segmentation import Bounds
from ats_sim.reconstruction.agent.template import Template
from ats_sim.reconstruction.agent.templates.bones import bones
from ats_sim.reconstruction.agent.templates.human import human
from ats_sim.reconstruction.agent.templates.quadruped import quadruped
from ats_sim.reconstruction.config import AgentBody


@dataclass(frozen=True)
class BodyPlan:
    """A kind of body."""

    bounds: Bounds
    """What it looks like to somebody who has not made it out yet."""
    template: Callable[[Sequence[Sightings]], Template]
    """The template for what videos show; only loose bones are made after it."""
    points: int = 160
    """Of its surface in a frame, that the fit is shown; a large body needs more to show its hands and feet."""


PLANS: Mapping[AgentBody, BodyPlan] = {
    "quadruped": BodyPlan(Bounds(), lambda _: quadruped()),
    "human": BodyPlan(Bounds(extent=(0.3, 2.2), reach=0.9), lambda _: human(), points=256),
    "bones": BodyPlan(Bounds(extent=(0.08, 2.2), headroom=2.5), bones),
}
