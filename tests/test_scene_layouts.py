"""Votes tell what was moved; each epoch has its layout, and the newest one is the scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import write_json
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.writer import CaptureWriter
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.rendering.model4d import Model4D
from ats_sim.reconstruction.scene.build import BuiltScene, build_scene
from ats_sim.reconstruction.scene.fusion import fuse
from ats_sim.reconstruction.scene.layouts import Layouts
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.scene.variants import read_variants
from ats_sim.reconstruction.scene.votes import FREE, MOVED, STATIC, TRANSIENT, UNKNOWN, Tally, Votes
from tests.toy_room import CAMERA, FLOOR, box, room, walk

HERE, THERE = np.array([2.4, 0.5, FLOOR]), np.array([0.8, 2.2, FLOOR])
SIDE = np.array([0.4, 0.4, 0.5])
STOOD = {"walkthrough": HERE, "v00": HERE, "v01": THERE, "v02": None}
PARTS = 40


def crate(place: Array | None) -> list[TriangleMesh]:
    if place is None:
        return []
    return [box(place, place + SIDE, np.random.default_rng(3), np.array([180.0, 60.0, 40.0]))]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """A crate stands here, there, and is gone."""
    folder = tmp_path_factory.mktemp("layouts") / "capture"
    writer = CaptureWriter(folder, quality=97)
    for number, (name, place) in enumerate(STOOD.items()):
        caster, rng = Raycaster(merge([room(), *crate(place)])), np.random.default_rng(number)
        poses = walk(PARTS, 40 + number)
        with writer.recording(name, CAMERA, 5.0) as video:
            for i, T in enumerate(poses):
                depth, _, rgb = caster.render(CAMERA, T)
                depth = depth + (0.002 * rng.standard_normal(depth.shape) * (depth > 0)).astype(np.float32)
                mask = None if name == "walkthrough" else np.zeros(depth.shape, dtype=bool)
                video.add(i / 5.0, rgb, depth, T_world_camera=T, mask=mask)
    writer.finish(walkthrough="walkthrough", videos=["v00", "v01", "v02"], provenance="toy room")
    return Capture.open(folder)


@pytest.fixture(scope="module")
def cameras(capture: Capture) -> Cameras:
    videos = {}
    for video in capture.videos:
        assert video.T_world_camera is not None
        every = np.ones(len(video))
        videos[video.name] = RegisteredVideo(
            True, "", CAMERA, video.times, video.T_world_camera, every, every.astype(bool), {}
        )
    return Cameras(videos)


@pytest.fixture(scope="module")
def built(capture: Capture, cameras: Cameras) -> BuiltScene:
    return build_scene(capture, cameras, ReconstructConfig(voxel_size=0.05, max_fused_frames=240))


def share_filled(mesh: TriangleMesh, place: Array) -> float:
    """How much of a crate's top a mesh has where the crate would stand there."""
    u, v = np.meshgrid(np.linspace(0.05, 0.35, 9), np.linspace(0.05, 0.35, 9))
    above = np.stack([place[0] + u.ravel(), place[1] + v.ravel(), np.full(u.size, place[2] + 0.9)], axis=1)
    distance, _, _ = Raycaster(mesh).cast(above, np.tile([0.0, 0.0, -1.0], (len(above), 1)))
    return float((np.abs(distance - 0.9 + SIDE[2]) < 0.06).mean())


def test_recordings_that_agree_share_an_epoch(built: BuiltScene) -> None:
    names = [[built.votes.recordings[r] for r in epoch.members] for epoch in built.layouts.epochs]
    assert names == [["walkthrough", "v00"], ["v01"], ["v02"]]


def alone(built: BuiltScene, epoch: int) -> TriangleMesh:
    """What an epoch's own recordings show, fused without any other."""
    volume = built.scene.volume
    own = TsdfVolume.empty(volume.origin, volume.origin + (np.array(volume.shape) - 1.01) * 0.05, 0.05)
    for member in built.layouts.epochs[epoch].members:
        fuse(own, built.parts[member], use_masks=True)
    return extract_mesh(own)


def test_the_scene_is_the_newest_layout_and_the_others_are_as_they_were(built: BuiltScene) -> None:
    first, second, newest = built.variants["layout-00"], built.variants["layout-01"], built.scene.mesh
    assert share_filled(alone(built, 0), HERE) > 0.8 and share_filled(alone(built, 1), THERE) > 0.4
    assert share_filled(first, HERE) >= share_filled(alone(built, 0), HERE) and share_filled(first, THERE) < 0.1
    assert share_filled(second, THERE) >= share_filled(alone(built, 1), THERE) and share_filled(second, HERE) < 0.1
    assert max(share_filled(newest, HERE), share_filled(newest, THERE)) < 0.1


