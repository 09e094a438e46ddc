"""Bundle adjustment brings videos that were placed badly, in other light, to where they were filmed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ats_sim.arrays import Array  # noqa: E402
from ats_sim.geometry import exp_so3, inverse, rigid  # noqa: E402
from ats_sim.mesh import TriangleMesh  # noqa: E402
from ats_sim.reconstruction.capture.format import Capture  # noqa: E402
from ats_sim.reconstruction.config import ReconstructConfig  # noqa: E402
from ats_sim.reconstruction.registration import odometry  # noqa: E402
from ats_sim.reconstruction.registration.adjustment import side_by_side  # noqa: E402
from ats_sim.reconstruction.registration.adjustment.bundle_adjustment import Adjuster  # noqa: E402
from ats_sim.reconstruction.registration.adjustment.config import AdjustmentConfig  # noqa: E402
from ats_sim.reconstruction.registration.adjustment.landmarks import Landmarks  # noqa: E402
from ats_sim.reconstruction.registration.adjustment.moving import Mover  # noqa: E402
from ats_sim.reconstruction.registration.adjustment.stage import adjust_registered  # noqa: E402
from ats_sim.reconstruction.registration.adjustment.strand import Strand  # noqa: E402
from ats_sim.reconstruction.registration.cameras import RegisteredVideo  # noqa: E402
from ats_sim.reconstruction.registration.features.intensities import Intensities  # noqa: E402
from ats_sim.reconstruction.registration.features.learning import DescriptorConfig, DescriptorTraining  # noqa: E402
from ats_sim.reconstruction.registration.features.maps import DenseFeatures  # noqa: E402
from ats_sim.reconstruction.registration.features.own import OwnFeatures  # noqa: E402
from ats_sim.reconstruction.registration.features.recordings import Lesson, PosedRecording  # noqa: E402
from ats_sim.reconstruction.registration.register import register  # noqa: E402
from ats_sim.reconstruction.scene.fusion import PosedFrames, empty_volume, fuse  # noqa: E402
from ats_sim.reconstruction.scene.raycast import Raycaster  # noqa: E402
from ats_sim.reconstruction.scene.tsdf import TsdfVolume  # noqa: E402
from tests.lit_room import write_lit_capture  # noqa: E402
from tests.toy_room import CAMERA, agent_mesh, pose_errors, room, walk  # noqa: E402


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return Capture.open(write_lit_capture(tmp_path_factory.mktemp("lit") / "capture"))


@pytest.fixture(scope="module")
def base(capture: Capture) -> TsdfVolume:
    scan = capture.walkthrough
    assert scan is not None and scan.T_world_camera is not None
    part = PosedFrames(scan, np.arange(len(scan)), scan.T_world_camera)
    volume = empty_volume([part], 0.05)
    fuse(volume, part, use_masks=False)
    return volume


@pytest.fixture(scope="module")
def own(capture: Capture) -> OwnFeatures:
    recordings = [
        PosedRecording(video, np.arange(len(video)), video.T_world_camera, group)
        for group, video in enumerate(capture.recordings)
        if video.T_world_camera is not None
    ]
    lesson = Lesson.of(recordings, use_masks=True, longest=160, multiple=8)
    training = DescriptorTraining(lesson, DescriptorConfig(steps=60, pairs=2, longest=160), seed=0)
    training.run(label=None)
    return OwnFeatures(training.network, longest=160)


def placed(capture: Capture, degrees: float, metres: float) -> dict[str, RegisteredVideo]:
    """Each video's own odometry, put down wrongly by a random turn about its middle and a random shift."""
    rng, out = np.random.default_rng(3), {}
    for video in capture.videos:
        truth = video.ground_truth
        assert truth is not None and video.T_world_camera is not None
        true = truth["T_world_camera"]
        axis, shift = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
        middle = rigid(np.eye(3), true[:, :3, 3].mean(0))
        wrong = middle @ rigid(exp_so3(axis * np.radians(degrees)), metres * shift) @ inverse(middle)
        poses = wrong @ true[0] @ inverse(video.T_world_camera[0]) @ video.T_world_camera
        n = len(video)
        out[video.name] = RegisteredVideo(
            True, "", video.intrinsics, video.times, poses, np.ones(n), np.ones(n, bool), {"surface": 0.5}
        )
    return out


def errors(capture: Capture, poses: dict[str, Array]) -> tuple[float, float]:
    """Mean degrees and metres over all videos."""
    found = []
    for video in capture.videos:
        assert video.ground_truth is not None
        turn, away = pose_errors(poses[video.name], video.ground_truth["T_world_camera"])
        found.append((turn.mean(), away.mean()))
    return tuple(np.mean(found, axis=0))  # type: ignore[return-value]


