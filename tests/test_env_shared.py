"""Environments of one process share what they read, and nothing that moves."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from toy_home import ScriptedMind, make_toy_home

from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.envs.shared import shared_home, shared_mind
from ats_sim.errors import HomeError
from ats_sim.home import Home, seal_home


def test_a_home_in_use_is_not_read_twice(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    first = ATSHomeEnv(folder, policy=ScriptedMind())
    second = ATSHomeEnv(str(folder), policy=ScriptedMind())
    assert first.world.home is second.world.home
    first.reset(seed=0)
    second.reset(seed=0)
    before = second.snapshot()
    for _ in range(10):
        first.step(np.ones(4, dtype=np.float32))
    assert second.snapshot() == before, "only files are shared"
    first.close()
    second.step(np.zeros(4, dtype=np.float32))
    second.close()


def test_another_build_of_a_home_is_another_home(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    old = shared_home(folder, require_policy=False)
    (folder / "note.txt").write_text("changed")
    seal_home(folder, name="toy", skeleton=old.skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    assert shared_home(folder, require_policy=False) is not old


def test_a_damaged_home_is_refused_even_where_it_was_sound_before(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    kept = shared_home(folder, require_policy=False)
    (folder / "agent.urdf").write_text("<robot/>")
    with pytest.raises(HomeError, match="agent.urdf"):
        shared_home(folder, require_policy=False)
    assert isinstance(kept, Home)


def test_the_bundled_mind_is_opened_once_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    home = shared_home("default", require_policy=True)
    assert shared_mind(home) is shared_mind(home)
    mind = shared_mind(home)
    monkeypatch.setenv("ATS_ONNX_PROVIDER", "cpu ")
    assert shared_mind(home) is not mind


def test_made_one_by_one_environments_are_light() -> None:
    envs = [gym.make("ats_sim:ATSHome-v0") for _ in range(4)]
    assert len({id(env.unwrapped.world.home) for env in envs}) == 1
    assert len({id(env.unwrapped.world.policy) for env in envs}) == 1
    for env in envs:
        env.close()
