"""The bundled home lives: its own policy, its own cat, nothing scripted."""

import hashlib

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

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
