"""Bodies keep out of walls and on their feet, whatever a plan says; and a stretch is what its frames are one by one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_home import COUCH_HIGH, ROOT_HEIGHT, ScriptedMind, make_toy_home, toy_distance

from ats_sim.course import BODY_RADIUS
from ats_sim.footing import SLACK, Footing, foot_joints
from ats_sim.geometry import exp_so3, rigid, yaw_matrix
from ats_sim.home import Home
from ats_sim.perception import FUTURE
from ats_sim.plan import Plan
from ats_sim.seam import Seam
from ats_sim.sliding import Disc
from ats_sim.stretch import Stretch
from ats_sim.sweep import ways_are_free
from ats_sim.walking import standing, walked
from ats_sim.world import World

SOLE = 0.03  # the toy cat's paws end 3 cm above the floor it was recorded on


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("stretch") / "toy"), require_policy=False)


@pytest.fixture(scope="module")
def footing(home: Home) -> Footing:
    return Footing.of(home)


def stand(footing: Footing, place: tuple[float, float, float], yaw: float = 0.0) -> Stretch:
    roots = np.repeat(rigid(yaw_matrix(yaw), np.array(place))[None], 2, axis=0)
    return standing(footing, roots, np.zeros((2, 26, 3)))


def plan(path: np.ndarray, yaw: float = 0.0) -> Plan:
    rotations = np.repeat(yaw_matrix(yaw)[None], FUTURE, axis=0)
    return Plan(np.eye(4), path[-1], path, rotations, np.zeros((FUTURE, 26, 3)))


def line(start: tuple[float, float, float], step: tuple[float, float, float]) -> np.ndarray:
    return np.array(start) + np.arange(1, FUTURE + 1)[:, None] * np.array(step)


def walk(
    footing: Footing, before: Stretch, wanted: Plan, count: int = 20, first: int = 0, obstacles: tuple[Disc, ...] = ()
) -> Stretch:
    seam = Seam.together([Seam.none(26)])
    return walked(footing, Stretch.together([before]), [wanted], seam, first, count, [obstacles]).apart()[0]


def test_footing_measures_what_was_recorded(footing: Footing) -> None:
    assert footing.sole == pytest.approx(SOLE, abs=0.01)
    names = {footing.skeleton.joint_names[j] for j in foot_joints(footing.skeleton)}
    assert names == {"left_front_paw", "right_front_paw", "left_hind_paw", "right_hind_paw"}


def test_positions_are_those_of_the_pose_even_where_a_body_was_held(footing: Footing) -> None:
    """A stiff body that turns while it is pressed against the couch."""
    path, turn = line((0.3, 0.0, 0.25), (0.05, 0.0, 0.0)), yaw_matrix(np.linspace(0.0, 2.0, FUTURE))
    pressed = Plan(np.eye(4), path[-1], path, turn, np.zeros((FUTURE, 26, 3)))
    found = walk(footing, stand(footing, (0.3, 0.0, 0.25)), pressed, count=50)
    assert found.blocked.any()
    expected = footing.skeleton.forward_kinematics(found.roots, found.joints)[..., :3, 3]
    np.testing.assert_allclose(found.positions, expected, atol=1e-9)


def test_a_free_walk_is_the_plan_itself(footing: Footing) -> None:
    path = line((-1.5, 1.2, ROOT_HEIGHT), (0.05, 0.0, 0.0))
    legless = replace(footing, legs=None)
    found = walk(legless, stand(legless, (-1.5, 1.2, ROOT_HEIGHT)), plan(path))
    np.testing.assert_allclose(found.roots[:, :3, 3], path[:20], atol=1e-12)
    np.testing.assert_allclose(found.velocities[1:], np.tile([0.5, 0, 0, 0, 0, 0], (19, 1)), atol=1e-9)
    assert not found.blocked.any()
    np.testing.assert_allclose(found.foot_skate[1:], 0.5, atol=1e-6)  # stiff legs slide as fast as the body


def test_positions_and_distances_are_those_of_the_pose(footing: Footing) -> None:
    found = walk(footing, stand(footing, (-1.5, 1.2, ROOT_HEIGHT)), plan(line((-1.5, 1.2, 0.2), (0.06, 0.01, 0.0))))
    expected = footing.skeleton.forward_kinematics(found.roots, found.joints)[..., :3, 3]
    np.testing.assert_allclose(found.positions, expected, atol=1e-9)
    np.testing.assert_allclose(found.distances, toy_distance(expected), atol=0.02)


@pytest.mark.parametrize("height", [ROOT_HEIGHT - 0.1, ROOT_HEIGHT + 0.12])
def test_a_body_comes_back_onto_its_feet(footing: Footing, height: float) -> None:
    """Sunk to the knees or hovering: within a few frames the paws are where they belong."""
    path = line((-1.5, 1.2, height), (0.03, 0.0, 0.0))
    found = walk(footing, stand(footing, (-1.5, 1.2, ROOT_HEIGHT)), plan(path))
    lowest = found.distances.min(1)
    assert lowest.min() >= -SLACK - 1e-9 and lowest[5:].max() <= footing.sole + 0.01
    assert not found.blocked.any()


def test_a_jump_is_left_in_the_air(footing: Footing) -> None:
    path = line((-1.5, 1.2, ROOT_HEIGHT), (0.05, 0.0, 0.0))
    path[:14, 2] += 0.5 * np.sin(np.pi * np.arange(1, 15) / 14)
    found = walk(footing, stand(footing, (-1.5, 1.2, ROOT_HEIGHT)), plan(path))
    np.testing.assert_allclose(found.roots[2:11, 2, 3], path[2:11, 2], atol=0.05)


def test_what_ends_in_the_air_falls_onto_what_is_below(footing: Footing) -> None:
    """A plan that walks off the couch at the couch's height."""
    top = float(COUCH_HIGH[2]) + ROOT_HEIGHT
    path = line((1.3, 0.0, top), (-0.05, 0.0, 0.0))
    found = walk(footing, stand(footing, (1.3, 0.0, top), np.pi), plan(path, np.pi), count=40)
    assert found.roots[3, 2, 3] == pytest.approx(top, abs=0.02)
    assert found.roots[-1, 2, 3] == pytest.approx(ROOT_HEIGHT, abs=0.03)


