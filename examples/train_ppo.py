"""Teach an observer to film (or follow, or approach) the animal: PPO of Stable-Baselines3 on the vector environment.

    pip install "ats-sim[rl]"
    python examples/train_ppo.py --task film --minutes 15 --output ppo-film

What makes it work: the vector environment (all animals think in one call of the networks), `VectorObserverFrame` (the
state as one vector in the observer's own frame, instead of positions in a room), normalised observations, and
exploration that is smooth in time (`use_sde`), because `film` minds jerky cameras. The output folder gets `model.zip`,
`normaliser.npz`, `curve.png` (training reward with two lines to beat: actions at random, and the scripted
`films` of scripted_observers.py) and `before_after.mp4`: one and the same episode, untrained on the left, trained on
the right.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from command_line import count, minutes, natural, plain_errors, require
from scripted_observers import OBSERVERS
from small_plot import plot, save

import ats_sim
from ats_sim.envs.observer_frame import VectorObserverFrame
from ats_sim.errors import ConfigError
from ats_sim.video import VideoWriter

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecNormalize

assert ats_sim.__version__, "importing it registers the environment"
EPISODE = 300
GAMMA = 0.97
FEW_STEPS = 30_000
TEST_SEED = 1_000_000
"""Training never sees episodes of these seeds."""


def make_envs(options: argparse.Namespace, count: int, workers: int = 0) -> Any:
    """A batch of environments seen in the observer's frame."""
    env = gym.make_vec(
        "ATSHome-v0",
        count,
        home=options.home,
        task=options.task,
        max_episode_steps=EPISODE,
        autoreset_mode="SameStep",
        workers=workers,
    )
    return VectorObserverFrame(env)


def main() -> None:
    """Train, score, draw."""
    options = parsed()
    require("stable_baselines3", "rl")
    with plain_errors():
        train(options)


def train(options: argparse.Namespace) -> None:
    """Train an observer, score it beside two others, and draw what came of it."""
    import torch
    from sb3_envs import Curve, Sb3Envs
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    # Every environment worker and every network call is one thread; more would only fight over the cores.
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    plain = Sb3Envs(make_envs(options, options.num_envs, options.workers), options.seed)
    envs = VecNormalize(plain, gamma=GAMMA)
    model = PPO(
        "MlpPolicy",
        envs,
        n_steps=64,
        batch_size=min(512, 64 * options.num_envs),
        n_epochs=6,
        gamma=GAMMA,
        gae_lambda=0.92,
        learning_rate=7e-4,
        use_sde=True,
        sde_sample_freq=8,
        policy_kwargs={"net_arch": [128, 128], "log_std_init": -1.0},
        seed=options.seed,
        device="cpu",
    )
    untrained = Learned(model, envs)
    before = film(options, untrained)
    curve = Curve(plain, options.minutes)
    model.learn(options.steps, callback=curve)
    if not curve.steps:
        first = 64 * options.num_envs
        raise ConfigError(f"--minutes {options.minutes:g} ended before the first {first} steps were made")
    envs.training = False
    trained = Learned(model, envs)
    after = film(options, trained)
    scores = {"trained": score(options, trained)}
    scores |= {name: score(options, Scripted(name)) for name in ("random", "films")}
    model.save(options.output / "model.zip")
    np.savez(options.output / "normaliser.npz", mean=envs.obs_rms.mean, var=envs.obs_rms.var)
    for name, value in scores.items():
        print(f"{name}: {value:+.3f} reward a step on {options.test_envs} unseen episodes")
    if curve.steps[-1] < FEW_STEPS:
        print(f"{curve.steps[-1]:.0f} steps are too few to learn anything; give it --minutes 10 or more")
    lines = {"training": (np.array(curve.steps), np.array(curve.rewards))}
    plot(options.output / "curve.png", f"PPO, {options.task}: reward a step", "environment steps", lines, scores)
    write_film(options.output, before, after)
    envs.close()
    print(f"model, curve and film: {options.output}")


class Learned:
    """A policy of SB3 as a function of what the environment shows."""

    def __init__(self, model: Any, envs: VecNormalize) -> None:
        """Keep references; what is learned later shows."""
        self._model, self._envs = model, envs

    def __call__(self, raw: Any, framed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Actions (N, 4) without exploration."""
        return self._model.predict(self._envs.normalize_obs(framed), deterministic=True)[0]


class Scripted:
    """One of the scripted observers, which look at the raw state."""

    def __init__(self, name: str) -> None:
        """By name."""
        self._act = OBSERVERS[name]

    def __call__(self, raw: Any, framed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Actions (N, 4)."""
        return self._act(raw, rng)


def score(options: argparse.Namespace, act: Any) -> float:
    """Mean reward a step over one episode each of unseen seeds."""
    env = make_envs(options, options.test_envs)
    raw, _ = env.env.reset(seed=TEST_SEED)
    rng, rewards = np.random.default_rng(0), []
    alive = np.ones(options.test_envs, dtype=bool)
    for _ in range(EPISODE):
        raw, reward, terminated, truncated, _ = env.env.step(np.clip(act(raw, env.observations(raw), rng), -1, 1))
        rewards.append(reward[alive].sum())
        alive &= ~(terminated | truncated)
    env.close()
    return float(np.sum(rewards) / (EPISODE * options.test_envs))


def film(options: argparse.Namespace, act: Any, seconds: float = 20.0) -> list[np.ndarray]:
    """What the observer sees in one unseen episode."""
    env = gym.make_vec(
        "ATSHome-v0", 1, home=options.home, task=options.task, render_mode="rgb_array", width=320, height=240
    )
    framed = VectorObserverFrame(env)
    raw, _ = env.reset(seed=TEST_SEED + 1)
    rng, frames = np.random.default_rng(0), []
    for _ in range(round(seconds * 10)):
        raw, *_ = env.step(np.clip(act(raw, framed.observations(raw), rng), -1, 1).astype(np.float32))
        frames.append(env.render()[0])
    env.close()
    return frames


def write_film(folder: Path, before: list[np.ndarray], after: list[np.ndarray]) -> None:
    """Both episodes side by side, and six moments of them as one picture."""
    both = [np.concatenate(pair, axis=1) for pair in zip(before, after, strict=True)]
    height, width, _ = both[0].shape
    with VideoWriter(folder / "before_after.mp4", width, height, 10.0) as video:
        for frame in both:
            video.write(frame)
    rows = [both[index] for index in np.linspace(0, len(both) - 1, 6).astype(int)]
    save(folder / "before_after.png", np.concatenate(rows, axis=0))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="film", choices=["follow", "approach", "film"])
    parser.add_argument("--home", default="default", help="a home folder, a .zip, or the bundled one")
    parser.add_argument("--minutes", type=minutes, default=15.0, help="time to train for")
    parser.add_argument("--steps", type=count, default=10_000_000, help="environment steps to train for, if sooner")
    parser.add_argument("--num-envs", type=count, default=32)
    parser.add_argument("--workers", type=natural, default=0, help="processes that simulate; 0 simulates in this one")
    parser.add_argument("--test-envs", type=count, default=16, help="unseen episodes for the scores")
    parser.add_argument("--seed", type=natural, default=0)
    parser.add_argument("--output", type=Path, default=Path("ppo"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
