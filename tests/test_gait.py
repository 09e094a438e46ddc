"""Paws stand where they were put down and step to where the body needs them; legs bend to them."""

from pathlib import Path

import numpy as np
import pytest
from toy_home import ROOT_HEIGHT, make_toy_home

from ats_sim.footing import Footing, foot_joints
from ats_sim.gait import MOST_IN_AIR, MOST_STRIDE, PHASE, SPOT
from ats_sim.geometry import exp_so3, rigid, yaw_matrix
from ats_sim.home import Home
from ats_sim.legs import Legs
from ats_sim.perception import FUTURE
from ats_sim.plan import Plan
from ats_sim.seam import Seam
from ats_sim.stretch import Stretch
from ats_sim.walking import standing, walked


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("gait") / "toy"), require_policy=False)


@pytest.fixture(scope="module")
def footing(home: Home) -> Footing:
    return Footing.of(home)


@pytest.fixture(scope="module")
def legs(footing: Footing) -> Legs:
    assert footing.legs is not None
    return footing.legs


def life(footing: Footing, places: np.ndarray, yaws: np.ndarray) -> Stretch:
    """A stiff body led along places (N, 3) with headings (N,), a stretch of 56 frames at most."""
    start = rigid(yaw_matrix(yaws[0]), places[0])
    before = standing(footing, np.repeat(start[None], 2, axis=0), np.zeros((2, 26, 3)))
    count = len(places) - 1
    path = np.concatenate([places[1:], np.repeat(places[-1:], FUTURE - count, axis=0)])
    turns = np.concatenate([yaws[1:], np.repeat(yaws[-1:], FUTURE - count)])
    plan = Plan(np.eye(4), path[-1], path, yaw_matrix(turns), np.zeros((FUTURE, 26, 3)))
    return walk(footing, before, plan, 0, count)


def walk(footing: Footing, before: Stretch, plan: Plan, first: int, count: int) -> Stretch:
    seam = Seam.together([Seam.none(26)])
    return walked(footing, Stretch.together([before]), [plan], seam, first, count).apart()[0]


def straight(footing: Footing, speed: float, frames: int = 50) -> Stretch:
    x = -2.0 + speed / 10.0 * np.arange(frames + 1)
    return life(footing, np.column_stack([x, np.full_like(x, 1.3), np.full_like(x, ROOT_HEIGHT)]), np.zeros(frames + 1))


def paws(legs: Legs, found: Stretch) -> np.ndarray:
    return found.positions[:, legs.feet]


def test_the_legs_of_a_quadruped_are_found(home: Home, legs: Legs) -> None:
    names = home.skeleton.joint_names
    chains = {
        names[foot]: [names[joint] for joint in chain] for foot, chain in zip(legs.feet, legs.chains, strict=True)
    }
    assert chains["left_front_paw"] == ["left_shoulder", "left_upper_arm", "left_forearm"]
    assert chains["right_hind_paw"] == ["right_thigh", "right_shank", "right_hock"]
    for own, partner in enumerate(legs.partners):
        pair = {names[legs.feet[own]].split("_", 1)[0], names[legs.feet[partner]].split("_", 1)[0]}
        assert pair == {"left", "right"}


@pytest.mark.parametrize("speed", [0.2, 0.5, 0.8])
def test_standing_paws_do_not_slide(footing: Footing, legs: Legs, speed: float) -> None:
    found = straight(footing, speed)
    stand = (found.paws[:-1, :, PHASE] == 0.0) & (found.paws[1:, :, PHASE] == 0.0)
    slid = np.linalg.norm(np.diff(paws(legs, found)[..., :2], axis=0), axis=-1)
    # The first strides are longer than legs reach: the body sets off at full speed.
    assert stand.mean() > 0.2 and slid[5:][stand[5:]].max() < 0.02
    assert found.foot_skate[5:].mean() < 0.15 * speed


@pytest.mark.parametrize("speed", [0.2, 0.5])
def test_paws_keep_up_with_the_body(footing: Footing, legs: Legs, speed: float) -> None:
    """Ahead of where they belong as long as behind: over many steps the mean lag is nought."""
    found = straight(footing, speed)
    lag = (legs.under(found.roots) - paws(legs, found))[10:, :, 0]
    assert np.abs(lag.mean(0)).max() < 0.03 and np.abs(lag).max() < 2.0 * MOST_STRIDE
    lifts = ((found.paws[1:, :, PHASE] > 0.0) & (found.paws[:-1, :, PHASE] == 0.0)).sum(0)
    assert (lifts >= 2).all() and lifts.max() - lifts.min() <= 2


def test_partners_are_never_in_the_air_together(footing: Footing, legs: Legs) -> None:
    in_air = straight(footing, 0.7).paws[..., PHASE] > 0.0
    assert in_air.any() and in_air.sum(1).max() <= MOST_IN_AIR
    assert not (in_air & in_air[:, legs.partners]).any()


def test_swinging_paws_are_lifted(footing: Footing, legs: Legs) -> None:
    found = straight(footing, 0.5)
    heights, swings = paws(legs, found)[..., 2], found.paws[..., PHASE] > 0.0
    assert heights[swings].mean() > heights[~swings].mean() + 0.01
    np.testing.assert_allclose(found.paws[..., 2][~swings], legs.clearance, atol=0.01)


