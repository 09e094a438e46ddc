"""The closed loop's figures against tracks whose answers are known by hand."""

from pathlib import Path

import numpy as np
import pytest

from ats_sim.envs.closed_loop_config import ClosedLoopConfig
from ats_sim.envs.closed_loop_episodes import KINDS, chase, live
from ats_sim.envs.closed_loop_figures import (
    contact_figures,
    effect_size,
    figures,
    finite,
    jerks,
    join_jerk,
    joint_velocities,
    longest_run,
    places,
    speeds,
    standing,
    stops,
    turn_rates,
    visitation_divergence,
)
from ats_sim.envs.closed_loop_track import Track, plain_track, recorded_tracks
from ats_sim.errors import ConfigError
from ats_sim.geometry import exp_so3, log_so3, rigid, yaw_matrix
from ats_sim.home import Home, seal_home
from ats_sim.world import World
from tests.toy_home import ROOT_HEIGHT, ScriptedMind, make_toy_home, toy_skeleton


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.load(make_toy_home(tmp_path_factory.mktemp("homes") / "toy"), require_policy=False)


def walk(*points: tuple[float, float], pause: int = 20, speed: float = 0.5) -> np.ndarray:
    """A track (N, 3) at 10 Hz that walks from point to point and rests `pause` frames at each."""
    track = [np.tile([*points[0], 0.2], (pause, 1))]
    for start, end in zip(points, points[1:], strict=False):
        count = max(2, round(np.hypot(end[0] - start[0], end[1] - start[1]) / speed * 10))
        track.append(np.linspace([*start, 0.2], [*end, 0.2], count))
        track.append(np.tile([*end, 0.2], (pause, 1)))
    return np.concatenate(track)


def stiff(positions: np.ndarray, yaw: float | np.ndarray = 0.0) -> Track:
    """A track of a stiff animal that slides through positions (N, 3)."""
    count = len(positions)
    roots = rigid(np.broadcast_to(yaw_matrix(np.asarray(yaw)), (count, 3, 3)), positions)
    return plain_track("stiff", roots, np.zeros((count, 26, 3)), np.full((count, 3), np.nan), np.ones(count, bool))


def test_stops_are_counted_once_and_only_where_it_rests() -> None:
    assert stops(walk((0.5, 0.5), (3.5, 0.5), (3.5, 3.5), (0.5, 0.5))) == 3
    assert stops(walk((0.5, 0.5), (0.9, 0.5))) == 1, "two rests within a metre are one stop"
    assert stops(np.linspace([0.0, 0, 0], [10.0, 0, 0], 200)) == 0


def test_places_are_square_metres_with_a_second_in_each() -> None:
    assert places(walk((0.5, 0.5), (3.5, 0.5))) == 4
    assert places(np.linspace([0.0, 0, 0], [10.0, 0, 0], 50)) == 0, "passing through at 2 m/s is no visit"


def test_speed_turn_rate_and_jerk_of_a_circle() -> None:
    angle = np.arange(200) * 0.1
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    assert speeds(circle) == pytest.approx(1.0, rel=1e-3)
    assert turn_rates(np.angle(np.exp(1j * (angle + np.pi / 2)))) == pytest.approx(1.0, rel=1e-6)
    # A point on a circle of radius r at rate w has jerk r w^3, here of chords of 0.1 rad.
    assert jerks(circle) == pytest.approx((2.0 * np.sin(0.05) * 10.0) ** 3, rel=1e-6)


def test_joint_velocity_does_not_depend_on_how_a_rotation_is_written() -> None:
    angle = np.linspace(0.0, 4.0 * np.pi, 300)
    joints = np.zeros((300, 26, 3))
    joints[:, 1:, 1] = angle[:, None]
    short = log_so3(exp_so3(joints))
    expected = 4.0 * np.pi / 299 * 10.0
    assert joint_velocities(joints) == pytest.approx(expected, rel=1e-6)
    assert joint_velocities(short) == pytest.approx(expected, rel=1e-6)


def test_standing_still_is_found_to_the_frame() -> None:
    track = walk((0.0, 0.0), (4.0, 0.0), pause=60, speed=1.0)
    still = standing(track)
    # Within 10 cm of where it will be a second later: 60 frames of rest and the last 10 cm before or after them.
    assert [longest_run(still), int(still.sum())] == [pytest.approx(60, abs=2), pytest.approx(120, abs=4)]
    assert longest_run(np.array([1, 1, 0, 1, 1, 1, 0], bool)) == 3
    assert longest_run(np.zeros(5, bool)) == 0


def test_effect_size_is_cohens_d() -> None:
    rng = np.random.default_rng(0)
    assert effect_size(rng.normal(1.0, 2.0, 100_000), rng.normal(0.0, 2.0, 100_000)) == pytest.approx(0.5, abs=0.02)


def test_an_effect_that_cannot_be_told_is_none() -> None:
    assert effect_size(np.array([1.0]), np.array([2.0])) is None, "one episode has no spread"
    assert effect_size(np.array([1.0, 2.0]), np.zeros(0)) is None
    assert effect_size(np.array([1.0, 1.0]), np.array([2.0, 2.0])) is None
    assert effect_size(np.array([0.0, 2.0]), np.array([3.0, 5.0])) == pytest.approx(-3.0)


def test_numbers_that_are_none_become_null_at_any_depth() -> None:
    given = {"a": float("nan"), "b": {"c": [1.0, np.float64("inf")]}, "d": "nan", "e": 3}
    assert finite(given) == {"a": None, "b": {"c": [1.0, None]}, "d": "nan", "e": 3}