def test_a_wall_beside_it_carries_nobody(footing: Footing) -> None:
    """Led up along a wall, the body is not held there: it comes down as soon as the plan stops climbing."""
    path = line((-1.0, 1.7, ROOT_HEIGHT), (0.0, 0.0, 0.05))
    path[20:] = path[19]
    found = walk(footing, stand(footing, (-1.0, 1.7, ROOT_HEIGHT)), plan(path), count=56)
    assert found.roots[:, 2, 3].max() > 0.8, "it does mean to jump"
    assert found.floating[15] > 0.3 and found.roots[-1, 2, 3] < 0.6


def test_floating_is_the_height_above_what_is_below(footing: Footing) -> None:
    for height in (0.0, 0.1, 0.3):
        found = stand(footing, (-1.0, 0.5, ROOT_HEIGHT + height))
        assert found.floating[-1] == pytest.approx(height, abs=0.012)
    on_couch = stand(footing, (1.5, 0.0, float(COUCH_HIGH[2]) + ROOT_HEIGHT))
    assert on_couch.floating[-1] == pytest.approx(0.0, abs=0.012)


@pytest.mark.parametrize("speed", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("target", ["wall", "couch"])
def test_no_part_of_a_body_enters_what_it_is_driven_into(footing: Footing, speed: float, target: str) -> None:
    start, step = ((-1.0, 1.3, 0.25), (0.0, speed, 0.0)) if target == "wall" else ((0.3, 0.0, 0.25), (speed, 0.0, 0.0))
    yaw = np.pi / 2 if target == "wall" else 0.0
    found = walk(footing, stand(footing, start, yaw), plan(line(start, step), yaw), count=50)
    assert (-found.distances).max() <= SLACK + 1e-9
    assert toy_distance(found.positions).min() > -0.02
    ways = found.roots[:, :3, 3]
    assert ways_are_free(footing.volume, ways[:-1], ways[1:], 0.0).all(), "nor passes through it"
    if target == "wall":
        assert found.blocked[-1]


def test_somebody_in_the_way_is_walked_around(footing: Footing) -> None:
    legs = (-0.5, 1.0, 0.15)
    before, path = stand(footing, (-1.5, 1.04, ROOT_HEIGHT)), line((-1.5, 1.04, ROOT_HEIGHT), (0.05, 0.0, 0.0))
    places = []
    for frame in range(50):
        before = walk(footing, before, plan(path), 2, frame, (legs,))
        places.append(before.roots[0, :3, 3])
    gaps = np.hypot(*(np.array(places)[:, :2] - legs[:2]).T)
    assert gaps.min() >= 0.15 + BODY_RADIUS - 0.02 and gaps.min() < 0.3


@pytest.mark.parametrize("together", [2, 7, 32, 64])
def test_no_bit_of_a_body_depends_on_those_beside_it(footing: Footing, together: int) -> None:
    """Free, falling, jumping, driven into walls and furniture, and around others: alone as in any company."""
    rng = np.random.default_rng(together)
    starts = rng.uniform([-2.5, -1.8, 0.15], [2.5, 1.8, 0.6], (together, 3))
    steps = rng.uniform([-0.15, -0.15, -0.01], [0.15, 0.15, 0.01], (together, 3))
    befores, plans, seams, near = [], [], [], []
    for start, step in zip(starts, steps, strict=True):
        joints = rng.normal(scale=0.2, size=(FUTURE, 26, 3))
        turns = exp_so3(np.cumsum(rng.normal(scale=0.05, size=(FUTURE, 3)), axis=0))
        path = line(tuple(start), tuple(step))
        path[:14, 2] += rng.choice([0.0, 0.4]) * np.sin(np.pi * np.arange(1, 15) / 14)
        plans.append(Plan(np.eye(4), path[-1], path, turns, joints))
        befores.append(stand(footing, tuple(start), rng.uniform(-3.0, 3.0)))
        seams.append(Seam(*(rng.normal(scale=0.02, size=shape) for shape in ((2, 3), (2, 3), (2, 26, 3)))))
        near.append(((start[0] + 0.3, start[1], 0.15),) if rng.uniform() < 0.3 else ())
    found = walked(footing, Stretch.together(befores), plans, Seam.together(seams), 0, 12, near).apart()
    for body, stretch in enumerate(found):
        own = Stretch.together(befores[body : body + 1]), plans[body : body + 1], Seam.together(seams[body : body + 1])
        alone = walked(footing, *own, 0, 12, near[body : body + 1]).apart()[0]
        for name, value in alone.state().items():
            np.testing.assert_array_equal(getattr(stretch, name), value, err_msg=f"{name} of body {body}")
    kinds = np.array([(s.blocked.any(), s.floating.max() > 0.1, (s.paws[..., 3] > 0.0).any()) for s in found])
    assert together < 32 or kinds.any(0).all(), "some are stopped, some hang in the air, some step"


def test_states_come_back_as_they_were(footing: Footing) -> None:
    found = walk(footing, stand(footing, (-1.5, 1.2, ROOT_HEIGHT)), plan(line((-1.5, 1.2, 0.2), (0.06, 0.0, 0.0))))
    again = Stretch.from_state(found.state(), 26)
    for name, value in found.state().items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_over_a_long_life_nothing_sticks_in_anything(home: Home) -> None:
    world = World(home, policy=ScriptedMind(), num_agents=2)
    rng = np.random.default_rng(5)
    world.reset(rng)
    deepest, blocked = 0.0, 0
    for _ in range(600):
        world.step(rng.uniform(-1.0, 1.0, 4).astype(np.float32))
        deepest = max(deepest, float(world.measure().penetration.max()))
        blocked += sum(agent.blocked for agent in world.agents)
    world.close()
    assert deepest <= 0.01 and blocked > 0, "the scripted mind does want to go through the couch"


def test_the_bundled_animal_stays_out_of_its_furniture() -> None:
    from ats_sim.policy import Policy

    home = Home.load("default")
    world = World(home, policy=Policy.load(home))
    depths = []
    for seed in range(2):
        world.reset(np.random.default_rng(seed))
        for _ in range(150):
            world.step(np.zeros(4, dtype=np.float32))
            depths.append(float(world.measure().penetration[0]))
    world.close()
    assert max(depths) <= 0.01
    assert Path(home.folder).name == "default"
