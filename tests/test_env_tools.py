"""What the environment offers besides steps: info, tasks that survive a snapshot, probes, overlays."""

import hashlib
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from toy_home import ScriptedMind, make_toy_home

import ats_sim  # noqa: F401  (registers the environment)
from ats_sim.envs.observations import eye_quaternion, quaternion
from ats_sim.envs.tasks import TASKS
from ats_sim.errors import ConfigError
from ats_sim.geometry import exp_so3, quaternion_from_matrix


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("tools") / "toy")


def make(home: Path, **options: Any) -> Any:
    return gymnasium.make("ATSHome-v0", home=str(home), policy=ScriptedMind(), **options).unwrapped


def shape_of(value: Any) -> Any:
    """Keys, types and shapes of an info."""
    if isinstance(value, dict):
        return {name: shape_of(part) for name, part in value.items()}
    return (value.shape, value.dtype) if isinstance(value, np.ndarray) else type(value)


@pytest.mark.parametrize("task", TASKS)
def test_info_has_the_same_shape_at_every_step(home: Path, task: str) -> None:
    made = make(home, task=task, num_agents=2)
    _, info = made.reset(seed=0)
    first = shape_of(info)
    assert first["in_reach"] == ((2,), np.dtype(bool)) and first["attention"] == ((2,), np.dtype(np.int64))
    assert first["floating"] == first["data_support"] == ((2,), np.dtype(np.float32))
    assert first["replay"]["real_position"] == ((3,), np.dtype(np.float32)) and first["replay_active"] is bool
    assert first["task"] == dict.fromkeys(TASKS[task].TERMS, float)
    for _ in range(20):
        *_, info = made.step(np.array([0.5, 0.1, 0.3, 0.0], dtype=np.float32))
        assert shape_of(info) == first
    made.close()


def test_attention_and_reach_follow_the_animals(home: Path) -> None:
    made = make(home, num_agents=2)
    places = np.array([[0.0, 0.0, 0.25, 0.0], [0.0, 1.2, 0.25, 0.0]])
    start = {"agent_poses": places, "observer_pose": [-0.45, 0.0, 0.0], "stance": "crouch", "goal": places[:, :3]}
    assert made.reset(seed=0, options=start)[1]["attention"].tolist() == [0, 1]
    _, info = made.reset(seed=0, options=start | {"awareness": {"observer": False}})
    assert info["attention"].tolist() == [-1, -1] and not info["in_reach"].any()
    for _ in range(6):
        *_, info = made.step(np.zeros(4, dtype=np.float32))
    # Crouching brings the shoulder to 0.5 m, half a metre from the first animal and 1.3 m from the second.
    assert info["in_reach"].tolist() == [True, False]
    made.close()


def test_a_snapshot_is_refused_where_it_would_go_on_otherwise(home: Path) -> None:
    made, other = make(home), make(home, replan_every=20)
    for env in (made, other):
        env.reset(seed=0)
    before = other.unwrapped.snapshot()
    with pytest.raises(ConfigError, match="replan_every=20"):
        other.unwrapped.restore(made.unwrapped.snapshot())
    assert other.unwrapped.snapshot() == before
    made.close()
    other.close()


def test_who_is_sent_somewhere_is_told(home: Path) -> None:
    made = make(home)
    _, info = made.reset(seed=0)
    assert info["goal_imposed"].tolist() == [False]
    made.unwrapped.steer(goal=made.unwrapped.world.agents[0].T_world_root[:3, 3])
    *_, info = made.step(np.zeros(4, dtype=np.float32))
    assert info["goal_imposed"].tolist() == [True]
    made.close()


@pytest.mark.parametrize("task", TASKS)
def test_a_snapshot_carries_the_task(home: Path, task: str) -> None:
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (80, 4)).astype(np.float32)
    made, other = make(home, task=task), make(home, task=task)

    def follow(env: Any, start: int) -> str:
        digest = hashlib.sha256()
        for action in actions[start:]:
            observation, reward, terminated, _, info = env.step(action)
            digest.update(repr((reward, terminated, info["task"])).encode())
            digest.update(b"".join(observation[name].tobytes() for name in sorted(observation)))
        return digest.hexdigest()

    for start in (1, 4, 23):
        made.reset(seed=7)
        for action in actions[:start]:
            made.step(action)
        blob = made.snapshot()
        expected = follow(made, start)
        for env in (made, other):
            env.restore(blob)
            assert env.snapshot() == blob and follow(env, start) == expected
    made.close()
    other.close()


