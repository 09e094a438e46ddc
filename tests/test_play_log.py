"""Walks on disk: written line by line, done again bit for bit, also elsewhere; what was tampered with is found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ats_sim import cli
from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.play.events import Goal, Knowing, Reset, Rewind, Stance, Step, read_event, written
from ats_sim.play.log import digest, read_header, read_lines
from ats_sim.play.options import PlayOptions
from ats_sim.play.player import Player
from ats_sim.play.run import play, replay
from ats_sim.play.session import Session
from ats_sim.video import read_video
from tests.toy_home import ScriptedMind, make_toy_home

AGAIN = """
import sys; from pathlib import Path
from ats_sim.play.options import PlayOptions; from ats_sim.play.run import replay
from tests.toy_home import ScriptedMind
outcome = replay(PlayOptions(replay=Path(sys.argv[1])), mind=ScriptedMind())
print(outcome.steps, outcome.digests, outcome.is_whole, outcome.difference)
"""
ENDLESS = """
import sys; from pathlib import Path
from ats_sim.play.options import PlayOptions; from ats_sim.play.run import open_session
from ats_sim.play.player import Player
from tests.toy_home import ScriptedMind
player = Player(open_session(PlayOptions(sys.argv[1], log=Path(sys.argv[2]), size="64x48"), ScriptedMind()))
player.key_down("w")
while True:
    player.step()
"""
STEPS = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy")


@pytest.fixture(scope="module")
def walked(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a walk in which every kind of thing happens."""
    path = tmp_path_factory.mktemp("walks") / "walk.jsonl"
    home = Home.load(folder, require_policy=False)
    session = Session(home, ScriptedMind(), PlayOptions(str(folder), log=path, size="64x48", agents=2, seed=5))
    player, rng = Player(session), np.random.default_rng(1)
    happens: dict[int, Callable[[], Any]] = {
        20: lambda: session.send_to(np.array([-1.0, 0.5, 0.0])), 30: lambda: player.key_down("2"),
        40: lambda: player.key_down("c"), 60: session.reset, 75: lambda: session.do(Rewind(4)),
        80: session.release_goal, 90: lambda: session.send_to(np.array([-1.5, -1.0, 0.0])),
    }  # fmt: skip
    for step in range(STEPS):
        for name in rng.choice(["w", "a", "s", "d", "left", "right", "up", "shift"], 3):
            (player.key_down if rng.random() < 0.6 else player.key_up)(str(name))
        player.mouse_button(True, True, 0.5, 0.5)
        player.mouse_move(*rng.normal(0.0, 20.0, 2))
        happens.get(step, lambda: None)()
        player.step()
    session.close()
    return path.read_text()


def written_to(tmp_path: Path, lines: list[str]) -> PlayOptions:
    path = tmp_path / "walk.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return PlayOptions(replay=path)


def test_the_walk_is_done_again_bit_for_bit(walked: str, tmp_path: Path) -> None:
    lines = walked.splitlines()
    outcome = replay(written_to(tmp_path, lines), mind=ScriptedMind())
    assert outcome.is_exact and outcome.is_whole
    assert outcome.steps == STEPS
    assert outcome.digests == len(lines) - 1
    kinds = {json.loads(line).get("do") for line in lines[1:]}
    assert kinds == {"step", "stance", "goal", "knowing", "reset", "rewind", None}
    whole = [json.loads(line) for line in lines if '"check"' in line]
    assert len(whole) == 2 + STEPS // 50 and whole[-1]["end"]


def test_it_is_done_again_in_another_process_too(walked: str, tmp_path: Path) -> None:
    options = written_to(tmp_path, walked.splitlines())
    shown = subprocess.run(
        [sys.executable, "-c", AGAIN, str(options.replay)], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == [str(STEPS), str(len(walked.splitlines()) - 1), "True"]


def change_action(line: dict[str, Any]) -> dict[str, Any]:
    """A millionth of the top speed less."""
    action = line["action"]
    return line | {"action": [action[0] * (1.0 - 1e-6), *action[1:]]}


@pytest.mark.parametrize(
    ("change", "differs_from"),
    [
        (change_action, 0),
        (lambda line: line | {"state": "0" * 16}, 0),
        (lambda line: line | {"action": line["action"][::-1]}, 0),
        (lambda _: None, 0),
        (lambda _: {"do": "reset", "state": "1" * 16}, -1),
    ],
)
def test_what_was_tampered_with_is_named(
    walked: str, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None], differs_from: int
) -> None:
    """Where a step was taken away, the next one is the first that does not fit."""
    lines = walked.splitlines()
    steps = [number for number, line in enumerate(lines) if '"step"' in line]
    wanted = next(i for i in range(50, 60) if json.loads(lines[steps[i]])["action"][0] != 0.0)
    changed = change(json.loads(lines[steps[wanted]]))
    lines[steps[wanted] : steps[wanted] + 1] = [] if changed is None else [json.dumps(changed)]
    outcome = replay(written_to(tmp_path, lines), mind=ScriptedMind())
    assert not outcome.is_exact
    assert f"step {wanted + 1 + differs_from} " in outcome.difference
    assert f"step {wanted + 1 + differs_from} " in outcome.lines()[0]


