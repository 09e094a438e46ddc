"""Motion comes out on the 10 Hz clock, and says where it was not seen."""

from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import ReconstructionError
from ats_sim.geometry import heading, rigid, yaw_matrix
from ats_sim.reconstruction.agent.motion import clips, on_clock, read_motion, runs, write_motion
from ats_sim.reconstruction.agent.observations import chosen_frames


def turning(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    roots = rigid(yaw_matrix(2.5 * time), np.column_stack([0.4 * time, 0 * time, 0 * time + 0.2]))
    joints = np.zeros((len(time), 3, 3))
    joints[:, 1, 1] = np.sin(time)
    return roots, joints


def test_resampling_follows_a_known_motion() -> None:
    time = np.arange(0, 4.01, 0.2)
    motion = on_clock(time, time, np.ones(len(time), dtype=bool), *turning(time))
    np.testing.assert_allclose(motion.time, np.arange(41) / 10)
    assert motion.valid.all()
    np.testing.assert_allclose(motion.T_world_root[:, 0, 3], 0.4 * motion.time, atol=1e-9)
    turned = heading(motion.T_world_root[:, :3, :3]) - 2.5 * motion.time
    np.testing.assert_allclose((turned + np.pi) % (2 * np.pi) - np.pi, 0, atol=1e-9)
    np.testing.assert_allclose(motion.joint_rotations[:, 1, 1], np.sin(motion.time), atol=6e-3)


@pytest.mark.parametrize(("gap", "bridged"), [(0.4, True), (0.5, True), (0.8, False)])
def test_short_gaps_are_bridged_and_long_ones_are_not(gap: float, bridged: bool) -> None:
    time = np.arange(0, 4.01, 0.1)
    seen = (time < 1.0 + 1e-6) | (time > 1.0 + gap - 1e-6)
    motion = on_clock(time, time, seen, *turning(time))
    inside = (motion.time > 1.05) & (motion.time < 1.0 + gap - 0.05)
    assert motion.valid[inside].all() if bridged else not motion.valid[inside].any()
    assert motion.valid[~inside].all()


def test_nothing_seen_is_nothing_valid() -> None:
    time = np.arange(0, 1, 0.1)
    roots, joints = turning(time[:1])
    motion = on_clock(time, time[:1], np.zeros(1, dtype=bool), roots, joints)
    assert not motion.valid.any() and len(motion.time) == 10


def test_clips_are_the_valid_stretches() -> None:
    time = np.arange(0, 6.01, 0.1)
    seen = (time < 1.5) | (time > 3.0)
    motion = on_clock(time, time, seen, *turning(time))
    first, second = clips({"v00": motion})
    assert (first.name, second.name) == ("v00", "v00.1")
    assert first.time[0] == 0 and second.time[0] == 0
    assert len(clips({"v00": motion}, longest=1.0, count=1)[0].time) == 11
    assert runs(np.zeros(5, dtype=bool)) == []


def test_motion_file_comes_back(tmp_path: Path) -> None:
    time = np.arange(0, 2, 0.1)
    motion = on_clock(time, time, time < 1, *turning(time))
    write_motion(tmp_path / "motion.npz", {"v00": motion, "v01": motion})
    back = read_motion(tmp_path / "motion.npz")
    assert sorted(back) == ["v00", "v01"]
    np.testing.assert_allclose(back["v01"].T_world_root, motion.T_world_root)
    np.testing.assert_array_equal(back["v01"].valid, motion.valid)
    (tmp_path / "motion.npz").write_bytes(b"PK")
    with pytest.raises(ReconstructionError, match=r"motion\.npz"):
        read_motion(tmp_path / "motion.npz")


def test_fast_videos_are_thinned_to_the_clock_and_unregistered_frames_left_out() -> None:
    times = np.arange(120) / 60
    registered = np.ones(120, dtype=bool)
    registered[30:40] = False
    frames = chosen_frames(times, registered)
    assert len(frames) < 22 and not set(frames) & set(range(30, 40))
    np.testing.assert_array_equal(chosen_frames(np.arange(20) / 5, np.ones(20, dtype=bool)), np.arange(20))
