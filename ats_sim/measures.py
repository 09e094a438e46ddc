"""How believable the present moment is: what is seen, what sticks in walls, what slides, what was ever recorded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ats_sim.agent import Agent
from ats_sim.arrays import Array
from ats_sim.footing import Footing
from ats_sim.geometry import Intrinsics
from ats_sim.observer import Observer
from ats_sim.perception import HZ
from ats_sim.physics import Bodies
from ats_sim.planning import OBSERVER, attended

DT = 1.0 / HZ
NEAREST_SEEN = 0.05  # metres before the eyes at which something can be seen
SHOULDER = 0.2  # metres below the eyes
MOST_OF_A_BODY = 1.0  # metres from its root beyond which no part of a body lies


@dataclass(frozen=True, eq=False)
class Measures:
    """The present moment in numbers, of one world with A agents or, with a leading axis (W, A), of W worlds."""

    visible: Array
    """(A,) share of the body that the observer sees, 0 to 1."""
    distance: Array
    """(A,) horizontal metres between observer and agent."""
    penetration: Array
    """(A,) metres that the deepest joint lies inside something solid."""
    floating: Array
    """(A,) metres by which the body hangs above what should carry it."""
    foot_skate: Array
    """(A,) m/s that feet slide on the ground."""
    data_support: Array
    """(A,) seconds that the real agent was recorded around here."""
    out_of_data: Array
    """(A,) bool: the mind is asked what it never learned, as nobody recorded the agent here or it attends to another
    agent."""
    in_reach: Array
    """(A,) bool: the observer could touch it."""
    attention: Array
    """(A,) whom it attends to: 0 the observer, i + 1 agent i, -1 nobody."""
    observer_support: Array
    """() seconds that the real observer was recorded around here."""

    def of(self, world: int) -> "Measures":
        """Those of one world among several."""
        return Measures(*(value[world] for value in vars(self).values()))


@dataclass(frozen=True, eq=False)
class Household:
    """Everybody in one world, and what is around them."""

    footing: Footing
    """What the agents keep to."""
    bodies: Bodies
    """Who knows what hides what."""
    eyes: Intrinsics
    """The observer's camera."""
    observer: Observer
    """Who looks."""
    agents: Sequence[Agent]
    """Who lives here."""


def measure(households: Sequence[Household]) -> Measures:
    """Take all measures (W, A) of the present moment of W worlds that share one home, one kind of eyes and a number of
    agents; no number depends on the other worlds."""
    volume, shape = households[0].footing.volume, (len(households), len(households[0].agents))
    feet = [household.observer.feet.tolist() for household in households]
    pairs = [(household, agent) for household in households for agent in household.agents]
    places = [agent.T_world_root[:3, 3].tolist() for _, agent in pairs]
    apart = [math.dist(place[:2], feet[index // shape[1]][:2]) for index, place in enumerate(places)]
    support = np.array([volume.agent_seconds_at(x, y) for x, y, _ in places]).reshape(shape)
    attention = np.array([attended(household.agents, household.observer.eyes) for household in households])
    deepest = np.array([agent.joint_distances for _, agent in pairs]).min(-1)
    return Measures(
        visible=_visible(pairs).reshape(shape),
        distance=np.array(apart).reshape(shape),
        penetration=np.maximum(-deepest, 0.0).reshape(shape),
        floating=np.array([agent.floating for _, agent in pairs]).reshape(shape),
        foot_skate=np.array([agent.foot_skate for _, agent in pairs]).reshape(shape),
        data_support=support,
        out_of_data=(support == 0.0) | (attention > OBSERVER),
        in_reach=np.array([_in_reach(*pair) for pair in pairs]).reshape(shape),
        attention=attention,
        observer_support=np.array([volume.observer_seconds_at(x, y) for x, y, _ in feet]),
    )


def _visible(pairs: Sequence[tuple[Household, Agent]]) -> Array:
    """(W A,) shares of agents that are inside their observers' pictures with nothing of the home in between."""
    bodies, eyes, shown = pairs[0][0].bodies, pairs[0][0].eyes, pairs[0][0].footing.shown
    cameras = np.array([household.observer.T_world_camera for household, _ in pairs])
    points = np.array([agent.joint_positions[shown] for _, agent in pairs])
    places = cameras[:, None, :3, 3]
    # The edges of a picture are planes through the eyes: what is inside them all is in the picture.
    framed = ((points - places) @ (cameras[:, :3, :3] @ _edges(eyes)) >= [0.0, 0.0, 0.0, 0.0, NEAREST_SEEN]).all(-1)
    if framed.any():
        starts = np.broadcast_to(places, points.shape)[framed]
        framed[framed] = ~bodies.blocked(starts, points[framed])
    return np.asarray(framed.sum(-1) / points.shape[1])


@lru_cache
def _edges(eyes: Intrinsics) -> Array:
    """Normals (3, 5), camera axes, of the planes of a picture's left, upper, right and lower edge and of the lens."""
    left, top = eyes.cx + 0.5, eyes.cy + 0.5
    right, bottom = eyes.width - left, eyes.height - top
    return np.array(
        [
            [eyes.fl_x, 0.0, -eyes.fl_x, 0.0, 0.0],
            [0.0, eyes.fl_y, 0.0, -eyes.fl_y, 0.0],
            [left, top, right, bottom, 1.0],
        ]
    )


def _in_reach(household: Household, agent: Agent) -> bool:
    """Whether a hand gets to the nearest part of the body with nothing of the home in between."""
    x, y, z = household.observer.eyes.tolist()
    shoulder, reach = (x, y, z - SHOULDER), household.observer.options.reach
    if math.dist(shoulder, agent.T_world_root[:3, 3].tolist()) > reach + MOST_OF_A_BODY:
        return False
    joints = agent.joint_positions
    gaps = np.linalg.norm(joints - shoulder, axis=1)
    nearest = int(gaps.argmin())
    if gaps[nearest] > reach:
        return False
    return not bool(household.bodies.blocked(np.array([shoulder]), joints[nearest][None])[0])
