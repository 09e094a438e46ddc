"""The report of the closed loop: one page that needs nothing else, with the numbers that the JSON holds."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ats_sim.envs.closed_loop import summarise, watch
from ats_sim.envs.closed_loop_config import ClosedLoopConfig
from ats_sim.envs.closed_loop_episodes import replay_starts
from ats_sim.envs.closed_loop_lives import Lives
from ats_sim.envs.closed_loop_pictures import heat_map, plot_svg
from ats_sim.envs.closed_loop_report import write_report
from ats_sim.geometry import look_at
from ats_sim.home import Home, seal_home
from ats_sim.recorded import Recording, write_recordings
from tests.toy_home import ScriptedMind, make_toy_home, recorded_roots, toy_skeleton

VOID = {"meta", "img", "br", "path", "text", "polyline", "link"}


class Page(HTMLParser):
    """Checks that tags nest, and collects what a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def recorded_home(folder: Path) -> Path:
    """The toy home with two videos of 16 s: somebody walks to and fro beside the animal's round, which is lost once."""
    home = Home.load(make_toy_home(folder), require_policy=False)
    time = np.arange(160) / 10.0
    recordings = []
    for name, phase in (("v00", 0.0), ("v01", 1.0)):
        x = -0.5 + 1.2 * np.sin(time + phase)
        cameras = np.array([look_at(np.array([a, -0.5, 1.4]), np.array([-0.8, 0.5, 0.2])) for a in x])
        valid = np.ones(160, dtype=bool)
        valid[100:104] = False
        recordings.append(Recording(name, time, recorded_roots()[:160], np.zeros((160, 26, 3)), cameras, valid))
    write_recordings(folder / "recordings.npz", recordings)
    seal_home(
        folder, name="toy", skeleton=home.skeleton, T_home_scene=np.eye(4), provenance={"made": "by hand"}, metrics={}
    )
    return folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lives, dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("life")
    home = Home.load(recorded_home(folder / "toy"), require_policy=False)
    config = ClosedLoopConfig(episodes=3, seconds=12.0, moments=200)
    lives = watch(home, ScriptedMind(), config)
    summary = {"episodes": 3, "seconds": 12.0, **summarise(lives)}
    write_report(folder / "report", lives, summary)
    return lives, summary, folder / "report"


def test_the_json_holds_the_summary(watched: tuple[Lives, dict[str, Any], Path]) -> None:
    _, summary, folder = watched
    assert json.loads((folder / "closed_loop.json").read_text()) == json.loads(json.dumps(summary))