def test_a_snapshot_of_another_task_begins_this_one(home: Path) -> None:
    film, approach = make(home, task="film"), make(home, task="approach")
    film.reset(seed=1)
    film.step(np.ones(4, dtype=np.float32))
    observation = approach.restore(film.snapshot())
    np.testing.assert_array_equal(observation["agent_joints"], film.restore(film.snapshot())["agent_joints"])
    reward, *_ = approach.step(np.zeros(4, dtype=np.float32))[1:]
    assert np.isfinite(reward)
    damaged = film.snapshot().replace(b"task_terms", b"task_germs")
    before = film.snapshot()
    with pytest.raises(ConfigError):
        film.restore(damaged)
    assert film.snapshot() == before
    film.close()
    approach.close()


def test_walking_at_the_animal_is_rewarded_and_standing_is_not(home: Path) -> None:
    """The shaping of `approach` in a real episode: 1 per step at full speed towards an animal that waits."""
    made = make(home, task="approach", shaping_discount=1.0)
    place = {"agent_poses": [0.6, 0.0, 0.25, 0.0], "observer_pose": [-1.6, 0.0, 0.0], "goal": [0.6, 0.0, 0.25]}
    made.reset(seed=0, options=place | {"awareness": {"observer": False}})
    rewards = [made.step(np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32))[1] for _ in range(4)]
    assert rewards == pytest.approx([1.0] * 4, abs=0.1)
    assert made.step(np.zeros(4, dtype=np.float32))[1] == pytest.approx(0.0, abs=0.1)
    for _ in range(24):
        _, reward, terminated, _, info = made.step(np.array([0.4, 0.0, 0.0, 0.0], dtype=np.float32))
        if terminated:
            break
    assert terminated and info["task"]["success"] == 10.0
    made.close()


def test_stances_reach_the_observer(home: Path) -> None:
    made = make(home)
    made.reset(seed=0, options={"stance": "crouch"})
    for _ in range(5):
        observation = made.step(np.zeros(4, dtype=np.float32))[0]
    assert observation["observer_position"][2] < 0.9
    made.set_stance("walk")
    for _ in range(5):
        observation = made.step(np.zeros(4, dtype=np.float32))[0]
    assert observation["observer_position"][2] == pytest.approx(1.4, abs=0.01)
    with pytest.raises(ConfigError):
        made.set_stance("fly")
    made.close()


def test_the_effect_of_a_sense_is_zero_where_nothing_hangs_on_it(home: Path) -> None:
    """The scripted mind flees from an observer within 1.2 m and looks at nothing else."""
    made = make(home, num_agents=1)
    effects = []
    for x in (-0.3, 1.6):
        made.reset(seed=0, options={"agent_poses": [-0.8, 0.0, 0.25, 0.0], "observer_pose": [x, -1.5, 0.0]})
        made.reset(seed=0, options={"agent_poses": [-0.8, -1.2, 0.25, 0.0], "observer_pose": [x, -1.5, 0.0]})
        before = made.snapshot()
        effects.append(made.awareness_effect(n=4))
        assert made.snapshot() == before
    near, far = effects
    assert all(not effect["scene"].any() and not effect["past"].any() for effect in effects)
    assert near["observer"].shape == (1,) and near["observer"][0] > 0.1 and not far["observer"].any()
    with pytest.raises(ConfigError):
        made.awareness_effect(n=0)
    made.close()


def test_the_bundled_animal_heeds_the_observer() -> None:
    made = gymnasium.make("ATSHome-v0").unwrapped
    made.reset(seed=0)
    for _ in range(3):
        made.step(np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32))
    effect = made.awareness_effect()
    assert set(effect) == {"scene", "observer", "past"} and all(value.shape == (1,) for value in effect.values())
    assert effect["observer"][0] > 0.01
    made.close()


