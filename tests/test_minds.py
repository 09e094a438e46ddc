"""The yardstick of minds: truth that is lived again, an oracle that repeats it, errors that are errors."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from toy_recon import toy_motion, toy_skeleton, toy_volume

from ats_sim.arrays import Array
from ats_sim.geometry import exp_so3, geodesic_angle, rigid, yaw_matrix
from ats_sim.models.recordings import Recording
from ats_sim.models.windows import Windows, perception_at
from ats_sim.perception import FUTURE, PAST, Perception
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.filming.recorder import lived, make_agent
from benchmarks.minds import averaged, cell, difference
from benchmarks.minds_futures import Case, Futures, window_scores
from benchmarks.minds_oracle import Oracle, lived_on
from benchmarks.minds_truth import Likeness, Moment, Motion, Synthesized, foreseeable, limbs
from benchmarks.minds_world import in_world, perceived, world_basis

RNG_SEED = 4


@dataclass(frozen=True, eq=False)
class Day:
    """Twelve seconds of a made-up animal's life, and the animal itself at two moments of them."""

    synthesized: Synthesized
    motion: Motion
    moments: dict[int, Moment]


@pytest.fixture(scope="module")
def day() -> Day:
    config = SynthesizeConfig(videos=1, seconds=12.0, seed=3, rooms=2)
    synthesized = Synthesized(config, make_agent(config), rigid(yaw_matrix(0.4), np.array([1.0, -2.0, 0.1])))
    motion, moments = synthesized.relived("v00", 0.3, 115, [10, 50])
    return Day(synthesized, motion, dict(moments))


def test_days_are_those_that_are_filmed(day: Day) -> None:
    """What is lived again is what a capture would record, moved to the home's frame, from the wanted second on."""
    life = lived(day.synthesized.config, 0, day.synthesized.body)
    at = life.at(0.3 + np.arange(115) / 10.0)
    np.testing.assert_allclose(day.motion.T_world_root, day.synthesized.T_home_synthesized @ at.T_world_root)


@pytest.mark.parametrize("now", [10, 50])
def test_the_oracle_repeats_the_truth_by_the_same_chances(day: Day, now: int) -> None:
    """By its own random state, twice, the mind does what it did; by other chances it begins where it was."""
    after = slice(now + 1, now + 1 + FUTURE)
    for _ in range(2):
        again = lived_on(day.synthesized, day.moments[now])
        np.testing.assert_allclose(again.T_world_root, day.motion.T_world_root[after], atol=1e-9)
        np.testing.assert_allclose(again.limbs, day.motion.limbs[after], atol=1e-9)
    case = Case(recording(), now, known_at(20), Motion(again.T_world_root, again.limbs), None, day.moments[now])
    drawn = Oracle(day.synthesized).draw(case, (1,), 3)
    assert drawn is not None and Oracle(day.synthesized).draw(case, (1,), 3, goal=drawn.goals[0]) is None
    step = np.linalg.norm(drawn.paths[:, 0] - day.motion.T_world_root[now, :3, 3], axis=-1)
    assert drawn.paths.shape == (3, FUTURE, 3) and (step < 0.4).all()


def recording() -> Recording:
    roots, joints, observer = toy_motion(np.random.default_rng(RNG_SEED), 100)
    seen = np.ones(100, dtype=bool)
    return Recording("v00", roots, joints, observer, seen, seen)


def known_at(now: int) -> Perception:
    return perception_at(recording(), now, toy_volume(0.25))


def test_one_constant_turn_per_joint_is_found_and_taken_out() -> None:
    """A skeleton whose joints rest otherwise moves alike: nothing is left of the difference."""
    rng = np.random.default_rng(5)
    own = recording()
    offset = exp_so3(0.5 * rng.standard_normal((26, 3)))
    rest = toy_skeleton().joint_rest
    turned = limbs(rest, own.joint_rotations) @ offset
    roots = own.T_world_root.copy()
    roots[:, :3, :3] = roots[:, :3, :3] @ offset[0]
    likeness = Likeness.fitted(rest, [own], [Motion(roots, turned)])
    np.testing.assert_allclose(likeness.offset, offset, atol=1e-9)
    assert geodesic_angle(likeness.limbs(own.joint_rotations), turned).max() < 1e-6
    assert geodesic_angle(likeness.roots(own.T_world_root[:, :3, :3]), roots[:, :3, :3]).max() < 1e-6


