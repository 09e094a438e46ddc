"""What the agent perceives is the same wherever the world stands, and says nothing of the future."""

import time

import numpy as np
import pytest
from toy_recon import PLACES, toy_motion, toy_volume

from ats_sim.errors import ArrayError
from ats_sim.geometry import exp_so3, gravity_aligned, rigid, transform_points, yaw_matrix
from ats_sim.models.recordings import Recording
from ats_sim.models.windows import cut_windows, perception_at
from ats_sim.perception import (
    PAST,
    PATCH_BELOW,
    PATCH_CELL,
    PATCH_SHAPE,
    AgentHistory,
    pack_motion,
    patch_channels,
    perceive,
    perceive_all,
    scene_patch,
    unpack_motion,
)


@pytest.fixture(scope="module")
def recording() -> Recording:
    roots, joints, observer = toy_motion(np.random.default_rng(3), 120)
    return Recording("v00", roots, joints, observer, valid=np.ones(120, dtype=bool), bridged=np.ones(120, dtype=bool))


def test_world_may_be_moved_and_turned(recording: Recording) -> None:
    """Everything but the scene patch is exactly equivariant under yaw and translation."""
    volume, now = toy_volume(), 50
    T_new_old = rigid(yaw_matrix(2.1), np.array([4.0, -7.0, 0.3]))
    past = slice(now - PAST + 1, now + 1)
    roots, joints, observer = recording.T_world_root[past], recording.joint_rotations[past], recording.observer[past]
    before = perceive(volume, AgentHistory(roots, joints), observer)
    after = perceive(volume, AgentHistory(T_new_old @ roots, joints), transform_points(T_new_old, observer))
    np.testing.assert_allclose(after.T_world_ego, T_new_old @ before.T_world_ego, atol=1e-12)
    for name in ("observer_past", "past_path", "past_rotations", "past_joints"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-12)


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_scene_patch_turns_with_the_heading(quarter_turns: int) -> None:
    """Facing another way shows the same cells in another order; exact for quarter turns off the cell borders."""
    volume, position = toy_volume(), np.array([2.33, 1.87, 0.22])
    straight = scene_patch(volume, rigid(np.eye(3), position))
    turned = scene_patch(volume, rigid(yaw_matrix(quarter_turns * np.pi / 2.0), position))
    np.testing.assert_allclose(np.rot90(turned, quarter_turns, axes=(1, 2)), straight, atol=2e-3)


def test_patch_cell_holds_what_is_there() -> None:
    """The cell whose centre lies on a place has the highest value of that place's feature."""
    volume = toy_volume()
    ego = rigid(yaw_matrix(0.4), PLACES[0] - yaw_matrix(0.4) @ np.array([1.1, -0.7, 0.0]))
    patch = scene_patch(volume, ego)
    assert patch.shape == (len(patch_channels(volume)), *PATCH_SHAPE) and patch.dtype == np.float32
    cell = np.array(np.unravel_index(np.argmax(patch[0]), PATCH_SHAPE))
    centre = (cell - 0.5 * (np.array(PATCH_SHAPE) - 1.0)) * PATCH_CELL
    centre[2] = cell[2] * PATCH_CELL - PATCH_BELOW
    assert np.abs(centre - [1.1, -0.7, 0.0]).max() <= 0.5 * PATCH_CELL + 0.05


def test_outside_the_volume_is_unknown() -> None:
    """Far away nothing is occupied, nothing is free, and clearance is as bad as it gets."""
    volume = toy_volume()
    patch = scene_patch(volume, rigid(np.eye(3), np.array([100.0, 0.0, 0.0])))
    np.testing.assert_array_equal(patch[:-1], 0.0)
    np.testing.assert_array_equal(patch[-1], -1.0)


def test_future_does_not_leak_into_inputs(recording: Recording) -> None:
    """Whatever happens after "now", every model input stays bit-equal."""
    volume, now = toy_volume(), 40
    rng = np.random.default_rng(0)
    roots, joints, observer = (np.copy(a) for a in _motion(recording))
    roots[now + 1 :] = rigid(exp_so3(rng.normal(size=(119 - now, 3))), rng.normal(size=(119 - now, 3)))
    joints[now + 1 :] += rng.normal(size=joints[now + 1 :].shape)
    observer[now + 1 :] += rng.normal(size=observer[now + 1 :].shape)
    other = Recording("v00", roots, joints, observer, recording.valid, recording.bridged)
    row = now - PAST + 1
    before, after = cut_windows([recording]), cut_windows([other])
    for name in ("T_world_ego", "observer_past", "past"):
        np.testing.assert_array_equal(getattr(after, name)[row], getattr(before, name)[row])
    assert not np.array_equal(after.future[row], before.future[row])
    seen, changed = perception_at(recording, now, volume), perception_at(other, now, volume)
    for name in seen.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(changed, name), getattr(seen, name))