def test_the_page_is_whole_and_loads_nothing(watched: tuple[Lives, dict[str, Any], Path]) -> None:
    text = (watched[2] / "closed_loop.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.sources and all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not re.search(r"https?://|<script|@import|url\(", text)


def test_the_page_holds_the_numbers(watched: tuple[Lives, dict[str, Any], Path]) -> None:
    _, summary, folder = watched
    words = " ".join(Page((folder / "closed_loop.html").read_text()).words)
    for name in ("recorded", "sits", "chases"):
        for key in ("speed_p95", "foot_skate_mean", "penetration_p99", "share_standing"):
            assert f"{summary[name][key]:.3g}" in words
    assert f"{summary['reaction']['retreat']['moments, recorded']['size']:+.3f}" in words


def test_a_chaser_gets_nearer_than_a_sitter(watched: tuple[Lives, dict[str, Any], Path]) -> None:
    assert watched[1]["chasing"]["distance_against_sitting"] < -1.0


def test_replayed_observers_go_where_the_recorded_ones_went(watched: tuple[Lives, dict[str, Any], Path]) -> None:
    lives, summary, _ = watched
    first, second = lives.simulated["replay"][:2]
    for track, recording in zip((first, second), lives.home.recordings, strict=True):
        count = len(track.roots)
        assert track.observer == pytest.approx(recording.T_world_camera[7 : 7 + count, :3, 3], abs=1e-6)
        assert track.roots[0] == pytest.approx(recording.T_world_root[7], abs=0.05)
    assert summary["compared"] == "replay"
    retreat = summary["reaction"]["retreat"]
    assert retreat["moments, recorded"]["moments"] == retreat["moments, simulated"]["moments"] > 50
    assert retreat["episodes, replay"]["moments"] > 100
    assert np.isfinite(retreat["ratio_interval"]).all()


def test_moments_lived_anew_share_the_past_and_the_observer_but_not_the_future(
    watched: tuple[Lives, dict[str, Any], Path],
) -> None:
    recorded, simulated = (watched[0].anew[name][0] for name in ("recorded", "simulated"))
    assert simulated.approach == pytest.approx(recorded.approach) and simulated.pace == pytest.approx(recorded.pace)
    assert not np.allclose(simulated.hurry, recorded.hurry, atol=0.01)


def test_replays_start_where_the_animal_is_known_and_cover_every_video(
    watched: tuple[Lives, dict[str, Any], Path],
) -> None:
    home = watched[0].home
    starts = replay_starts(home, 8, 5.0)
    order = [(video, seconds) for seconds in (0.0, 5.0, 10.4) for video in ("v00", "v01")]
    assert [(start.video, start.seconds) for start in starts] == [*order, *order[:2]]


def test_tracks_hold_what_the_world_did(watched: tuple[Lives, dict[str, Any], Path]) -> None:
    lives = watched[0]
    track = lives.simulated["chases"][0]
    assert len(track.roots) == 121 and track.valid.all()
    # A plan at the reset and every half second from then on, or earlier where the way was barred.
    joins = np.flatnonzero(track.joined)
    assert joins[0] == 0 and np.diff(joins).max() == 5
    assert np.isfinite(track.plan_inside).all()


def test_a_home_without_recordings_is_watched_too(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    (folder / "recordings.npz").unlink()
    seal_home(folder, name="toy", skeleton=toy_skeleton(), T_home_scene=np.eye(4), provenance={}, metrics={})
    lives = watch(Home.load(folder, require_policy=False), ScriptedMind(), ClosedLoopConfig(2, 3.0, 50))
    summary = {"episodes": 2, "seconds": 3.0, **summarise(lives)}
    write_report(tmp_path, lives, summary)
    assert summary["compared"] == "sits" and summary["reaction"]["startle"]["moments, recorded"] is None
    assert "Too few meetings to tell" in (tmp_path / "closed_loop.html").read_text()


@pytest.mark.parametrize("moments", [0, 60])
def test_one_short_episode_tells_no_effects_and_says_so(tmp_path: Path, moments: int) -> None:
    home = Home.load(recorded_home(tmp_path / "toy"), require_policy=False)
    lives = watch(home, ScriptedMind(), ClosedLoopConfig(1, 1.0, moments))
    summary = {"episodes": 1, "seconds": 1.0, **summarise(lives)}
    write_report(tmp_path, lives, summary)
    text = (tmp_path / "closed_loop.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(summary, allow_nan=False))
    assert set(summary["chasing"].values()) == {None}
    assert summary["switches"]["past"]["speed_effect"] is None
    words = " ".join(Page((tmp_path / "closed_loop.html").read_text()).words)
    assert "distance n/a, speed n/a" in words and "nan" not in words


def test_heat_maps_show_where_points_are_and_nothing_elsewhere(watched: tuple[Lives, dict[str, Any], Path]) -> None:
    volume = watched[0].home.perception
    empty = heat_map(volume, np.zeros((0, 3)))
    shown = heat_map(volume, np.tile([-1.5, 1.0, 0.2], (50, 1)))
    rows, columns = np.nonzero((empty != shown).any(-1))
    low, high = volume.bounds
    x = low[0] + columns.mean() / empty.shape[1] * (high - low)[0]
    y = high[1] - rows.mean() / empty.shape[0] * (high - low)[1]
    assert [x, y] == pytest.approx([-1.5, 1.0], abs=0.2)
    assert len(np.unique(rows)) == len(np.unique(columns)) == 6


def test_plots_escape_names_and_put_points_where_they_belong() -> None:
    svg = plot_svg("a<b", "x", "y", {"one": (np.array([0.0, 1.0]), np.array([0.0, 1.0]))}, (0.0, 1.0), (0.0, 1.0))
    assert "a<b" not in svg and "a&lt;b" in svg
    assert 'points="44.0,156.0 322.0,24.0"' in svg
