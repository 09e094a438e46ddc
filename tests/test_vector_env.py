"""The vector environment goes exactly as so many single ones would, in one process or in several."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from toy_home import ScriptedMind, make_toy_home

import ats_sim  # noqa: F401  (registers the environment)
from ats_sim.envs.vector_env import ATSHomeVectorEnv
from ats_sim.errors import ActionError, AtsError, ConfigError


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("vector") / "toy")


def make(home: Path, num_envs: int = 3, **options: Any) -> Any:
    return gymnasium.make_vec("ATSHome-v0", num_envs=num_envs, home=str(home), policy=ScriptedMind(), **options)


def synchronous(home: Path, num_envs: int, mode: AutoresetMode, **options: Any) -> SyncVectorEnv:
    """Gymnasium's own vector environment, the judge of ours."""
    return gymnasium.make_vec(
        "ATSHome-v0", num_envs=num_envs, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode},
        home=str(home), policy=ScriptedMind(), **options,
    )  # fmt: skip


def assert_same(ours: Any, theirs: Any, where: str = "") -> None:
    """Equal in keys, types, shapes and every bit."""
    if isinstance(theirs, tuple):
        for part, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{where}({part})")
    elif isinstance(theirs, dict):
        assert isinstance(ours, dict) and set(ours) == set(theirs), where
        for name in theirs:
            assert_same(ours[name], theirs[name], f"{where}/{name}")
    elif theirs is None:
        assert ours is None, where
    elif theirs.dtype == object:
        assert ours.dtype == object and len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
    else:
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, where
        np.testing.assert_array_equal(ours, theirs, err_msg=where)


@pytest.fixture
def envs(home: Path) -> Iterator[ATSHomeVectorEnv]:
    made = make(home)
    yield made
    made.close()


def test_it_is_what_make_vec_makes(envs: ATSHomeVectorEnv) -> None:
    assert isinstance(envs, ATSHomeVectorEnv) and envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observation, info = envs.reset(seed=0)
    assert envs.observation_space.contains(observation) and info["task"] == {} and info["_task"].all()
    assert envs.action_space.shape == (3, 4) and envs.single_action_space.shape == (4,)
    assert envs.spec.kwargs["num_envs"] == 3


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("task", ["follow", "approach"])
def test_it_answers_as_gymnasiums_own_does(home: Path, mode: AutoresetMode, task: str) -> None:
    ours = make(home, autoreset_mode=mode.value, task=task, max_episode_steps=17, num_agents=2)
    theirs = synchronous(home, 3, mode, task=task, max_episode_steps=17, num_agents=2)
    rng = np.random.default_rng(0)
    assert_same(ours.reset(seed=[5, 6, 7]), theirs.reset(seed=[5, 6, 7]))
    ended = np.zeros(3, dtype=bool)
    ends = 0
    for _ in range(45):
        if mode is AutoresetMode.DISABLED and ended.any():
            assert_same(ours.reset(options={"reset_mask": ended}), theirs.reset(options={"reset_mask": ended.copy()}))
        actions = rng.uniform(-1.0, 1.0, (3, 4)).astype(np.float32)
        answer = ours.step(actions)
        assert_same(answer, theirs.step(actions))
        ended = answer[2] | answer[3]
        ends += int(ended.sum())
    assert ends >= 6
    ours.close()
    theirs.close()


def test_pictures_come_in_batches_too(home: Path) -> None:
    options: dict[str, Any] = {"obs_mode": "rgbd", "segmentation": True, "width": 48, "height": 36}
    ours = make(home, num_envs=2, autoreset_mode="SameStep", max_episode_steps=2, **options)
    theirs = synchronous(home, 2, AutoresetMode.SAME_STEP, max_episode_steps=2, **options)
    assert_same(ours.reset(seed=1), theirs.reset(seed=1))
    for _ in range(3):
        actions = np.full((2, 4), 0.5, dtype=np.float32)
        assert_same(ours.step(actions), theirs.step(actions))
    assert ours.step(actions)[0]["segmentation"].shape == (2, 36, 48, 1)
    ours.close()
    theirs.close()


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_workers_change_nothing(home: Path, mode: str) -> None:
    seen: list[list[Any]] = []
    for workers in (0, 2):
        made = make(home, workers=workers, task="approach", autoreset_mode=mode, max_episode_steps=9)
        answers: list[Any] = [made.reset(seed=3), made.reset(seed=[None, 4, None])]
        answers += [made.step(np.full((3, 4), 0.25, dtype=np.float32)) for _ in range(12)]
        mask = np.array([False, True, False])
        answers.append(made.reset(seed=8, options={"reset_mask": mask, "stance": "crouch"}))
        answers.append(made.step(np.full((3, 4), 0.25, dtype=np.float32)))
        seen.append(answers)
        made.close()
    for one, other in zip(*seen, strict=True):
        assert_same(one, other)


def test_seeds_are_those_of_single_environments(home: Path, envs: ATSHomeVectorEnv) -> None:
    single = gymnasium.make("ATSHome-v0", home=str(home), policy=ScriptedMind())
    first = envs.reset(seed=11)[0]
    again = envs.reset()[0]
    for index in range(3):
        for observations, seed in ((first, 11 + index), (again, None)):
            alone = single.reset(seed=seed)[0]
            for name, value in alone.items():
                np.testing.assert_array_equal(observations[name][index], value)
    single.close()