def test_a_walk_that_was_killed_is_known_up_to_its_last_line(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "walk.jsonl"
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(folder), str(path)]) as process:
        deadline = time.monotonic() + 60.0
        while (not path.exists() or path.read_bytes().count(b"\n") < 40) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    outcome = replay(PlayOptions(replay=path), mind=ScriptedMind())
    assert outcome.is_exact and not outcome.is_whole
    assert outcome.steps >= 37
    assert f"all {outcome.digests} states the log holds are the same" in outcome.lines()[0]
    assert "killed" in outcome.lines()[1]
    with path.open("a") as stream:
        stream.write('{"do": "step", "act')  # what a full disk leaves
    cut = replay(PlayOptions(replay=path), mind=ScriptedMind())
    assert not cut.is_exact and (cut.steps, cut.digests) == (outcome.steps, outcome.digests)
    number = path.read_bytes().count(b"\n") + 1
    assert f"line {number}, the last, is cut off in the middle" in cut.lines()[0]


@pytest.mark.parametrize(
    ("number", "text", "sentence"),
    [
        (1, "", "no JSON"),
        (1, '{"format": "ats-walk/9"}', "format 'ats-walk/9'"),
        (1, '{"format": "ats-walk/1", "home": 3}', "home is '3'"),
        (5, "not json", "no JSON"),
        (5, "[1, 2]", "want one JSON object"),
        (5, "[" * 3000, "no JSON"),
        (5, '{"do": "step", "action": [1, 2, NaN, 0], "state": "0000000000000000"}', "NaN"),
        (5, '{"do": "step", "action": [0, 0, 0, 1.5], "state": "0000000000000000"}', "between -1 and 1"),
        (5, '{"do": "step", "action": [0, 0, 0], "state": "0000000000000000"}', "action"),
        (5, '{"do": "step", "action": [0, 0, true, 0], "state": "0000000000000000"}', "list of 4 numbers"),
        (5, '{"do": "step", "action": [0, 0, 1e999, 0], "state": "0000000000000000"}', "not finite"),
        (5, '{"do": "step", "state": "0000000000000000"}', "'action' is missing"),
        (5, '{"do": "dance", "state": "0000000000000000"}', "nothing is called 'dance'"),
        (5, '{"do": "stance", "stance": "fly", "state": "0000000000000000"}', "'fly'"),
        (5, '{"do": "goal", "place": [1, 2], "state": "0000000000000000"}', "place"),
        (5, '{"do": "knowing", "scene": 1, "observer": 1, "past": 1, "state": "0000000000000000"}', "true or false"),
        (5, '{"do": "rewind", "to": -1, "state": "0000000000000000"}', "number of a step"),
        (5, '{"do": "rewind", "to": 99999, "state": "0000000000000000"}', "cannot be gone back to"),
        (5, '{"do": "rewind", "to": 1' + "0" * 3000 + "}", "number of a step"),
        (5, '{"do": "reset"}', "want 16 hex digits"),
        (5, '{"check": "xyz"}', "want 64 hex digits"),
        (5, '{"x": "' + "y" * 5000 + '"}', "at most 4096 bytes"),
    ],
)  # fmt: skip
def test_lines_that_make_no_sense_are_named(walked: str, tmp_path: Path, number: int, text: str, sentence: str) -> None:
    lines = walked.splitlines()
    lines[number - 1] = text
    with pytest.raises(ConfigError) as refused:
        replay(written_to(tmp_path, lines), mind=ScriptedMind())
    assert f"line {number}" in str(refused.value)
    assert sentence in str(refused.value)


