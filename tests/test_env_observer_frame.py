"""The state in the observer's own frame: by hand, turned with the world, in batches, and in the closed-form room."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from toy_home import ScriptedMind, make_toy_home, toy_volume

import ats_sim  # noqa: F401  (registers the environment)
from ats_sim.envs.observations import eye_quaternion
from ats_sim.envs.observer_frame import ObserverFrame, VectorObserverFrame
from ats_sim.envs.own_frame import UPRIGHT, animal_frame, frame_space, free_ways, observer_frame
from ats_sim.errors import ConfigError

VOLUME = toy_volume()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("frame") / "toy")


def observation(yaw: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> dict[str, np.ndarray]:
    """An observer who walks ahead at 1 m/s; an animal 1 m ahead and 0.5 m to its left that faces left and runs so; all
    turned about the origin by a yaw, then shifted."""
    cosine, sine = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    move = np.array([*shift, 0.0])
    half = 0.5 * (yaw + np.pi / 2)
    return {
        "observer_position": turn @ [0.0, 0.0, 1.4] + move,
        "observer_rotation": np.array(eye_quaternion(yaw, 0.3)),
        "observer_velocity": np.array([*(turn @ [1.0, 0.0, 0.0]), 0.0, 0.0, 0.7]),
        "agent_position": turn @ [1.0, 0.5, 0.25] + move,
        "agent_rotation": np.array([0.0, 0.0, np.sin(half), np.cos(half)]),
        "agent_velocity": np.array([*(turn @ [0.0, 2.0, 0.0]), 0.0, 0.0, -0.4]),
        "agent_joints": np.zeros(78),
        "agent_visible": np.array([0.75]),
    }


OWN = [1.0, 0.0, 0.0, 0.7, 1.4, np.sin(0.3), np.cos(0.3)]
ANIMAL = [1.0, 0.5, -1.15, np.hypot(1.0, 0.5), 1.0, 0.0, 0.0, 2.0, 0.0, -0.4, 0.75]


@pytest.mark.parametrize("yaw", [0.0, 1.0, -2.5])
def test_it_is_the_same_however_the_world_is_turned(yaw: float) -> None:
    seen = observer_frame(observation(yaw, (0.2, -0.1)), VOLUME, 8)
    assert seen.dtype == np.float32 and seen.shape == (26,)
    np.testing.assert_allclose(seen[:18], OWN + ANIMAL, atol=1e-6)


def test_an_animal_sees_the_observer_from_where_it_stands() -> None:
    seen = animal_frame(observation(0.4), 0, VOLUME, 8)
    own = [2.0, 0.0, 0.0, -0.4, 0.25, 0.0, 1.0]
    # It faces the observer's left, so the observer is half a metre behind and 1 m to its left.
    observer = [-0.5, 1.0, 1.15, np.hypot(1.0, 0.5), -1.0, 0.0, 0.0, -1.0, 0.0, 0.7, 0.75]
    np.testing.assert_allclose(seen[:18], own + observer, atol=1e-6)
    assert seen.shape == (26,) and frame_space(1, 8).contains(seen)


def test_whiskers_end_at_walls_and_furniture() -> None:
    """From (0, 0): the couch begins at x = 1, the walls are at x = -2.5 and y = +-2, the room is 4 m wide."""
    free = free_ways(VOLUME, np.zeros(2), np.array(0.0), 4, UPRIGHT)
    np.testing.assert_allclose(free, [1.0, 2.0, 2.5, 2.0], atol=0.06)
    behind_couch = free_ways(VOLUME, np.array([-2.3, 1.5]), np.array(0.0), 4, UPRIGHT)
    np.testing.assert_allclose(behind_couch, [3.0, 0.5, 0.2, 3.0], atol=0.06)
    turned = free_ways(VOLUME, np.zeros((2, 2)), np.array([0.0, np.pi / 2]), 4, UPRIGHT)
    np.testing.assert_allclose(turned[1], np.roll(turned[0], -1), atol=1e-6)


def test_a_batch_is_its_rows() -> None:
    rows = [observation(yaw, (0.1 * yaw, 0.3)) for yaw in (0.0, 0.7, 2.0)]
    batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    np.testing.assert_allclose(
        observer_frame(batch, VOLUME), np.stack([observer_frame(row, VOLUME) for row in rows]), atol=1e-6
    )


def make(home: Path, **options: Any) -> Any:
    return gymnasium.make("ATSHome-v0", home=str(home), policy=ScriptedMind(), **options)


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_the_wrapper_is_a_sound_environment_and_is_rebuilt_from_its_spec(home: Path) -> None:
    wrapped = ObserverFrame(make(home, num_agents=2, task="follow"), whiskers=16)
    assert wrapped.observation_space.shape == (7 + 22 + 16,)
    check_env(wrapped, skip_render_check=True)
    again = gymnasium.make(wrapped.spec)
    assert again.observation_space == wrapped.observation_space
    np.testing.assert_array_equal(again.reset(seed=4)[0], wrapped.reset(seed=4)[0])
    recorded = wrapped.spec.additional_wrappers[-1]
    assert recorded.name == "ObserverFrame" and recorded.kwargs == {"whiskers": 16}
    assert isinstance(wrapped.spec, EnvSpec)
    with pytest.raises(ConfigError, match="whiskers"):
        ObserverFrame(make(home), whiskers=2)
    wrapped.close()
    again.close()


def test_the_vector_wrapper_says_what_the_single_one_says(home: Path) -> None:
    options: dict[str, Any] = {"task": "approach", "max_episode_steps": 6, "autoreset_mode": "SameStep"}
    envs = VectorObserverFrame(
        gymnasium.make_vec("ATSHome-v0", num_envs=2, home=str(home), policy=ScriptedMind(), **options)
    )
    single = ObserverFrame(make(home, task="approach", max_episode_steps=6))
    together, _ = envs.reset(seed=9)
    alone, _ = single.reset(seed=9)
    for _ in range(6):
        assert envs.observation_space.contains(together) and single.observation_space.contains(alone)
        np.testing.assert_array_equal(together[0], alone)
        together, *_, infos = envs.step(np.full((2, 4), 0.2, dtype=np.float32))
        alone, _, terminated, truncated, _ = single.step(np.full(4, 0.2, dtype=np.float32))
        if terminated or truncated:
            break
    np.testing.assert_array_equal(infos["final_obs"][0], alone)
    np.testing.assert_array_equal(together[0], single.reset()[0])
    envs.close()
    single.close()
    with pytest.raises(ConfigError, match="ATSHomeVectorEnv"):
        VectorObserverFrame(gymnasium.make_vec("CartPole-v1", num_envs=1, vectorization_mode="sync"))
