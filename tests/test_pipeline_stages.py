"""The pipeline resumes what did not change, refuses what is not its own, and never reads what it must not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ats_sim.errors import CaptureError, ConfigError, ReconstructionError
from ats_sim.files import write_json, write_npz
from ats_sim.gltf import read_scene, write_agent
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction import pipeline
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.video import Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.evaluation import evaluate_reconstruction
from ats_sim.reconstruction.pipeline import reconstruct, summary_numbers
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.skeleton import Skeleton
from tests.toy_room import FLOOR, agent_mesh, write_capture

FAST = ReconstructConfig(preset="fast", voxel_size=0.05, renders=True)


def true_agent(capture: Capture, output: Path, config: ReconstructConfig) -> None:
    """In place of the fit, which has tests of its own: the box where it was."""
    mesh = agent_mesh(np.zeros(3))
    count = len(mesh.vertices)
    skeleton = Skeleton(("root",), np.array([-1]), np.eye(4)[None])
    skinned = SkinnedMesh(mesh, np.zeros((count, 4), np.int32), np.tile(np.float32([1, 0, 0, 0]), (count, 1)), skeleton)
    write_agent(output / "agent.glb", skinned, [])
    write_json(output / "agent_skeleton.json", skeleton.to_json())
    arrays = {}
    for video in capture.videos:
        frames = len(video)
        arrays |= {
            f"{video.name}/time": video.times,
            f"{video.name}/valid": np.ones(frames, bool),
            f"{video.name}/T_world_root": (video.ground_truth or {})["T_world_root"],
            f"{video.name}/joint_rotations": np.zeros((frames, 1, 3)),
        }
    write_npz(output / "motion.npz", **arrays)


def no_home(capture: Capture, output: Path, config: ReconstructConfig) -> None:
    (output / "home").mkdir(exist_ok=True)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_capture(tmp_path_factory.mktemp("pipeline") / "capture", odometry=(True,))


@pytest.fixture(scope="module")
def done(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], set[tuple[str, int]]]:
    """A finished reconstruction, its summary, and which frames the fusion of the scene read."""
    output = tmp_path_factory.mktemp("output") / "recon"
    read: set[tuple[str, int]] = set()
    depth, stage = Video.depth, pipeline.fuse_scene

    def spied(video: Video, index: int) -> Any:
        read.add((video.name, index))
        return depth(video, index)

    def spied_fuse(*arguments: Any) -> None:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Video, "depth", spied)
            stage(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "fit_agent", true_agent)
        patch.setattr(pipeline, "_home", no_home)
        patch.setattr(pipeline, "fuse_scene", spied_fuse)
        summary = reconstruct(capture, output, FAST)
    return output, summary, read


def test_every_promised_file_is_there(done: tuple[Path, dict[str, Any], Any]) -> None:
    output, summary, _ = done
    for name in (
        "cameras.json",
        "motion.npz",
        "scene.safetensors",
        "scene.glb",
        "agent.glb",
        "report.html",
        "home",
        "renders/v00/rgb/000000.png",
        "renders/v00/depth/000020.png",
        "renders/v00/mask/000009.png",
    ):
        assert (output / name).exists(), name
    assert json.loads((output / "report.json").read_text())["scene"] == summary["scene"]
    assert not [path for path in output.rglob(".*") if path.name != ".stages"]
    assert summary["scene"]["floor_height_m"] == pytest.approx(FLOOR, abs=0.02)
    assert summary_numbers(summary)["videos.v00.lost"] == 0
    page = (output / "report.html").read_text()
    assert "<svg" in page and "data:image" in page and "http://" not in page and "https://" not in page


def test_held_out_frames_never_reach_the_scene(done: tuple[Path, Any, set[tuple[str, int]]]) -> None:
    frames = {index for name, index in done[2] if name == "v00"}
    assert len(frames) > 5 and not frames & {9, 19}


def test_the_reconstruction_is_close_to_the_truth(done: tuple[Path, Any, Any], capture: Path) -> None:
    scores = evaluate_reconstruction(done[0], capture)
    assert scores["registration"]["all"]["lost"] == 0 and scores["registration"]["all"]["centre_m_mean"] < 0.03
    assert scores["pictures"]["all"]["depth_acc_all_10cm"] > 0.9
    assert scores["agent"]["root_m_mean"] == pytest.approx(0.0, abs=1e-6)
    assert "ground_truth" in json.loads((done[0] / "report.json").read_text())
    assert read_scene(done[0] / "scene.glb").colors is not None


def test_a_second_run_keeps_what_did_not_change(
    done: tuple[Path, Any, Any], capture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so; scores against the truth are lost only with what they were scores of."""
    evaluate_reconstruction(done[0], capture)
    ran: list[str] = []
    for name in ("_register", "fuse_scene", "_renders"):
        monkeypatch.setattr(pipeline, name, lambda *_, name=name: ran.append(name))
    monkeypatch.setattr(pipeline, "fit_agent", true_agent)
    monkeypatch.setattr(pipeline, "_home", lambda *rest: (ran.append("_home"), no_home(*rest)))
    again = reconstruct(capture, done[0], FAST)
    assert ran == [] and again["kept"] == ["register", "fuse", "agent", "home", "renders"]
    assert "registration" in again["ground_truth"] and "made anew" not in capsys.readouterr().err
    changed = reconstruct(capture, done[0], replace(FAST, agent_body="human"))
    assert changed["kept"] == ["register", "fuse"] and "ground_truth" not in changed
    assert "agent: capture, options or version are not those of what is there" in capsys.readouterr().err
    assert ran == ["_home", "_renders"]  # the agent was fitted anew, and what stands on it
    ran.clear()
    reconstruct(capture, done[0], ReconstructConfig(preset="fast", voxel_size=0.055, renders=True))
    assert ran[:2] == ["_register", "fuse_scene"]