def test_another_home_and_a_missing_file_are_refused(walked: str, tmp_path: Path) -> None:
    lines = walked.splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"fingerprint": "f" * 64})
    with pytest.raises(ConfigError, match="another home"):
        replay(written_to(tmp_path, lines), mind=ScriptedMind())
    with pytest.raises(ConfigError, match="nowhere"):
        read_header(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ConfigError, match="empty"):
        read_header(tmp_path / "empty.jsonl")


@pytest.mark.parametrize(
    "event",
    [
        Step((0.1, -1.0, 1.0 / 3.0, 5e-324)), Stance("crouch"), Goal(None), Goal((1.0, 2.0, 0.1 + 0.2)),
        Knowing(True, False, True), Reset(), Rewind(12),
    ],
)  # fmt: skip
def test_events_come_back_as_they_were(event: Any) -> None:
    assert read_event(json.loads(json.dumps(written(event)))) == event


def test_digests_see_every_bit_name_type_and_shape() -> None:
    state = {"a": np.zeros(4), "b": np.array("home")}
    others: list[dict[str, Any]] = [
        state | {"a": -np.zeros(4)}, state | {"a": np.zeros(4, np.int64)}, state | {"a": np.zeros((2, 2))},
        state | {"b": np.array("homf")}, {"a": state["a"], "c": state["b"]}, {"a": state["a"]},
    ]  # fmt: skip
    assert len({digest(other) for other in [state, *others]}) == 1 + len(others)
    assert digest(dict(reversed(state.items()))) == digest(state)


def test_headless_walks_are_written_and_replays_are_filmed(folder: Path, tmp_path: Path) -> None:
    path, film = tmp_path / "walk.jsonl", tmp_path / "again.mp4"
    options = PlayOptions(
        str(folder), record=tmp_path / "first.mp4", seconds=1.5, headless=True, log=path, size="96x64"
    )
    play(options, mind=ScriptedMind())
    outcome = replay(PlayOptions(replay=path, record=film, size="96x64"), mind=ScriptedMind())
    assert outcome.is_exact and outcome.steps == 15
    pictures = list(read_video(film))
    assert len(pictures) == 30
    assert np.std(pictures[-1]) > 3.0


def test_the_command_says_whether_a_replay_is_exact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "walk.jsonl"
    walk = ["play", "--headless", "--seconds", "0.6", "--size", "64x48", "--record", str(tmp_path / "w.mp4")]
    assert cli.main([*walk, "--log", str(path)]) == 0
    assert cli.main(["play", "--replay", str(path)]) == 0
    assert "6 steps done again" in capsys.readouterr().out
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert cli.main(["play", "--replay", str(path)]) == 0, "killed, but all that is there is the same"
    assert "the log has no end" in capsys.readouterr().out
    path.write_text("\n".join(lines)[:-20])
    assert cli.main(["play", "--replay", str(path)]) == 1
    assert "cut off in the middle" in capsys.readouterr().out
    lines[5] = json.dumps(json.loads(lines[5]) | {"action": [0.0, 0.0, 0.0, 0.123]})
    path.write_text("\n".join(lines) + "\n")
    assert cli.main(["play", "--replay", str(path)]) == 1
    assert "differs from step" in capsys.readouterr().out
    assert cli.main(["play", "--replay", str(path), "--seconds", "3"]) == 2
    assert "leave out --log and --seconds" in capsys.readouterr().err


def test_a_walk_is_never_written_over(folder: Path, tmp_path: Path) -> None:
    """Neither is the old one touched nor a film begun; an empty file is nobody's walk."""
    path, film = tmp_path / "walk.jsonl", tmp_path / "walk.mp4"
    path.write_text("somebody's walk\n")
    options = PlayOptions(str(folder), record=film, seconds=0.3, headless=True, log=path, size="64x48")
    with pytest.raises(ConfigError, match=r"walk\.jsonl: there already; choose another name, or delete it"):
        play(options, mind=ScriptedMind())
    assert path.read_text() == "somebody's walk\n" and not film.exists()
    path.write_text("")
    play(options, mind=ScriptedMind())
    assert replay(PlayOptions(replay=path), mind=ScriptedMind()).is_whole


def test_lines_carry_their_numbers(walked: str, tmp_path: Path) -> None:
    path = written_to(tmp_path, walked.splitlines()).replay
    assert path is not None
    assert [line.number for line in read_lines(path)] == list(range(2, len(walked.splitlines()) + 1))
