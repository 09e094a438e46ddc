"""Bodies with weight fall, rest, push and give way as mechanics says, and their state is all that counts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_physics import parts_home
from toy_home import COUCH_HIGH, ROOM_HIGH, ROOM_LOW, make_toy_home

from ats_sim.arrays import Array
from ats_sim.dynamics import DynamicBodies
from ats_sim.errors import ArrayError
from ats_sim.geometry import exp_so3, geodesic_angle, rigid, yaw_matrix
from ats_sim.home import Home
from ats_sim.puppet import GRAVITY, Strength

AWAY = np.array([0.0, 0.0, -50.0])  # an observer who is not there
STILL = np.zeros((26, 3))
LIMP = Strength(support=0.0, lift=0.0, pull=0.0, steady=0.0, joint=0.0)
STANDING = 0.251  # metres; root of the toy cat with its paws' capsules on the floor
SKIN = 0.02  # metres; radius of the toy cat's capsules


def at(x: float, y: float, z: float, yaw: float = 0.0) -> Array:
    return rigid(yaw_matrix(yaw), np.array([x, y, z]))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("dynamics") / "toy"), require_policy=False)


def build(home: Home, num_agents: int = 1, strength: Strength | None = None) -> DynamicBodies:
    bodies = DynamicBodies(home, num_agents=num_agents, observer_radius=0.2, observer_height=1.6, strength=strength)
    bodies.place_observer(AWAY)
    return bodies


@pytest.fixture(scope="module")
def shared(home: Home) -> Iterator[DynamicBodies]:
    bodies = build(home)
    yield bodies
    bodies.close()


@pytest.fixture
def cat(shared: DynamicBodies) -> DynamicBodies:
    shared.place_agent(0, at(-1.0, 0.0, STANDING), STILL)
    shared.place_observer(AWAY)
    return shared


def root(bodies: DynamicBodies, index: int = 0) -> Array:
    return np.asarray(bodies.poses()[index][0][:3, 3])


@pytest.mark.parametrize("which", ["toy", "default"])
def test_what_was_placed_is_read_back(home: Home, which: str) -> None:
    own = home if which == "toy" else Home.load("default", require_policy=False)
    bodies, rng = build(own), np.random.default_rng(0)
    for _ in range(5):
        place = rigid(exp_so3(rng.normal(size=3)), rng.normal(size=3))
        joints = 0.8 * rng.normal(size=(26, 3))
        joints[0] = 0.0
        bodies.place_agent(0, place, joints)
        found, turned = bodies.poses()[0]
        np.testing.assert_allclose(found, place, atol=1e-9)
        np.testing.assert_allclose(exp_so3(turned), exp_so3(joints), atol=1e-9)
        wanted = own.skeleton.forward_kinematics(place, joints)[:, :3, 3]
        for name, position in bodies.link_positions(0).items():
            assert np.linalg.norm(position - wanted[own.skeleton.joint_names.index(name)]) < 1e-3
    bodies.close()


def test_a_limp_body_falls_like_any_other_and_comes_to_rest_on_the_floor(home: Home) -> None:
    bodies, start = build(home, strength=LIMP), at(-1.0, 0.0, 2.2)
    bodies.place_agent(0, start, STILL)
    for _ in range(5):
        bodies.track([(start, STILL)], AWAY)
    # Half a second in pieces of 1/240 s, in each of which the body already has the speed of its end.
    assert 2.2 - root(bodies)[2] == pytest.approx(GRAVITY * 0.5**2 / 2.0 * (1.0 + 1.0 / 120.0), rel=2e-3)
    for _ in range(45):
        bodies.track([(start, STILL)], AWAY)
    heights = [place[2] for place in bodies.link_positions(0).values()]
    assert SKIN - 0.005 < min(heights) < SKIN + 0.005
    assert np.abs(bodies.save()["base_velocity"]).max() < 0.05
    bodies.close()


def test_paws_carry_a_standing_body_and_it_does_not_tremble(cat: DynamicBodies) -> None:
    heights = []
    for _ in range(30):
        cat.track([(at(-1.0, 0.0, STANDING), STILL)], AWAY)
        heights.append(root(cat)[2])
    assert heights[-1] == pytest.approx(STANDING, abs=0.005)
    assert np.ptp(heights[10:]) < 1e-3


def test_an_animal_that_always_wants_to_stay_as_it_is_does_not_sink_to_its_belly() -> None:
    home = Home.load("default", require_policy=False)
    bodies, motion = build(home), home.animations[3]
    stand = (motion.T_world_root[30].astype(np.float64), motion.joint_rotations[30].astype(np.float64))
    bodies.place_agent(0, *stand)
    for _ in range(10):
        bodies.track([stand], AWAY)
    places = [bodies.poses()[0][0]]
    for _ in range(2):
        for _ in range(60):
            bodies.track(bodies.poses(), AWAY)  # plans begin anew from where the body is
        places.append(bodies.poses()[0][0])
    begun, settled, ended = places
    # Paws that hung in the air may find the ground; then it stays as it is.
    assert settled[:3, 3] == pytest.approx(begun[:3, 3], abs=0.03)
    assert geodesic_angle(settled[:3, :3], begun[:3, :3]) < 0.25
    assert ended[:3, 3] == pytest.approx(settled[:3, 3], abs=0.005)
    assert geodesic_angle(ended[:3, :3], settled[:3, :3]) < 0.05
    bodies.close()


def test_a_plan_that_ends_in_the_air_falls_down(cat: DynamicBodies) -> None:
    cat.place_agent(0, at(-1.0, 0.0, 1.2), STILL)
    for _ in range(15):
        cat.track([(at(-1.0, 0.0, 1.2), STILL)], AWAY)
    assert root(cat)[2] == pytest.approx(STANDING, abs=0.02)


def test_a_climbing_plan_is_jumped(cat: DynamicBodies) -> None:
    for step in range(1, 6):
        cat.track([(at(-1.0, 0.0, STANDING + 0.1 * step), STILL)], AWAY)
    assert root(cat)[2] == pytest.approx(STANDING + 0.5, abs=0.1)


def test_joints_hold_a_pose_against_gravity(cat: DynamicBodies) -> None:
    pose = STILL.copy()
    pose[4], pose[13], pose[6] = [0.0, -0.6, 0.0], [0.2, 0.5, 0.0], [0.0, 0.3, 0.1]
    for _ in range(10):
        cat.track([(at(-1.0, 0.0, STANDING), pose)], AWAY)
    assert geodesic_angle(exp_so3(cat.poses()[0][1]), exp_so3(pose)).max() < 0.05


@pytest.mark.parametrize(("yaw", "steps"), [(0.0, 30), (0.8, 30), (-np.pi / 2.0, 100)])
def test_nothing_drives_a_body_through_a_wall(cat: DynamicBodies, yaw: float, steps: int) -> None:
    aim, seen = np.array([-1.0, 0.0, STANDING]), []
    for _ in range(steps):
        aim = aim + 0.4 * np.array([np.cos(yaw), np.sin(yaw), 0.0])  # 4 m/s, for up to 10 s
        cat.track([(rigid(yaw_matrix(yaw), aim), STILL)], AWAY)
        seen.append(root(cat))
    assert (np.array(seen) > ROOM_LOW).all() and (np.array(seen) < ROOM_HIGH).all()
    links = np.array(list(cat.link_positions(0).values()))
    assert (links > ROOM_LOW - 0.01).all() and (links < ROOM_HIGH + 0.01).all()
    assert np.linalg.norm(seen[-1][:2] - [-1.0, 0.0]) > 0.8  # it did go


def test_the_observer_pushes_the_animal_aside_and_it_returns(cat: DynamicBodies) -> None:
    stand = at(-1.0, 0.0, STANDING)
    cat.place_observer(np.array([-1.0, -1.2, 0.0]))
    for step in range(1, 19):
        cat.track([(stand, STILL)], np.array([-1.0, -1.2 + 0.1 * step, 0.0]))
    assert root(cat)[1] > 0.6 + 0.2  # the observer's skin is at 0.8
    assert cat.agent_gap(0) > -0.05
    for _ in range(15):
        cat.track([(stand, STILL)], AWAY)
    assert root(cat) == pytest.approx([-1.0, 0.0, STANDING], abs=0.03)


def test_an_animal_squeezed_against_a_wall_stays_in_the_room(cat: DynamicBodies) -> None:
    cat.place_agent(0, at(-1.0, -1.7, STANDING), STILL)
    cat.place_observer(np.array([-1.0, -1.2, 0.0]))
    for step in range(1, 31):
        cat.track([(at(-1.0, -1.7, STANDING), STILL)], np.array([-1.0, max(-1.2 - 0.1 * step, -1.8), 0.0]))
        assert (root(cat) > ROOM_LOW).all() and (root(cat) < ROOM_HIGH).all()


def test_a_body_that_is_shot_through_a_wall_is_put_back(cat: DynamicBodies) -> None:
    cat.load(cat.save() | {"base_velocity": np.array([[-500.0, 0.0, 0.0, 0.0, 0.0, 0.0]])})
    cat.track([(at(-1.0, 0.0, STANDING), STILL)], AWAY)
    assert (root(cat) > ROOM_LOW).all() and (root(cat) < ROOM_HIGH).all()
    for _ in range(5):
        cat.track([(at(-1.0, 0.0, STANDING), STILL)], AWAY)
    assert root(cat) == pytest.approx([-1.0, 0.0, STANDING], abs=0.02)


def test_two_agents_who_want_the_same_place_meet_and_stop(home: Home) -> None:
    bodies = build(home, 2)
    bodies.place_agent(0, at(-2.0, 0.0, STANDING), STILL)
    bodies.place_agent(1, at(0.0, 0.0, STANDING, np.pi), STILL)
    for step in range(1, 16):
        aims = [at(-2.0 + 0.07 * step, 0.0, STANDING), at(-0.07 * step, 0.0, STANDING, np.pi)]
        bodies.track([(aim, STILL) for aim in aims], AWAY)
    heads = [bodies.link_positions(index)["head"] for index in (0, 1)]
    assert np.linalg.norm(heads[0] - heads[1]) > 2.0 * SKIN - 0.01
    assert root(bodies, 1)[0] - root(bodies, 0)[0] > 0.3  # both planned to be past -1.0
    bodies.close()


def test_an_observer_who_is_suddenly_elsewhere_hits_nobody_on_the_way(cat: DynamicBodies) -> None:
    cat.place_observer(np.array([-1.0, -1.5, 0.0]))
    cat.track([(at(-1.0, 0.0, STANDING), STILL)], np.array([-1.0, 1.5, 0.0]))
    assert root(cat) == pytest.approx([-1.0, 0.0, STANDING], abs=0.005)


def test_convex_parts_carry_a_body(tmp_path: Path) -> None:
    bodies, start = build(parts_home(tmp_path / "parts"), strength=LIMP), at(1.5, 0.0, 0.7)
    bodies.place_agent(0, start, STILL)
    for _ in range(15):
        bodies.track([(start, STILL)], AWAY)
    heights = [place[2] for place in bodies.link_positions(0).values()]
    assert COUCH_HIGH[2] + SKIN - 0.005 < min(heights) < COUCH_HIGH[2] + SKIN + 0.005
    bodies.close()


def crowding(bodies: DynamicBodies, steps: range) -> Array:
    """Agents circle around one place and bump into each other and the observer; (T, A, 4, 4)."""
    seen = []
    for step in steps:
        bodies.track([circling(index, step) for index in range(3)], walking(step))
        seen.append(np.stack([pose[0] for pose in bodies.poses()]))
    return np.array(seen)


def circling(index: int, step: int) -> tuple[Array, Array]:
    angle = 2.0 * np.pi * index / 3.0 + 0.11 * step * (1.0 + 0.3 * index)
    swing = np.zeros((26, 3))
    swing[5:] = 0.3 * np.sin(0.8 * step + np.arange(3.0))
    return at(-1.0 + 0.25 * np.cos(angle), 0.25 * np.sin(angle), STANDING, angle + 1.5), swing


def walking(step: int) -> Array:
    return np.array([-1.0 + 0.5 * np.cos(0.07 * step), 0.5 * np.sin(0.07 * step), 0.0])


def crowd(home: Home) -> DynamicBodies:
    bodies = build(home, 3)
    for index in range(3):
        angle = 2.0 * np.pi * index / 3.0
        bodies.place_agent(index, at(-1.0 + 0.4 * np.cos(angle), 0.4 * np.sin(angle), STANDING, angle), STILL)
    bodies.place_observer(walking(0))
    return bodies


def test_going_on_from_a_saved_state_is_never_having_stopped(home: Home) -> None:
    bodies = crowd(home)
    crowding(bodies, range(10))
    stored = bodies.save()
    wanted = crowding(bodies, range(10, 23))
    bodies.close()
    other = build(home, 3)
    other.load(stored)
    np.testing.assert_array_equal(crowding(other, range(10, 23)), wanted)
    kept = other.save()
    with pytest.raises(KeyError):
        other.load({})
    with pytest.raises(ArrayError):
        other.load(stored | {"base_pose": np.zeros((1, 7))})
    for name, value in other.save().items():
        np.testing.assert_array_equal(value, kept[name])
    other.close()


def test_another_process_makes_the_same_bits(home: Home, tmp_path: Path) -> None:
    bodies = crowd(home)
    wanted = crowding(bodies, range(8))
    np.savez(tmp_path / "state.npz", **bodies.save())
    going_on = crowding(bodies, range(8, 14))
    bodies.close()
    code = (
        "import sys, numpy as np; sys.path.insert(0, sys.argv[1]); from test_dynamics import build, crowd, crowding;"
        "from ats_sim.home import Home; home = Home.load(sys.argv[2], require_policy=False);"
        "first = crowding(crowd(home), range(8)); other = build(home, 3); other.load(dict(np.load(sys.argv[3])));"
        "np.savez(sys.argv[4], first=first, going_on=crowding(other, range(8, 14)))"
    )
    arguments = [str(Path(__file__).parent), str(home.folder), str(tmp_path / "state.npz"), str(tmp_path / "out.npz")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    found = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(found["first"], wanted)
    np.testing.assert_array_equal(found["going_on"], going_on)
