"""How often an animal that is sent somewhere gets there, with the way in stages and with the bare place as its goal.

    python -m benchmarks.sent_places --trials 20

Places are drawn from all that carry the animal, whichever room they are in; a place is reached within 0.35 m on the
floor plan, in 40 s at most.
"""

import json
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import tyro

from ats_sim.footing import footing_of
from ats_sim.home import Home
from ats_sim.planning import think
from ats_sim.policy import Policy
from ats_sim.routes import Routes, routes_of
from ats_sim.world import World

NEAR, STEPS = 0.35, 400


@dataclass(frozen=True)
class SentPlaces:
    """What to try."""

    home: str = "default"
    """A home folder, a .zip, or "default"."""
    trials: int = 20
    """Places to be sent to."""
    seed: int = 0
    """Seed of the places."""


def reached(world: World, goal: np.ndarray, seed: int) -> bool:
    """Whether the animal of a world gets to a goal (3,)."""
    world.reset(np.random.default_rng(seed))
    world.steer(0, goal=goal)
    think([world])
    for _ in range(STEPS):
        world.step(np.zeros(4))
        if np.linalg.norm(world.agents[0].T_world_root[:2, 3] - goal[:2]) < NEAR:
            return True
    return False


def main(options: SentPlaces) -> dict[str, Any]:
    """Send it everywhere, twice."""
    home = Home.load(options.home)
    world, routes = World(home, policy=Policy.load(home)), routes_of(footing_of(home))
    rng = np.random.default_rng(options.seed)
    goals = [routes.places[rng.integers(len(routes.places))] for _ in range(options.trials)]
    staged = sum(reached(world, goal, seed) for seed, goal in enumerate(goals))
    with patch.object(Routes, "stage", lambda self, here, goal: goal):
        bare = sum(reached(world, goal, seed) for seed, goal in enumerate(goals))
    world.close()
    return {"trials": options.trials, "reached_in_stages": staged, "reached_with_the_bare_goal": bare}


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(SentPlaces))))