def test_who_stands_still_does_not_step(footing: Footing) -> None:
    found = straight(footing, 0.0)
    assert (found.paws[..., PHASE] == 0.0).all() and np.ptp(found.paws[:, :, SPOT], axis=0).max() == 0.0


def test_turning_on_the_spot_takes_steps(footing: Footing, legs: Legs) -> None:
    places = np.tile([-1.5, 1.2, ROOT_HEIGHT], (51, 1))
    found = life(footing, places, np.linspace(0.0, np.pi, 51))
    assert (found.paws[..., PHASE] > 0.0).any(0).all()
    off = np.linalg.norm((legs.under(found.roots) - paws(legs, found))[-1, :, :2], axis=-1)
    assert off.max() < 0.12


def test_in_a_jump_the_legs_are_the_minds(footing: Footing) -> None:
    x = -1.5 + 0.06 * np.arange(15)
    places = np.column_stack([x, np.full(15, 1.2), ROOT_HEIGHT + 0.5 * np.sin(np.pi * np.arange(15) / 14)])
    found = life(footing, places, np.zeros(15))
    np.testing.assert_array_equal(found.joints[4:10], found.drawn[4:10])


def test_a_stretch_goes_on_where_the_last_one_ended(footing: Footing) -> None:
    """Cut anywhere, with its paws' states handed on, a walk takes the same steps."""
    x = -2.0 + 0.05 * np.arange(51)
    places = np.column_stack([x, np.full(51, 1.3), np.full(51, ROOT_HEIGHT)])
    whole = life(footing, places, np.zeros(51))
    plan = Plan(np.eye(4), places[-1], np.concatenate([places[1:], places[-6:]]), yaw_matrix(np.zeros(56)),
                np.zeros((56, 26, 3)))  # fmt: skip
    before = whole.between(18, 20)
    rest = walk(footing, before, plan, 20, 30)
    np.testing.assert_allclose(rest.paws, whole.paws[20:], atol=1e-9)
    np.testing.assert_allclose(rest.joints, whole.joints[20:], atol=1e-9)


def test_legs_reach_for_their_paws_and_nothing_else_moves(home: Home, legs: Legs) -> None:
    rng = np.random.default_rng(0)
    joints = rng.normal(scale=0.15, size=(6, 26, 3))
    joints[:, 0] = 0.0
    roots = rigid(exp_so3(rng.normal(scale=0.2, size=(6, 3))), rng.normal(size=(6, 3)))
    bodies = home.skeleton.forward_kinematics(roots, joints)
    now = bodies[..., :3, 3][:, legs.feet]
    places = now + rng.uniform(-0.03, 0.03, now.shape) + [0.0, 0.0, 0.01]
    held = np.ones((6, 4), dtype=bool)
    held[2, 1] = held[5] = False
    bent, positions = legs.bent(bodies, joints, places, held)
    posed = home.skeleton.forward_kinematics(roots, bent)[..., :3, 3]
    np.testing.assert_allclose(positions, posed, atol=1e-12)
    reached = posed[:, legs.feet]
    missed = np.linalg.norm(reached - places, axis=-1)[held]
    assert np.median(missed) < 0.002 and missed.max() < 0.015
    others = np.setdiff1d(np.arange(26), legs.chains)
    np.testing.assert_array_equal(bent[:, others], joints[:, others])
    np.testing.assert_array_equal(bent[5], joints[5])
    np.testing.assert_array_equal(bent[2, legs.chains[1]], joints[2, legs.chains[1]])


def test_a_paw_out_of_reach_is_stretched_for(home: Home, legs: Legs) -> None:
    joints = np.zeros((1, 26, 3))
    bodies = home.skeleton.forward_kinematics(np.eye(4)[None], joints)
    far = bodies[..., :3, 3][:, legs.feet] + [0.4, 0.0, 0.0]
    bent, positions = legs.bent(bodies, joints, far, np.ones((1, 4), dtype=bool))
    reached = positions[:, legs.feet]
    assert np.isfinite(bent).all() and (reached[..., 0] > bodies[..., 0, 3][:, legs.feet] + 0.03).all()


def test_bodies_without_pairs_of_legs_do_not_step(home: Home) -> None:
    assert Legs.of(home, np.array([4])) is None
    assert Legs.of(home, np.zeros(0, dtype=np.int64)) is None


def test_the_bundled_animal_hardly_slides() -> None:
    from ats_sim.policy import Policy
    from ats_sim.world import World

    home = Home.load("default")
    world = World(home, policy=Policy.load(home))
    skate = []
    for seed in range(3):
        world.reset(np.random.default_rng(seed))
        for _ in range(100):
            world.step(np.zeros(4, dtype=np.float32))
            skate.append(float(world.measure().foot_skate[0]))
    world.close()
    feet = foot_joints(home.skeleton)
    recorded = []
    for video in home.recordings[:2]:
        track = home.skeleton.forward_kinematics(video.T_world_root, video.joint_rotations)[..., :3, 3][:, feet]
        low = home.perception.sample_sdf(track) < 0.05
        slid = np.linalg.norm(np.diff(track[..., :2], axis=0), axis=-1) * 10.0
        recorded.append(slid[low[1:] & low[:-1]].mean())
    assert np.mean(skate) < 0.5 * np.mean(recorded)
    assert Path(home.folder).name == "default"
