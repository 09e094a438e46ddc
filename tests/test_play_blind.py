"""The blind test: fair clips, exact scores, and answers that survive leaving, on the toy home and a scripted mind."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp
from scipy.stats import binomtest

from ats_sim import cli
from ats_sim.agent import Agent
from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.perception import PAST
from ats_sim.play.blind.clips import PICTURES_PER_STEP, RATE, Clip, choose_clips, in_view, lived, picture_of
from ats_sim.play.blind.films import Handout
from ats_sim.play.blind.run import blind_test
from ats_sim.play.blind.scores import Scores, Share
from ats_sim.play.options import PlayOptions
from ats_sim.recorded import Recording
from ats_sim.rendering.home_renderer import HomeRenderer
from ats_sim.video import read_video
from ats_sim.world import World
from tests.toy_home import ScriptedMind, make_toy_home

SECONDS = 2.0
SMALL = "128x96"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("home") / "toy")


@pytest.fixture(scope="module")
def home(folder: Path) -> Home:
    return Home.load(folder, require_policy=False)


@pytest.fixture
def world(home: Home) -> Iterator[World]:
    opened = World(home, policy=ScriptedMind())
    yield opened
    opened.close()


@pytest.fixture
def rater(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], list[str]]:
    """Somebody at a window who presses these keys, one per picture; returns what is still to be pressed."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    keys: list[str] = []

    def get() -> list[Any]:
        if not keys:
            return []
        return [pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(keys.pop(0)))]

    monkeypatch.setattr(pygame.event, "get", get)

    def sit_down(wanted: Sequence[str]) -> list[str]:
        keys[:] = wanted
        return keys

    return sit_down


def options(folder: Path, ratings: Path, count: int = 5, **changes: Any) -> PlayOptions:
    chosen: dict[str, Any] = {"seed": 0, "size": SMALL, **changes}
    return PlayOptions(str(folder), blind=count, seconds=SECONDS, ratings=ratings, **chosen)


def with_recordings(home: Home, *recordings: Recording) -> Home:
    """The same home with other videos."""
    other = copy(home)
    other.__dict__["recordings"] = recordings
    return other


def test_truths_follow_from_the_seed_alone(home: Home) -> None:
    other = with_recordings(home, replace(home.recordings[0], name="another"), home.recordings[0])
    for seed in range(5):
        here, there = (choose_clips(one, 6, SECONDS, seed) for one in (home, other))
        assert [clip.is_recorded for clip in here] == [clip.is_recorded for clip in there]
        assert sum(clip.is_recorded for clip in here) == 3
        assert here == choose_clips(home, 6, SECONDS, seed)
    orders = {tuple(clip.is_recorded for clip in choose_clips(home, 6, SECONDS, seed)) for seed in range(12)}
    assert len(orders) > 5
    moments = {tuple(clip.start for clip in choose_clips(home, 6, SECONDS, seed)) for seed in range(12)}
    assert len(moments) > 5


def test_moments_are_apart_known_and_show_the_animal(home: Home) -> None:
    """18 s are known, of which the first 0.8 s can only be past: eight clips of 2 s fit in, and no ninth."""
    clips = choose_clips(home, 8, SECONDS, 0)
    firsts = np.sort([round(clip.start * 10) for clip in clips])
    assert (np.diff(firsts) >= 20).all() and firsts[0] >= 0 and firsts[-1] + PAST + 20 <= 180
    recording = home.recordings[0]
    for first in firsts:
        frames = np.arange(first + PAST, first + PAST + 20)
        cameras, places = recording.T_world_camera[frames], recording.T_world_root[frames, :3, 3]
        local = np.einsum("nij,ni->nj", cameras[:, :3, :3], places - cameras[:, :3, 3])
        assert (np.arctan2(np.hypot(local[:, 0], local[:, 1]), local[:, 2]) < np.radians(30.0)).all()
    with pytest.raises(ConfigError, match="in 8 moments"):
        choose_clips(home, 9, SECONDS, 0)


def test_moments_where_the_animal_is_out_of_the_picture_are_not_asked_about(home: Home) -> None:
    recording = home.recordings[0]
    turned = recording.T_world_camera.copy()
    turned[:100, :3, :3] = turned[:100, :3, :3] @ np.diag([-1.0, 1.0, -1.0])
    away = with_recordings(home, replace(recording, T_world_camera=turned))
    assert {clip.start >= 8.5 for clip in choose_clips(away, 3, SECONDS, 0)} == {True}
    with pytest.raises(ConfigError, match="well in"):
        choose_clips(away, 5, SECONDS, 0)


def test_a_home_without_recordings_is_named(home: Home) -> None:
    with pytest.raises(ConfigError, match="'toy' keeps no recordings"):
        choose_clips(with_recordings(home), 2, SECONDS, 0)


