"""Observer and animals played at once: PettingZoo's own judges, commands, rewards."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_home import ScriptedMind, make_toy_home

from ats_sim.errors import ActionError, ConfigError
from ats_sim.geometry import gravity_aligned, inverse, transform_points

pytest.importorskip("pettingzoo")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its tests import games that are deprecated there
    from pettingzoo.test import parallel_api_test, parallel_seed_test

from ats_sim.envs.parallel_env import ATSHomeParallelEnv, parallel_env

STILL = np.zeros(4, dtype=np.float32)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("parallel") / "toy")


def make(home: Path, **options: Any) -> ATSHomeParallelEnv:
    return parallel_env(str(home), policy=ScriptedMind(), **options)


@pytest.mark.parametrize("options", [{}, {"num_agents": 2, "task": "approach"}], ids=str)
def test_pettingzoos_judges_have_no_complaint(home: Path, options: dict[str, Any]) -> None:
    parallel_api_test(make(home, max_episode_steps=40, **options), num_cycles=100)
    parallel_seed_test(lambda: make(home, max_episode_steps=40, **options), num_cycles=30)


def test_every_player_sees_what_its_space_says(home: Path) -> None:
    env = make(home, num_agents=2, obs_mode="rgbd", width=48, height=36)
    assert env.possible_agents == ["observer", "agent_0", "agent_1"]
    seen, told = env.reset(seed=0)
    for _ in range(10):
        assert set(seen) == set(told) == set(env.possible_agents)
        assert all(env.observation_space(name).contains(value) for name, value in seen.items())
        seen, rewards, _, _, told = env.step({name: env.action_space(name).sample() for name in env.agents})
        assert all(type(reward) is float for reward in rewards.values())
    assert seen["observer"]["rgb"].shape == (36, 48, 3) and seen["agent_1"].shape == (7 + 22 + 12,)
    env.close()


def test_a_player_sends_its_animal_and_lets_it_go(home: Path) -> None:
    """An animal that faces +x at (-1, 0) is told to go 1.5 m to its left."""
    env = make(home)
    start = {"agent_poses": [-1.0, -1.0, 0.25, 0.0], "observer_pose": [2.2, -1.5, 0.0]}
    env.reset(seed=0, options=start)
    command = np.array([0.0, 0.5, 0.0, 1.0], dtype=np.float32)
    *_, told = env.step({"observer": STILL, "agent_0": command})
    assert told["agent_0"]["goal_imposed"]
    np.testing.assert_allclose(told["observer"]["goal"], [[-1.0, 0.5, 0.25]], atol=1e-6)
    first = env.home_env.world.agents[0].steering.goal
    # The animal has begun to turn; nearly the same place, said in its new frame, does not make it plan anew.
    ego = gravity_aligned(env.home_env.world.agents[0].T_world_root)
    nearby = transform_points(inverse(ego), np.array([[-1.1, 0.5, 0.25]]))[0] / 3.0
    env.step({"observer": STILL, "agent_0": np.array([*nearby, 1.0])})
    assert env.home_env.world.agents[0].steering.goal is first
    env.step({"observer": STILL, "agent_0": np.array([*-nearby, 1.0])})
    assert env.home_env.world.agents[0].steering.goal is not first
    *_, told = env.step({"observer": STILL, "agent_0": np.array([0.0, 0.5, 0.0, -1.0], dtype=np.float32)})
    assert not told["agent_0"]["goal_imposed"]
    env.close()


@pytest.mark.parametrize(("agent_reward", "share"), [("none", 0.0), ("shared", 1.0), ("opposed", -1.0)])
def test_animals_share_in_the_observers_reward(home: Path, agent_reward: Any, share: float) -> None:
    env = make(home, task="follow", agent_reward=agent_reward)
    env.reset(seed=1)
    _, rewards, terminated, truncated, _ = env.step({"observer": STILL, "agent_0": STILL})
    assert rewards["observer"] != 0.0 and rewards["agent_0"] == share * rewards["observer"]
    assert not any(terminated.values()) and not any(truncated.values())
    env.close()


def test_all_leave_together(home: Path) -> None:
    env = make(home, max_episode_steps=3)
    env.reset(seed=0)
    for step in range(3):
        *_, truncated, _ = env.step({"observer": STILL, "agent_0": STILL})
        assert truncated == dict.fromkeys(env.possible_agents, step == 2)
    assert env.agents == []
    with pytest.raises(ActionError, match="reset"):
        env.step({"observer": STILL, "agent_0": STILL})
    env.close()


def test_wrong_uses_say_so(home: Path) -> None:
    with pytest.raises(ConfigError, match="agent_reward"):
        make(home, agent_reward="stolen")
    env = make(home)
    env.reset(seed=0)
    before = env.home_env.snapshot()
    for action in (np.full(4, np.nan), np.zeros(3), np.full(4, 2.0)):
        with pytest.raises(ActionError, match="agent_0"):
            env.step({"observer": STILL, "agent_0": action})
    with pytest.raises(ActionError, match="agent_0"):
        env.step({"observer": STILL})
    assert env.home_env.snapshot() == before
    with pytest.raises(ConfigError, match="goul"):
        env.reset(options={"goul": [0, 0, 0]})
    env.close()
