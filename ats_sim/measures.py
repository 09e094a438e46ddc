"""How believable the present moment is: what is seen, what sticks in walls, what slides, what was ever recorded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.agent import Agent
from ats_sim.arrays import Array
from ats_sim.footing import Footing
from ats_sim.geometry import Intrinsics
from ats_sim.observer import Observer
from ats_sim.perception import HZ
from ats_sim.physics import Bodies
from ats_sim.planning import OBSERVER
from ats_sim.volume import PerceptionVolume

DT = 1.0 / HZ
NEAREST_SEEN = 0.05  # metres before the eyes at which something can be seen
SHOULDER = 0.2  # metres below the eyes


@dataclass(frozen=True, eq=False)
class Measures:
    """The present moment in numbers; one entry per agent where there are several."""

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
    observer_support: float
    """Seconds that the real observer was recorded around here."""


def measure(
    footing: Footing,
    bodies: Bodies,
    eyes: Intrinsics,
    observer: Observer,
    agents: Sequence[Agent],
    attention: Sequence[int],
) -> Measures:
    """Take all measures of the present moment; `attention` says whom each agent attends to."""
    volume, shown = footing.volume, footing.shown
    camera, feet = observer.T_world_camera, observer.feet.tolist()
    places = [agent.T_world_root[:3, 3].tolist() for agent in agents]
    support = [seconds_around(volume, volume.agent_visits, x, y) for x, y, _ in places]
    learned_from = [whom <= OBSERVER for whom in attention]
    distances = [agent.joint_distances for agent in agents]
    return Measures(
        visible=np.array([visibility(bodies, eyes, camera, agent.joint_positions[shown]) for agent in agents]),
        distance=np.array([math.hypot(x - feet[0], y - feet[1]) for x, y, _ in places]),
        penetration=np.array([max(0.0, -float(room.min())) for room in distances]),
        floating=np.array([agent.floating for agent in agents]),
        foot_skate=np.array([agent.foot_skate for agent in agents]),
        data_support=np.array(support),
        out_of_data=np.array([s == 0.0 or not usual for s, usual in zip(support, learned_from, strict=True)]),
        in_reach=np.array([_in_reach(bodies, observer, agent) for agent in agents]),
        observer_support=seconds_around(volume, volume.observer_visits, feet[0], feet[1]),
    )


def visibility(bodies: Bodies, intrinsics: Intrinsics, T_world_camera: Array, points: Array) -> float:
    """Share of points (N, 3) inside the observer's picture with nothing of the home in between."""
    x, y, depth = ((points - T_world_camera[:3, 3]) @ T_world_camera[:3, :3]).T
    safe = np.maximum(depth, NEAREST_SEEN)
    u, v = intrinsics.fl_x * x / safe + intrinsics.cx, intrinsics.fl_y * y / safe + intrinsics.cy
    framed = (depth > NEAREST_SEEN) & (u >= -0.5) & (v >= -0.5)
    framed &= (u < intrinsics.width - 0.5) & (v < intrinsics.height - 0.5)
    if not framed.any():
        return 0.0
    targets = points[framed]
    eyes = np.repeat(T_world_camera[None, :3, 3], len(targets), axis=0)
    return float((~bodies.blocked(eyes, targets)).sum() / len(points))


def seconds_around(volume: PerceptionVolume, visits: Array, x: float, y: float) -> float:
    """Seconds that a visit map (X, Y) recorded in the 3x3 cells around one floor point."""
    i = round((x - float(volume.visit_origin[0])) / volume.visit_cell)
    j = round((y - float(volume.visit_origin[1])) / volume.visit_cell)
    return float(visits[max(i - 1, 0) : max(i + 2, 0), max(j - 1, 0) : max(j + 2, 0)].sum())


def _in_reach(bodies: Bodies, observer: Observer, agent: Agent) -> bool:
    """Whether a hand gets to the nearest part of the body with nothing of the home in between."""
    shoulder = observer.eyes - [0.0, 0.0, SHOULDER]
    root = agent.T_world_root[:3, 3]
    if math.dist(shoulder, root) > observer.options.reach + 1.0:
        return False
    joints = agent.joint_positions
    gaps = np.linalg.norm(joints - shoulder, axis=1)
    nearest = int(gaps.argmin())
    if gaps[nearest] > observer.options.reach:
        return False
    return not bool(bodies.blocked(shoulder[None], joints[nearest][None])[0])
