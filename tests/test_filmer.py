"""An observer like the one who filmed: the toy recording's height, speed, turns and lens, in worlds and pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import ats_sim  # noqa: F401
from ats_sim.errors import ConfigError
from ats_sim.filmer import Filmer
from ats_sim.geometry import Intrinsics
from ats_sim.home import Home
from ats_sim.observer import ObserverOptions
from ats_sim.recorded import read_recordings, write_recordings
from tests.toy_home import ScriptedMind, make_toy_home, toy_recording, toy_skeleton

FIELD_OF_VIEW = 2 * np.arctan(0.5 * 144 / 150.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("filmer") / "toy")


@pytest.fixture(scope="module")
def home(folder: Path) -> Home:
    return Home.load(folder, require_policy=False)


def test_the_lens_is_kept_with_the_recording(tmp_path: Path) -> None:
    video = toy_recording(toy_skeleton())
    write_recordings(tmp_path / "r.npz", [video, replace(video, name="old", lens=None)])
    old, new = read_recordings(tmp_path / "r.npz", toy_skeleton().num_joints)
    assert old.lens is None and new.lens == video.lens


def test_who_filmed(home: Home) -> None:
    filmer, video = Filmer.of(home), toy_recording(toy_skeleton())
    steps = np.linalg.norm(np.diff(video.T_world_camera[:180, :2, 3], axis=0), axis=1) * 10
    assert filmer.eye_height == pytest.approx(1.4, abs=1e-3) and filmer.lowest == pytest.approx(1.4, abs=2e-3)
    assert filmer.speed == pytest.approx(np.percentile(steps, 99), abs=0.02)
    assert filmer.field_of_view == pytest.approx(FIELD_OF_VIEW)
    body = filmer.body(ObserverOptions(speed=0.05))
    assert body.speed == body.crouch_speed == 0.05 and body.run_speed == filmer.speed  # as slow as was asked for
    assert body.eye_height == filmer.eye_height >= body.crouch_height


def test_a_lens_is_the_same_on_pictures_of_any_size(home: Home) -> None:
    filmer = Filmer.of(home)
    for height in (144, 300):
        eyes = filmer.eyes(Intrinsics.from_fov(1.0, 2 * height, height))
        assert 2 * np.arctan(0.5 * height / eyes.fl_y) == pytest.approx(FIELD_OF_VIEW) and eyes.width == 2 * height
    usual = Intrinsics.from_fov(1.0, 64, 48)
    assert replace(filmer, field_of_view=None).eyes(usual) == usual


def test_nothing_they_do_is_unlike_but_for_where_they_stand(folder: Path) -> None:
    found = {}
    for build in ("anybody", "filmer"):
        env = gym.make("ATSHome-v0", home=str(folder), policy=ScriptedMind(), observer=build)
        env.reset(seed=0, options={"observer_pose": np.array([-2.0, -1.4, 0.0])})
        env.unwrapped.set_stance("run")
        found[build] = max(
            env.step(np.array([1.0, 0.0, 1.0, 0.0], np.float32))[4]["observer_unlike"] for _ in range(12)
        )
        env.close()
    assert found["anybody"] >= 0.5 and found["filmer"] <= 0.25  # of four habits the distance alone is theirs to choose


def test_they_see_through_the_phone(folder: Path) -> None:
    depths = {}
    for build in ("anybody", "filmer"):
        env = gym.make(
            "ATSHome-v0", home=str(folder), policy=ScriptedMind(), observer=build, obs_mode="rgbd", width=64, height=48,
            renderer="raycast",
        )  # fmt: skip
        seen, _ = env.reset(seed=0, options={"observer_pose": np.array([0.0, 0.0, 0.0])})
        depths[build] = seen["depth"][:, 5, 0]
        env.close()
    # Both stand at one place, so that a row of one picture is another row of the other: farther out by the ratio of
    # their focal lengths.
    rows = np.arange(48)
    ratio = np.tan(0.5 * FIELD_OF_VIEW) / np.tan(np.deg2rad(30.0))
    same = np.interp(23.5 + (rows - 23.5) * ratio, rows, depths["anybody"])
    assert np.abs(depths["filmer"] - same)[:5].max() < 0.03  # of the ceiling, whose depth differs from row to row
    assert np.abs(depths["filmer"] - depths["anybody"])[:5].max() > 0.2


def test_a_home_without_recordings_knows_nobody(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    home = Home.load(folder, require_policy=False)
    bare = replace(home, files={name: path for name, path in home.files.items() if name != "recordings.npz"})
    with pytest.raises(ConfigError, match="no recordings that tell who filmed"):
        Filmer.of(bare)


def test_builds_that_do_not_exist(folder: Path) -> None:
    with pytest.raises(ConfigError, match="observer='giant'"):
        gym.make("ATSHome-v0", home=str(folder), policy=ScriptedMind(), observer="giant")