def test_a_recorded_clip_is_the_recording(home: Home, world: World) -> None:
    recording, clip = home.recordings[0], Clip(1, "walk", 3.0, True)
    moments = lived(world, clip, SECONDS, 0)
    assert len(moments) == SECONDS * RATE
    now = 30 + PAST - 1
    times = now + np.arange(1, len(moments) + 1) / PICTURES_PER_STEP
    roots = np.stack([moment.agents[0][0] for moment in moments])
    turns = Slerp(np.arange(200), Rotation.from_matrix(recording.T_world_root[:, :3, :3]))(times)
    assert roots[:, :3, :3] == pytest.approx(turns.as_matrix(), abs=1e-9)
    for axis in range(3):
        along = np.interp(times, np.arange(200), recording.T_world_root[:, axis, 3])
        assert roots[:, axis, 3] == pytest.approx(along, abs=1e-12)
    joints = np.stack([moment.agents[0][1] for moment in moments])
    assert joints[2::3] == pytest.approx(recording.joint_rotations[now + 1 : now + 21], abs=0)


def test_both_kinds_share_camera_length_and_beginning(home: Home, world: World) -> None:
    clip = Clip(1, "walk", 3.0, True)
    real, simulated = lived(world, clip, SECONDS, 0), lived(world, replace(clip, is_recorded=False), SECONDS, 0)
    assert len(real) == len(simulated)
    assert all((a.T_world_camera == b.T_world_camera).all() for a, b in zip(real, simulated, strict=True))
    places = [np.stack([moment.agents[0][0][:3, 3] for moment in one]) for one in (real, simulated)]
    apart = np.linalg.norm(places[0] - places[1], axis=1)
    assert apart[0] < 0.05 < apart.max()
    assert in_view(home, real) == 1.0


