"""Paws are down where they stand: by hand, and against the motor that plants them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import ReconstructionError
from ats_sim.files import read_npz, write_npz
from ats_sim.geometry import rigid
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.agent.contacts import FAR, NEAR, foot_contacts, paws_down, sole_places
from ats_sim.reconstruction.agent.motion import VideoMotion, read_motion, write_motion
from ats_sim.reconstruction.capture.synthesis.animal.body import PLANS, Body, make_body
from ats_sim.reconstruction.capture.synthesis.animal.motor import Command, Motor
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.skeleton import PAWS, QUADRUPED_NAMES, Skeleton

FLOOR = 0.37


def plate(height: float, left: float = -20.0) -> TriangleMesh:
    """A level square that begins at x = `left`."""
    corners = np.array([[left, -20, height], [20, -20, height], [20, 20, height], [left, 20, height]])
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]))


def down(along: np.ndarray, heights: np.ndarray | float, valid: np.ndarray | None = None) -> np.ndarray:
    """Contacts (N,) of one paw at x = `along` (N,), which nothing is known of beside its height."""
    count = len(along)
    soles = np.zeros((count, 1, 3))
    soles[:, 0, 0] = along
    every = np.ones(count, dtype=bool)
    tall = np.broadcast_to(np.asarray(heights, dtype=float), (count,))[:, None]
    return paws_down(np.arange(count) / 10, soles, tall, every if valid is None else valid)[:, 0]


def test_a_walking_paw_is_down_between_its_steps() -> None:
    """A square wave: 0.4 s on a spot, then 0.2 s to the next, 0.3 m ahead."""
    count = np.arange(60)
    along = 0.3 * (count // 6 + np.clip(count % 6 - 3, 0, 3) / 3)
    stands = (count % 6 > 0) & (count % 6 < 3)  # the first and last moment of a stance share their 0.2 s with the swing
    swings = count % 6 > 3
    found = down(along, np.where(swings, 0.02, 0.0))
    np.testing.assert_array_equal(found[1:-1], stands[1:-1])


def test_a_paw_held_up_a_sliding_one_and_a_sunken_one() -> None:
    still = np.zeros(30)
    assert not down(still, 0.1).any()
    assert not down(0.5 * np.arange(30) / 10, 0.0).any()
    assert down(still, 0.0).all() and down(still, -0.04).all()


def test_what_is_down_stays_so_within_the_wide_limits_alone() -> None:
    between = 0.5 * (NEAR + FAR)
    sinking = np.array([0.1] * 5 + [between] * 5 + [0.0] + [between] * 5 + [0.1] * 5)
    np.testing.assert_array_equal(down(np.zeros(21), sinking), sinking < FAR)
    assert not down(np.zeros(21), np.maximum(sinking, between)).any()


def test_nothing_is_known_where_the_motion_is_not_valid() -> None:
    """A paw that stood elsewhere before a gap did not slide there in sight."""
    valid = np.ones(30, dtype=bool)
    valid[[*range(10, 15), 16]] = False
    along = np.where(np.arange(30) < 10, 0.0, 1.0)
    found = down(along, 0.0, valid)
    assert found[valid & (np.arange(30) != 15)].all() and not found[~valid].any()
    assert not found[15]  # a single moment shows no speed


@pytest.fixture(scope="module", params=[*PLANS])
def body(request: pytest.FixtureRequest) -> Body:
    return make_body(request.param, np.random.default_rng(1))


def lived(body: Body, motor: Motor, commands: list[Command]) -> tuple[VideoMotion, np.ndarray]:
    """The motion under commands of 0.1 s each, and which paws (N, 4) the motor had planted."""
    roots, joints, planted = [], [], []
    pace = body.plan.similarity.length**0.5
    for command in commands:
        motor.advance(0.1, replace(command, speed=command.speed * pace, turn_rate=command.turn_rate / pace))
        root, pose = motor.pose()
        roots.append(root)
        joints.append(pose)
        planted.append(motor.planted)
    count = len(roots)
    motion = VideoMotion(np.arange(count) / 10, np.stack(roots), np.stack(joints), np.ones(count, dtype=bool))
    return motion, np.stack(planted)


def noisy(motion: VideoMotion, rng: np.random.Generator) -> VideoMotion:
    """Roots off by 4 mm a moment and 8 mm for good, joints by a degree a moment."""
    shift = rng.normal(0, 0.004, (len(motion.time), 3)) + rng.normal(0, 0.008, 3)
    joints = motion.joint_rotations + rng.normal(0, np.radians(1.0), motion.joint_rotations.shape)
    return replace(motion, T_world_root=rigid(np.eye(3), shift) @ motion.T_world_root, joint_rotations=joints)


def test_noisy_paws_are_down_where_the_motor_planted_them(body: Body) -> None:
    """Precision and recall of a day that is harder than any recorded one: two thirds of it on the move."""
    day = [
        *[Command(speed=0.6)] * 30, *[Command(posture="sit")] * 15, *[Command(speed=0.3)] * 30,
        *[Command(speed=1.6, turn_rate=0.5)] * 20, *[Command(posture="lie")] * 20,
        *[Command(speed=0.45, turn_rate=1.0)] * 30, *[Command(turn_rate=-1.8)] * 12, *[Command(posture="eat")] * 15,
        *[Command(speed=0.8)] * 20, *[Command(posture="stand")] * 20,
    ]  # fmt: skip
    motion, planted = lived(body, Motor(body, np.zeros(2), 0.0, FLOOR), day)
    motion = noisy(motion, np.random.default_rng(0))
    found = foot_contacts(motion, body.skinned, Raycaster(plate(FLOOR)), FLOOR)
    both = (found & planted).sum()
    precision, recall = both / found.sum(), both / planted.sum()
    # A rabbit's hind feet are down for a tenth of a second at a time.
    assert precision > (0.84 if body.plan.kind == "rabbit" else 0.93)
    assert recall > (0.78 if body.plan.kind == "rabbit" else 0.82)


def test_true_paws_are_down_where_they_are_low_and_slow(body: Body) -> None:
    """The same from joint positions alone, at 100 Hz: paws whose joints are as low as they get, and stand still."""
    motor, fine, count = Motor(body, np.zeros(2), 0.0), [], 80
    roots, joints = [], []
    paws = [QUADRUPED_NAMES.index(name) for name in PAWS]
    for step in range(10 * count):
        motor.advance(0.01, Command(speed=0.35 * body.plan.similarity.length**0.5))
        root, pose = motor.pose()
        fine.append(body.skeleton.forward_kinematics(root, pose)[paws, :3, 3])
        if step % 10 == 0:
            roots.append(root)
            joints.append(pose)
    places = np.stack(fine)
    speed = np.linalg.norm(np.gradient(places, 0.01, axis=0), axis=-1)
    lowest = np.percentile(places[..., 2], 5, axis=0)
    truth = ((places[..., 2] < lowest + 0.02) & (speed < 0.25))[::10]
    motion = VideoMotion(np.arange(count) / 10, np.stack(roots), np.stack(joints), np.ones(count, dtype=bool))
    found = foot_contacts(motion, body.skinned, Raycaster(plate(0.0)), 0.0)
    assert (found == truth).mean() > 0.8


def test_nothing_is_down_in_a_leap_and_everything_is_where_it_lands(body: Body) -> None:
    couch = Raycaster(plate(FLOOR + 0.45, left=0.35))
    motor = Motor(body, np.zeros(2), 0.0, FLOOR)
    motor.hop(np.array([0.8, 0.0, FLOOR + 0.45]))
    motion, planted = lived(body, motor, [Command()] * 40)
    found = foot_contacts(motion, body.skinned, couch, FLOOR)
    flies = ~planted.any(axis=1)
    height = motion.T_world_root[:, 2, 3] - FLOOR - body.stand_height
    rises = flies & (height > 0.1) & (motion.T_world_root[:, 0, 3] < 0.5)
    assert rises.any() and not found[rises].any()
    assert found[-10:].all() and found[0].all()


def test_soles_are_where_the_pads_are(body: Body) -> None:
    rest = np.zeros((1, body.skeleton.num_joints, 3))
    found = sole_places(body.skinned, np.eye(4)[None], rest)[0]
    pads = body.skeleton.rest_transforms[[QUADRUPED_NAMES.index(name) for name in PAWS], :3, 3] + body.pads
    np.testing.assert_allclose(found, pads, atol=0.007)


def test_a_box_has_no_paws() -> None:
    mesh = TriangleMesh(np.eye(3), np.array([[0, 1, 2]]))
    weights = np.tile(np.float32([1, 0, 0, 0]), (3, 1))
    skinned = SkinnedMesh(mesh, np.zeros((3, 4), np.int32), weights, Skeleton(("root",), [-1], np.eye(4)[None]))
    motion = VideoMotion(np.arange(5) / 10, np.tile(np.eye(4), (5, 1, 1)), np.zeros((5, 1, 3)), np.ones(5, dtype=bool))
    assert foot_contacts(motion, skinned, Raycaster(plate(0.0)), 0.0).shape == (5, 0)


def test_contacts_come_back_from_the_file_and_older_files_have_none(tmp_path: Path) -> None:
    contacts = np.random.default_rng(0).random((5, 4)) > 0.5
    motion = VideoMotion(np.arange(5) / 10, np.tile(np.eye(4), (5, 1, 1)), np.zeros((5, 1, 3)), np.ones(5, dtype=bool))
    write_motion(tmp_path / "motion.npz", {"v00": replace(motion, contacts=contacts)})
    back = read_motion(tmp_path / "motion.npz")["v00"].contacts
    assert back is not None and back.dtype == bool
    np.testing.assert_array_equal(back, contacts)
    arrays = read_npz(tmp_path / "motion.npz", ReconstructionError)
    write_npz(tmp_path / "old.npz", **{name: array for name, array in arrays.items() if name != "v00/contacts"})
    assert read_motion(tmp_path / "old.npz")["v00"].contacts is None
