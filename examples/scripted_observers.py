"""Four people without any learning: who walks about at random, who sits, who chases, who films.

    python examples/scripted_observers.py --observer films --seconds 30 --film films.mp4

Each is a plain function from an observation to an action (forward, left, yaw left, pitch up, each in [-1, 1]), so that
you can use it as a baseline, as an opponent or as the start of your own. All of them also take the observations of the
vector environment (arrays with a leading axis of environments) and then return one action per environment.
"""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from command_line import natural, plain_errors, seconds

import ats_sim
from ats_sim.geometry import matrix_from_quaternion

Observation = Mapping[str, np.ndarray]
DT = 0.1
YAW_RATE, PITCH_RATE = np.deg2rad(90.0), np.deg2rad(60.0)
"""What an action of 1 turns in a second."""
FILMING = 1.5
"""Metres from which somebody films."""


def random_walk(observation: Observation, rng: np.random.Generator) -> np.ndarray:
    """Any action whatever; what every learner should beat."""
    return rng.uniform(-1.0, 1.0, (*_leading(observation), 4)).astype(np.float32)


def sits(observation: Observation, rng: np.random.Generator) -> np.ndarray:
    """Nothing."""
    return np.zeros((*_leading(observation), 4), np.float32)


def chases(observation: Observation, rng: np.random.Generator) -> np.ndarray:
    """Turn to the animal and walk at it at full speed."""
    yaw, pitch, distance = _aim(observation)
    return _action(np.where(np.abs(yaw) < 0.7, 1.0, 0.0), np.zeros_like(yaw), yaw, pitch)


def films(observation: Observation, rng: np.random.Generator) -> np.ndarray:
    """Keep the animal in the middle of the picture and 1.5 m away; gently, for whoever hurries scares it."""
    yaw, pitch, distance = _aim(observation)
    walk = np.where(np.abs(yaw) < 0.7, np.clip(0.8 * (distance - FILMING), -0.4, 0.4), 0.0)
    return _action(walk, np.zeros_like(yaw), 0.5 * yaw, 0.5 * pitch)


OBSERVERS: dict[str, Callable[[Observation, np.random.Generator], np.ndarray]] = {
    "random": random_walk,
    "sits": sits,
    "chases": chases,
    "films": films,
}


def _aim(observation: Observation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radians by which the first animal is to the left and above of where the camera looks, and metres to it."""
    offset = observation["agent_position"][..., :3] - observation["observer_position"]
    # The camera has OpenCV axes: its third column is where it looks.
    ahead = matrix_from_quaternion(observation["observer_rotation"])[..., :, 2]
    yaw = np.arctan2(offset[..., 1], offset[..., 0]) - np.arctan2(ahead[..., 1], ahead[..., 0])
    distance = np.hypot(offset[..., 0], offset[..., 1])
    pitch = np.arctan2(offset[..., 2], distance) - np.arcsin(np.clip(ahead[..., 2], -1.0, 1.0))
    return np.arctan2(np.sin(yaw), np.cos(yaw)), pitch, distance


def _action(forward: np.ndarray, left: np.ndarray, yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Walk as given, and turn by so many radians within a step, as far as that is possible."""
    turns = np.clip(yaw / (YAW_RATE * DT), -1.0, 1.0), np.clip(pitch / (PITCH_RATE * DT), -1.0, 1.0)
    return np.stack([forward, left, *turns], axis=-1).astype(np.float32)


def _leading(observation: Observation) -> tuple[int, ...]:
    return observation["observer_position"].shape[:-1]


def main() -> None:
    """Let one of them walk through a home."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observer", choices=sorted(OBSERVERS), default="films")
    parser.add_argument("--home", default="default", help="a home folder, a .zip, or the bundled one")
    parser.add_argument(
        "--task",
        choices=["free", "follow", "approach", "film"],
        help="what is rewarded; film if not said, and free for a chaser, who is no cameraman",
    )
    parser.add_argument("--seconds", type=seconds, default=30.0)
    parser.add_argument("--seed", type=natural, default=0)
    parser.add_argument("--film", help="write what the observer sees into this .mp4")
    options = parser.parse_args()
    options.task = options.task or ("free" if options.observer == "chases" else "film")
    with plain_errors():
        walk(options)


def walk(options: argparse.Namespace) -> None:
    """Walk, and tell the reward."""
    env: Any = gym.make(
        "ATSHome-v0", home=options.home, task=options.task, render_mode="rgb_array" if options.film else None
    )
    act, rng = OBSERVERS[options.observer], np.random.default_rng(options.seed)
    observation, info = env.reset(seed=options.seed)
    rewards, frames = [], []
    for _ in range(round(options.seconds / DT)):
        observation, reward, terminated, truncated, info = env.step(act(observation, rng))
        rewards.append(reward)
        if options.film:
            frames.append(env.render())
        if terminated or truncated:
            observation, info = env.reset()
    env.close()
    print(f"{options.observer}, {options.task}, ats-sim {ats_sim.__version__}: {np.mean(rewards):.3f} reward a step")
    if options.film:
        from ats_sim.video import VideoWriter

        height, width, _ = frames[0].shape
        with VideoWriter(options.film, width, height, 1.0 / DT) as video:
            for frame in frames:
                video.write(frame)
        print(f"film: {options.film}")


if __name__ == "__main__":
    main()