@pytest.mark.parametrize("kind", ["file", "foreign folder"])
def test_what_is_not_a_reconstruction_is_left_alone(capture: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / "thesis"
    if kind == "file":
        output.write_text("dear reader")
    else:
        output.mkdir()
        (output / "chapter.txt").write_text("dear reader")
    with pytest.raises(ReconstructionError, match="thesis"):
        reconstruct(capture, output, FAST)


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there_is_said_at_once(capture: Path, tmp_path: Path, device: str) -> None:
    with pytest.raises(ConfigError, match=f"device {device}: this torch cannot use it"):
        reconstruct(capture, tmp_path / "recon", ReconstructConfig(device=device))
    assert not (tmp_path / "recon").exists()


def test_a_missing_capture_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(CaptureError):
        reconstruct(tmp_path / "nowhere", tmp_path / "recon", FAST)
    assert not (tmp_path / "recon").exists()


def test_a_capture_of_which_nothing_fits_says_so(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "c", odometry=(), foreign=True, frames=8)
    with pytest.raises(ReconstructionError, match="no video could be registered"):
        reconstruct(folder, tmp_path / "recon", FAST)
    assert not Cameras.read(tmp_path / "recon" / "cameras.json").accepted()
    with pytest.raises(ReconstructionError, match="no video could be registered"):
        reconstruct(folder, tmp_path / "recon", FAST)


def test_a_picture_that_breaks_off_is_named_and_nothing_is_left(capture: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(capture, tmp_path / "broken"))
    picture = broken / "v00" / "images" / "000003.jpg"
    picture.write_bytes(picture.read_bytes()[:900])
    with pytest.raises(CaptureError, match="000003.jpg"):
        reconstruct(broken, tmp_path / "recon", FAST)
    assert not (tmp_path / "recon").exists()


@pytest.mark.parametrize("voxel_size", [0.0, -1.0, 5.0, float("nan")])
def test_absurd_settings_are_refused(voxel_size: float) -> None:
    with pytest.raises(ConfigError, match="--voxel-size"):
        ReconstructConfig(voxel_size=voxel_size)


def test_an_unknown_body_is_refused() -> None:
    with pytest.raises(ConfigError, match="agent_body 'octopus': there is quadruped"):
        ReconstructConfig(agent_body="octopus")  # type: ignore[arg-type]
