"""One flag makes the scene a neural field; everything after it reads the same files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ats_sim.reconstruction import pipeline
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.pipeline import reconstruct
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.registration.features.frames import frame_features
from ats_sim.reconstruction.scene.build import chosen_frames
from ats_sim.reconstruction.scene.field import build as field_build
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.field.rendering import render_view
from ats_sim.reconstruction.scene.field.storage import read_field
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.scene_map import SceneMap
from tests.test_pipeline_stages import no_home, true_agent
from tests.toy_room import CAMERA, room, walk, write_capture

OPTIONS = FieldConfig(
    steps=40, rays=512, plane_cell=0.08, plane_channels=6, hidden=16, pixels_per_frame=1500, checkpoint_every=25
)


def true_cameras(capture: Capture, output: Path, config: ReconstructConfig) -> None:
    """In place of registration, which has tests of its own."""
    videos = {}
    for video in capture.videos:
        poses, every = (video.ground_truth or {})["T_world_camera"], np.ones(len(video))
        videos[video.name] = RegisteredVideo(True, "", CAMERA, video.times, poses, every, every.astype(bool), {})
    Cameras(videos).write(output / "cameras.json")


def like_the_descriptor(field: SceneField, capture: Capture, output: Path, config: ReconstructConfig) -> float:
    """By how much rendered features resemble the descriptor's own at the same pixels more than at others (cosines)."""
    parts = chosen_frames(capture, Cameras.read(output / "cameras.json"), config)
    video, frame, T = parts[1].video, int(parts[1].indices[2]), parts[1].T_world_camera[2]
    with frame_features(parts, config, output / ".stages" / "features") as features:
        true = features(video.name, frame).astype(np.float32)
    rendered = render_view(field, CAMERA, T)[2]
    assert rendered is not None and rendered.shape[2] == true.shape[2]
    there = cv2.resize(rendered, true.shape[1::-1], interpolation=cv2.INTER_AREA)
    length = np.maximum(np.linalg.norm(there, axis=2), 1e-6)
    same, other = ((there * picture).sum(2) / length for picture in (true, true[::-1, ::-1]))
    return float(same.mean() - other.mean())


def test_the_flag_makes_a_field_that_downstream_need_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture, output = write_capture(tmp_path / "capture", odometry=(True,)), tmp_path / "recon"
    for name, stage in (("_register", true_cameras), ("fit_agent", true_agent), ("_home", no_home)):
        monkeypatch.setattr(pipeline, name, stage)
    monkeypatch.setattr(field_build, "field_config", lambda *_, **__: OPTIONS)
    plain = ReconstructConfig(preset="fast", voxel_size=0.06)
    reconstruct(capture, output, plain)
    fused = SceneMap.read(output / "scene.safetensors")
    assert read_field(output / "scene.safetensors") is None
    reconstruct(capture, output, replace(plain, scene="neural"))
    scene, found = SceneMap.read(output / "scene.safetensors"), read_field(output / "scene.safetensors")
    assert found is not None and found[1] == ("walkthrough", "v00")
    assert not (output / ".stages" / "field.safetensors").exists()
    assert scene.volume.shape == fused.volume.shape and not np.array_equal(scene.volume.distance, fused.volume.distance)
    home = Raycaster(room())
    errors: dict[str, list[float]] = {"mesh": [], "fused": [], "field": []}
    for T in walk(4, 77):
        true, _ = home.depth(CAMERA, T)
        seen = {
            "mesh": Raycaster(scene.mesh).depth(CAMERA, T)[0],
            "fused": Raycaster(fused.mesh).depth(CAMERA, T)[0],
            "field": render_view(found[0], CAMERA, T)[1],
        }
        for name, depth in seen.items():
            errors[name].append(float(np.mean(np.abs(depth - true) < 0.03)))
    alike = like_the_descriptor(found[0], Capture.open(capture), output, plain.resolved())
    assert alike > 0.03  # after 40 steps; without learning it is 0
    assert np.mean(errors["field"]) > 0.9 and np.mean(errors["mesh"]) > np.mean(errors["fused"]) - 0.01
    ran: list[str] = []
    monkeypatch.setattr(pipeline, "fuse_scene", lambda *_: ran.append("fuse"))
    reconstruct(capture, output, replace(plain, scene="neural"))
    assert not ran  # what did not change is kept
