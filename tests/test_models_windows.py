"""From a reconstruction's files to training windows: frames, clocks, gaps, mirrors."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_policy import ToyBehaviour
from toy_recon import T_HOME_SCENE, toy_motion, toy_skeleton, write_toy_recon

from ats_sim.errors import TrainingError
from ats_sim.files import read_npz, write_npz
from ats_sim.geometry import exp_so3, rigid
from ats_sim.home import Home, seal_home
from ats_sim.models.mirror import Mirror
from ats_sim.models.recordings import MAX_UNSEEN, home_of, load_recordings
from ats_sim.models.training import held_out_names
from ats_sim.models.windows import cut_windows, whole_windows
from ats_sim.pace import velocity_now
from ats_sim.perception import FUTURE, HZ, PAST, pack_motion
from ats_sim.recorded import Recording as Kept
from ats_sim.recorded import write_recordings


@pytest.fixture()
def recon(tmp_path: Path) -> Path:
    return write_toy_recon(tmp_path / "recon", videos=2, frames=100)


def opened(recon: Path) -> Home:
    return Home.load(recon / "home", require_policy=False)


def rewrite(recon: Path, **changes: np.ndarray) -> None:
    """Replace arrays of motion.npz, named with `__` for the slash."""
    arrays = read_npz(recon / "motion.npz", TrainingError)
    arrays |= {name.replace("__", "/"): value for name, value in changes.items()}
    write_npz(recon / "motion.npz", **arrays)


def test_recordings_arrive_in_the_home_frame(recon: Path) -> None:
    """Roots and cameras undo T_home_scene exactly."""
    roots, joints, observer = toy_motion(np.random.default_rng(0), 100)
    first = load_recordings(recon, opened(recon))[0]
    np.testing.assert_allclose(first.T_world_root, roots, atol=1e-9)
    np.testing.assert_allclose(first.observer, observer, atol=1e-9)
    np.testing.assert_allclose(first.joint_rotations, joints, atol=1e-9)
    assert first.valid.all()


def test_other_frame_rates_are_resampled(recon: Path) -> None:
    """Cameras at 25 Hz and motion at 20 Hz come out at 10 Hz, where they were at those times."""
    time = np.arange(200) / 20.0
    position = np.stack([0.5 * time, np.sin(time), 0.2 + 0.0 * time], axis=-1)
    roots = rigid(exp_so3(np.stack([0 * time, 0 * time, 0.3 * time], axis=-1)), position)
    joints = np.zeros((200, 26, 3))
    joints[:, 3, 1] = 0.1 * time
    rewrite(
        recon, v00__time=time, v00__T_world_root=roots, v00__joint_rotations=joints, v00__valid=np.ones(200, dtype=bool)
    )
    recording = load_recordings(recon, opened(recon))[0]
    clock = np.arange(len(recording.valid)) / 10.0
    np.testing.assert_allclose(recording.T_world_root, T_HOME_SCENE @ roots[::2], atol=1e-6)
    np.testing.assert_allclose(recording.joint_rotations[:, 3, 1], 0.1 * clock, atol=1e-6)


def lose(recon: Path, lost: slice) -> None:
    """The agent of v00 is out of sight: no poses but NaN."""
    arrays = read_npz(recon / "motion.npz", TrainingError)
    valid, roots = arrays["v00/valid"], arrays["v00/T_world_root"]
    valid[lost], roots[lost] = False, np.nan
    rewrite(recon, v00__valid=valid, v00__T_world_root=roots)


def test_an_agent_out_of_sight_is_bridged_in_futures_alone(recon: Path) -> None:
    """A second without a pose lies in the futures of windows, marked as not seen, but in no past."""
    lose(recon, slice(70, 80))
    recordings = load_recordings(recon, opened(recon))
    assert not recordings[0].valid[70:80].any() and recordings[0].valid[:70].all() and recordings[0].bridged.all()
    windows = cut_windows(recordings)
    first = windows.select(windows.recording == 0)
    np.testing.assert_array_equal(first.frame, np.arange(PAST - 1, 100 - FUTURE))
    frames = first.frame[:, None] + 1 + np.arange(FUTURE)
    np.testing.assert_array_equal(first.seen, (frames < 70) | (frames >= 80))
    assert np.isfinite(windows.future).all()
    whole = whole_windows(recordings)
    assert (whole.recording == 0).sum() == 70 - (PAST + FUTURE) + 1 and whole.seen.all()


def test_no_past_and_no_long_absence_is_bridged(tmp_path: Path) -> None:
    """A window needs its 0.8 s of past; who is away for longer than a window ends all futures."""
    recon = write_toy_recon(tmp_path / "recon", videos=1, frames=300)
    lose(recon, slice(70, 80))
    lose(recon, slice(170, 171 + round(MAX_UNSEEN * 10)))
    frames = cut_windows(load_recordings(recon, opened(recon))).frame
    past = frames[:, None] - np.arange(PAST)
    assert not ((past >= 70) & (past < 80)).any()
    before, after = frames[frames < 170], frames[frames >= 170]
    assert before.max() == 170 - FUTURE - 1 and after.min() == 227 + PAST - 1


def test_out_of_sight_it_runs_on_and_then_waits(recon: Path) -> None:
    """At 2 m/s into a gap of 2 s, seen again 1.5 m farther on: half of the gap it waits there."""
    time = np.arange(100) / 10.0
    x = np.concatenate([0.2 * np.arange(50), np.full(50, 0.2 * 49 + 1.5)])
    roots = rigid(np.broadcast_to(np.eye(3), (100, 3, 3)), np.stack([x, 0 * x, 0 * x + 0.2], axis=-1))
    rewrite(recon, v00__time=time, v00__T_world_root=roots, v00__valid=np.ones(100, dtype=bool))
    lose(recon, slice(50, 69))
    way = load_recordings(recon, opened(recon))[0].T_world_root[:, :3, 3]
    gone = np.linalg.norm(way[49:70] - way[49], axis=-1)
    np.testing.assert_allclose(gone, np.minimum(0.2 * np.arange(21), 1.5), atol=1e-6)


def test_a_home_teaches_what_it_remembers(recon: Path, tmp_path: Path) -> None:
    """The same windows are cut from a home's own recordings as from its reconstruction, to what a home rounds to."""
    seen = np.ones(100, dtype=bool)
    seen[40:43] = False
    rewrite(recon, v00__valid=seen)
    reconstructed = load_recordings(recon, opened(recon))
    kept, original = [], opened(recon)
    for index, known in enumerate(reconstructed):
        roots, joints, observer = known.T_world_root, known.joint_rotations, known.observer
        views, time = rigid(np.tile(np.eye(3), (100, 1, 1)), observer), np.arange(100) / 10.0
        kept.append(Kept(known.name, time, roots, joints, views, seen if index == 0 else ~np.zeros(100, bool)))
    write_recordings(original.folder / "recordings.npz", kept)
    seal_home(
        original.folder, name="toy", skeleton=toy_skeleton(), T_home_scene=T_HOME_SCENE, provenance={}, metrics={}
    )
    home = home_of(original.folder)
    remembered = cut_windows(load_recordings(original.folder, home))
    expected = cut_windows(reconstructed)
    np.testing.assert_array_equal(remembered.frame, expected.frame)
    np.testing.assert_array_equal(remembered.seen, expected.seen)
    for name in ("past", "future", "observer_past"):
        np.testing.assert_allclose(getattr(remembered, name), getattr(expected, name), atol=2e-3)


