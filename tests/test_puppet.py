"""The hand that leads a trunk is bounded as promised, and what a body aims at starts and ends where the frames are."""

import numpy as np
import pytest

from ats_sim.geometry import exp_so3, log_so3, matrix_from_quaternion, quaternion_from_matrix, rigid
from ats_sim.puppet import GRAVITY, Hand, Lean, Strength, glide, quaternions, rotation_vectors, turned_short

SUBSTEP = 1.0 / 240.0
MASS, INERTIA = 4.0, 0.05


def test_the_hand_carries_a_share_of_the_weight_and_lifts_only_a_climbing_plan() -> None:
    hand, still = Hand(Strength(), MASS, INERTIA, SUBSTEP), np.zeros(3)
    weight = MASS * GRAVITY
    assert hand.force(np.array([0.0, 0.0, 1.0]), still, 0.0)[2] == pytest.approx(0.5 * weight)
    assert hand.force(np.array([0.0, 0.0, 1.0]), still, 0.5)[2] == pytest.approx(3.0 * weight)
    assert hand.force(np.array([0.0, 0.0, -1.0]), still, 0.0)[2] == 0.0  # it never pushes down
    pulled = hand.force(np.array([30.0, 40.0, 0.0]), still, 0.0)
    assert np.hypot(*pulled[:2]) == pytest.approx(2.0 * weight)
    assert pulled[1] / pulled[0] == pytest.approx(4.0 / 3.0)


def test_the_hand_turns_with_a_bounded_torque_towards_the_aim() -> None:
    hand = Hand(Strength(), MASS, INERTIA, SUBSTEP)
    strong = hand.torque(np.array([0.0, 0.0, 3.0]), np.zeros(3))
    assert strong == pytest.approx([0.0, 0.0, 0.3 * MASS * GRAVITY])
    weak = hand.torque(np.array([0.0, 1e-3, 0.0]), np.zeros(3))
    assert 0.0 < weak[1] < strong[2]


def test_the_spring_brings_a_free_mass_home_without_overshoot() -> None:
    hand = Hand(Strength(support=10.0, pull=100.0), MASS, INERTIA, SUBSTEP)
    place, speed, seen = np.array([0.1, 0.0, 0.0]), np.zeros(3), []
    for _ in range(240):
        force = hand.force(-place, -speed, 0.0) - [0.0, 0.0, MASS * GRAVITY]
        speed = speed + force / MASS * SUBSTEP
        place = place + speed * SUBSTEP
        seen.append(place[0])
    assert min(seen) > -1e-4
    assert abs(seen[-1]) < 1e-6
    # Critically damped at 6 Hz: x(t) = x0 (1 + w t) exp(-w t), up to the implicit step's own damping.
    when = 24 * SUBSTEP * 2.0 * np.pi * 6.0
    assert seen[23] == pytest.approx(0.1 * (1.0 + when) * np.exp(-when), abs=0.01)


def test_what_is_left_to_turn_brings_one_rotation_onto_the_other() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted, found = exp_so3(rng.normal(size=3)), exp_so3(rng.normal(size=3))
        left = turned_short(quaternion_from_matrix(wanted), quaternion_from_matrix(found))
        np.testing.assert_allclose(exp_so3(left) @ found, wanted, atol=1e-9)


def test_rotation_vectors_survive_the_way_through_quaternions() -> None:
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(size=(50, 3)), 1e-12 * rng.normal(size=(5, 3)), np.zeros((1, 3))])
    np.testing.assert_allclose(matrix_from_quaternion(quaternions(vectors)), exp_so3(vectors), atol=1e-12)
    np.testing.assert_allclose(exp_so3(rotation_vectors(quaternions(vectors))), exp_so3(vectors), atol=1e-9)
    np.testing.assert_allclose(exp_so3(rotation_vectors(-quaternions(vectors))), exp_so3(vectors), atol=1e-9)


def test_a_glide_goes_from_frame_to_frame_at_constant_speed() -> None:
    rng = np.random.default_rng(2)
    first, last = (rigid(exp_so3(0.5 * rng.normal(size=3)), rng.normal(size=3)) for _ in range(2))
    folded, unfolded = 0.5 * rng.normal(size=(2, 25, 3))
    way = glide((first, last), (folded, unfolded), 24, 0.1)
    np.testing.assert_allclose(way.positions[-1], last[:3, 3])
    np.testing.assert_allclose(way.positions[0], first[:3, 3] + way.velocity * 0.1 / 24, atol=1e-12)
    np.testing.assert_allclose(matrix_from_quaternion(way.rotations[-1]), last[:3, :3], atol=1e-9)
    halfway = exp_so3(0.05 * way.spin) @ first[:3, :3]
    np.testing.assert_allclose(matrix_from_quaternion(way.rotations[11]), halfway, atol=1e-9)
    np.testing.assert_allclose(matrix_from_quaternion(way.joints[-1]), exp_so3(unfolded), atol=1e-9)
    turned = exp_so3(folded) @ exp_so3(0.1 * way.joint_spins)
    assert np.abs(log_so3(np.swapaxes(turned, -1, -2) @ exp_so3(unfolded))).max() < 1e-9


def test_a_lean_aims_beyond_by_what_was_missing_and_no_farther_than_a_load_would_push() -> None:
    rng = np.random.default_rng(3)
    wanted, joints = rigid(exp_so3(rng.normal(size=3)), rng.normal(size=3)), rng.normal(size=(26, 3))
    sag, tilt, bend = np.array([0.0, 0.0, -0.004]), np.array([0.03, 0.0, 0.0]), np.tile([0.0, 0.05, 0.0], (26, 1))
    lean = Lean(np.zeros(3), np.zeros(3), np.zeros((26, 3)))
    for _ in range(60):  # a load that always takes the same from wherever the body aims
        root, folded = lean.beyond(wanted, joints)
        reached = rigid(exp_so3(tilt) @ root[:3, :3], root[:3, 3] + sag), log_so3(exp_so3(folded) @ exp_so3(bend))
        lean = lean.learned((wanted, joints), reached)
    np.testing.assert_allclose(reached[0], wanted, atol=1e-4)
    np.testing.assert_allclose(exp_so3(reached[1]), exp_so3(joints), atol=1e-3)
    for _ in range(60):  # a wall
        lean = lean.learned((wanted, joints), (rigid(np.eye(3), np.zeros(3)), np.zeros((26, 3))))
    assert np.linalg.norm(lean.shift) <= 0.03 + 1e-9
    assert np.linalg.norm(lean.turn) <= 0.2 + 1e-9
    assert np.linalg.norm(lean.fold, axis=1).max() <= 0.15 + 1e-9