@pytest.mark.parametrize(
    "wrong",
    [
        {"episodes": 0},
        {"episodes": -3},
        {"seconds": -1.0},
        {"seconds": 0.5},
        {"seconds": float("nan")},
        {"seconds": 3601.0},
        {"moments": -1},
    ],
)
def test_a_watch_that_would_see_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"--{next(iter(wrong))}"):
        ClosedLoopConfig(**wrong)  # type: ignore[arg-type]
    assert ClosedLoopConfig(1, 1.0, 0).moments == 0


def test_a_stiff_animal_slides_with_its_own_speed_and_sinks_by_what_it_is_lowered(home: Home) -> None:
    way = np.linspace([-1.0, -1.4, ROOT_HEIGHT - 0.03], [-1.0, 1.1, ROOT_HEIGHT - 0.03], 51)
    on_floor = contact_figures([stiff(way)], home)
    assert on_floor["foot_skate_mean"] == pytest.approx(0.5, abs=1e-6)
    assert on_floor["penetration_p99"] == pytest.approx(0.0, abs=2e-3)
    sunk = contact_figures([stiff(way - [0, 0, 0.06])], home)
    assert sunk["penetration_p99"] == pytest.approx(0.06, abs=5e-3)
    aloft = contact_figures([stiff(way + [0, 0, 0.3])], home)
    assert aloft["foot_skate_mean"] == 0.0
    assert aloft["gap_p50"] == pytest.approx(0.3, abs=0.01)
    assert on_floor["gap_p95"] == pytest.approx(0.0, abs=0.01)
    assert on_floor["steps_joint_inside"] == 0.0 and sunk["steps_joint_inside"] == 1.0


def test_a_jump_of_velocity_at_a_join_is_told_from_jerk_elsewhere() -> None:
    x = np.concatenate([np.arange(50) * 0.05, 49 * 0.05 + np.arange(1, 51) * 0.1])
    track = stiff(np.stack([x, 0 * x, 0 * x], axis=1))
    joined = np.zeros(100, dtype=bool)
    joined[49] = True
    known = Track("jump", track.roots, track.joints, track.observer, track.valid, joined, track.plan_inside)
    found = join_jerk([known])
    assert found["jerk_at_joins"] == pytest.approx(50.0), "0.5 m/s within 0.1 s, gained within 0.1 s"
    assert found["jerk_elsewhere"] == pytest.approx(0.0, abs=1e-9)
    assert found["jerk_ratio"] is None, "nothing to compare a seam with"


def test_visitation_divergence_is_zero_for_the_recorded_places_and_ln2_elsewhere(home: Home) -> None:
    recorded = home.perception.agent_roots[:, :3, 3].astype(np.float64)
    assert visitation_divergence(home, recorded) == pytest.approx(0.0, abs=1e-9)
    assert visitation_divergence(home, recorded + [10.0, 0, 0]) == pytest.approx(np.log(2.0))


def test_figures_leave_out_what_was_not_seen(home: Home) -> None:
    way = np.linspace([-2.0, -1.5, 0.25], [-2.0, 1.5, 0.25], 61)
    jump = np.concatenate([way[:30], way[30:] + [1.5, 0.0, 0.0]])
    track = stiff(jump)
    valid = np.ones(61, dtype=bool)
    valid[28:32] = False
    seen = Track("gap", track.roots, track.joints, track.observer, valid, track.joined, track.plan_inside)
    assert figures([seen], home)["speed_p99"] == pytest.approx(0.5)
    assert figures([track], home)["speed_p99"] > 1.0
    assert figures([seen], home)["seconds"] == pytest.approx(5.7)


def test_animations_stand_in_for_missing_recordings(tmp_path: Path) -> None:
    folder = make_toy_home(tmp_path / "toy")
    (folder / "recordings.npz").unlink()
    skeleton = toy_skeleton()
    seal_home(folder, name="toy", skeleton=skeleton, T_home_scene=np.eye(4), provenance={}, metrics={})
    tracks = recorded_tracks(Home.load(folder, require_policy=False))
    assert [len(track.roots) for track in tracks] == [200]
    assert np.isnan(tracks[0].observer).all()


@pytest.mark.parametrize(("target", "turn"), [((2.0, 0.0), 0.0), ((0.0, 1.5), 1.0), ((0.0, -1.5), -1.0)])
def test_the_chaser_turns_to_the_animal_and_walks(home: Home, target: tuple[float, float], turn: float) -> None:
    world = World(home, policy=None)
    options = {"observer_pose": [-1.0, 0.0, 0.0], "agent_poses": [target[0] - 1.2, target[1], 0.3, 0.0]}
    world.reset(np.random.default_rng(0), options)
    action = chase(world)
    assert action[2] == pytest.approx(turn, abs=1e-6)
    assert action[0] == (1.0 if turn == 0.0 else 0.0)
    world.close()


def test_an_episode_is_the_same_in_whatever_company(home: Home) -> None:
    worlds = [World(home, policy=ScriptedMind()) for _ in range(3)]
    together = live(worlds, KINDS[1], [0, 1, 2], 20, [None] * 3)
    alone = live(worlds[:1], KINDS[1], [1], 20, [None])
    assert (together[1].roots == alone[0].roots).all() and (together[1].observer == alone[0].observer).all()
    assert not np.allclose(together[0].roots, together[1].roots)


def test_nothing_is_left_of_an_empty_folder(tmp_path: Path) -> None:
    """A home that does not exist is refused before anything is written."""
    from ats_sim.envs.closed_loop import evaluate_closed_loop
    from ats_sim.errors import HomeError

    with pytest.raises(HomeError):
        evaluate_closed_loop(tmp_path / "none", report=tmp_path / "report")
    assert not (tmp_path / "report").exists()