def test_where_the_motion_is_the_same_so_are_the_pictures(
    home: Home, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulated animal that happens to move as the recorded one did is drawn with the same bits."""
    clip, recording = Clip(1, "walk", 3.0, False), home.recordings[0]

    def follow(agent: Agent, obstacles: object = ()) -> None:
        assert world.replay is not None
        agent.roots = recording.T_world_root[world.replay.past].copy()
        agent.joints = recording.joint_rotations[world.replay.past].copy()

    monkeypatch.setattr(Agent, "follow", follow)
    simulated, real = (lived(world, replace(clip, is_recorded=kind), SECONDS, 0) for kind in (False, True))
    renderer = HomeRenderer(home, 128, 96)
    try:
        for one, other in list(zip(simulated, real, strict=True))[::10]:
            assert (picture_of(renderer, one, (128, 96)) == picture_of(renderer, other, (128, 96))).all()
    finally:
        renderer.close()


@pytest.mark.parametrize(("hits", "of"), [(0, 5), (5, 5), (3, 7), (55, 100), (1, 1)])
def test_intervals_are_wilsons(hits: int, of: int) -> None:
    theirs = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    assert Share(hits, of).interval == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_scores_count_what_they_say() -> None:
    pairs = [("recorded", "recorded")] * 3 + [("recorded", "simulated")] + [("simulated", "recorded")] * 2
    scores = Scores.of([*pairs, ("simulated", "simulated"), ("simulated", "unsure")])
    assert scores == Scores(Share(2, 4), Share(3, 4), Share(4, 7), 1)
    shown = "\n".join(scores.lines())
    for part in ("50 %  (2 of 4", "75 %  (3 of 4", "57 %  (4 of 7", "1 of 8"):
        assert part in shown
    assert Scores.of([]).lines() == ["no answer yet"]


def test_who_always_says_recorded_gets_exact_shares(folder: Path, tmp_path: Path, rater: Any) -> None:
    rater(["1"] * 5)
    scores = blind_test(options(folder, tmp_path / "ratings.json"), mind=ScriptedMind())
    assert scores == Scores(Share(2, 2), Share(3, 3), Share(3, 5), 0)


def test_a_test_that_was_left_goes_on(folder: Path, home: Home, tmp_path: Path, rater: Any) -> None:
    ratings = tmp_path / "ratings.json"
    left = rater(["x", "2", "r", "0", "escape", "1"])
    first = blind_test(options(folder, ratings), mind=ScriptedMind())
    assert left == ["1"] and isinstance(first, Scores) and first.count == 2
    stored = json.loads(ratings.read_text())
    assert (stored["fingerprint"], stored["seed"], stored["clips"]) == (home.fingerprint, 0, 5)
    clips = choose_clips(home, 5, SECONDS, 0)
    left = rater(["1", "1", "1", "1"])
    blind_test(options(folder, ratings), mind=ScriptedMind())
    assert left == ["1"], "three were open"
    answers = json.loads(ratings.read_text())["answers"]
    assert [(one["clip"], one["video"], one["start"]) for one in answers] == [
        (c.number, c.video, c.start) for c in clips
    ]
    assert [one["truth"] == "recorded" for one in answers] == [clip.is_recorded for clip in clips]
    assert [one["answer"] for one in answers] == ["simulated", "unsure", "recorded", "recorded", "recorded"]
    assert [one["replays"] for one in answers] == [0, 1, 0, 0, 0]
    assert all(one["seconds"] > 0.0 and 0.0 <= one["in_view"] <= 1.0 for one in answers)
    before = ratings.read_bytes()
    blind_test(options(folder, ratings), mind=ScriptedMind())
    assert ratings.read_bytes() == before, "nothing was open, so nothing was asked"


def test_answers_to_another_test_are_not_gone_on_with(folder: Path, tmp_path: Path, rater: Any) -> None:
    ratings = tmp_path / "ratings.json"
    rater(["1", "q"])
    blind_test(options(folder, ratings), mind=ScriptedMind())
    with pytest.raises(ConfigError, match="begun with seed 0, this is 1"):
        blind_test(options(folder, ratings, seed=1), mind=ScriptedMind())
    stored = json.loads(ratings.read_text())
    for wrong in ({"truth": "other"}, {"seconds": "soon"}, {"start": 99.0}, {"answer": "maybe"}):
        ratings.write_text(json.dumps({**stored, "answers": [{**stored["answers"][0], **wrong}]}))
        with pytest.raises(ConfigError, match="answer 1|rating 1"):
            blind_test(options(folder, ratings), mind=ScriptedMind())
    ratings.write_text("{}")
    with pytest.raises(ConfigError, match="ats-blind/1"):
        blind_test(options(folder, ratings), mind=ScriptedMind())


@pytest.fixture(scope="module")
def handout(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Handout:
    ratings = tmp_path_factory.mktemp("blind") / "ratings.json"
    written = blind_test(options(folder, ratings, headless=True), mind=ScriptedMind())
    assert isinstance(written, Handout)
    return written


def test_without_a_screen_films_and_a_key_are_written(home: Home, handout: Handout) -> None:
    clips = choose_clips(home, 5, SECONDS, 0)
    assert [one.truth == "recorded" for one in handout.sealed] == [clip.is_recorded for clip in clips]
    films = sorted(handout.folder.glob("*.mp4"))
    assert [film.name for film in films] == [one.film for one in handout.sealed]
    pictures = list(read_video(films[0]))
    assert len(pictures) == SECONDS * RATE and pictures[0].shape == (96, 128, 3)
    told = "".join(path.read_text() for path in handout.folder.iterdir() if path.suffix != ".mp4")
    assert "recorded" not in told and "simulated" not in told, "what is handed out does not tell"
    assert str(handout.folder) in handout.lines()[0] and "in view" in handout.lines()[2]


def test_a_sheet_of_answers_is_scored(handout: Handout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "answers.csv"
    rows = list(csv.reader((handout.folder / "answers.csv").read_text().splitlines()))
    truths = {one.clip: one.truth for one in handout.sealed}

    def score(answers: Sequence[str]) -> Any:
        filled = [rows[0], *([clip, answer] for (clip, _), answer in zip(rows[1:], answers, strict=True))]
        sheet.write_text("\n".join(",".join(row) for row in filled))
        return blind_test(PlayOptions(answers=sheet, ratings=handout.ratings))

    right = ["1" if truths[int(clip)] == "recorded" else "2" for clip, _ in rows[1:]]
    assert score(right) == Scores(Share(0, 2), Share(3, 3), Share(5, 5), 0)
    assert score(["1", "", "", "0", ""]).count == 2
    assert cli.main(["play", "--answers", str(sheet), "--ratings", str(handout.ratings)]) == 0
    assert "1 of 2" in capsys.readouterr().out
    for wrong in ("3", "yes"):
        with pytest.raises(ConfigError, match="line 2"):
            score([wrong, "", "", "", ""])
    with pytest.raises(ConfigError, match="no clip has an answer"):
        score([""] * 5)


def test_a_key_that_was_changed_is_refused(handout: Handout, tmp_path: Path) -> None:
    sheet = tmp_path / "answers.csv"
    sheet.write_text("clip,answer\n1,1\n")
    before = handout.key.read_text()
    try:
        handout.key.write_text(before.replace('"simulated"', '"recorded"', 1))
        with pytest.raises(ConfigError, match="not the key"):
            blind_test(PlayOptions(answers=sheet, ratings=handout.ratings))
    finally:
        handout.key.write_text(before)


def test_a_folder_with_other_things_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ratings").mkdir()
    (tmp_path / "ratings" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no clips are in it"):
        blind_test(options(folder, tmp_path / "ratings.json", headless=True), mind=ScriptedMind())
    assert (tmp_path / "ratings" / "thesis.txt").read_text() == "mine"


WRONG: tuple[dict[str, Any], ...] = (
    {"blind": 0}, {"blind": 4, "agents": 2}, {"blind": 4, "seconds": 0.5}, {"blind": 4, "log": Path("walk.jsonl")},
    {"blind": 4, "answers": Path("a.csv")}, {"ratings": Path("ratings.txt")}, {"seed": -1},
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PlayOptions(**wrong)