def test_without_telling_apart_the_crate_is_a_ghost(capture: Capture, cameras: Cameras, built: BuiltScene) -> None:
    mixed = build_scene(capture, cameras, ReconstructConfig(voxel_size=0.05, max_fused_frames=240, ablate=("layouts",)))
    assert not mixed.variants and len(mixed.layouts.epochs) == 1
    assert share_filled(mixed.scene.mesh, HERE) > share_filled(built.scene.mesh, HERE)


def test_labels_are_those_of_the_truth(built: BuiltScene) -> None:
    label, votes = built.votes.labels(built.layouts.moved()), built.votes
    voxels = np.argwhere(label == MOVED) * votes.voxel_size + votes.origin
    near = [np.all((voxels > place - 0.1) & (voxels < place + SIDE + 0.1), axis=1) for place in (HERE, THERE)]
    assert min(part.sum() for part in near) > 60 and (near[0] | near[1]).mean() > 0.95

    def at(point: list[float]) -> int:
        cell = np.rint((np.array(point) - votes.origin) / votes.voxel_size).astype(int)
        return int(label[tuple(cell)])

    assert at([2.0, 0.0, FLOOR + 1.0]) == STATIC and at([2.1, 1.5, FLOOR + 1.2]) == FREE
    assert at([2.1, 1.5, FLOOR - 0.2]) == UNKNOWN


def test_each_video_is_rendered_with_the_layout_of_its_day(built: BuiltScene, capture: Capture, tmp_path: Path) -> None:
    built.write(tmp_path)
    model = Model4D.read(tmp_path)
    for name, place in STOOD.items():
        caster = Raycaster(merge([room(), *crate(place)]))
        right = []
        for T in walk(12, 90):
            true, _ = caster.depth(CAMERA, T)
            right.append(np.abs(model.render(CAMERA, T, name, 0.0).depth - true) < 0.06)
        assert np.mean(right) > 0.95, name


def test_variants_are_read_back_and_stay_in_their_folder(built: BuiltScene, tmp_path: Path) -> None:
    built.write(tmp_path)
    found = read_variants(tmp_path)
    assert [variant.mesh for variant in found] == ["variants/layout-00.glb", "variants/layout-01.glb", "scene.glb"]
    assert found[0].recordings == ("walkthrough", "v00")
    votes, label = Votes.read(tmp_path / "variants" / "votes.npz")
    assert votes.recordings == built.votes.recordings and (label == MOVED).any()
    np.testing.assert_array_equal(votes.surface, built.votes.surface)
    layouts = [{"name": "x", "recordings": [], "mesh": "../../etc/passwd"}]
    write_json(tmp_path / "variants" / "variants.json", {"format": "ats-variants/1", "newest": "x", "layouts": layouts})
    with pytest.raises(ReconstructionError, match="outside"):
        read_variants(tmp_path)
    assert read_variants(tmp_path / "nowhere") == ()


def test_what_comes_and_goes_within_a_recording_is_no_furniture() -> None:
    """Counts by hand: an empty voxel, a wall, a passer-by, one that nobody saw."""
    tally = Tally.empty((9, 3, 3), 0.05)
    for picture in range(10):
        voxels, behind = np.array([9 * 1, 9 * 4, 9 * 7]), np.array([0.5, 0.0, 0.0 if picture < 3 else 0.5])
        tally.add(voxels, behind, np.full(3, 2.0))
    votes = Votes.empty(np.zeros(3), 0.05, (9, 3, 3))
    votes.add("walkthrough", tally)
    label = votes.labels(Layouts.of(votes).moved())
    assert [int(label[x, 0, 0]) for x in (1, 4, 7, 0)] == [FREE, STATIC, TRANSIENT, UNKNOWN]


def test_more_recordings_than_bits_of_a_word() -> None:
    votes = Votes.empty(np.zeros(3), 0.05, (2, 2, 2))
    for r in range(35):
        tally = Tally.empty((2, 2, 2), 0.05)
        if r in (3, 33):
            tally.surface[0, 0, 0] = 9
        votes.add(f"v{r}", tally)
    assert [r for r in range(35) if votes.of(r)[1][0, 0, 0]] == [3, 33]