def adjusted(
    capture: Capture, base: TsdfVolume, features: DenseFeatures, config: AdjustmentConfig
) -> tuple[float, float]:
    """Errors after adjustment from 3 degrees and 8 cm."""
    start = placed(capture, 3.0, 0.08)
    assert capture.walkthrough is not None
    strands = [Strand.of(video, start[video.name]) for video in capture.videos]
    fixed = Strand.fixed(capture.walkthrough, 60, whole=True)
    moved = Adjuster(features, base, [fixed], config).adjust(strands, None)
    return errors(capture, {strand.name: strand.every_frame(start[strand.name]) for strand in moved})


def test_videos_find_back_from_three_degrees_and_a_hands_breadth(
    capture: Capture, base: TsdfVolume, own: OwnFeatures
) -> None:
    degrees, metres = errors(capture, {n: v.T_world_camera for n, v in placed(capture, 3.0, 0.08).items()})
    assert degrees > 2.5 and metres > 0.06
    degrees, metres = adjusted(capture, base, own, AdjustmentConfig())
    assert degrees < 0.25 and metres < 0.01


def test_two_processes_adjust_to_the_bit_as_one_does(
    capture: Capture, base: TsdfVolume, own: OwnFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = placed(capture, 3.0, 0.08)
    assert capture.walkthrough is not None
    strands = [Strand.of(video, start[video.name]) for video in capture.videos]
    fixed = Strand.fixed(capture.walkthrough, 60, whole=True)
    monkeypatch.setattr(side_by_side, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(side_by_side, "can_spawn", lambda: True)  # tests run by xdist seem to have no main script
    config = AdjustmentConfig(rounds=AdjustmentConfig.rounds[:2])
    one = Adjuster(own, base, [fixed], config).adjust(strands, None)
    monkeypatch.setattr(Mover, "move", lambda *_: pytest.fail("a video was moved in this process"))
    two = Adjuster(own, base, [fixed], replace(config, workers=2)).adjust(strands, None)
    assert [strand.name for strand in two] == [strand.name for strand in one]
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(first.T_world_camera, second.T_world_camera)
    assert not np.array_equal(one[0].T_world_camera, strands[0].T_world_camera)


def test_looks_alone_suffice_and_colours_do_worse_in_other_light(
    capture: Capture, base: TsdfVolume, own: OwnFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without depth, features place the videos within a centimetre or so; plain colours, even with exposure fitted in
    every frame, stay behind under light that falls off across the room."""
    # A device that is trusted as much as it is by default would make up for what looks get wrong.
    monkeypatch.setattr(odometry, "DEVICE_SIGMA", (0.003, float(np.radians(0.1))))
    features = adjusted(capture, base, own, AdjustmentConfig(surface=False))
    colours = adjusted(
        capture,
        base,
        Intensities(longest=160),
        AdjustmentConfig(surface=False, unit=False, exposure=True, sigma=0.06),
    )
    assert features[0] < 0.5 and features[1] < 0.02
    # By how much depends on how the descriptor turned out to be learned, which differs between processors.
    assert colours[0] > features[0] and colours[1] > features[1], (features, colours)
    assert colours[0] * colours[1] > 1.2 * features[0] * features[1], (features, colours)


def test_landmarks_lie_on_the_surface_and_are_seen_where_nothing_hides_them() -> None:
    mesh, rng = room(), np.random.default_rng(0)
    landmarks = Landmarks(mesh, rng, spacing=0.15)
    camera = walk(8, 1)[3]
    depth, _ = Raycaster(mesh).depth(CAMERA, camera)
    sighting = landmarks.seen(CAMERA, camera, depth, None)
    assert len(sighting.index) > 50
    # Independent of the z-buffer: a ray to every landmark that is claimed to be seen ends there.
    way = landmarks.points[sighting.index] - camera[:3, 3]
    reach, _, _ = Raycaster(mesh).cast(np.broadcast_to(camera[:3, 3], way.shape), way)
    assert (np.abs(reach - 1.0) * np.linalg.norm(way, axis=1) < 0.12).mean() > 0.98
    u, v, _ = CAMERA.project((inverse(camera) @ np.c_[landmarks.points, np.ones(len(landmarks))].T).T[:, :3])
    np.testing.assert_allclose(sighting.pixels, np.stack([u, v], 1)[sighting.index])


def test_what_stands_in_front_today_is_not_compared() -> None:
    mesh, camera = room(), walk(8, 1)[3]
    landmarks = Landmarks(mesh, np.random.default_rng(0), spacing=0.1)
    caster = Raycaster(mesh)
    depth, _ = caster.depth(CAMERA, camera)
    near, _ = Raycaster(agent_mesh((camera @ [0.0, 0.1, 0.9, 1.0])[:3])).depth(CAMERA, camera)
    hidden = near > 0
    assert hidden.sum() > 200
    for sensed, ignore in ((np.where(hidden, near, depth), None), (depth, hidden)):
        column, row = np.rint(landmarks.seen(CAMERA, camera, sensed, ignore).pixels).astype(int).T
        assert not hidden[row, column].any()
    assert hidden[tuple(np.rint(landmarks.seen(CAMERA, camera, depth, None).pixels).astype(int).T[::-1])].any()


def test_an_empty_mesh_has_no_landmarks() -> None:
    empty = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert len(Landmarks(empty, np.random.default_rng(0))) == 0


def test_what_would_fit_worse_than_before_is_not_kept(
    capture: Capture, base: TsdfVolume, own: OwnFeatures, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An adjustment gone astray (here: moved by half a metre) leaves the registered poses as they were."""
    from ats_sim.reconstruction.registration.adjustment import stage

    start = placed(capture, 0.0, 0.0)
    astray = rigid(np.eye(3), np.array([0.5, 0.0, 0.0]))
    monkeypatch.setattr(stage, "prepare_features", lambda *_: own)
    monkeypatch.setattr(
        stage.Adjuster, "adjust", lambda _, strands: [s.moved(astray @ s.T_world_camera) for s in strands]
    )
    kept = adjust_registered(capture, base, start, ReconstructConfig(method="full").resolved(), tmp_path)
    for name, video in kept.items():
        np.testing.assert_array_equal(video.T_world_camera, start[name].T_world_camera)
        assert video.quality["adjusted_m"] == 0.0
    little = rigid(np.eye(3), np.array([0.001, 0.0, 0.0]))
    monkeypatch.setattr(
        stage.Adjuster, "adjust", lambda _, strands: [s.moved(little @ s.T_world_camera) for s in strands]
    )
    taken = adjust_registered(capture, base, start, ReconstructConfig(method="full").resolved(), tmp_path)
    for name, video in taken.items():
        np.testing.assert_allclose(video.T_world_camera, little @ start[name].T_world_camera, atol=1e-9)
        assert video.quality["adjusted_m"] == pytest.approx(0.001, rel=1e-3)


def test_rejected_and_lost_frames_keep_their_poses(capture: Capture) -> None:
    start = placed(capture, 0.0, 0.0)["v00"]
    registered = np.ones(len(start.times), bool)
    registered[:4] = False
    video = replace(start, registered=registered)
    strand = Strand.of(capture.video("v00"), video)
    assert strand.frames.min() >= 4
    shift = rigid(np.eye(3), np.array([0.0, 0.1, 0.0]))
    moved = strand.moved(shift @ strand.T_world_camera).every_frame(video)
    np.testing.assert_array_equal(moved[:4], start.T_world_camera[:4])
    np.testing.assert_allclose(moved[4:], shift @ start.T_world_camera[4:], atol=1e-9)


@pytest.mark.parametrize(("stretched", "doubtful"), [(1.0, False), (1.1, True)])
def test_a_device_is_doubted_where_it_drifts_but_not_where_frames_were_lost(
    capture: Capture, stretched: float, doubtful: bool
) -> None:
    """Registered cameras go a tenth farther than the device says; what was lost stands anywhere."""
    told = capture.video("v00").T_world_camera
    assert told is not None
    told = told.copy()
    told[:, :3, 3] *= 8.0
    video = replace(capture.video("v00"), T_world_camera=told)
    poses = told.copy()
    poses[:, :3, 3] *= stretched
    lost = np.arange(len(video)) >= len(video) // 2
    poses[lost, :3, 3] += 50.0
    start = placed(capture, 0.0, 0.0)["v00"]
    strand = Strand.of(video, replace(start, T_world_camera=poses, registered=~lost))
    assert (strand.doubt > 5.0) == doubtful and (strand.doubt == 1.0) != doubtful


def test_frames_held_out_for_evaluation_never_enter_the_map(capture: Capture) -> None:
    strand = Strand.of(capture.video("v00"), placed(capture, 0.0, 0.0)["v00"])
    assert 9 in strand.frames and 9 not in strand.frames[strand.shown]
    assert capture.walkthrough is not None
    scan = Strand.fixed(capture.walkthrough, 60, whole=True)
    assert len(scan.shown) == len(scan.frames) == len(capture.walkthrough)


@pytest.mark.slow
def test_the_whole_method_is_no_worse_than_the_classical_one(capture: Capture, tmp_path: Path) -> None:
    """From keypoints through learning to adjustment; what was learnt is found again by a second run."""
    classical = register(capture, ReconstructConfig(preset="fast"))
    full = ReconstructConfig(preset="fast", method="full", hypotheses=("keypoints", "geometry"))
    found = register(capture, full, tmp_path)
    before, after = (
        errors(capture, {name: video.T_world_camera for name, video in cameras.videos.items()})
        for cameras in (classical, found)
    )
    assert after[0] < before[0] + 0.05 and after[1] < before[1] + 0.002
    assert all("adjusted_m" in video.quality for video in found.videos.values())
    learnt = next((tmp_path / "features").glob("descriptor-*.safetensors"))
    assert [path for path in (tmp_path / "features").iterdir()] == [learnt]
    stamp = learnt.stat().st_mtime_ns
    again = register(capture, full, tmp_path)
    assert learnt.stat().st_mtime_ns == stamp
    for name, video in again.videos.items():
        np.testing.assert_array_equal(video.T_world_camera, found.videos[name].T_world_camera)