def test_a_masked_reset_leaves_the_others_alone(envs: ATSHomeVectorEnv) -> None:
    envs.reset(seed=0)
    observation, *_ = envs.step(np.full((3, 4), 0.5, dtype=np.float32))
    mask = np.array([True, False, True])
    after, info = envs.reset(seed=50, options={"reset_mask": mask})
    np.testing.assert_array_equal(after["agent_joints"][1], observation["agent_joints"][1])
    assert (after["observer_position"][[0, 2]] != observation["observer_position"][[0, 2]]).any(1).all()
    np.testing.assert_array_equal(info["_goal"], mask)
    assert not info["goal"][1].any()


def test_what_is_returned_belongs_to_the_caller(envs: ATSHomeVectorEnv) -> None:
    twin = make(Path(envs.home.folder))
    for made in (envs, twin):
        made.reset(seed=0)
    actions = np.full((3, 4), 0.5, dtype=np.float32)
    observation, reward, terminated, truncated, info = envs.step(actions)
    for value in [*observation.values(), reward, terminated, truncated, info["goal"], info["_goal"]]:
        value[...] = 1
    twin.step(actions)
    assert_same(envs.step(actions), twin.step(actions))
    twin.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_worlds_can_be_asked_and_put_back(home: Path, workers: int) -> None:
    made = make(home, workers=workers)
    made.reset(seed=2)
    actions = np.full((3, 4), 0.4, dtype=np.float32)
    blobs = made.call("snapshot")
    expected = [made.step(actions)[0] for _ in range(8)]
    made.call_each("restore", [(blob,) for blob in blobs])
    for observation in expected:
        assert_same(made.step(actions)[0], observation)
    assert made.call("sample_futures", 2, 1.0)[0].shape == (2, 1, 10, 4, 4)
    with pytest.raises(ConfigError, match="no_such"):
        made.call("no_such")
    with pytest.raises(ConfigError, match="goal"):
        made.reset(options={"goal": [1.0]})
    made.step(actions)
    made.close()


def test_wrong_uses_say_so(home: Path, envs: ATSHomeVectorEnv) -> None:
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros((3, 4), dtype=np.float32))
    envs.reset(seed=0)
    before = envs.call("snapshot")
    for bad in (
        np.full((3, 4), np.nan),
        np.zeros((3, 4), int),
        np.zeros((2, 4)),
        np.full((3, 4), 1.5),
        [[0.0] * 4] * 3,
    ):
        with pytest.raises(ActionError):
            envs.step(bad)
    assert envs.call("snapshot") == before
    for mask in ([True] * 3, np.zeros(3, bool), np.ones(3, int), np.ones(2, bool)):
        with pytest.raises(ConfigError, match="reset_mask"):
            envs.reset(options={"reset_mask": mask})
    with pytest.raises(ConfigError, match="seed"):
        envs.reset(seed=[1, 2])
    for wrong in ({"autoreset_mode": "Never"}, {"workers": 4}, {"num_envs": 0}, {"wokers": 2}):
        with pytest.raises(ConfigError):
            make(home, **wrong)
    assert [options.task for options in envs.get_attr("options")] == ["free"] * 3
    with pytest.raises(ConfigError, match="workers, "):
        make(home, wokers=2)
    envs.close()
    with pytest.raises(AtsError, match="closed"):
        envs.reset()


def test_ended_worlds_must_be_reset_where_nobody_does_it(home: Path) -> None:
    made = make(home, autoreset_mode=AutoresetMode.DISABLED, max_episode_steps=1)
    made.reset(seed=0)
    assert made.step(np.zeros((3, 4), dtype=np.float32))[3].all()
    with pytest.raises(ResetNeeded, match="0, 1, 2"):
        made.step(np.zeros((3, 4), dtype=np.float32))
    made.close()


def test_an_unguarded_script_is_told_so_once(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text("import gymnasium, ats_sim\ngymnasium.make_vec('ATSHome-v0', 2, workers=2)\n")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("Traceback") == 1
    assert "`if __name__ == '__main__':`" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["ours", "gymnasiums"])
def test_a_killed_worker_is_noticed(home: Path, kind: str) -> None:
    if kind == "ours":
        made = make(home, num_envs=2, workers=2)
        victim = made._batch._processes[1]
    else:
        made = gymnasium.make_vec(
            "ATSHome-v0", num_envs=2, vectorization_mode="async", vector_kwargs={"context": "forkserver"},
            home=str(home), policy=ScriptedMind(),
        )  # fmt: skip
        assert isinstance(made, AsyncVectorEnv)
        victim = made.processes[1]
    made.reset(seed=0)
    os.kill(victim.pid, signal.SIGKILL)
    start = time.monotonic()
    with pytest.raises((AtsError, EOFError, ConnectionError, BrokenPipeError)):
        for _ in range(3):
            made.step(np.zeros((2, 4), dtype=np.float32))
    assert time.monotonic() - start < 10.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's complains that a step was pending
        made.close(**({} if kind == "ours" else {"terminate": True}))
    victim.join(5.0)
    assert not victim.is_alive()
