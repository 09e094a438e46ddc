"""Written clips, their key and somebody's answers are never lost by asking for clips again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ats_sim import cli
from ats_sim.errors import ConfigError
from ats_sim.play.blind.films import Handout
from ats_sim.play.blind.run import blind_test
from ats_sim.play.options import PlayOptions
from tests.toy_home import ScriptedMind, make_toy_home


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy")


def options(folder: Path, ratings: Path, count: int, **changes: Any) -> PlayOptions:
    return PlayOptions(str(folder), blind=count, seconds=1.0, ratings=ratings, size="64x48", headless=True, **changes)


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def test_written_clips_are_never_replaced(folder: Path, tmp_path: Path) -> None:
    """Not by the same command, and not by another: the key, the films and what somebody answered stay."""
    ratings = tmp_path / "ratings.json"
    first = blind_test(options(folder, ratings, 2), mind=ScriptedMind())
    assert isinstance(first, Handout) and first.is_new
    (first.folder / "answers.csv").write_text("clip,answer\n1,1\n2,0\n")
    before = contents(tmp_path)
    again = blind_test(options(folder, ratings, 2), mind=ScriptedMind())
    assert again == replace(first, is_new=False)
    assert "there already, nothing was written" in again.lines()[0]
    for count, changes, said in ((1, {}, "clips 2, this is 1"), (2, {"seed": 99}, "this is 99")):
        with pytest.raises(ConfigError, match=said) as refused:
            blind_test(options(folder, ratings, count, **changes), mind=ScriptedMind())
        assert str(first.folder) in str(refused.value) and str(first.key) in str(refused.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("lost", "said"), [("ratings.key.json", "key.json, which"), ("clip-001.mp4", "missing, or not")]
)
def test_what_is_left_of_written_clips_is_not_replaced(folder: Path, tmp_path: Path, lost: str, said: str) -> None:
    chosen = options(folder, tmp_path / "ratings.json", 1)
    blind_test(chosen, mind=ScriptedMind())
    next(tmp_path.rglob(lost)).unlink()
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match=said):
        blind_test(chosen, mind=ScriptedMind())
    assert contents(tmp_path) == before


def test_a_key_whose_clips_were_moved_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    chosen = options(folder, tmp_path / "ratings.json", 1)
    blind_test(chosen, mind=ScriptedMind())
    (tmp_path / "ratings").rename(tmp_path / "given away")
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="is not; nothing was changed"):
        blind_test(chosen, mind=ScriptedMind())
    assert contents(tmp_path) == before


def test_a_sheet_or_a_key_that_is_not_there_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blind_test(options(folder, tmp_path / "ratings.json", 1), mind=ScriptedMind())
    missing = str(tmp_path / "none.csv")
    assert cli.main(["play", "--answers", missing, "--ratings", str(tmp_path / "ratings.json")]) == 2
    said = capsys.readouterr().err
    assert f"{missing}: no such file; --answers wants" in said and "Errno" not in said
    assert cli.main(["play", "--answers", missing, "--ratings", str(tmp_path / "other.json")]) == 2
    assert "other.key.json: no such file; with --ratings" in capsys.readouterr().err