def test_a_home_without_memory_says_so(recon: Path) -> None:
    """One error that names the way out."""
    with pytest.raises(TrainingError, match="remembers no videos"):
        load_recordings(recon / "home", home_of(recon / "home"))


def test_lost_cameras_are_not_bridged(recon: Path) -> None:
    """Frames whose camera was not registered hide the observer."""
    cameras = json.loads((recon / "cameras.json").read_text())
    for frame in cameras["videos"]["v00"]["frames"][20:40]:
        frame["registered"] = False
        frame["T_world_camera"] = None
    (recon / "cameras.json").write_text(json.dumps(cameras))
    recording = load_recordings(recon, opened(recon))[0]
    np.testing.assert_array_equal(np.flatnonzero(~recording.valid), np.arange(20, 40))


def test_rejected_videos_teach_nothing(recon: Path) -> None:
    """What registration rejected is left out; if that is everything, one error says so."""
    cameras = json.loads((recon / "cameras.json").read_text())
    cameras["videos"]["v01"]["accepted"] = False
    (recon / "cameras.json").write_text(json.dumps(cameras))
    assert [recording.name for recording in load_recordings(recon, opened(recon))] == ["v00"]
    cameras["videos"]["v00"]["accepted"] = False
    (recon / "cameras.json").write_text(json.dumps(cameras))
    with pytest.raises(TrainingError, match="none of the videos"):
        load_recordings(recon, opened(recon))


