"""The doctor survives whatever it examines, and names the line that mends it."""

from __future__ import annotations

import pytest

from ats_sim import cli, doctor
from ats_sim.doctor import Trial, examine


def test_a_trial_that_works_fails_crashes_or_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SECONDS", 2.0)
    trials = (
        Trial("works", "print('fine')", "nothing"),
        Trial("fails", "raise ImportError('libEGL.so.1')", "sudo apt-get install -y libegl1"),
        Trial("crashes", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "mend it"),
        Trial("hangs", "import time; time.sleep(60)", "mend it"),
        Trial("environment", "import os; print(os.environ['COLOUR'])", "", environment={"COLOUR": "green"}),
    )
    found = {finding.name: finding for finding in examine(trials)}
    assert found["works"].works and found["works"].detail == "fine" and found["works"].fix == ""
    assert not found["fails"].works and "libEGL.so.1" in found["fails"].detail and "libegl1" in found["fails"].fix
    assert not found["crashes"].works and "signal 9" in found["crashes"].detail
    assert not found["hangs"].works and "no answer" in found["hangs"].detail
    assert found["environment"].detail == "green"


def test_ray_casting_physics_and_networks_work_here(capsys: pytest.CaptureFixture[str]) -> None:
    needed = tuple(trial for trial in doctor.TRIALS if trial.is_needed)
    assert {trial.name.split()[0] for trial in needed} == {"raycast", "film", "physics", "networks"}
    assert [finding.name for finding in examine(needed) if not finding.works] == []


def test_the_table_names_what_is_absent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        doctor.Finding("raycast", True, "needs no OpenGL", "", True),
        doctor.Finding("film", False, "no av", "pip install av", True),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert cli.main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "pip install av" in shown and "absent" in shown and "works" in shown


def test_what_does_not_mix_is_found_and_named() -> None:
    mixing = tuple(trial for trial in doctor.TRIALS if " + " in trial.name)
    found = {finding.name: finding for finding in examine(mixing)}
    if "no EGL context" in found["moderngl + moderngl"].detail:
        pytest.skip("no OpenGL here")
    assert found["moderngl + moderngl"].works
    assert found["moderngl + window of SDL"].works
    fork = found["moderngl + fork"]
    assert fork.verdict == ("works" if fork.works else "no mix")
    assert "ats-sim" in fork.detail
    for finding in found.values():
        assert finding.works or finding.fix


def test_verdicts_tell_absent_from_unmixable() -> None:
    assert doctor.Finding("film", False, "", "pip install av", True).verdict == "absent"
    assert doctor.Finding("a + b", False, "", "apart", False).verdict == "no mix"
    assert doctor.Finding("a + b", True, "", "", False).verdict == "works"
