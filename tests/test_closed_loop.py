"""The closed loop's figures against tracks whose answers are known by hand."""

import numpy as np
import pytest

from ats_sim.envs.closed_loop import chase, effect_size, motion_figures, places, stops
from ats_sim.geometry import look_at, quaternion_from_matrix


def walk(*points: tuple[float, float], pause: int = 20, speed: float = 0.5) -> np.ndarray:
    """A track (N, 3) at 10 Hz that walks from point to point and rests `pause` frames at each."""
    track = [np.tile([*points[0], 0.2], (pause, 1))]
    for start, end in zip(points, points[1:], strict=False):
        count = max(2, round(np.hypot(end[0] - start[0], end[1] - start[1]) / speed * 10))
        track.append(np.linspace([*start, 0.2], [*end, 0.2], count))
        track.append(np.tile([*end, 0.2], (pause, 1)))
    return np.concatenate(track)


def test_stops_are_counted_once_and_only_where_it_rests() -> None:
    assert stops(walk((0.5, 0.5), (3.5, 0.5), (3.5, 3.5), (0.5, 0.5))) == 3
    assert stops(walk((0.5, 0.5), (0.9, 0.5))) == 1, "two rests within a metre are one stop"
    assert stops(np.linspace([0.0, 0, 0], [10.0, 0, 0], 200)) == 0


def test_places_are_square_metres_with_a_second_in_each() -> None:
    assert places(walk((0.5, 0.5), (3.5, 0.5))) == 4
    assert places(np.linspace([0.0, 0, 0], [10.0, 0, 0], 50)) == 0, "passing through at 2 m/s is no visit"


def test_speed_and_turn_rate_of_a_circle() -> None:
    angle = np.arange(200) * 0.1
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    figures = motion_figures(circle, np.angle(np.exp(1j * (angle + np.pi / 2))))
    assert figures["speed_p50"] == pytest.approx(1.0, rel=1e-2)
    assert figures["turn_rate_p95"] == pytest.approx(1.0, rel=1e-6)


def test_effect_size_is_cohens_d() -> None:
    rng = np.random.default_rng(0)
    assert effect_size(rng.normal(1.0, 2.0, 100_000), rng.normal(0.0, 2.0, 100_000)) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("target", "turn"), [((5.0, 0.0, 0.2), 0.0), ((0.0, 5.0, 0.2), 1.0), ((0.0, -5.0, 0.2), -1.0)])
def test_the_chaser_turns_to_the_animal_and_walks(target: tuple[float, float, float], turn: float) -> None:
    camera = look_at(np.array([0.0, 0, 1.4]), np.array([1.0, 0, 1.4]))
    observation = {
        "observer_position": camera[:3, 3],
        "observer_rotation": quaternion_from_matrix(camera[:3, :3]),
        "agent_position": np.array(target),
    }
    action = chase(observation)
    assert action[2] == pytest.approx(turn, abs=1e-6)
    assert action[0] == (1.0 if turn == 0.0 else 0.0)