def test_short_videos_are_an_error(tmp_path: Path) -> None:
    """Fewer than 64 frames in a row give no window."""
    recon = write_toy_recon(tmp_path / "short", videos=1, frames=50)
    with pytest.raises(TrainingError, match="64 frames in a row"):
        cut_windows(load_recordings(recon, opened(recon)))


def test_foreign_skeleton_is_an_error(recon: Path) -> None:
    """Motion of another number of joints does not fit the home."""
    rewrite(recon, v00__joint_rotations=np.zeros((100, 7, 3)))
    with pytest.raises(TrainingError, match="v00.*joint_rotations"):
        load_recordings(recon, opened(recon))


def test_videos_are_held_out_whole() -> None:
    """By video, never by window; too few videos hold none out."""
    names = [f"v{i:02d}" for i in range(17)]
    assert held_out_names(names, ()) == ("v06", "v13")
    assert held_out_names(names[:4], ()) == ("v03",)
    assert held_out_names(names[:2], ()) == ()
    assert held_out_names(names, ("v02",)) == ("v02",)
    with pytest.raises(TrainingError, match="nowhere"):
        held_out_names(names, ("nowhere",))
    with pytest.raises(TrainingError, match="all videos"):
        held_out_names(names[:1], ("v00",))


def test_mirrored_motion_is_the_mirror_image() -> None:
    """Joint positions of mirrored motion are the true joints reflected, left and right exchanged."""
    skeleton, rng = toy_skeleton(), np.random.default_rng(0)
    mirror = Mirror.of(skeleton, ("feature", "normal_y"))
    assert mirror is not None
    path, joints = rng.normal(size=(5, 3)), 0.5 * rng.normal(size=(5, 26, 3))
    rotations = exp_so3(0.5 * rng.normal(size=(5, 3)))
    joints[:, 0] = 0.0
    packed = mirror.motion(pack_motion(path, rotations, joints))
    flip = np.diag([1.0, -1.0, 1.0])
    mirrored = np.zeros_like(joints)
    mirrored[:, 1:] = packed[:, 9:].reshape(5, 25, 3)
    true = skeleton.forward_kinematics(rigid(rotations, path), joints)[..., :3, 3]
    seen = skeleton.forward_kinematics(rigid(flip @ rotations @ flip, path @ flip), mirrored)[..., :3, 3]
    np.testing.assert_allclose(seen, (true @ flip)[:, skeleton.mirror()], atol=1e-5)
    np.testing.assert_allclose(packed[:, :3], path @ flip, atol=1e-6)
    np.testing.assert_allclose(packed[:, 3:6], (flip @ rotations @ flip)[:, :, 0], atol=1e-6)
    np.testing.assert_allclose(mirror.motion(packed), pack_motion(path, rotations, joints), atol=1e-6)


def test_lopsided_skeletons_are_not_mirrored() -> None:
    """A rest pose that is not symmetric has no mirror."""
    skeleton = toy_skeleton()
    rest = skeleton.joint_rest.copy()
    rest[5, :3, :3] = exp_so3(np.array([0.0, 0.0, 0.5]))
    assert Mirror.of(replace(skeleton, joint_rest=rest), ()) is None


def test_normalised_training_signals_are_unit_sized() -> None:
    """Over the training windows every signal that varies has mean 0 and spread 1; a path's, whose spread is told apart
    by few speeds only, about 1."""
    toy = ToyBehaviour()
    future = np.concatenate([toy.windows.future, toy.mirror.motion(toy.windows.future)])
    past = np.concatenate([toy.windows.past, toy.mirror.motion(toy.windows.past)])
    current, velocity = past[:, -1, 3:], velocity_now(past[..., :3], HZ)
    for stage, value in (("goal", future[:, -1, :3]), ("path", future[..., :3]), ("pose", future[..., 3:])):
        signal = toy.normalisation.encode(stage, value, current, velocity)
        slack = 0.15 if stage == "path" else 1e-3
        np.testing.assert_allclose(signal.mean(0), 0.0, atol=slack)
        assert signal.std(0).max() < 1.0 + slack
        assert np.median(signal.std(0).max(-1 if stage != "goal" else 0)) > 0.99 - slack
