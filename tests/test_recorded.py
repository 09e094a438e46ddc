"""Recordings come back from their file as they went in, and bad ones are refused."""

from pathlib import Path

import numpy as np
import pytest
from toy_home import make_toy_home, toy_recording, toy_skeleton

from ats_sim.errors import ArrayError, HomeError
from ats_sim.files import write_npz
from ats_sim.geometry import exp_so3, geodesic_angle, rigid
from ats_sim.home import Home, check_home, seal_home
from ats_sim.recorded import JOINT_STEP, PLACE_STEP, Recording, read_recordings, write_recordings


def random_recording(name: str, count: int, start: float, seed: int) -> Recording:
    rng = np.random.default_rng(seed)
    poses = [rigid(exp_so3(rng.normal(size=(count, 3))), rng.normal(scale=3.0, size=(count, 3))) for _ in range(2)]
    joints = rng.normal(scale=0.5, size=(count, 26, 3))
    return Recording(name, start + np.arange(count) / 10.0, poses[0], joints, poses[1], rng.random(count) < 0.8)


def test_recordings_survive_their_file_to_the_rounding(tmp_path: Path) -> None:
    made = [random_recording("v01", 40, 0.25, 1), random_recording("v00", 17, 3.0, 2)]
    write_recordings(tmp_path / "recordings.npz", made)
    read = read_recordings(tmp_path / "recordings.npz", 26)
    assert [recording.name for recording in read] == ["v00", "v01"]
    for before, after in zip(sorted(made, key=lambda r: r.name), read, strict=True):
        np.testing.assert_allclose(after.time, before.time, atol=1e-9)
        np.testing.assert_array_equal(after.valid, before.valid)
        np.testing.assert_allclose(after.joint_rotations, before.joint_rotations, atol=0.51 * JOINT_STEP)
        for name in ("T_world_root", "T_world_camera"):
            a, b = getattr(after, name), getattr(before, name)
            np.testing.assert_allclose(a[:, :3, 3], b[:, :3, 3], atol=0.51 * PLACE_STEP)
            assert geodesic_angle(a[:, :3, :3], b[:, :3, :3]).max() < JOINT_STEP


def test_the_same_recordings_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_recordings(tmp_path / f"{name}.npz", [random_recording("v00", 20, 0.0, 3)])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


BAD = {
    "another clock": ({"time": np.arange(200) / 30.0}, "10 Hz"),
    "one frame": ({"time": np.zeros(1)}, "10 Hz"),
    "nan": ({"T_world_root": np.full((200, 4, 4), np.nan)}, "not finite"),
    "another length": ({"joint_rotations": np.zeros((199, 26, 3))}, "joint_rotations"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_sense_is_refused(case: str) -> None:
    changes, words = BAD[case]
    good = toy_recording(toy_skeleton())
    kept = {name: getattr(good, name) for name in good.__dataclass_fields__}
    with pytest.raises(ArrayError, match=words):
        Recording(**(kept | changes))


def test_a_home_tells_its_recordings_and_lists_what_is_wrong_with_them(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    home = Home.load(folder, require_policy=False)
    assert [recording.name for recording in home.recordings] == ["walk"]
    assert check_home(folder, require_policy=False) == []
    write_npz(folder / "recordings.npz", **{"walk/start": np.zeros(()), "walk/root": np.zeros((5, 6))})
    seal_home(folder, name="x", skeleton=home.skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    assert any("recordings.npz" in problem for problem in check_home(folder, require_policy=False))
    with pytest.raises(HomeError, match="export the home again"):
        _ = Home.load(folder, require_policy=False).recordings
    (folder / "recordings.npz").unlink()
    seal_home(folder, name="x", skeleton=home.skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    assert Home.load(folder, require_policy=False).recordings == ()


def test_the_bundled_home_remembers_its_videos() -> None:
    home = Home.load("default")
    assert len(home.recordings) >= 8
    for recording in home.recordings:
        assert recording.valid.mean() > 0.5
        roots = recording.T_world_root[recording.valid][:, :3, 3]
        assert (home.perception.sample_sdf(roots) > 0.0).mean() > 0.99