def test_training_and_runtime_perceive_alike(recording: Recording) -> None:
    """A training window holds exactly what `perceive` gives at that frame."""
    volume, windows = toy_volume(), cut_windows([recording])
    for row in (0, 17, len(windows) - 1):
        perception = perception_at(recording, int(windows.frame[row]), volume)
        packed = pack_motion(perception.past_path, perception.past_rotations, perception.past_joints)
        np.testing.assert_allclose(windows.past[row], packed, atol=1e-6)
        np.testing.assert_allclose(windows.observer_past[row], perception.observer_past, atol=1e-6)
        np.testing.assert_allclose(windows.T_world_ego[row], perception.T_world_ego, atol=1e-12)


def test_ego_frame_keeps_heading_and_drops_tilt() -> None:
    """Pitch and roll stay visible in the past rotations instead of tilting the frame."""
    tilted = rigid(yaw_matrix(0.8) @ exp_so3(np.array([0.1, -0.5, 0.0])), np.array([1.0, 2.0, 0.3]))
    history = AgentHistory(np.tile(tilted, (PAST, 1, 1)), np.zeros((PAST, 26, 3)))
    perception = perceive(toy_volume(), history, np.zeros((PAST, 3)))
    np.testing.assert_allclose(perception.T_world_ego[2, :3], [0.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(perception.T_world_ego, gravity_aligned(tilted), atol=1e-12)
    np.testing.assert_allclose(perception.T_world_ego[:3, :3] @ perception.past_rotations[-1], tilted[:3, :3])
    np.testing.assert_allclose(perception.past_path[-1], 0.0, atol=1e-12)


@pytest.mark.parametrize("together", [2, 7, 32])
def test_what_one_perceives_does_not_depend_on_the_others(recording: Recording, together: int) -> None:
    """Bit for bit: agents of many worlds perceive in one batch what they would perceive alone."""
    volume, (roots, joints, observer) = toy_volume(), _motion(recording)
    pasts = [slice(frame, frame + PAST) for frame in range(0, 3 * together, 3)]
    histories = [AgentHistory(roots[past], joints[past]) for past in pasts]
    found = perceive_all([volume] * together, histories, [observer[past] for past in pasts])
    for perception, history, past in zip(found, histories, pasts, strict=True):
        alone = perceive(volume, history, observer[past])
        for name, value in vars(alone).items():
            np.testing.assert_array_equal(getattr(perception, name), value, err_msg=name)


def test_packing_can_be_undone() -> None:
    """Packing and unpacking return the motion, whatever the leading axes."""
    rng = np.random.default_rng(1)
    path, rotations = rng.normal(size=(4, 5, 3)), exp_so3(rng.normal(size=(4, 5, 3)))
    joints = rng.normal(size=(4, 5, 26, 3))
    joints[..., 0, :] = 0.0
    for was, now in zip((path, rotations, joints), unpack_motion(pack_motion(path, rotations, joints)), strict=True):
        np.testing.assert_allclose(now, was, atol=1e-6)


def test_wrong_histories_are_refused() -> None:
    """A short or broken history is one typed error."""
    volume = toy_volume()
    short = AgentHistory(np.tile(np.eye(4), (3, 1, 1)), np.zeros((3, 26, 3)))
    with pytest.raises(ArrayError, match="T_world_root"):
        perceive(volume, short, np.zeros((PAST, 3)))
    whole = AgentHistory(np.tile(np.eye(4), (PAST, 1, 1)), np.zeros((PAST, 26, 3)))
    with pytest.raises(ArrayError, match="observer"):
        perceive(volume, whole, np.full((PAST, 3), np.nan))


def test_a_patch_is_quick() -> None:
    """Perceiving must not cost more than planning: the best of 20 look-ups takes under 3 ms even on a busy core."""
    volume = toy_volume()
    scene_patch(volume, np.eye(4))
    best = np.inf
    for _ in range(20):
        start = time.perf_counter()
        scene_patch(volume, np.eye(4))
        best = min(best, time.perf_counter() - start)
    assert best < 3e-3


def _motion(recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return recording.T_world_root, recording.joint_rotations, recording.observer
