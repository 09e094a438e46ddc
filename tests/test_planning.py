"""Who thinks when, of whom, and that thinking together changes nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from toy_home import ScriptedMind, make_toy_home

from ats_sim.home import Home
from ats_sim.observer import checked_action
from ats_sim.plan import Plan
from ats_sim.planning import AGENT_RADIUS, LEGS_RADIUS, NOBODY, OBSERVER, bodies_of_others, think
from ats_sim.world import World

STILL = np.zeros(4, dtype=np.float32)


class Counting(ScriptedMind):
    """Notes the size of every batch and whom each perception is of."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.others: list[np.ndarray] = []

    def plan(self, perceptions: Sequence[Any], rngs: Sequence[Any], **rest: Any) -> list[Plan]:
        self.batches.append(len(perceptions))
        for perception in perceptions:
            ego = perception.T_world_ego
            self.others.append(perception.observer_past[-1] @ ego[:3, :3].T + ego[:3, 3])
        return super().plan(perceptions, rngs, **rest)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("planning") / "toy"), require_policy=False)


def two_agents(home: Home, mind: Any, observer: tuple[float, float, float]) -> World:
    world = World(home, policy=mind, num_agents=2)
    places = [(-1.5, 1.0, 0.25, 0.0), (-0.5, 1.0, 0.25, 0.0)]
    world.reset(np.random.default_rng(0), {"agent_poses": places, "observer_pose": observer})
    return world


def test_each_attends_to_whoever_is_nearest(home: Home) -> None:
    world = two_agents(home, ScriptedMind(), (0.1, 1.0, 0.0))
    assert world.attention().tolist() == [2, OBSERVER], "the first sees its fellow, the second the person"
    world.steer(0, awareness={"observer": False})
    assert world.attention().tolist() == [NOBODY, OBSERVER]
    world.close()


def test_what_an_agent_perceives_is_whom_it_attends_to(home: Home) -> None:
    mind = Counting()
    world = two_agents(home, mind, (0.1, 1.0, 0.0))
    np.testing.assert_allclose(mind.others[0], world.agents[1].T_world_root[:3, 3], atol=1e-9)
    np.testing.assert_allclose(mind.others[1], [0.1, 1.0, 1.4], atol=1e-9)
    world.close()


def test_asked_about_each_other_they_are_out_of_their_data(home: Home) -> None:
    world = two_agents(home, ScriptedMind(), (0.1, 1.0, 0.0))
    assert world.measure().out_of_data.tolist() == [True, world.measure().data_support[1] == 0.0]
    world.close()


def test_many_worlds_think_in_one_batch_and_live_as_if_alone(home: Home) -> None:
    seeds, steps = range(5), 30
    rng = np.random.default_rng(9)
    actions = rng.uniform(-1.0, 1.0, (steps, len(seeds), 4)).astype(np.float32)
    alone = []
    for i, seed in enumerate(seeds):
        world = World(home, policy=ScriptedMind())
        world.reset(np.random.default_rng(seed))
        for step in range(steps):
            world.step(actions[step, i])
        alone.append(world.snapshot())
        world.close()
    mind = Counting()
    worlds = [World(home, policy=mind) for _ in seeds]
    for world, seed in zip(worlds, seeds, strict=True):
        world.reset(np.random.default_rng(seed), plans=False)
    think(worlds)
    for step in range(steps):
        for i, world in enumerate(worlds):
            world.advance(checked_action(actions[step, i]))
        think(worlds)
    assert [world.snapshot() for world in worlds] == alone
    assert mind.batches[0] == len(seeds) and max(mind.batches) == len(seeds)
    for world in worlds:
        world.close()


def test_others_bodies_are_the_observers_legs_and_agents_on_the_same_level(home: Home) -> None:
    world = two_agents(home, ScriptedMind(), (0.1, 1.0, 0.0))
    discs = bodies_of_others(world.agents, 0, world.observer.feet)
    assert discs == [(0.1, 1.0, LEGS_RADIUS), (-0.5, 1.0, AGENT_RADIUS)]
    world.close()


def test_bodies_do_not_walk_through_each_other(home: Home) -> None:
    world = World(home, policy=ScriptedMind(), num_agents=3)
    rng = np.random.default_rng(1)
    world.reset(rng)
    closest = np.inf
    for _ in range(500):
        world.step(rng.uniform(-1.0, 1.0, 4).astype(np.float32))
        feet = world.observer.feet[:2]
        closest = min(closest, *(float(np.hypot(*(a.T_world_root[:2, 3] - feet))) for a in world.agents))
    world.close()
    assert closest > 0.1


def test_futures_of_two_are_lived_together(home: Home) -> None:
    world = two_agents(home, ScriptedMind(), (0.1, 1.0, 0.0))
    futures = world.sample_futures(3, 2.0)
    assert futures.shape == (3, 2, 20, 4, 4)
    apart = np.linalg.norm(futures[:, 0, :, :2, 3] - futures[:, 1, :, :2, 3], axis=-1)
    assert apart.min() > AGENT_RADIUS
    world.close()


def test_stances_live_in_snapshots(home: Home) -> None:
    world, other = World(home, policy=ScriptedMind()), World(home, policy=ScriptedMind())
    world.reset(np.random.default_rng(0), {"stance": "crouch"})
    world.step(STILL)
    other.restore(world.snapshot())
    assert other.stance == "crouch"
    world.step(STILL)
    other.step(STILL)
    assert world.snapshot() == other.snapshot() and world.observer.eyes[2] < 1.0
    world.close()
    other.close()
