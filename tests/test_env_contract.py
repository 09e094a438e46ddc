"""`ATSHome-v0` keeps Gymnasium's contract, Stable-Baselines3's, and its own."""

import copy
import hashlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from toy_home import ScriptedMind, make_toy_home

import ats_sim  # noqa: F401  (registers the environment)
from ats_sim.errors import ActionError, AtsError, ConfigError, HomeError


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toy_home(tmp_path_factory.mktemp("env") / "toy")


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("PYGAME_HIDE_SUPPORT_PROMPT", "1")


def make(home: Path, **options: Any) -> gymnasium.Env:
    return gymnasium.make("ATSHome-v0", home=str(home), policy=ScriptedMind(), **options)


@pytest.fixture
def env(home: Path) -> Iterator[gymnasium.Env]:
    made = make(home)
    yield made
    made.close()


KINDS: list[dict[str, Any]] = [
    {},
    {"obs_mode": "rgbd", "segmentation": True},
    {"task": "follow", "num_agents": 2},
    {"task": "approach", "shaping_discount": 1.0, "replan_every": 20},
    {"task": "film", "camera": "agent", "show": ["plan", "ghost", "futures", "support"]},
    {"physics": "dynamic"},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_gymnasiums_checker_has_no_complaint(home: Path, kind: dict[str, Any]) -> None:
    made = make(home, width=48, height=36, **kind)
    check_env(made.unwrapped)
    made.close()


@pytest.mark.parametrize("kind", KINDS[:3], ids=str)
@pytest.mark.filterwarnings("ignore:It seems that your observation", "ignore::DeprecationWarning")
def test_stable_baselines_checker_raises_nothing(home: Path, kind: dict[str, Any]) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    made = make(home, width=48, height=36, **kind)
    checker.check_env(made.unwrapped)
    made.close()


@pytest.mark.parametrize("num_agents", [1, 2])
def test_observations_are_what_the_contract_says(home: Path, num_agents: int) -> None:
    made = make(home, obs_mode="rgbd", num_agents=num_agents, width=64, height=40)
    shapes = {
        "observer_position": (3,), "observer_rotation": (4,), "observer_velocity": (6,),
        "agent_position": (3 * num_agents,), "agent_rotation": (4 * num_agents,), "agent_velocity": (6 * num_agents,),
        "agent_joints": (3 * 26 * num_agents,), "agent_visible": (num_agents,),
        "rgb": (40, 64, 3), "depth": (40, 64, 1),
    }  # fmt: skip
    space = made.observation_space
    assert {name: box.shape for name, box in space.spaces.items()} == shapes
    assert all(np.isfinite(box.low).all() and np.isfinite(box.high).all() for box in space.spaces.values())
    assert space["rgb"].dtype == np.uint8 and all(space[name].dtype == np.float32 for name in shapes if name != "rgb")
    assert made.action_space == gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
    made.reset(seed=0)
    made.action_space.seed(0)
    for _ in range(60):
        observation, reward, terminated, truncated, info = made.step(made.action_space.sample())
        assert space.contains(observation) and reward == 0.0 and terminated is False and truncated is False
        assert info["goal"].shape == (num_agents, 3) and info["planned_path"].shape == (num_agents, 56, 3)
    assert observation["rgb"].std() > 5.0 and 0.1 < np.median(observation["depth"]) < 6.0
    made.close()


def test_the_time_limit_is_gymnasiums(env: gymnasium.Env) -> None:
    env.reset(seed=0)
    for step in range(600):
        truncated = env.step(np.zeros(4, dtype=np.float32))[3]
        assert truncated == (step == 599)


def rollout(made: gymnasium.Env, seed: int, steps: int) -> str:
    """Hash of everything an episode returns."""
    digest = hashlib.sha256()
    rng = np.random.default_rng(seed)
    answer: Any = made.reset(seed=seed)
    for _ in range(steps):
        for part in answer:
            values = part.values() if isinstance(part, dict) else [part]
            for value in values:
                digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        answer = made.step(rng.uniform(-1.0, 1.0, 4).astype(np.float32))
    return digest.hexdigest()


def test_one_seed_gives_the_same_bits_in_two_processes(home: Path) -> None:
    made = make(home, max_episode_steps=2000)
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_env_contract import *\n"
        f"print(rollout(make(Path({str(home)!r}), max_episode_steps=2000), 3, 1000))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == rollout(made, 3, 1000)
    made.close()


def test_seeds_differ_and_unseeded_resets_go_on(env: gymnasium.Env) -> None:
    firsts = {env.reset(seed=seed)[0]["agent_position"].tobytes() for seed in range(30)}
    assert len(firsts) >= 27
    env.reset(seed=0)
    second, third = env.reset()[0], env.reset()[0]
    assert second["observer_position"].tobytes() != third["observer_position"].tobytes()
    env.reset(seed=0)
    assert env.reset()[0]["observer_position"].tobytes() == second["observer_position"].tobytes()


def test_what_is_returned_belongs_to_the_caller(env: gymnasium.Env) -> None:
    observation, info = env.reset(seed=0)
    twin = env.unwrapped.snapshot()
    for value in [*observation.values(), *info.values()]:
        if isinstance(value, np.ndarray):
            value[...] = 1 if value.dtype == bool else 77
    assert env.unwrapped.snapshot() == twin


@pytest.mark.parametrize(
    "bad", [np.full(4, np.nan, np.float32), np.zeros(3, np.float32), np.zeros(4, int), [0, 0, 0, 0]]
)
def test_a_wrong_action_is_an_action_error(env: gymnasium.Env, bad: Any) -> None:
    env.reset(seed=0)
    before = env.unwrapped.snapshot()
    with pytest.raises(ActionError):
        env.unwrapped.step(bad)
    assert env.unwrapped.snapshot() == before


def test_snapshots_pickles_and_copies_continue_the_same_episode(home: Path) -> None:
    made = make(home).unwrapped
    made.reset(seed=5)
    for _ in range(23):
        made.step(np.array([0.5, 0, 0.3, 0], dtype=np.float32))
    blob = made.snapshot()
    twins = [pickle.loads(pickle.dumps(made)), copy.deepcopy(made)]

    def follow(env: Any) -> str:
        digest = hashlib.sha256()
        for _ in range(40):
            observation = env.step(np.array([0.2, 0, -0.5, 0.1], dtype=np.float32))[0]
            digest.update(b"".join(observation[name].tobytes() for name in sorted(observation)))
        digest.update(env.reset()[0]["agent_position"].tobytes())
        return digest.hexdigest()

    expected = follow(made)
    made.restore(blob)
    assert follow(made) == expected and [follow(twin) for twin in twins] == [expected] * 2
    for one in [made, *twins]:
        one.close()


def test_a_spec_survives_json(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ats_sim.envs.home_env as module

    monkeypatch.setattr(module, "shared_mind", lambda opened: ScriptedMind())
    load = module.Home.load
    monkeypatch.setattr(module.Home, "load", lambda path, require_policy=True: load(path, require_policy=False))
    made = gymnasium.make("ATSHome-v0", home=str(home), obs_mode="state", task="film", show=("plan", "support"))
    again = gymnasium.envs.registration.EnvSpec.from_json(made.spec.to_json()).make()
    assert again.reset(seed=1)[0]["agent_position"].tobytes() == made.reset(seed=1)[0]["agent_position"].tobytes()
    made.close()
    again.close()


def test_workers_and_one_process_give_the_same_bits(home: Path) -> None:
    seen = []
    for mode, kwargs in (("sync", {}), ("async", {"context": "forkserver"})):
        made = gymnasium.make_vec(
            "ats_sim:ATSHome-v0", num_envs=2, vectorization_mode=mode, vector_kwargs=kwargs,
            home=str(home), policy=ScriptedMind(),
        )  # fmt: skip
        made.reset(seed=0)
        for _ in range(20):
            observation, *_, info = made.step(np.full((2, 4), 0.3, dtype=np.float32))
        assert observation["agent_joints"].shape == (2, 78) and info["goal"].shape == (2, 1, 3)
        seen.append(b"".join(observation[name].tobytes() for name in sorted(observation)))
        made.close()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("camera", ["observer", "third_person", "birdseye"])
def test_every_camera_gives_new_pictures(home: Path, camera: str) -> None:
    made = make(home, render_mode="rgb_array", camera=camera, width=64, height=48)
    made.reset(seed=0)
    first, second = made.render(), made.render()
    assert first.shape == (48, 64, 3) and first.dtype == np.uint8 and not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, second)
    made.close()
    made = make(home, render_mode="depth_array", camera=camera, width=64, height=48)
    made.reset(seed=0)
    depth = made.render()
    assert depth.shape == (48, 64) and depth.dtype == np.float32 and depth.max() > 0.5
    made.close()


def test_the_window_runs_in_real_time_without_a_display(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = make(home, render_mode="human", width=64, height=48)
    made.reset(seed=0)
    start = time.perf_counter()
    for _ in range(5):
        made.step(np.zeros(4, dtype=np.float32))
    assert time.perf_counter() - start > 0.4 and made.render() is None
    made.close()


def test_every_key_combination_is_an_action(env: gymnasium.Env) -> None:
    mapping = env.unwrapped.get_keys_to_action()
    assert len(mapping) == 256 and all(env.action_space.contains(value) for value in mapping.values())
    np.testing.assert_array_equal(mapping[("w",)], [1, 0, 0, 0])
    np.testing.assert_array_equal(mapping[("w", "s", "a")], [0, 1, 0, 0])
    np.testing.assert_array_equal(mapping[""], np.zeros(4))


@pytest.mark.filterwarnings("ignore:.*matplotlib")
def test_gymnasiums_play_works_without_further_arguments(home: Path) -> None:
    pygame = pytest.importorskip("pygame")
    from gymnasium.utils.play import play

    actions: list[np.ndarray] = []

    def watch(before: Any, after: Any, action: Any, *rest: Any) -> None:
        actions.append(np.array(action))
        if len(actions) == 3:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=ord("w")))
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_LEFT))
        if len(actions) == 8:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE))

    play(make(home, render_mode="rgb_array", width=64, height=48), callback=watch, fps=200)
    np.testing.assert_array_equal(actions[0], np.zeros(4))
    np.testing.assert_array_equal(actions[-1], [1, 0, 1, 0])


