"""What the long verbs say at their end: what a user must not miss is a sentence, and numbers come in useful units."""

from pathlib import Path
from typing import Any

import pytest

from ats_sim import summaries

TRAINED: dict[str, Any] = {
    "windows": 1234,
    "videos": 3,
    "steps": 10,
    "parameters": 3_100_000,
    "few_windows": 0,
    "test_videos": 1,
    "test_samples": 16,
    "test_goal_minade": 0.364,
    "test_path_minade": 0.229,
    "test_joints_minade": 0.141,
}
CAMERAS = {"all": {"rotation_deg_mean": 0.173, "centre_m_mean": 0.0068, "frames": 43200, "lost": 3}, "rejected": ["v7"]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "goal 0.36 m, path 0.23 m, joints 0.14 rad"),
        ({"few_windows": 1}, "too few windows"),
        ({"test_videos": 0}, "nothing was held out"),
    ],
)
def test_a_training_says_how_far_it_can_be_trusted(change: dict[str, Any], sentence: str) -> None:
    shown = "\n".join(summaries.trained(TRAINED | change, Path("home")))
    assert sentence in shown and "1,234 windows of 3 videos" in shown
    assert all((other in shown) == (other == sentence) for other in ("too few windows", "nothing was held out"))


def test_scores_of_a_reconstruction_come_in_degrees_and_centimetres_and_say_what_is_missing() -> None:
    surface = {"chamfer_m": 0.0234, "accuracy_m": 0.008, "completeness_m": 0.039}
    lines = summaries.reconstruction_scores(
        {"registration": CAMERAS, "surface": surface, "second_camera": "n/a: the capture has no second camera"}
    )
    assert lines == [
        "cameras: 0.17° and 0.7 cm off on average, 3 of 43,200 frames lost",
        "  rejected: v7",
        "surface: chamfer 2.3 cm (accuracy 0.8, completeness 3.9)",
        "second camera: n/a: the capture has no second camera",
    ]


@pytest.mark.parametrize(
    ("joints", "said"),
    [
        ((0.0288, 0.264), "  its joints: 2.9 cm, 0.26 rad"),
        ((0.0288, "n/a: one video"), "  its joints: 2.9 cm, n/a: one video"),
        (("n/a: other names", "n/a: other names"), "  its joints: n/a: other names"),
    ],
)
def test_scores_of_an_animal_say_why_its_joints_have_none(joints: tuple[float | str, ...], said: str) -> None:
    root = {"moments": 1200, "root_m_mean": 0.019, "heading_deg_mean": 1.7}
    agent = {**root, "joint_position_m": joints[0], "joint_angle_rad": joints[1]}
    lines = summaries.reconstruction_scores({"agent": agent})
    assert lines == ["animal: root 1.9 cm and 1.7°, over 1,200 moments", said]


def test_scores_of_an_animal_tell_how_it_moves_and_what_shape_it_has() -> None:
    agent = {"moments": 12, "root_m_mean": 0.02, "heading_deg_mean": 1.7, "joint_position_m": 0.03}
    manner = {"heading_flip_share": 0.012, "root_acceleration_ratio": 0.756, "joint_acceleration_ratio": 0.25}
    shape = {"canonical": {"chamfer_m": 0.0058}, "posed": {"chamfer_m": 0.0111}}
    shown = summaries.reconstruction_scores(
        {"agent": {**agent, "joint_angle_rad": 0.26, **manner}, "agent_shape": shape}
    )
    assert shown[2:] == [
        "  the wrong way round in 1.2% of them",
        "  its acceleration beside the true one: root 0.76, joints 0.25",
        "  its shape: chamfer 0.6 cm at rest, 1.1 cm as it moves",
    ]
    rigid = {**agent, "joint_angle_rad": 0.26, **manner, "joint_acceleration_ratio": "n/a: the agent is rigid"}
    other = {"canonical": "n/a: other names", "posed": {"chamfer_m": 0.0111}}
    shown = summaries.reconstruction_scores({"agent": rigid, "agent_shape": other})
    assert shown[-2:] == [
        "  its acceleration beside the true one: root 0.76",
        "  its shape: chamfer 1.1 cm as it moves",
    ]


def test_depth_from_a_second_camera_is_told_and_a_part_that_nobody_saw_is_not() -> None:
    shares = {"depth_acc_background_10cm": 0.91234, "depth_acc_agent_10cm": 0.81}
    told = summaries.reconstruction_scores({"pictures": {"all": shares}, "second_camera": shares})
    assert told[1] == "depth of a second camera within 10 cm: background 0.912, agent 0.810"
    told = summaries.reconstruction_scores({"pictures": {"all": {**shares, "depth_acc_agent_10cm": None}}})
    assert told == ["depth of held-out frames within 10 cm: background 0.912"]


def test_a_behaviour_that_was_learned_from_the_same_videos_is_called_memory() -> None:
    row = {"goal_minade": 0.1, "path_minade": 0.2, "path_energy_score": 0.3, "path_miss_rate": 0.0}
    scores = {"policy": row | {"samples": 16, "windows": 60}, "stand_still": row}
    assert "stand still" in summaries.behaviour_scores(scores)[-2]
    assert "memory" in summaries.behaviour_scores(scores | {"seen_in_training": 1})[-1]


@pytest.mark.parametrize(("episodes", "few"), [(2, True), (50, False)])
def test_few_episodes_are_called_few(episodes: int, few: bool) -> None:
    scores = {"episodes": episodes, "compared": "replay", "recorded": {"speed_p50": 0.2}, "replay": {"speed_p50": 0.1}}
    lines = summaries.closed_loop_scores(scores)
    assert ("too few to tell" in lines[-1]) == few and "0.200" in lines[1] and "0.100" in lines[1]
