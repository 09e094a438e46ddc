"""The bundled home lives: its own policy, its own cat, nothing scripted."""

import hashlib

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import ats_sim  # noqa: F401  (registers the environment)
from ats_sim.home import check_home


def test_it_is_sound_and_passes_the_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert check_home("default") == []
    made = gymnasium.make("ATSHome-v0", width=48, height=36)
    check_env(made.unwrapped)
    made.close()


def test_its_cat_stays_in_free_space_and_repeats_itself_under_one_seed() -> None:
    hashes = []
    for _ in range(2):
        made = gymnasium.make("ATSHome-v0")
        rng, digest = np.random.default_rng(0), hashlib.sha256()
        made.reset(seed=1)
        volume = made.unwrapped.world.home.perception
        for _ in range(150):
            observation = made.step(rng.uniform(-1.0, 1.0, 4).astype(np.float32))[0]
            digest.update(observation["agent_position"].tobytes() + observation["agent_joints"].tobytes())
            assert volume.sample_sdf(observation["agent_position"]) >= 0.0
            assert made.observation_space.contains(observation)
        hashes.append(digest.hexdigest())
        made.close()
    assert hashes[0] == hashes[1]


def test_its_futures_are_many() -> None:
    made = gymnasium.make("ATSHome-v0")
    made.reset(seed=2)
    ends = made.unwrapped.sample_futures(8, 5.0)[:, 0, -1, :2, 3]
    assert len(np.unique(ends.round(2), axis=0)) >= 4
    made.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_worlds_that_think_together_go_as_they_would_alone(workers: int) -> None:
    """With the networks in the loop: what stands in the other rows of a batch does not change a bit of a plan."""
    envs = gymnasium.make_vec("ATSHome-v0", num_envs=3, workers=workers, num_agents=2)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1.0, 1.0, (13, 3, 4)).astype(np.float32)
    together = [envs.reset(seed=[7, 8, 9])[0], *(envs.step(action)[0] for action in actions)]
    envs.close()
    alone = gymnasium.make("ATSHome-v0", num_agents=2)
    for index in range(3):
        single = [alone.reset(seed=7 + index)[0], *(alone.step(action[index])[0] for action in actions)]
        for one, other in zip(single, together, strict=True):
            for name, value in one.items():
                np.testing.assert_array_equal(other[name][index], value)
    alone.close()


def test_a_vector_spec_survives_json_and_gymnasiums_wrappers() -> None:
    made = gymnasium.make_vec("ATSHome-v0", num_envs=2, autoreset_mode="SameStep", task="follow", max_episode_steps=4)
    spec = EnvSpec.from_json(made.spec.to_json())
    made.close()
    again = RecordEpisodeStatistics(gymnasium.make_vec(spec))
    assert again.num_envs == 2 and again.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    again.reset(seed=0)
    rewards = np.zeros(2)
    for _ in range(4):
        _, reward, *_, infos = again.step(np.zeros((2, 4), dtype=np.float32))
        rewards += reward
    np.testing.assert_allclose(infos["episode"]["r"], rewards)
    assert infos["episode"]["l"].tolist() == [4, 4]
    again.close()