def test_where_data_comes_from_is_told_in_copies(home: Path) -> None:
    made = make(home)
    seconds, origin, cell = made.data_support_map()
    assert seconds.sum() == pytest.approx(20.0, abs=0.1) and cell == 0.2 and origin.shape == (2,)
    seconds[...] = -1.0
    assert made.data_support_map()[0].min() >= 0.0
    assert made.replay_names() == tuple(one.name for one in made.world.home.recordings)
    made.close()


def test_a_replayed_video_is_told_in_the_info(home: Path) -> None:
    made = make(home, render_mode="rgb_array", camera="birdseye", show=("ghost",), width=160, height=120)
    plain = make(home, render_mode="rgb_array", camera="birdseye", width=160, height=120)
    name = made.replay_names()[0]
    recording = made.world.home.recordings[0]
    for env in (made, plain):
        _, info = env.reset(seed=0, options={"replay": {"video": name, "samples": 3}})
        for _ in range(30):
            observation, *_, info = env.step(np.ones(4, dtype=np.float32))
    # Eight frames of past, then thirty steps.
    assert info["replay_active"] and 0.0 < info["replay"]["minade"] <= info["replay"]["ade"]
    np.testing.assert_allclose(info["replay"]["real_position"], recording.T_world_root[37, :3, 3], atol=1e-5)
    np.testing.assert_allclose(observation["observer_position"][:2], recording.T_world_camera[37, :2, 3], atol=1e-5)
    assert (made.render() != plain.render()).any()
    _, info = made.reset(seed=0)
    assert not info["replay_active"] and not info["replay"]["real_position"].any()
    made.close()
    plain.close()


@pytest.mark.parametrize("show", ["plan", "futures", "support"])
def test_overlays_show_and_leave_observations_alone(home: Path, show: str) -> None:
    options: dict[str, Any] = {"obs_mode": "rgbd", "segmentation": True, "width": 160, "height": 120}
    options |= {"render_mode": "rgb_array", "camera": "birdseye"}
    plain, shown = make(home, **options), make(home, show=(show,), **options)
    seen = [env.reset(seed=3)[0] for env in (plain, shown)]
    pictures = [env.render() for env in (plain, shown)]
    assert (pictures[0] != pictures[1]).any()
    again = shown.step(np.zeros(4, dtype=np.float32))[0], plain.step(np.zeros(4, dtype=np.float32))[0]
    for name in seen[0]:
        np.testing.assert_array_equal(seen[0][name], seen[1][name])
        np.testing.assert_array_equal(again[0][name], again[1][name])
    plain.close()
    shown.close()


def test_segmentation_tells_who_is_where(home: Path) -> None:
    made = make(home, obs_mode="rgbd", segmentation=True, num_agents=2, width=96, height=72)
    places = [[0.0, 0.5, 0.25, 0.0], [0.0, -0.5, 0.25, 0.0]]
    observation, _ = made.reset(seed=0, options={"agent_poses": places, "observer_pose": [-2.0, 0.0, 0.0]})
    for _ in range(4):
        observation = made.step(np.array([0.0, 0.0, 0.0, -1.0], dtype=np.float32))[0]
    labels = observation["segmentation"][..., 0]
    assert set(np.unique(labels)) == {1, 2, 3}
    # Agent 0 stands to the left of agent 1.
    columns = [np.nonzero(labels == label)[1].mean() for label in (2, 3)]
    assert columns[0] < 48 < columns[1]
    made.close()


def test_quaternions_agree_with_those_of_matrices() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        rotation = exp_so3(rng.normal(0.0, 2.0, 3))
        expected = quaternion_from_matrix(rotation)
        expected = expected * (1.0 if expected[3] >= 0.0 else -1.0)
        np.testing.assert_allclose(quaternion(rotation), expected, atol=1e-12)
    half_turns = [np.diag([1.0, -1.0, -1.0]), np.diag([-1.0, 1.0, -1.0]), np.diag([-1.0, -1.0, 1.0])]
    for axis, rotation in enumerate(half_turns):
        np.testing.assert_allclose(np.abs(quaternion(rotation)), np.eye(4)[axis], atol=1e-12)
    for yaw, pitch in rng.uniform(-1.0, 1.0, (300, 2)) * [np.pi, 1.4]:
        ahead = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
        right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        rotation = np.stack([right, np.cross(ahead, right), ahead], axis=1)
        np.testing.assert_allclose(eye_quaternion(yaw, pitch), quaternion(rotation), atol=1e-12)
