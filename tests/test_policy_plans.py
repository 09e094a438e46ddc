"""Plans are reproducible, do not mix agents, turn with the world, and obey what is forced or hidden."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from torch_sessions import torch_policy
from toy_policy import ToyBehaviour

from ats_sim.errors import PolicyError
from ats_sim.geometry import rigid, transform_points, yaw_matrix
from ats_sim.models.windows import perception_at
from ats_sim.perception import FUTURE, Perception
from ats_sim.plan import Awareness, Plan, carried_on
from ats_sim.policy import Policy


@pytest.fixture(scope="module")
def toy() -> ToyBehaviour:
    return ToyBehaviour()


@pytest.fixture(scope="module")
def policy(toy: ToyBehaviour) -> Policy:
    return torch_policy(toy.networks, toy.normalisation, toy.skeleton.joint_names, toy.channels)


@pytest.fixture(scope="module")
def perceptions(toy: ToyBehaviour) -> list[Perception]:
    return [perception_at(toy.recording, frame, toy.volume) for frame in (10, 30, 60)]


def rngs(*seeds: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in seeds]


def assert_same(first: Plan, second: Plan, atol: float = 0.0) -> None:
    for name in first.__dataclass_fields__:
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=0.0, atol=atol)


def test_same_seed_same_plan(policy: Policy, perceptions: Sequence[Perception]) -> None:
    """Bit-equal when repeated; another seed plans otherwise."""
    first, again = (policy.plan(perceptions, rngs(1, 2, 3)) for _ in range(2))
    for plan, repeated in zip(first, again, strict=True):
        assert_same(plan, repeated)
    other = policy.plan(perceptions[:1], rngs(9))[0]
    assert np.abs(other.path - first[0].path).max() > 1e-3


def test_shapes_and_rotations(policy: Policy, perceptions: Sequence[Perception], toy: ToyBehaviour) -> None:
    """Everything a plan promises, with proper rotations and no rotation of the root joint."""
    plan = policy.plan(perceptions[:1], rngs(0))[0]
    joints = toy.skeleton.num_joints
    assert plan.goal.shape == (3,) and plan.path.shape == (FUTURE, 3)
    assert plan.root_rotations.shape == (FUTURE, 3, 3) and plan.joint_rotations.shape == (FUTURE, joints, 3)
    product = plan.root_rotations @ np.swapaxes(plan.root_rotations, -1, -2)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(3), product.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(plan.root_rotations), 1.0)
    np.testing.assert_array_equal(plan.joint_rotations[:, 0], 0.0)


def test_batch_does_not_mix_agents(policy: Policy, perceptions: Sequence[Perception]) -> None:
    """An agent's plan is the same alone, in company, in another place of the batch, and mixed with forced ones."""
    alone = policy.plan(perceptions[1:2], rngs(5))[0]
    together = policy.plan(perceptions, rngs(1, 5, 3), paths=[None, None, np.zeros((FUTURE, 3))])
    assert_same(together[1], alone, atol=1e-4)
    swapped = policy.plan([perceptions[2], perceptions[1]], rngs(3, 5), awareness=[Awareness(False), Awareness()])
    assert_same(swapped[1], alone, atol=1e-4)


def test_samples_of_one_future_share_their_perception(policy: Policy, perceptions: Sequence[Perception]) -> None:
    """The same object many times gives as many different samples, each as if drawn alone."""
    many = policy.plan([perceptions[0]] * 4, rngs(0, 1, 2, 3))
    assert_same(many[2], policy.plan(perceptions[:1], rngs(2))[0], atol=1e-4)
    assert np.ptp([plan.goal[0] for plan in many]) > 1e-3


def test_world_may_be_moved_and_turned(policy: Policy, perceptions: Sequence[Perception]) -> None:
    """Move and turn the world: the same plan, moved and turned with it."""
    T_new_old = rigid(yaw_matrix(1.3), np.array([2.0, -1.0, 0.4]))
    moved = replace(perceptions[0], T_world_ego=T_new_old @ perceptions[0].T_world_ego)
    here, there = policy.plan(perceptions[:1], rngs(4))[0], policy.plan([moved], rngs(4))[0]
    np.testing.assert_allclose(there.path, transform_points(T_new_old, here.path), atol=1e-6)
    np.testing.assert_allclose(there.goal, transform_points(T_new_old, here.goal[None])[0], atol=1e-6)
    np.testing.assert_allclose(there.root_rotations, T_new_old[:3, :3] @ here.root_rotations, atol=1e-6)
    np.testing.assert_array_equal(there.joint_rotations, here.joint_rotations)


