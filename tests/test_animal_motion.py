"""Feet stay where they stand, joints move at bounded speed, nothing sinks into the ground; for every species."""

from dataclasses import replace

import numpy as np
import pytest

from ats_sim.reconstruction.capture.synthesis.animal.body import FEET, PLANS, Body, make_body
from ats_sim.reconstruction.capture.synthesis.animal.body_plan import BodyKind
from ats_sim.reconstruction.capture.synthesis.animal.hop import GRAVITY, PUSH_TIME, Hop
from ats_sim.reconstruction.capture.synthesis.animal.motor import Command, Motor
from ats_sim.reconstruction.capture.synthesis.animal.postures import PostureName
from ats_sim.skeleton import QUADRUPED_NAMES

PAWS = [QUADRUPED_NAMES.index(f"{foot}_paw") for foot in FEET]
SLIP = 0.01
JOINT_SPEED = 32.0


@pytest.fixture(scope="module", params=[*PLANS])
def body(request: pytest.FixtureRequest) -> Body:
    return make_body(request.param, np.random.default_rng(1))


@pytest.fixture(scope="module")
def cat() -> Body:
    return make_body("cat", np.random.default_rng(1))


def equal_froude(body: Body, speed: float = 0.0, turn_rate: float = 0.0) -> Command:
    """A cat's speed (m/s) and turn rate as an animal of this size would have them: v² / l and ω² l are alike."""
    root = (body.plan.similarity.length) ** 0.5
    return Command(speed=speed * root, turn_rate=turn_rate / root)


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
    ("speed", "turn_rate"),
    [(0.1, 0.0), (0.45, 0.0), (0.65, 0.0), (1.4, 0.0), (1.9, 0.0), (3.4, 0.0), (0.0, 2.0), (0.5, 1.2)],
)
def test_planted_paws_do_not_skate(body: Body, speed: float, turn_rate: float) -> None:
    motor, command = Motor(body, np.zeros(2), 0.3), equal_froude(body, speed, turn_rate)
    points, planted = [], []
    for _ in range(160):
        motor.advance(0.025, command)
        points.append(paws(body, motor))
        planted.append(motor.planted)
    slips = stance_slips(np.array(points), np.array(planted))
    assert len(slips) > 8
    assert max(slips) < SLIP
    assert np.array(points)[..., 2].min() > -0.002


@pytest.mark.parametrize("kind", ["cat", "dog"])
def test_walk_is_the_lateral_sequence_and_covers_ground(kind: BodyKind) -> None:
    body = make_body(kind, np.random.default_rng(1))
    motor = Motor(body, np.zeros(2), 0.0)
    landings = []
    before = motor.planted
    for step in range(400):
        motor.advance(0.01, equal_froude(body, speed=0.55))
        landings += [FEET[foot] for foot in np.flatnonzero(motor.planted & ~before) if step > 150]
        before = motor.planted
    order = ["left_hind", "left_front", "right_hind", "right_front"]
    first = order.index(landings[0])
    assert landings[:8] == [order[(first + k) % 4] for k in range(8)]
    assert motor.position[0] == pytest.approx(4.0 * equal_froude(body, speed=0.55).speed, abs=0.15)


@pytest.mark.parametrize("kind", ["cat", "dog"])
def test_trot_moves_diagonal_pairs(kind: BodyKind) -> None:
    body = make_body(kind, np.random.default_rng(1))
    motor = Motor(body, np.zeros(2), 0.0)
    together = []
    for step in range(300):
        motor.advance(0.01, equal_froude(body, speed=1.6))
        if step > 150:
            lf, rf, lh, rh = motor.planted
            together.append([lf == rh, rf == lh, lf != rf])
    diagonal_left, diagonal_right, alternating = np.mean(together, axis=0)
    assert min(diagonal_left, diagonal_right) > 0.88
    # Below a duty of one half both pairs are in the air for a moment of every stride.
    assert alternating > 0.7


def landings(body: Body, speed: float) -> dict[str, list[float]]:
    """Times at which each foot lands within three seconds of steady motion."""
    motor, times = Motor(body, np.zeros(2), 0.0), {foot: [] for foot in FEET}
    before = motor.planted
    for step in range(450):
        motor.advance(0.01, Command(speed=speed))
        for foot in np.flatnonzero(motor.planted & ~before):
            if step >= 150:
                times[FEET[foot]].append(0.01 * step)
        before = motor.planted
    return times


@pytest.mark.parametrize("speed", [0.35, 0.6, 1.5])
def test_rabbits_hop_with_both_hind_feet_together(speed: float) -> None:
    """A half-bound: the hind feet land as one, the front feet one after the other, at all but the slowest speeds."""
    times = landings(make_body("rabbit", np.random.default_rng(1)), speed)
    together = np.abs(np.subtract.outer(times["left_hind"], times["right_hind"])).min(1)
    apart = np.abs(np.subtract.outer(times["left_front"], times["right_front"])).min(1)
    assert len(together) > 4 and together.max() <= 0.02
    assert 0.02 < np.median(apart) < 0.12
    slow = landings(make_body("rabbit", np.random.default_rng(1)), 0.08)
    assert np.abs(np.subtract.outer(slow["left_hind"], slow["right_hind"])).min(1).min() > 0.1


