"""The `ats` command: instant help, one sentence and exit code 2 on bad input, one function per verb."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ats_sim import cli, doctor
from ats_sim.errors import CaptureError
from tests.toy_home import make_toy_home


def test_help_is_light_and_names_every_verb() -> None:
    code = (
        "import sys, time; start = time.process_time(); from ats_sim.cli import main; main(['--help']);"
        "heavy = {'torch', 'pybullet', 'onnxruntime', 'trimesh', 'moderngl', 'pyrender', 'cv2', 'av', 'pygame'};"
        "print(sorted(heavy & set(sys.modules)), time.process_time() - start < 1.0)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[] True"
    for verb in ("play", "view", "synthesize", "import", "reconstruct", "train", "evaluate", "check", "doctor"):
        assert f"ats {verb}" in shown


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_every_verb_explains_itself_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert "Example:" in shown and f"ats {verb}" in shown
    assert len(shown) < 12000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dance"], "no verb 'dance'"),
        (["play", "--home", "/nowhere/home"], "/nowhere/home"),
        (["play", "--size", "huge"], "WIDTHxHEIGHT"),
        (["play", "--record", "film.avi"], "must end in .mp4"),
        (["play", "--seconds", "-1"], "--seconds"),
        (["play", "--replay", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["play", "--replay", "a.jsonl", "--log", "b.jsonl"], "leave out --log"),
        (["play", "--log", "/nowhere/walk.jsonl", "--headless"], "/nowhere/walk.jsonl"),
        (["view", "--home", "/nowhere/home", "--port", "0"], "/nowhere/home"),
        (["view", "--port", "99999"], "--port 99999"),
        (["synthesize", "-o", "out", "--size", "big"], "size"),
        (["reconstruct", "/nowhere/capture", "-o", "out"], "/nowhere/capture: no such capture; `ats import`"),
        (["import", "tum", "/nowhere", "-o", "out"], "no such file or folder"),
        (["evaluate", "reconstruction", "/nowhere"], "--capture is missing"),
        (["evaluate", "behaviour", "/nowhere"], "/nowhere: no such home; pass 'default', a home folder or a .zip"),
        (["evaluate", "behaviour", "default", "--recon", "/nowhere"], "/nowhere: no such reconstruction"),
        (["evaluate", "reconstruction", "/nowhere", "--capture", "/gone"], "/nowhere: no such reconstruction"),
        (["evaluate", "closed-loop", "/nowhere"], "/nowhere: no such home; pass 'default', a home folder or a .zip"),
        (["evaluate", "closed-loop", "default", "--episodes", "0"], "--episodes 0"),
        (["evaluate", "closed-loop", "default", "--seconds", "-1"], "--seconds -1"),
        (["evaluate", "closed-loop", "default", "--moments", "-1"], "--moments -1"),
        (
            ["check", "/nowhere"],
            "/nowhere: no such home or capture; pass 'default', a home folder, a .zip of one, or a",
        ),
        (["train", "/nowhere", "-o", "out"], "/nowhere: no such reconstruction"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr().err
    assert code == 2
    assert sentence in said
    assert "Traceback" not in said


def test_missing_paths_and_options_are_told_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; from ats_sim.cli import main;"
        "print(main(['train', '/nowhere', '-o', 'out']), main(['evaluate', 'reconstruction', '/nowhere']),"
        "main(['evaluate', 'behaviour', '/nowhere']), main(['check', '/nowhere']));"
        "print(sorted({'torch', 'pybullet', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["2 2 2 2", "[]"]


def test_a_folder_that_is_no_reconstruction_is_not_called_a_missing_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", str(tmp_path), "-o", str(tmp_path / "home")]) == 2
    assert "no finished reconstruction" in capsys.readouterr().err


def test_a_folder_without_home_json_is_told_to_be_no_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "closed-loop", str(tmp_path)]) == 2
    assert "home.json is missing, so this is no home" in capsys.readouterr().err


@pytest.mark.parametrize("asked", [["--help"], ["closed-loop", "--help"], ["closed-loop", "default", "-h"]])
def test_help_of_evaluate_names_what_and_shows_each(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["evaluate", *asked])
    shown = capsys.readouterr().out
    assert "{reconstruction,behaviour,closed-loop} PATH" in " ".join(shown.split("\n\n")[0].split())
    for what in ("reconstruction recon --capture", "behaviour home --recon", "closed-loop default --episodes"):
        assert f"ats evaluate {what}" in shown


@pytest.mark.parametrize(("film", "code", "last"), [(True, 0, "needs works"), (False, 1, "absent here: film")])
def test_the_doctor_wraps_between_words_and_sums_up(
    film: bool, code: int, last: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "a driver that has very much to say about libEGL.so.1 and about everything else on this machine"
    findings = [
        doctor.Finding("moderngl + fork", False, told, "use forkserver", False),
        doctor.Finding("film", film, told, "" if film else "pip install av", True),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    monkeypatch.setenv("COLUMNS", "72")
    assert cli.main(["doctor"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert "no mix" in lines[0] and lines[-1].endswith(last)
    assert max(map(len, lines)) <= 72
    assert " ".join(" ".join(lines).split()).count(told) == 2, "every word is whole"


def test_unknown_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["reconstruct", "capture", "-o", "out", "--presett", "fast"])
    assert stop.value.code == 2
    assert "--presett" in capsys.readouterr().err


REPORT = {
    "videos": {"v00": {"accepted": True, "reason": ""}, "v01": {"accepted": False, "reason": "another home"}},
    "scene": {"faces": 12, "seen_m3": 3.0},
    "agent": {"found": False, "joints": 0, "seconds_valid": 0.0},
    "seconds": {"register": 61.0},
}


def test_options_reach_the_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, Any] = {}

    def reconstruct(capture: Path, output: Path, config: Any, resume: bool) -> dict[str, Any]:
        seen.update(capture=capture, output=output, config=config, resume=resume)
        return REPORT

    monkeypatch.setitem(sys.modules, "ats_sim.reconstruction.pipeline", SimpleNamespace(reconstruct=reconstruct))
    numbers = tmp_path / "numbers.json"
    words = ["reconstruct", "cap", "-o", "rec", "--preset", "fast", "--no-masks", "--no-resume", "--json", str(numbers)]
    assert cli.main(words) == 0
    assert (seen["capture"], seen["output"], seen["resume"]) == (Path("cap"), Path("rec"), False)
    assert (seen["config"].preset, seen["config"].masks) == ("fast", False)
    assert json.loads(numbers.read_text()) == REPORT
    shown = capsys.readouterr()
    assert "1 of 2 videos registered" in shown.out and "v01 was left out: another home" in shown.out
    assert "ats train rec" in shown.err


def test_a_reconstruction_is_not_called_a_broken_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever plays it is told what makes a home of it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "home.json").write_text("{}")
    assert cli.main(["evaluate", "closed-loop", str(tmp_path)]) == 2
    assert f"ats train {tmp_path} -o HOME" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "goes_on"), [([], True), (["--no-resume"], False)])
def test_a_stopped_training_says_whether_it_can_go_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    goes_on: bool,
) -> None:
    (tmp_path / "home").mkdir()

    def train(*_: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "ats_sim.models.training", SimpleNamespace(train=train))
    assert cli.main(["train", str(tmp_path), "-o", "home", *more]) == 130
    assert ("the same command goes on" in capsys.readouterr().err) == goes_on


def test_errors_of_a_room_become_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()

    def train(*_: Any) -> dict[str, Any]:
        raise CaptureError("v00, frame 12: depth/000012.png is missing")

    monkeypatch.setitem(sys.modules, "ats_sim.models.training", SimpleNamespace(train=train))
    assert cli.main(["train", str(tmp_path), "-o", "home"]) == 2
    assert capsys.readouterr().err == "ats: v00, frame 12: depth/000012.png is missing\n"


def test_check_lists_problems_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = make_toy_home(tmp_path / "home")
    (home / "scene.glb").write_bytes(b"changed")
    assert cli.main(["check", str(home)]) == 1
    assert "scene.glb" in capsys.readouterr().out


def test_check_tells_captures_from_homes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "capture.json").write_text('{"format": "ats-capture/1", "walkthrough": "gone", "videos": ["v00"]}')
    assert cli.main(["check", str(tmp_path)]) == 1
    assert "gone" in capsys.readouterr().out