def test_forced_goal_and_path_are_taken(policy: Policy, perceptions: Sequence[Perception]) -> None:
    """A forced path is walked exactly and says the goal; forcing leaves the other stages' noise alone."""
    goal = np.array([2.0, 2.0, 0.3])
    free = policy.plan(perceptions[:1], rngs(6))[0]
    assert_same(policy.plan(perceptions[:1], rngs(6), goals=[free.goal])[0], free, atol=1e-4)
    assert_same(policy.plan(perceptions[:1], rngs(6), paths=[free.path], goals=[free.goal])[0], free, atol=1e-4)
    steered = policy.plan(perceptions[:1], rngs(6), goals=[goal])[0]
    np.testing.assert_allclose(steered.goal, goal, atol=1e-9)
    assert np.abs(steered.path - free.path).max() > 1e-3
    path = np.linspace(perceptions[0].T_world_ego[:3, 3], goal, FUTURE)
    walked = policy.plan(perceptions[:1], rngs(6), paths=[path])[0]
    np.testing.assert_allclose(walked.path, path, atol=1e-9)
    np.testing.assert_allclose(walked.goal, goal, atol=1e-9)


@pytest.mark.parametrize("hidden", ["scene", "observer", "past"])
def test_hidden_conditions_have_no_influence(policy: Policy, perceptions: Sequence[Perception], hidden: str) -> None:
    """What is switched off may change without any effect; switched on, it matters."""
    one = perceptions[0]
    # The current pose stays: a body cannot forget where its limbs are.
    other = {
        "scene": replace(one, scene_patch=one.scene_patch + 1.0),
        "observer": replace(one, observer_past=one.observer_past + 1.0),
        "past": replace(one, past_path=one.past_path + np.linspace(1.0, 0.0, 8)[:, None]),
    }[hidden]
    blind = replace(Awareness(), **{hidden: False})
    assert_same(
        policy.plan([one], rngs(7), awareness=blind)[0], policy.plan([other], rngs(7), awareness=blind)[0], atol=1e-6
    )
    assert np.abs(policy.plan([one], rngs(7))[0].path - policy.plan([other], rngs(7))[0].path).max() > 1e-5


def test_guidance_exaggerates_the_answer_to_the_observer(policy: Policy, perceptions: Sequence[Perception]) -> None:
    """Guidance 1 is the plain plan, 0 the plan without observer and goal, and 2 lies on their line for one call."""
    plain = policy.plan(perceptions[:1], rngs(8))[0]
    assert_same(policy.plan(perceptions[:1], rngs(8), guidance=1.0)[0], plain)
    off = policy.plan(perceptions[:1], rngs(8), guidance=0.0)[0]
    unseen = policy.plan(perceptions[:1], rngs(8), awareness=Awareness(observer=False))[0]
    np.testing.assert_allclose(off.goal, unseen.goal, atol=1e-4)
    strong = policy.plan(perceptions[:1], rngs(8), guidance=3.0)[0]
    assert np.abs(strong.goal - plain.goal).max() > 1e-5


def test_a_minds_own_guidance_is_what_one_means(
    toy: ToyBehaviour, policy: Policy, perceptions: Sequence[Perception]
) -> None:
    """A mind made with goals at 2 draws at guidance 1 the goal that a plain one draws at 2, and at .5 its plain one."""
    one = perceptions[:1]
    strong = torch_policy(
        toy.networks, toy.normalisation, toy.skeleton.joint_names, toy.channels, guidance={"goal": 2.0}
    )
    np.testing.assert_array_equal(strong.plan(one, rngs(8))[0].goal, policy.plan(one, rngs(8), guidance=2.0)[0].goal)
    np.testing.assert_allclose(
        strong.plan(one, rngs(8), guidance=0.5)[0].goal, policy.plan(one, rngs(8))[0].goal, atol=1e-6
    )
    wish = [np.array([0.5, 0.0, 0.2])]
    assert_same(strong.plan(one, rngs(8), goals=wish)[0], policy.plan(one, rngs(8), goals=wish)[0])
    blind = Awareness(observer=False)
    assert_same(strong.plan(one, rngs(8), awareness=blind)[0], policy.plan(one, rngs(8), awareness=blind)[0], atol=1e-5)


