"""Tasks: every term in closed form on hand-made situations, potentials that telescope, states that go on."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from ats_sim.envs.framing import NOWHERE, Framing, framing
from ats_sim.envs.situation import FleeWatch, Situation
from ats_sim.envs.tasks import TASKS, Task
from ats_sim.errors import ArrayError
from ats_sim.geometry import Intrinsics, look_at

DISCOUNT = 0.9
START = Situation(
    observer=(0.0, 0.0), yaw=0.0, speed=0.0, agent=(3.0, 0.0), motion=(0.0, 0.0), in_reach=False, visible=1.0,
    framing=Framing(0.0, 0.0, 0.3), action=(0.0, 0.0, 0.0, 0.0),
)  # fmt: skip


def at(**changes: Any) -> Situation:
    return dataclasses.replace(START, **changes)


def begun(name: str, start: Situation = START) -> Task:
    task = TASKS[name](DISCOUNT)
    task.begin(start)
    return task


def random_walk(rng: np.random.Generator, count: int) -> list[Situation]:
    """A calm animal that never comes near, so that nothing ends."""
    observer = rng.normal(0.0, 0.05, (count, 2)).cumsum(0)
    agent = np.array([4.0, 0.0]) + 0.1 * rng.normal(0.0, 0.05, (count, 2)).cumsum(0)
    actions = rng.uniform(-1.0, 1.0, (count, 4))
    return [
        at(
            observer=tuple(observer[i].tolist()),
            agent=tuple(agent[i].tolist()),
            yaw=rng.uniform(-3.0, 3.0),
            speed=rng.uniform(0.0, 1.4),
            visible=rng.uniform(),
            framing=Framing(*rng.uniform(-1.0, 1.0, 2).tolist(), rng.uniform()),
            action=tuple(actions[i].tolist()),
        )
        for i in range(count)
    ]


def test_free_rewards_nothing() -> None:
    task = begun("free")
    assert task.judge(at(agent=(0.1, 0.0))) == 0.0 and task.terms == {} and not task.ended


@pytest.mark.parametrize("name", TASKS)
def test_the_reward_is_the_sum_of_its_terms_which_are_always_the_same(name: str) -> None:
    task, rng = begun(name), np.random.default_rng(0)
    assert set(task.terms) == set(task.TERMS) and not any(task.terms.values())
    for situation in random_walk(rng, 30):
        reward = task.judge(situation)
        assert tuple(task.terms) == task.TERMS and all(type(value) is float for value in task.terms.values())
        assert type(reward) is float and reward == pytest.approx(sum(task.terms.values()), abs=1e-12)


FOLLOW = [
    # where the animal is, where the observer looks, how the animal moves; band, facing, behind
    ((1.5, 0.0), 0.0, (0.0, 0.0), 0.6, 0.2, 0.2),
    ((2.5, 0.0), 0.0, (0.5, 0.0), 0.3, 0.2, 0.2),
    ((0.75, 0.0), math.pi, (-0.5, 0.0), 0.45, 0.0, 0.0),
    ((0.0, 1.5), 0.0, (0.5, 0.0), 0.6, 0.1, 0.1),
    ((4.0, 0.0), math.pi / 3, (0.0, 0.5), 0.0, 0.15, 0.1),
    ((1.5, 0.0), 0.0, (-0.09, 0.0), 0.6, 0.2, 0.2),
]


@pytest.mark.parametrize(("agent", "yaw", "motion", "band", "facing", "behind"), FOLLOW)
def test_follow_in_closed_form(
    agent: tuple[float, float], yaw: float, motion: tuple[float, float], band: float, facing: float, behind: float
) -> None:
    task = begun("follow", at(agent=(3.0, 0.0)))
    task.judge(at(agent=agent, yaw=yaw, motion=motion))
    gap = max(1.0 - math.hypot(*agent), math.hypot(*agent) - 2.0, 0.0)
    expected = {
        "band": band,
        "facing": facing,
        "behind": behind,
        "shaping": 2.0 * (1.0 - DISCOUNT * gap),
        "scared": 0.0,
    }
    assert task.terms == pytest.approx(expected) and not task.ended


@pytest.mark.parametrize(("visible", "share"), [(0.0, 0.0), (0.2, 0.4), (0.5, 1.0), (0.9, 1.0)])
def test_who_has_lost_sight_of_the_animal_does_not_follow_it(visible: float, share: float) -> None:
    task = begun("follow")
    task.judge(at(agent=(1.5, 0.0), visible=visible))
    whole = {"band": 0.6, "facing": 0.2, "behind": 0.2}
    assert {name: task.terms[name] for name in whole} == pytest.approx({k: share * v for k, v in whole.items()})


APPROACH = [
    (1.8, 1.4, False, {"shaping": (2.4 - DISCOUNT * 1.2) / 0.14, "hurry": 0.0, "success": 0.0}),
    (1.2, 1.4, False, {"shaping": (2.4 - DISCOUNT * 0.6) / 0.14, "hurry": -0.5, "success": 0.0}),
    (1.2, 0.95, False, {"shaping": (2.4 - DISCOUNT * 0.6) / 0.14, "hurry": -0.25, "success": 0.0}),
    (1.2, 0.4, False, {"shaping": (2.4 - DISCOUNT * 0.6) / 0.14, "hurry": 0.0, "success": 0.0}),
    (0.59, 0.4, False, {"shaping": 2.4 / 0.14, "hurry": 0.0, "success": 10.0}),
    (0.8, 0.4, True, {"shaping": 2.4 / 0.14, "hurry": 0.0, "success": 10.0}),
]


@pytest.mark.parametrize(("distance", "speed", "in_reach", "expected"), APPROACH)
def test_approach_in_closed_form(distance: float, speed: float, in_reach: bool, expected: dict[str, float]) -> None:
    task = begun("approach")
    task.judge(at(agent=(distance, 0.0), speed=speed, in_reach=in_reach))
    assert task.terms == pytest.approx(expected | {"scared": 0.0})
    assert task.ended == (expected["success"] > 0.0)


def flight(speed: float, distance: float, steps: int) -> list[Situation]:
    """An animal that runs straight away from a standing observer."""
    return [at(agent=(distance + 0.1 * speed * step, 0.0)) for step in range(steps + 1)]


@pytest.mark.parametrize(
    ("speed", "distance", "flees"), [(0.4, 1.0, True), (0.3, 1.0, False), (0.4, 2.1, False), (-0.4, 1.0, False)]
)
def test_what_counts_as_fleeing(speed: float, distance: float, flees: bool) -> None:
    watch = FleeWatch()
    seen = [watch.fleeing(situation) for situation in flight(speed, distance, 5)]
    assert seen == [False] * 5 + [flees]
    aside = FleeWatch()
    assert not any(aside.fleeing(at(agent=(1.0, 0.1 * step))) for step in range(6))


def test_scaring_costs_and_ends_the_approach_only() -> None:
    follow, approach = begun("follow", flight(0.4, 1.0, 0)[0]), begun("approach", flight(0.4, 1.0, 0)[0])
    for situation in flight(0.4, 1.0, 5)[1:]:
        assert not approach.ended
        follow.judge(situation)
        approach.judge(situation)
    assert follow.terms["scared"] == -1.0 and not follow.ended
    assert approach.terms["scared"] == -10.0 and approach.terms["success"] == 0.0 and approach.ended
    # An end by a fright makes no way: the gap has grown by 4 cm, which costs what 4 cm cost.
    assert approach.terms["shaping"] == pytest.approx((0.56 - DISCOUNT * 0.6) / 0.14)


FILM = [
    (Framing(0.0, 0.0, 0.3), 1.0, 0.4, 0.3, 0.3),
    (Framing(0.5, -0.2, 0.1), 0.5, 0.2, 0.075, 0.075),
    (Framing(-1.5, 0.0, 0.75), 1.0, 0.4, 0.0, 0.15),
    (Framing(0.0, 1.0, 1.6), 1.0, 0.4, 0.0, 0.0),
    (NOWHERE, 0.0, 0.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("box", "seen", "visible", "centred", "size"), FILM)
def test_film_in_closed_form(box: Framing, seen: float, visible: float, centred: float, size: float) -> None:
    task = begun("film")
    task.judge(at(framing=box, visible=seen))
    assert task.terms == pytest.approx({"visible": visible, "centred": centred, "size": size, "steady": 0.0})


def test_a_steady_hand_costs_nothing_and_the_shakiest_one_point() -> None:
    task = begun("film")
    ramp = [(0.1 * step, 0.0, 0.0, 0.0) for step in (1, 2, 3)]
    costs = []
    for action in ramp:
        task.judge(at(action=action))
        costs.append(task.terms["steady"])
    assert costs == pytest.approx([-(0.1**2) / 64.0, 0.0, 0.0])
    for sign in (1.0, -1.0, 1.0):
        task.judge(at(action=(sign,) * 4))
    assert task.terms["steady"] == pytest.approx(-1.0)


@pytest.mark.parametrize("name", ["follow", "approach"])
def test_shaping_telescopes(name: str) -> None:
    walk = random_walk(np.random.default_rng(1), 60)
    task = begun(name, walk[0])
    shaping = []
    for situation in walk[1:]:
        task.judge(situation)
        shaping.append(task.terms["shaping"])
    assert not task.ended
    total = sum(DISCOUNT**step * value for step, value in enumerate(shaping))
    scale, ideal = (2.0, 2.0) if name == "follow" else (1.0 / 0.14, 0.6)
    first, last = (-scale * (situation.distance - ideal) for situation in (walk[0], walk[-1]))
    assert total == pytest.approx(DISCOUNT ** len(shaping) * last - first)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_goes_on_from_its_state(name: str) -> None:
    walk = [*random_walk(np.random.default_rng(2), 10), *flight(0.5, 1.0, 8)]
    task, twin = begun(name, walk[0]), TASKS[name](DISCOUNT)
    for split in range(1, len(walk)):
        twin.load_state(task.state())
        assert twin.terms == task.terms and twin.ended == task.ended
        rewards = task.judge(walk[split]), twin.judge(walk[split])
        assert rewards[0] == rewards[1] and twin.terms == task.terms and twin.ended == task.ended
    with pytest.raises(KeyError):
        twin.load_state({})
    with pytest.raises(ArrayError):
        twin.load_state(task.state() | {"terms": np.full(len(task.TERMS) + 1, 1.0)})


def test_the_box_around_an_animal() -> None:
    eyes = Intrinsics.from_fov(math.radians(90.0), 200, 100)
    camera = look_at(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    # At 2 m, 90 degrees high are 4 m and twice that wide; to the left is left in the picture, up is up.
    joints = np.array([[2.0, 1.0, 1.0], [2.0, 3.0, 1.5], [-5.0, 0.0, 0.0]])
    box = framing(eyes, camera, joints)
    assert box.across == pytest.approx(-2.0 / 4.0) and box.down == pytest.approx(-0.25 / 2.0)
    assert box.size == pytest.approx(max(2.0 / 8.0, 0.5 / 4.0))
    assert framing(eyes, camera, joints[2:]) == NOWHERE