def test_gallop_outruns_the_trot_and_leaves_the_ground(cat: Body) -> None:
    motor, airborne = Motor(cat, np.zeros(2), 0.0), []
    for step in range(400):
        motor.advance(0.01, Command(speed=3.5))
        airborne += [not motor.planted.any()] if step > 200 else []
    assert motor.speed == pytest.approx(3.5)
    assert 0.05 < np.mean(airborne) < 0.6


def test_strides_of_equal_froude_numbers_scale_with_the_leg(cat: Body) -> None:
    """Dynamic similarity: at equal v² / (g l) a stride is the same multiple of the leg, its time goes with its root."""
    dog = make_body("dog", np.random.default_rng(1))

    def hip(body: Body) -> float:
        return PLANS[body.plan.kind].left["thigh"][2] + PLANS[body.plan.kind].stand_height

    leg = hip(dog) / hip(cat)
    for speed in (0.5, 1.5):
        periods = [
            float(np.median(np.diff(landings(body, speed * pace)["left_hind"])))
            for body, pace in ((cat, 1.0), (dog, leg**0.5))
        ]
        assert periods[1] / periods[0] == pytest.approx(leg**0.5, rel=0.06)


@pytest.mark.parametrize("name", sorted(PLANS["cat"].postures))
def test_postures_rest_on_the_ground(body: Body, name: PostureName) -> None:
    motor = Motor(body, np.zeros(2), 0.0)
    for _ in range(60):
        motor.advance(0.1, Command(posture=name))
    pose = motor.pose()
    vertices = body.skinned.posed(*pose)
    joints = body.skeleton.forward_kinematics(*pose)[:, 2, 3]
    assert vertices[:, 2].min() > -0.012
    assert joints.min() > 0.005
    np.testing.assert_allclose(paws(body, motor)[:, 2], 0.0, atol=0.004)
    assert motor.pose()[0][2, 3] == pytest.approx(body.plan.postures[name].height * body.scale, abs=0.01)


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
        scaled = equal_froude(body, command.speed, command.turn_rate)
        motor.advance(0.1, replace(command, speed=scaled.speed, turn_rate=scaled.turn_rate))
        root, joints = motor.pose()
        rotations.append(joints)
        roots.append(root[:3, 3])
    assert np.abs(np.diff(rotations, axis=0)).max() / 0.1 < JOINT_SPEED
    assert np.linalg.norm(np.diff(roots, axis=0), axis=1).max() / 0.1 < 2.2 * body.plan.similarity.length**0.5


def test_motion_does_not_depend_on_where_it_happens(body: Body) -> None:
    here, there = Motor(body, np.zeros(2), 0.0), Motor(body, np.array([5.0, -3.0]), 0.0)
    for _ in range(30):
        here.advance(0.1, Command(speed=0.5, turn_rate=0.3))
        there.advance(0.1, Command(speed=0.5, turn_rate=0.3))
    np.testing.assert_allclose(here.pose()[1], there.pose()[1], atol=1e-9)


def test_grooming_brings_the_nose_to_the_left_flank_and_licks(body: Body) -> None:
    motor, noses, feet = Motor(body, np.zeros(2), 0.0), [], []
    head = QUADRUPED_NAMES.index("head")
    for step in range(200):
        motor.advance(0.025, Command(posture="groom"))
        if step >= 120:
            frame = body.skeleton.forward_kinematics(*motor.pose())[head]
            noses.append(frame[:3, :3] @ np.array(body.plan.face.nose) * body.scale + frame[:3, 3])
            feet.append(paws(body, motor))
    nose = np.mean(noses, axis=0)
    owner = np.array(QUADRUPED_NAMES)[body.skinned.skin_joints[:, 0]]
    side = body.skinned.posed(*motor.pose())[np.isin(owner, ("spine2", "spine3", "left_shoulder", "left_upper_arm"))]
    # Nobody's spine is made of three joints: what it lacks is the last hand's breadth to the flank.
    assert np.linalg.norm(side - nose, axis=1).min() < 0.25 * body.stand_height
    assert nose[1] > 0.1 * body.stand_height and nose[2] < 1.1 * body.stand_height
    nods = np.fft.rfft(np.array(noses)[:, 2] - nose[2])
    assert 2.0 <= np.fft.rfftfreq(len(noses), 0.025)[np.abs(nods).argmax()] <= 3.0
    assert np.linalg.norm(np.ptp(feet, axis=0), axis=-1).max() < SLIP
