"""The learned localizers on a tiny room: they learn it, repeat themselves, and go on where they were stopped."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.registration.neural.batches import BatchMaker
from ats_sim.reconstruction.registration.neural.learner import Learner, learn
from ats_sim.reconstruction.registration.neural.lessons import Lessons, filmed
from ats_sim.reconstruction.registration.neural.paper_augmentation import paper_disturbed
from ats_sim.reconstruction.registration.neural.pose_network import PoseNetwork
from ats_sim.reconstruction.registration.neural.pose_regression import PoseRegression, regression_loss
from ats_sim.reconstruction.registration.neural.settings import LocalizerSettings
from ats_sim.reconstruction.registration.neural.training import School, rays_of
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from tests.toy_room import CAMERA, FLOOR, SIZE, pose_errors, room, walk

TINY = LocalizerSettings(steps=160, batch=8, renders=150, anchors=8, checkpoint_every=5, more_steps=10)


@pytest.fixture(scope="module")
def home() -> TriangleMesh:
    return room()


def views_of(home: TriangleMesh, cameras: Array, *, depth: bool = True) -> list[View]:
    caster, views = Raycaster(home), []
    for T in cameras:
        z, _, rgb = caster.render(CAMERA, T)
        views.append(View.of(rgb, z if depth else np.zeros_like(z), None, CAMERA))
    return views


@pytest.fixture(scope="module")
def volume(home: TriangleMesh) -> TsdfVolume:
    volume = TsdfVolume.empty(np.array([-0.2, -0.2, FLOOR - 0.2]), SIZE + [0.2, 0.2, FLOOR + 0.2], 0.06)
    caster = Raycaster(home)
    for T in walk(40, 1, spread=4 * np.pi):
        depth, _, rgb = caster.render(CAMERA, T)
        volume.integrate(depth, rgb, CAMERA, T)
    return volume


def school(home: TriangleMesh, volume: TsdfVolume, settings: LocalizerSettings, folder: Path | None = None) -> School:
    walked = walk(40, 1, spread=4 * np.pi)
    return School(volume, views_of(home, walked), walked, settings, folder=folder, quiet=True)


@pytest.mark.slow
def test_scene_coordinates_learn_a_room_and_place_new_pictures(home: TriangleMesh, volume: TsdfVolume) -> None:
    localizer = school(home, volume, replace(TINY, steps=700)).scene_coordinates()
    truth = walk(12, 77)
    with_depth = localizer.locate_frames(views_of(home, truth), truth)
    turn, away = pose_errors(with_depth.T_world_camera, truth[with_depth.frames])
    assert len(with_depth.frames) == 12 and np.median(away) < 0.25 and np.median(turn) < 8
    assert ((with_depth.weights > 0) & (with_depth.weights < 1)).all()
    bare = localizer.locate_frames(views_of(home, truth, depth=False), None)
    assert len(bare.frames) >= 6 and np.median(pose_errors(bare.T_world_camera, truth[bare.frames])[1]) < 0.8


def test_the_papers_regression_learns_a_dozen_pictures_and_knows_which_it_did_not(home: TriangleMesh) -> None:
    truth, strange = walk(12, 77), walk(12, 5)
    views = views_of(home, truth)
    maker = BatchMaker(filmed(views, truth), None, 6, 1.0, 0, paper_disturbed)
    torch.manual_seed(0)
    network = PoseNetwork(3, 8, 1, truth[:, :3, 3])
    learner = Learner(network, partial(regression_loss, rays=rays_of(views[0].intrinsics, "cpu"), device="cpu"), 4e-3)
    learn(learner, maker.batch, 220, label=None)
    learner.averaged()
    localizer = PoseRegression(network, "cpu")
    known, new = (localizer.locate_frames(shown, None) for shown in (views, views_of(home, strange)))
    turn, away = pose_errors(known.T_world_camera, truth)
    assert np.median(turn) < 25 and np.median(away) < 0.3
    assert np.median(pose_errors(new.T_world_camera, strange)[0]) > np.median(turn)
    assert np.median(known.weights) > np.median(new.weights), "it expects to be worse where it is"


def test_a_stopped_training_ends_as_if_it_had_not_been(home: TriangleMesh, volume: TsdfVolume, tmp_path: Path) -> None:
    maker = BatchMaker(*lessons(home), 4, 0.5, seed=3)

    def fresh() -> Learner:
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 1, 1))
        return Learner(network, lambda net, batch: net(batch.pictures.rgb).square().mean(), 1e-2)

    whole, stopped, resumed = fresh(), fresh(), fresh()
    path = tmp_path / "c.safetensors"
    learn(whole, maker.batch, 14, label=None)
    learn(stopped, maker.batch, 14, label=None, checkpoint=path, key="k", every=5, stop_at=12)
    learn(resumed, maker.batch, 14, label=None, checkpoint=path, key="k", every=5)
    assert resumed.step == 14
    for name, value in whole.state().items():
        assert torch.equal(value, resumed.state()[name]), name
    other = fresh()
    learn(other, maker.batch, 3, label=None, checkpoint=path, key="another capture", every=50)
    assert other.step == 3, "a checkpoint of other lessons is not taken up"


def test_the_same_seed_makes_the_same_localizer_and_a_checkpoint_saves_the_work(
    home: TriangleMesh, volume: TsdfVolume, tmp_path: Path
) -> None:
    short = replace(TINY, steps=10, renders=40)
    first = school(home, volume, short, tmp_path).scene_coordinates()
    [checkpoint] = tmp_path.glob("neural-*.safetensors")
    written = checkpoint.stat().st_mtime_ns
    again = school(home, volume, short).scene_coordinates()
    resumed = school(home, volume, short, tmp_path).scene_coordinates()
    assert checkpoint.stat().st_mtime_ns == written, "nothing was left to learn"
    for other in (again, resumed):
        assert other.calibration == first.calibration
        for name, value in first.network.state_dict().items():
            assert torch.equal(value, other.network.state_dict()[name]), name


def test_further_frames_are_learned_from(home: TriangleMesh, volume: TsdfVolume) -> None:
    localizer = school(home, volume, replace(TINY, steps=10, renders=40)).scene_coordinates()
    before = {name: value.clone() for name, value in localizer.network.named_parameters()}
    cameras = walk(6, 50)
    localizer.study(views_of(home, cameras), cameras)
    assert any(not torch.equal(value, before[name]) for name, value in localizer.network.named_parameters())


def test_a_loss_that_is_not_finite_changes_nothing_and_ends_in_words(home: TriangleMesh) -> None:
    maker = BatchMaker(*lessons(home), 2, 0.5, seed=0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 3), torch.nn.BatchNorm2d(1))
    learner = Learner(network, lambda net, batch: net(batch.pictures.rgb).mean() * torch.nan, 1e-2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert np.isnan(learner.advance(maker.batch(0), 1.0))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with pytest.raises(ReconstructionError, match="not finite"):
        learn(learner, maker.batch, 100, label=None)


def lessons(home: TriangleMesh) -> tuple[Lessons, Lessons]:
    cameras = walk(8, 2)
    views = views_of(home, cameras)
    return filmed(views[:4], cameras[:4]), filmed(views[4:], cameras[4:])
