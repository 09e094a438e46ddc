"""The examples: each explains itself and runs, and the scripted observers do what their names say."""

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ats_sim.geometry import look_at, quaternion_from_matrix
from ats_sim.video import read_video

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NEEDS = {"train_ppo": "stable_baselines3", "rollouts_ray": "ray", "export_minari": "minari"}
RUNNABLE = ("scripted_observers", "futures", "replay_against_reality", "train_ppo", "rollouts_ray", "export_minari")


def run(name: str, *arguments: object, patch: pytest.MonkeyPatch) -> None:
    """Run an example in this process as if from the shell."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    patch.syspath_prepend(str(EXAMPLES))
    patch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("scripted_observers")


def observation(target: tuple[float, float, float]) -> dict[str, np.ndarray]:
    """Somebody at the origin who looks along x, and an animal somewhere."""
    camera = look_at(np.array([0.0, 0, 1.4]), np.array([1.0, 0, 1.4]))
    return {
        "observer_position": camera[:3, 3],
        "observer_rotation": quaternion_from_matrix(camera[:3, :3]),
        "agent_position": np.array(target),
    }


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_example_explains_itself(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(name, "--help", patch=monkeypatch)
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert f"python examples/{name}.py" in shown and "--home" in shown


@pytest.mark.parametrize(
    ("target", "yaw", "pitch"),
    [
        ((5.0, 0.0, 1.4), 0.0, 0.0),
        ((0.0, 5.0, 1.4), 1.0, 0.0),
        ((5.0, 0.0, 0.2), 0.0, -1.0),
        ((-5.0, -1, 1.4), -1.0, 0.0),
    ],
)
def test_chasers_and_filmers_turn_to_the_animal(
    scripted: Any, target: tuple[float, float, float], yaw: float, pitch: float
) -> None:
    rng = np.random.default_rng(0)
    for act in (scripted.chases, scripted.films):
        action = act(observation(target), rng)
        assert action.dtype == np.float32 and action.shape == (4,)
        assert np.sign(action[2]) == np.sign(yaw) and np.sign(action[3]) == np.sign(pitch)
    assert scripted.chases(observation((5.0, 0.0, 1.4)), rng)[0] == 1.0
    assert scripted.films(observation((5.0, 0.0, 1.4)), rng)[0] == pytest.approx(0.4)
    assert scripted.films(observation((0.9, 0.0, 1.4)), rng)[0] < 0.0, "too near: back off"


def test_scripts_answer_a_batch_as_they_answer_each(scripted: Any) -> None:
    rng = np.random.default_rng(0)
    single = [observation(place) for place in ((5.0, 0.0, 0.2), (1.0, 2.0, 0.2), (-2.0, 1.0, 1.0))]
    batch = {name: np.stack([one[name] for one in single]) for name in single[0]}
    for name in ("sits", "chases", "films"):
        act = scripted.OBSERVERS[name]
        assert act(batch, rng) == pytest.approx(np.stack([act(one, rng) for one in single]))
    assert scripted.random_walk(batch, rng).shape == (3, 4)


def test_a_scripted_observer_is_filmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "films.mp4"
    run("scripted_observers", "--seconds", 1, "--film", film, patch=monkeypatch)
    assert "reward a step" in capsys.readouterr().out
    assert len(list(read_video(film))) == 10


def test_futures_and_replay_draw_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("futures", "--futures", 3, "--seconds", 1, "--output", tmp_path / "futures.png", patch=monkeypatch)
    run("replay_against_reality", "--seconds", 1, "--samples", 2, "--output", tmp_path / "again", patch=monkeypatch)
    shown = capsys.readouterr().out
    assert shown.count("3 futures of 1 s") == 2 and "minADE of 2" in shown
    for picture in (tmp_path / "futures.png", tmp_path / "again" / "error.png", tmp_path / "again" / "paths.png"):
        assert picture.stat().st_size > 1000


@pytest.mark.slow
def test_ppo_trains_and_draws_its_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--minutes", 0.2, "--num-envs", 4, "--test-envs", 2, "--output", tmp_path)
    run("train_ppo", *arguments, patch=monkeypatch)
    for name in ("model.zip", "normaliser.npz", "curve.png", "before_after.mp4", "before_after.png"):
        assert (tmp_path / name).stat().st_size > 100


@pytest.mark.slow
def test_ray_gathers_equal_rollouts_for_equal_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--workers", 2, "--num-envs", 2, "--steps", 10, "--output")
    for name in ("first", "second"):
        run("rollouts_ray", *arguments, tmp_path / name, patch=monkeypatch)
    for worker in ("worker0000.npz", "worker0001.npz"):
        with np.load(tmp_path / "first" / worker) as first, np.load(tmp_path / "second" / worker) as second:
            assert first["reward"].shape == (10, 2)
            assert all((first[name] == second[name]).all() for name in first)