def test_an_intention_lasts_and_fades(toy: ToyBehaviour, policy: Policy, perceptions: Sequence[Perception]) -> None:
    """Unwalked, a running plan is drawn again; the more of it is walked, the freer the next one is."""
    running = policy.plan(perceptions[:1], rngs(0))[0]
    count = 32

    def next_plans(walked: int) -> list[Plan]:
        again = [perceptions[0]] * count
        return policy.plan(again, rngs(*range(10, 10 + count)), previous=[running] * count, executed=[walked] * count)

    np.testing.assert_allclose(next_plans(0)[5].goal, running.goal, atol=1e-4)
    intentions = {walked: np.stack([plan.intention for plan in next_plans(walked)]) for walked in (5, 400)}
    correlation = {walked: np.mean(noise * running.intention) for walked, noise in intentions.items()}
    power = np.mean(running.intention**2)
    assert correlation[5] == pytest.approx(np.exp(-5 / 40) * power, abs=0.1)
    assert correlation[400] == pytest.approx(0.0, abs=0.1)
    assert intentions[5].std() == pytest.approx(1.0, abs=0.15), "the noise must stay standard normal"


def test_an_intention_keeps_its_direction_while_the_agent_turns() -> None:
    fresh = np.random.default_rng(0).standard_normal((4, 3))
    north = Plan(np.eye(4), np.zeros(3), np.zeros((56, 3)), np.zeros((56, 3, 3)), np.zeros((56, 1, 3)), fresh)
    turned = rigid(yaw_matrix(np.pi / 2), np.zeros(3))
    carried = carried_on(north, 1.0, turned, np.zeros_like(fresh))
    np.testing.assert_allclose(carried[:, 0], fresh[:, 1], atol=1e-12)
    np.testing.assert_allclose(carried[:, 1], -fresh[:, 0], atol=1e-12)


def test_the_plan_starts_at_the_body(toy: ToyBehaviour, policy: Policy, perceptions: Sequence[Perception]) -> None:
    """Even random networks do not tear path or pose away from now: the scales grow with time."""
    for plan in policy.plan([perceptions[0]] * 8, rngs(*range(8))):
        assert np.linalg.norm(plan.path[0] - perceptions[0].T_world_ego[:3, 3]) < 0.5
        assert np.abs(plan.joint_rotations[0] - perceptions[0].past_joints[-1]).max() < 0.6


def test_misfits_are_typed_errors(policy: Policy, perceptions: Sequence[Perception]) -> None:
    """Wrong numbers of anything, wrong joints, wrong channels, NaN: one PolicyError that says what."""
    one = perceptions[0]
    assert policy.plan([], []) == []
    with pytest.raises(PolicyError, match="rngs: 2"):
        policy.plan([one], rngs(1, 2))
    with pytest.raises(PolicyError, match="goals: 2"):
        policy.plan([one], rngs(1), goals=[None, None])
    with pytest.raises(PolicyError, match="paths"):
        policy.plan([one], rngs(1), paths=[np.zeros((3, 3))])
    with pytest.raises(PolicyError, match="awareness: 2"):
        policy.plan([one], rngs(1), awareness=[Awareness()] * 2)
    with pytest.raises(PolicyError, match="25 joints"):
        policy.plan([replace(one, past_joints=one.past_joints[:, 1:])], rngs(1))
    with pytest.raises(PolicyError, match="scene patch"):
        policy.plan([replace(one, scene_patch=one.scene_patch[1:])], rngs(1))
    with pytest.raises(PolicyError, match="observer_past"):
        policy.plan([replace(one, observer_past=np.full((8, 3), np.nan))], rngs(1))
    with pytest.raises(PolicyError, match="guidance"):
        policy.plan([one], rngs(1), guidance=float("nan"))