def test_closing_is_safe_and_final(home: Path) -> None:
    made = make(home, render_mode="rgb_array", width=48, height=36)
    made.reset(seed=0)
    made.render()
    inner = made.unwrapped
    for _ in range(3):
        made.close()
    for call in (lambda: inner.step(np.zeros(4, np.float32)), inner.reset, inner.render, inner.snapshot):
        with pytest.raises(AtsError, match="closed"):
            call()


def test_nothing_works_before_the_first_reset(home: Path) -> None:
    made = make(home).unwrapped
    for call in (lambda: made.step(np.zeros(4, np.float32)), made.snapshot, made.render):
        with pytest.raises(ResetNeeded):
            call()
    made.close()


BAD_OPTIONS = {
    "obs_mode": "pixels", "task": "chase", "camera": "cat", "width": 10, "height": 10**6, "num_agents": 0,
    "replan_every": 0, "observer_radius": 3.0, "observer_speed": float("nan"), "physics": "soft", "show": ["cat"],
    "segmentation": True, "shaping_discount": 1.1, "wdith": 64,
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_a_wrong_option_names_what_there_is(home: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        make(home, **{name: BAD_OPTIONS[name]})


@pytest.mark.parametrize("wrong", [{"num_agents": "2"}, {"num_agents": True}, {"replan_every": 1.5}, {"width": None}])
def test_a_value_of_another_type_is_refused_in_a_sentence(home: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        make(home, **wrong)
    with pytest.raises(ConfigError, match="observer_speed='fast'"):
        make(home, observer_speed="fast")
    with pytest.raises(ConfigError, match="home=None"):
        gymnasium.make("ATSHome-v0", home=None)


def test_one_thing_to_show_needs_no_list(home: Path) -> None:
    made = make(home, show="plan")
    assert made.unwrapped.options.show == ("plan",)
    made.close()


def test_a_home_without_behaviour_says_how_to_get_it(home: Path) -> None:
    with pytest.raises(HomeError, match="ats train"):
        gymnasium.make("ATSHome-v0", home=str(home))


def test_futures_are_offered(env: gymnasium.Env) -> None:
    env.reset(seed=0)
    before = env.unwrapped.snapshot()
    assert env.unwrapped.sample_futures(3, 2.0).shape == (3, 1, 20, 4, 4)
    assert env.unwrapped.snapshot() == before


def test_it_is_fast_enough(env: gymnasium.Env) -> None:
    """100 steps per second are the aim; counted in CPU time, because machines are shared."""
    import time

    env.reset(seed=0)
    start = time.process_time()
    for _ in range(150):
        env.step(np.array([0.5, 0.0, 0.2, 0.0], dtype=np.float32))
    assert 150 / (time.process_time() - start) > 60.0
