"""The cat's feet stay where they stand, its joints move at bounded speed and nothing sinks into the ground."""

import numpy as np
import pytest

from ats_sim.reconstruction.capture.synthesis.animal.cat_body import FEET, Body, make_body
from ats_sim.reconstruction.capture.synthesis.animal.hop import GRAVITY, PUSH_TIME, Hop
from ats_sim.reconstruction.capture.synthesis.animal.motor import Command, Motor
from ats_sim.reconstruction.capture.synthesis.animal.postures import POSTURES
from ats_sim.skeleton import QUADRUPED_NAMES

PAWS = [QUADRUPED_NAMES.index(f"{foot}_paw") for foot in FEET]
SLIP = 0.01
JOINT_SPEED = 32.0


@pytest.fixture(scope="module")
def body() -> Body:
    return make_body("cat", np.random.default_rng(1))


def paws(body: Body, motor: Motor) -> np.ndarray:
    """World points (4, 3) of the pads by forward kinematics: what is drawn, not what was asked for."""
    joints = body.skeleton.forward_kinematics(*motor.pose())[PAWS]
    return np.einsum("nij,nj->ni", joints[:, :3, :3], body.pads) + joints[:, :3, 3]


def stance_slips(points: np.ndarray, planted: np.ndarray) -> list[float]:
    """Largest drift of each paw within each stance of a sequence (N, 4, 3), (N, 4)."""
    slips = []
    for foot in range(4):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], planted[:, foot], [False]]).astype(int)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            stance = points[start:end, foot]
            slips.append(float(np.linalg.norm(stance - stance[0], axis=1).max()))
    return slips


@pytest.mark.parametrize(
    "command",
    [
        Command(speed=0.45),
        Command(speed=0.65),
        Command(speed=1.4),
        Command(speed=1.9),
        Command(turn_rate=2.0),
        Command(speed=0.5, turn_rate=1.2),
    ],
)
def test_planted_paws_do_not_skate(body: Body, command: Command) -> None:
    motor = Motor(body, np.zeros(2), 0.3)
    points, planted = [], []
    for _ in range(160):
        motor.advance(0.025, command)
        points.append(paws(body, motor))
        planted.append(motor.planted)
    slips = stance_slips(np.array(points), np.array(planted))
    assert len(slips) > 8
    assert max(slips) < SLIP
    assert np.array(points)[..., 2].min() > -0.002


def test_walk_is_the_lateral_sequence_and_covers_ground(body: Body) -> None:
    motor = Motor(body, np.zeros(2), 0.0)
    landings = []
    before = motor.planted
    for step in range(400):
        motor.advance(0.01, Command(speed=0.55))
        landings += [FEET[foot] for foot in np.flatnonzero(motor.planted & ~before) if step > 150]
        before = motor.planted
    order = ["left_hind", "left_front", "right_hind", "right_front"]
    first = order.index(landings[0])
    assert landings[:8] == [order[(first + k) % 4] for k in range(8)]
    assert motor.position[0] == pytest.approx(0.55 * 4.0, abs=0.15)


def test_trot_moves_diagonal_pairs(body: Body) -> None:
    motor = Motor(body, np.zeros(2), 0.0)
    together = []
    for step in range(300):
        motor.advance(0.01, Command(speed=1.6))
        if step > 150:
            lf, rf, lh, rh = motor.planted
            together.append([lf == rh, rf == lh, lf != rf])
    diagonal_left, diagonal_right, alternating = np.mean(together, axis=0)
    assert min(diagonal_left, diagonal_right) > 0.88
    # Below a duty of one half both pairs are in the air for a moment of every stride.
    assert alternating > 0.7


@pytest.mark.parametrize("name", sorted(POSTURES))
def test_postures_rest_on_the_ground(body: Body, name: str) -> None:
    motor = Motor(body, np.zeros(2), 0.0)
    for _ in range(40):
        motor.advance(0.1, Command(posture=name))  # type: ignore[arg-type]
    pose = motor.pose()
    vertices = body.skinned.posed(*pose)
    joints = body.skeleton.forward_kinematics(*pose)[:, 2, 3]
    assert vertices[:, 2].min() > -0.012
    assert joints.min() > 0.005
    np.testing.assert_allclose(paws(body, motor)[:, 2], 0.0, atol=0.004)
    assert motor.pose()[0][2, 3] == pytest.approx(POSTURES[name].height * body.stand_height / 0.195, abs=0.01)  # type: ignore[index]


def test_flight_is_ballistic_and_meets_both_ends() -> None:
    start, standing, landing = np.array([0, 0, 0.13]), np.array([0, 0, 0.195]), np.array([0.6, 0.1, 0.62])
    hop = Hop(start, standing, landing)
    np.testing.assert_allclose(hop.at(0.0).root, start)
    np.testing.assert_allclose(hop.at(hop.duration).root, landing, atol=1e-9)
    times = PUSH_TIME + np.linspace(0.02, hop.flight_time - 0.02, 30)
    heights = np.array([hop.at(t).root[2] for t in times])
    acceleration = np.diff(heights, 2) / (times[1] - times[0]) ** 2
    np.testing.assert_allclose(acceleration, -GRAVITY, rtol=1e-6)


@pytest.mark.parametrize(("ground", "target"), [(0.0, (0.65, 0.0, 0.45)), (0.45, (0.6, 0.1, 0.0))])
def test_hop_lands_on_its_paws(body: Body, ground: float, target: tuple[float, float, float]) -> None:
    motor = Motor(body, np.zeros(2), 0.0, ground)
    motor.hop(np.array(target))
    lowest, steps = [], 0
    while motor.hopping:
        motor.advance(0.02, Command())
        lowest.append(body.skinned.posed(*motor.pose())[:, 2].min())
        steps += 1
        assert steps < 150
    assert min(lowest) > min(ground, target[2]) - 0.03
    assert motor.ground == target[2]
    np.testing.assert_allclose(motor.position, target[:2], atol=1e-6)
    for _ in range(15):
        motor.advance(0.1, Command())
    np.testing.assert_allclose(paws(body, motor)[:, 2], target[2], atol=1e-3)


def test_joints_move_at_bounded_speed_through_a_day(body: Body) -> None:
    day = [
        *[Command(speed=0.6)] * 20, *[Command(posture="sit")] * 15, *[Command(speed=1.6, turn_rate=0.5)] * 20,
        *[Command(posture="lie", gaze=np.array([0.0, 5.0, 0.5]))] * 20, *[Command(posture="stretch")] * 12,
        *[Command(turn_rate=-1.8)] * 12, *[Command(posture="sleep")] * 15, *[Command(posture="eat")] * 15,
    ]  # fmt: skip
    motor = Motor(body, np.zeros(2), 0.0)
    rotations, roots = [], []
    for command in day:
        motor.advance(0.1, command)
        root, joints = motor.pose()
        rotations.append(joints)
        roots.append(root[:3, 3])
    assert np.abs(np.diff(rotations, axis=0)).max() / 0.1 < JOINT_SPEED
    assert np.linalg.norm(np.diff(roots, axis=0), axis=1).max() / 0.1 < 2.2


def test_motion_does_not_depend_on_where_it_happens(body: Body) -> None:
    here, there = Motor(body, np.zeros(2), 0.0), Motor(body, np.array([5.0, -3.0]), 0.0)
    for _ in range(30):
        here.advance(0.1, Command(speed=0.5, turn_rate=0.3))
        there.advance(0.1, Command(speed=0.5, turn_rate=0.3))
    np.testing.assert_allclose(here.pose()[1], there.pose()[1], atol=1e-9)
