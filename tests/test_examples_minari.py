"""Walks as a Minari dataset: it opens, and its transitions are those of a world that lives the walk independently."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import ats_sim
from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.play.events import Event, Goal, Knowing, Reset, Rewind, Stance, Step
from ats_sim.play.log import Header
from ats_sim.play.walk import OBSERVER, Walk
from ats_sim.world import World
from tests.toy_home import ScriptedMind, make_toy_home

minari = pytest.importorskip("minari")
assert ats_sim.__version__, "importing it registers the environment"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SEED = 4
STRIDE = (0.45, -0.1, 0.3, -0.4)
"""An action that float32 cannot hold."""


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return importlib.import_module("export_minari")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("home") / "toy"), require_policy=False)


@pytest.fixture
def log(home: Home, tmp_path: Path) -> Path:
    """Three pieces: 9 steps, then 6 from step 5 of the first piece on, then 4 after a new beginning."""
    path = tmp_path / "walk.jsonl"
    walk = Walk(home, ScriptedMind(), Header("toy", home.fingerprint, 1, SEED), path)
    first: list[Event] = [Step(STRIDE)] * 4 + [Stance("crouch"), Goal((0.0, 1.0, 0.25))] + [Step(STRIDE)] * 5
    second: list[Event] = [Rewind(5), *[Step((1.0, 0.0, -0.2, 0.0))] * 6]
    third: list[Event] = [Reset(), Knowing(scene=True, observer=False, past=True), *[Step(STRIDE)] * 4]
    for event in [*first, *second, *third]:
        walk.do(event)
    walk.close()
    return path


def lived(log: Path, home: Home) -> Iterator[list[dict[str, Array]]]:
    """The pieces of a walk, from its lines and a bare world: positions, joints and actions after every step."""
    world, rng = World(home, policy=ScriptedMind(), observer=OBSERVER), np.random.default_rng(SEED)
    world.reset(rng)
    states, piece = [world.state()], [_seen(world)]
    for line in map(json.loads, log.read_text().splitlines()[1:]):
        if line.get("do") == "step":
            world.step(np.array(line["action"]))
            states.append(world.state())
            piece.append({**_seen(world), "action": np.array(line["action"])})
        elif line.get("do") == "stance":
            world.set_stance(line["stance"])
        elif line.get("do") == "goal":
            world.steer(0, goal=np.array(line["place"]))
        elif line.get("do") == "knowing":
            world.steer(0, awareness={name: line[name] for name in ("scene", "observer", "past")})
        elif line.get("do") in ("reset", "rewind"):
            yield piece
            if line["do"] == "reset":
                world.reset(rng)
                states = [world.state()]
            else:
                del states[line["to"] + 1 :]
                world.load_state(states[-1])
            piece = [_seen(world)]
    yield piece
    world.close()


def _seen(world: World) -> dict[str, Array]:
    agent = world.agents[0]
    return {
        "observer_position": world.observer.eyes,
        "agent_position": agent.T_world_root[:3, 3],
        "agent_joints": agent.joint_rotations.ravel(),
        "agent_visible": world.measure().visible,
    }


def test_transitions_are_those_of_the_walk(export: Any, home: Home, log: Path) -> None:
    episodes = list(export.walked(log, home, ScriptedMind(), "follow"))
    env = gym.make("ATSHome-v0", home=home, policy=ScriptedMind(), task="follow")
    export.write("ats-sim/walks-v0", episodes, env, export.WALKED_ACTIONS, "a walk")
    dataset = minari.load_dataset("ats-sim/walks-v0")
    stored = list(dataset.iterate_episodes())
    assert [len(one.rewards) for one in stored] == [9, 6, 4] and dataset.total_steps == 19
    for episode, piece in zip(stored, lived(log, home), strict=True):
        for name in ("observer_position", "agent_position", "agent_joints", "agent_visible"):
            expected = np.stack([moment[name] for moment in piece]).astype(np.float32)
            assert (episode.observations[name] == expected).all(), name
        assert (episode.actions == np.stack([moment["action"] for moment in piece[1:]])).all()
        assert all(dataset.observation_space.contains(_row(episode.observations, i)) for i in range(len(piece)))
        assert episode.truncations.tolist() == [False] * (len(piece) - 2) + [True]
        assert not episode.terminations.any()
        terms = sum(episode.infos["task"].values())[1:]
        assert episode.rewards == pytest.approx(terms, abs=1e-6) and np.abs(episode.rewards).sum() > 0.0
    first, second, third = (episode.infos for episode in stored)
    assert first["stance"].tolist() == [0] * 5 + [2] * 5 and first["is_sent"].tolist() == [False] * 5 + [True] * 5
    assert second["time"] == pytest.approx(0.5 + 0.1 * np.arange(7))
    assert third["knows"][1:].tolist() == [[True, False, True]] * 4
    assert (env.reset(seed=SEED)[0]["agent_position"] == stored[0].observations["agent_position"][0]).all()
    env.close()


def test_an_episode_ends_where_the_task_does(export: Any, home: Home, tmp_path: Path) -> None:
    """The animal runs from somebody who walks up to it; at last it is reached, and nothing begins while it is."""
    path = tmp_path / "walk.jsonl"
    walk = Walk(home, ScriptedMind(), Header("toy", home.fingerprint, 1, SEED), path)
    walk.do(Knowing(scene=True, observer=False, past=True))
    for _ in range(60):
        gap = walk.world.agents[0].T_world_root[:2, 3] - walk.world.observer.pose[:2]
        turn = (np.arctan2(gap[1], gap[0]) - walk.world.observer.pose[2] + np.pi) % (2.0 * np.pi) - np.pi
        walk.do(Step((0.6, 0.0, float(np.clip(turn / (OBSERVER.yaw_rate * 0.1), -1.0, 1.0)), 0.0)))
    walk.close()
    *fled, reached = export.walked(path, home, ScriptedMind(), "approach")
    for episode in (*fled, reached):
        assert episode.terminations == [False] * (len(episode) - 1) + [True] and not any(episode.truncations)
    assert fled and all(episode.infos["task"]["scared"][-1] == -10.0 for episode in fled)
    assert reached.infos["task"]["success"].tolist() == [0.0] * len(reached) + [10.0]
    assert (reached.infos["distance"][:, 0] < 0.6).tolist() == [False] * len(reached) + [True]
    assert sum(len(episode) for episode in (*fled, reached)) < 60


def test_a_walk_that_is_not_the_one_written_down_is_refused(export: Any, home: Home, log: Path) -> None:
    lines = log.read_text().splitlines()
    changed = json.loads(lines[3])
    changed["action"][0] = 0.4500000001
    log.write_text("\n".join([*lines[:3], json.dumps(changed), *lines[4:]]) + "\n")
    with pytest.raises(ConfigError, match="line 4: the state is not"):
        list(export.walked(log, home, ScriptedMind(), "free"))
    log.write_text("\n".join([lines[0].replace(home.fingerprint, "0" * 64), *lines[1:]]) + "\n")
    with pytest.raises(ConfigError, match="another home"):
        list(export.walked(log, home, ScriptedMind(), "free"))


def test_a_scripted_observers_dataset_is_the_environments(
    export: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On the bundled home, from the shell; the environment that the dataset names lives it again."""
    arguments = ["--task", "follow", "--episodes", "2", "--seconds", "1", "--root", str(tmp_path / "datasets")]
    monkeypatch.setattr(sys, "argv", ["export_minari", *arguments])
    export.main()
    assert "2 episodes, 20 steps" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        export.main()
    assert "already" in capsys.readouterr().err
    dataset = minari.load_dataset("ats-sim/walks-v0")
    env = dataset.recover_environment()
    for episode, seed in zip(dataset.iterate_episodes(), (0, 1), strict=True):
        observation, _ = env.reset(seed=seed)
        for i, action in enumerate(episode.actions):
            assert (observation["agent_position"] == episode.observations["agent_position"][i]).all()
            observation, reward, terminated, _, info = env.step(action)
            assert reward == episode.rewards[i] and terminated == episode.terminations[i]
            assert (info["goal"] == episode.infos["goal"][i + 1]).all()
    env.close()


def _row(observations: dict[str, Array], index: int) -> dict[str, Array]:
    return {name: values[index] for name, values in observations.items()}