def test_moments_need_a_seen_past_and_a_true_future() -> None:
    """Eight frames seen in a row up to now, 56 lived after it - seen or not."""
    seen = np.ones(100, dtype=bool)
    seen[20] = False
    seen[60:] = False
    own = replace(recording(), valid=seen)
    found = foreseeable(own, 100)
    assert found.tolist() == [*range(PAST - 1, 20), *range(28, 44)]
    assert foreseeable(own, 90).max() == 90 - FUTURE - 1


class Shifted:
    """Foresees the truth, moved by so many metres and turned by so many radians, and takes a goal, but no path."""

    def __init__(self, metres: float, radians: float) -> None:
        self.move, self.turn = np.array([0.0, metres, 0.0]), exp_so3(np.array([0.0, 0.0, radians]))

    def draw(
        self, case: Case, seed: tuple[int, ...], count: int, *, goal: Array | None = None, path: Array | None = None
    ) -> Futures | None:
        if path is not None:
            return None
        paths = np.broadcast_to(case.path + self.move, (count, FUTURE, 3))
        truth = case.truth
        body = truth.T_world_root[:, :3, :3] @ self.turn, truth.limbs @ self.turn
        return Futures(paths[:, -1], paths, *(np.broadcast_to(value, (count, *value.shape)) for value in body))


def test_errors_are_those_that_were_put_in(day: Day) -> None:
    """0.7 m beside the truth and 0.2 rad turned: every figure says so; the energy of one point is its distance."""
    truth = Motion(day.motion.T_world_root[11:67], day.motion.limbs[11:67])
    case = Case(recording(), 10, known_at(20), truth, None, day.moments[10])
    scores = window_scores(Shifted(0.7, 0.2), case, (0,), samples=3, trials=2)
    metres = ("goal_minade", "path_minade", "goal_energy", "path_energy", "goal_mean", "path_mean")
    for name in (*metres, "given_goal_path_minade"):
        assert scores[name] == pytest.approx(0.7), name
    assert scores["orientation_minade"] == pytest.approx(0.2) == scores["joints_minade"]
    assert scores["found_joints_minade"] is None
    assert scores["miss"] == 1.0 and not any(name.startswith("given_path") for name in scores)
    assert window_scores(Shifted(0.0, 0.0), case, (0,), 3, 2)["path_minade"] == 0.0


def test_a_fixed_frame_shows_the_same_moment() -> None:
    """Seen from a frame of the home, the window and the perception hold the positions that they hold in the world."""
    own, frame = recording(), rigid(np.eye(3), np.array([3.0, 2.5, 0.3]))
    known = known_at(20)
    ego = known.T_world_ego
    windows = Windows(
        recording=np.array([0]),
        frame=np.array([20]),
        T_world_ego=ego[None],
        observer_past=known.observer_past[None].astype(np.float32),
        past=np.zeros((1, PAST, 84), np.float32),
        future=np.zeros((1, FUTURE, 84), np.float32),
        seen=np.ones((1, FUTURE), dtype=bool),
    )
    moved = in_world(windows, (own,), frame)
    np.testing.assert_allclose(moved.future[0, :, :3] + frame[:3, 3], own.T_world_root[21:77, :3, 3], atol=1e-6)
    np.testing.assert_allclose(moved.observer_past[0] + frame[:3, 3], own.observer[13:21], atol=1e-5)
    fixed = perceived(known, toy_volume(0.25), frame)
    np.testing.assert_allclose(fixed.past_path + frame[:3, 3], own.T_world_root[13:21, :3, 3], atol=1e-9)
    np.testing.assert_allclose(fixed.past_rotations, own.T_world_root[13:21, :3, :3], atol=1e-9)
    np.testing.assert_allclose(fixed.observer_past, moved.observer_past[0], atol=1e-5)


def test_paths_of_a_fixed_frame_begin_anywhere() -> None:
    basis, place = world_basis(), np.full((FUTURE, 1), 2.7)
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-9)
    np.testing.assert_allclose(basis @ (basis.T @ place), place, atol=1e-9)


def test_tables_say_what_is_certain() -> None:
    """Seeds are averaged moment by moment; a difference of two errors and more is bold, one of less is not."""
    rows = [{"each": {"path_minade": [0.1, 0.3]}}, {"each": {"path_minade": [0.3, 0.5]}}]
    mean = averaged(rows)["path_minade"]
    np.testing.assert_allclose(mean, [0.2, 0.4])
    assert cell(mean) == "0.300 ± 0.100" and cell(None) == "–"
    ours = np.array([0.2, 0.4, 0.3])
    assert difference(ours + [0.1, 0.1, 0.13], ours) == "**+0.110 ± 0.010**"
    assert difference(ours + [0.1, -0.1, 0.1], ours) == "+0.033 ± 0.067"
    assert difference(None, ours) == "–"
