"""The examples: each explains itself and runs, and the scripted observers do what their names say."""

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ats_sim.geometry import look_at, quaternion_from_matrix
from ats_sim.video import read_video

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NEEDS = {
    "train_ppo": "stable_baselines3",
    "rollouts_ray": "ray",
    "export_minari": "minari",
    "export_for_engines": "pxr",
}
EXTRAS = {"train_ppo": "rl", "rollouts_ray": "cluster", "export_minari": "data", "export_for_engines": "engines"}
HELPERS = ("small_plot", "command_line")
RUNNABLE = (
    "scripted_observers",
    "futures",
    "replay_against_reality",
    "train_ppo",
    "rollouts_ray",
    "export_minari",
    "export_for_engines",
)


def run(name: str, *arguments: object, patch: pytest.MonkeyPatch) -> None:
    """Run an example in this process as if from the shell."""
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
    for package in ("torch", *NEEDS.values()):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as stop:
        run(name, "--help", patch=monkeypatch)
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert f"python examples/{name}.py" in shown and "--home" in shown


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_missing_package_is_one_sentence_with_the_line_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, NEEDS[name], None)
    with pytest.raises(SystemExit) as stop:
        run(name, patch=monkeypatch)
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert len(said.splitlines()) == 1 and f'pip install -e ".[{EXTRAS[name]}]"' in said


@pytest.mark.parametrize("name", HELPERS)
def test_helpers_say_that_they_are_no_examples(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(name, "--help", patch=monkeypatch)
    assert "does nothing on its own" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("replay_against_reality", ["--video", "v99"], "no video 'v99'"),
        ("replay_against_reality", ["--start", "99999"], "start=99999"),
        ("replay_against_reality", ["--seconds", "-3"], "--seconds: -3 must be 0.1 or more"),
        ("replay_against_reality", ["--samples", "0"], "--samples: 0 must be 1 or more"),
        ("replay_against_reality", ["--home", "/nowhere"], "/nowhere: no such home"),
        ("futures", ["--home", "/nowhere"], "/nowhere: no such home"),
        ("futures", ["--seconds", "-1"], "--seconds: -1 must be"),
        ("futures", ["--seconds", "9999"], "seconds=9999"),
        ("futures", ["--futures", "many"], "'many' is no whole number"),
        ("scripted_observers", ["--home", "/nowhere"], "/nowhere: no such home"),
        ("scripted_observers", ["--seconds", "nan"], "--seconds: nan must be"),
        ("scripted_observers", ["--seed", "-1"], "--seed: -1 must be 0 or more"),
    ],
)
def test_bad_input_ends_in_one_sentence_and_exit_code_2(
    name: str,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run(name, *arguments, patch=monkeypatch)
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert sentence in said.splitlines()[-1] and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "task"), [(["chases"], "free"), (["films"], "film"), (["sits"], "film")])
def test_a_chaser_is_not_scored_as_a_cameraman(
    arguments: list[str], task: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("scripted_observers", "--seconds", 0.2, "--observer", *arguments, patch=monkeypatch)
    assert f"{arguments[0]}, {task}, ats-sim" in capsys.readouterr().out


def test_the_real_animal_is_drawn_as_green_as_the_legend_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    replay = importlib.import_module("replay_against_reality")
    for name, channel in (("REAL", 1), ("SIMULATED", 0)):
        color = sorted(enumerate(getattr(replay, name)), key=lambda part: part[1])
        assert color[-1][0] == channel and color[-1][1] > 2 * color[-2][1]
    assert len(set(replay.CAMERA)) == 1


def test_the_legend_stands_below_the_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    small_plot = importlib.import_module("small_plot")
    high = {"high": (np.arange(9.0), np.full(9, 5.0))}
    pictures = []
    for name in ("a", "a much longer name of the level"):
        small_plot.plot(tmp_path / "plot.png", "title", "x", high, {name: 5.0})
        pictures.append(cv2.imread(str(tmp_path / "plot.png")))
    rows = np.flatnonzero((pictures[0] != pictures[1]).any(axis=(1, 2)))
    assert len(rows) and rows.min() > small_plot.HEIGHT - 1


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
    pytest.importorskip("stable_baselines3")
    arguments = ("--minutes", 0.2, "--num-envs", 4, "--test-envs", 2, "--output", tmp_path)
    run("train_ppo", *arguments, patch=monkeypatch)
    for name in ("model.zip", "normaliser.npz", "curve.png", "before_after.mp4", "before_after.png"):
        assert (tmp_path / name).stat().st_size > 100


@pytest.mark.slow
def test_ray_gathers_equal_rollouts_for_equal_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    arguments = ("--workers", 2, "--num-envs", 2, "--steps", 10, "--output")
    for name in ("first", "second"):
        run("rollouts_ray", *arguments, tmp_path / name, patch=monkeypatch)
    for worker in ("worker0000.npz", "worker0001.npz"):
        with np.load(tmp_path / "first" / worker) as first, np.load(tmp_path / "second" / worker) as second:
            assert first["reward"].shape == (10, 2)
            assert all((first[name] == second[name]).all() for name in first)
