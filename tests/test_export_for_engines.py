"""A whole home is written for other engines, and what was recorded is cut where the animal was out of sight."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toy_home import make_toy_home, toy_recording, toy_skeleton

from ats_sim.errors import ConfigError
from ats_sim.gltf import read_scene
from ats_sim.home import Home
from ats_sim.reconstruction.export.for_engines import export_for_engines, recorded_stretches


@pytest.mark.slow
def test_a_home_is_written_whole(tmp_path: Path) -> None:
    pytest.importorskip("fast_simplification")
    home = Home.load(make_toy_home(tmp_path / "home"), require_policy=False)
    said: list[str] = []
    folder = export_for_engines(home, tmp_path / "out", shares=(0.5,), report=said.append)
    names = {path.name for path in folder.iterdir()}
    wanted = {"scene.glb", "agent.glb", "agent.urdf", "collision.obj", "scene_lod1.glb", "collision_parts.obj"}
    assert wanted | {"agent_hinges.urdf", "agent.srdf"} <= names
    assert len(read_scene(folder / "scene_lod1.glb").faces) <= len(home.scene.faces)
    assert ({"scene.usdc", "agent.usdc"} <= names) == any("USD, metres" in sentence for sentence in said)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    home = Home.load(make_toy_home(tmp_path / "home"), require_policy=False)
    with pytest.raises(ConfigError, match="another folder"):
        export_for_engines(home, tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_stretches_end_where_the_animal_is_lost() -> None:
    skeleton = toy_skeleton()
    recording = toy_recording(skeleton)
    valid = np.ones(200, dtype=bool)
    valid[[0, 50, 51, 199]] = False
    home = SimpleNamespace(recordings=[replace(recording, valid=valid)], skeleton=skeleton)
    assert [len(part) for part in recorded_stretches(home)] == [49, 147]  # type: ignore[arg-type]


def test_without_recordings_the_rig_may_still_stand() -> None:
    home = SimpleNamespace(recordings=[], skeleton=toy_skeleton())
    (still,) = recorded_stretches(home)  # type: ignore[arg-type]
    assert still.shape == (1, 26, 3) and not still.any()
