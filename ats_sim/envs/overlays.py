"""What `render` may draw into the picture: plans, the recorded animal, what might happen, where data comes from."""

from collections.abc import Collection

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.options import Shown
from ats_sim.rendering.overlay import Overlay
from ats_sim.world import World

FUTURES, FUTURE_SECONDS = 6, 3.0
LOW_SHARE = 20  # percentile of the recorded roots' heights that stands for "on the floor"


class Overlays:
    """Builds overlays; futures are drawn once per step, not per picture."""

    def __init__(self, show: Collection[Shown], root_height: float) -> None:
        """Remember what to show and how high a root is above what carries it, metres."""
        self._show, self._root_height = show, root_height
        self._futures: tuple[bytes, Array] | None = None

    def of(self, world: World) -> Overlay | None:
        """What to draw now; None where nothing is to be shown."""
        if not self._show:
            return None
        agents, replay = world.agents, world.replay
        shows_plan = "plan" in self._show
        shows_ghost = "ghost" in self._show and replay is not None and replay.valid
        return Overlay(
            goals=np.array([agent.goal() for agent in agents]) if shows_plan else None,
            paths=np.array([agent.remaining_path() for agent in agents]) if shows_plan else None,
            tracks=self._tracks(world) if "futures" in self._show else None,
            ghosts=[(replay.T_world_root, replay.joint_rotations)] if shows_ghost and replay is not None else [],
            support="support" in self._show,
            root_height=self._root_height,
        )

    def _tracks(self, world: World) -> Array:
        """(6 A, 30, 3) root positions."""
        moment = b"".join(agent.roots.tobytes() for agent in world.agents) + world.observer.pose.tobytes()
        if self._futures is None or self._futures[0] != moment:
            futures = world.sample_futures(FUTURES, FUTURE_SECONDS)[..., :3, 3]
            self._futures = moment, futures.reshape(-1, *futures.shape[2:])
        return self._futures[1]


def usual_root_height(agent_roots: Array) -> float:
    """Metres from what carries an animal to its root, from recorded root poses (N, 4, 4): the lower of them stood on
    the floor."""
    heights = agent_roots[:, 2, 3]
    return float(np.clip(np.percentile(heights, LOW_SHARE), 0.05, 0.6)) if len(heights) else 0.2
