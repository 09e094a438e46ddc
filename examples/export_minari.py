"""Turn walks into a Minari dataset, for offline reinforcement learning and imitation: what you did becomes data.

    pip install "ats-sim[data]"
    ats play --log walk.jsonl                                        # walk around, as often as you like
    python examples/export_minari.py walk.jsonl --task follow        # -> ats-sim/walks-v0
    python examples/export_minari.py --observer films --episodes 10  # no walk at hand: a scripted observer

    import minari
    dataset = minari.load_dataset("ats-sim/walks-v0")

A walk is done again, event by event, and every state is compared with the digest that was written down; where one
differs, nothing is exported. Observations, rewards and infos are those of `ATSHome-v0`. An episode ends with
`truncations` where you began anew, turned time back or left, and with `terminations` where the task ended; the next
one begins as soon as the task is to be done again.

Two things differ from the environment. Actions are float64, as they were written down, since rounding them would lead
to other states; and the observer of `ats play` turns up to 240 and nods up to 150 degrees a second (the environment's
90 and 60), so that an action of 1 turns farther. What was changed between steps is in the infos: `stance` (0 walk,
1 run, 2 crouch), `is_sent` (whether the animal was sent somewhere) and `knows` (the home, the observer, its past).
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from command_line import count, natural, plain_errors, require, seconds
from scripted_observers import OBSERVERS

import ats_sim
from ats_sim.envs.information import alone
from ats_sim.errors import ConfigError
from ats_sim.home import Home
from ats_sim.observer import STANCES
from ats_sim.planning import Mind
from ats_sim.play.events import Reset, Rewind, Step
from ats_sim.play.log import digest, read_header, read_lines
from ats_sim.play.walk import Walk
from ats_sim.policy import Policy
from ats_sim.world import World

if TYPE_CHECKING:
    from minari.data_collector import EpisodeBuffer

Rows = list[tuple[Any, ...]]
"""(observation, info) of a beginning, then (observation, info, action, reward, terminated) of every step."""
WALKED_ACTIONS = gym.spaces.Box(-1.0, 1.0, (4,), np.float64)


def walked(log: Path, home: Home, mind: Mind, task: str) -> Iterator[EpisodeBuffer]:
    """The episodes of a walk, done again in its home.

    Raises:
        ConfigError: If the log cannot be read, is of another home, or a state differs from the one written down.
    """
    header = read_header(log)
    if header.fingerprint != home.fingerprint:
        raise ConfigError(f"{log}: walked in another home, or another build of it, than {home.name!r}")
    teller = gym.make("ATSHome-v0", home=home, policy=mind, task=task, num_agents=header.agents).unwrapped
    teller.world.close()
    walk = Walk(home, mind, header)
    teller.world = walk.world  # the environment only tells what happens; the walk is what happens
    try:
        rows, seed, was_over = [_beginning(teller)], header.seed, False
        for line in read_lines(log):
            if line.event is not None:
                walk.do(line.event)
            if not digest(walk.world.state()).startswith(line.digest):
                raise ConfigError(f"{log}, line {line.number}: the state is not the one that was written down")
            if isinstance(line.event, Step):
                rows.append(_step(teller, np.array(line.event.action)))
            is_over = len(rows) > 1 and rows[-1][-1]
            if isinstance(line.event, Reset | Rewind) or is_over:
                if not (was_over and is_over and len(rows) == 2):  # the task is still done: nothing begins yet
                    yield from _episode(rows, seed)
                rows, seed, was_over = [_beginning(teller)], None, is_over
        yield from _episode(rows, seed)
    finally:
        walk.close()
        teller.close()


def scripted(env: gym.Env, observer: str, episodes: int, seconds: float, seed: int) -> Iterator[EpisodeBuffer]:
    """Episodes of somebody from `scripted_observers`, one per seed from the first on."""
    act = OBSERVERS[observer]
    for own_seed in range(seed, seed + episodes):
        rng = np.random.default_rng(own_seed)
        observation, info = env.reset(seed=own_seed)
        rows: Rows = [(observation, info)]
        for _ in range(round(seconds * 10)):
            action = act(observation, rng)
            observation, reward, terminated, _, info = env.step(action)
            rows.append((observation, info, action, reward, terminated))
            if terminated:
                break
        yield from _episode(rows, own_seed)


def write(name: str, episodes: Sequence[EpisodeBuffer], env: gym.Env, action_space: gym.Space, about: str) -> Any:
    """Write a Minari dataset of that name; ConfigError where there is nothing to write or the name is taken."""
    import minari

    if not episodes:
        raise ConfigError("no step was walked, so there is nothing to write")
    if name in minari.list_local_datasets():
        raise ConfigError(f"there is a dataset {name!r} already; delete it (minari delete {name}) or use --name")
    is_environments = action_space == env.action_space
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it asks for e-mail addresses and the like
        return minari.create_dataset_from_buffers(
            name,
            list(episodes),
            env=env if is_environments else None,
            action_space=action_space,
            observation_space=env.observation_space,
            algorithm_name=about,
            description=f"{about}, in an ats-sim home at 10 Hz",
            requirements=[f"ats-sim=={ats_sim.__version__}"],
            data_format="hdf5",
            jpeg_encoding=False,
        )


def _beginning(env: Any) -> tuple[Any, ...]:
    """Observation and info where an episode begins."""
    now = env.describe(None)
    return env.layout.split(now.states[0]), alone(now.info) | _changes(env.world)


def _step(env: Any, action: np.ndarray) -> tuple[Any, ...]:
    """Everything about the step that was just made."""
    now = env.describe(action)
    info = alone(now.info) | _changes(env.world)
    return env.layout.split(now.states[0]), info, action, now.rewards[0], now.terminated[0]


def _changes(world: World) -> dict[str, Any]:
    """What a player changes between steps."""
    steering = world.agents[0].steering
    return {
        "stance": STANCES.index(world.stance),
        "is_sent": steering.goal is not None,
        "knows": np.array(astuple(steering.awareness)),
    }


def _episode(rows: Rows, seed: int | None) -> Iterator[EpisodeBuffer]:
    """The rows as one episode, with the seed that a reset began it with; nothing where no step was made."""
    from minari.data_collector import EpisodeBuffer

    if len(rows) < 2:
        return
    terminations = [bool(row[4]) for row in rows[1:]]
    yield EpisodeBuffer(
        seed=seed,
        observations=_stacked([row[0] for row in rows]),
        infos=_stacked([row[1] for row in rows]),
        actions=np.stack([row[2] for row in rows[1:]]),
        rewards=[float(row[3]) for row in rows[1:]],
        terminations=terminations,
        truncations=[False] * (len(rows) - 2) + [not terminations[-1]],
    )


def _stacked(values: Sequence[Any]) -> Any:
    """Dicts of values as a dict of arrays, values along the first axis; an empty dict stays one."""
    if isinstance(values[0], dict):
        return {name: _stacked([value[name] for value in values]) for name in values[0]}
    return np.stack([np.asarray(value) for value in values])


def main() -> None:
    """Write a dataset from walks, or from a scripted observer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="*", type=Path, help="walks that `ats play --log` wrote, all in one home")
    parser.add_argument("--home", help="a home folder or a .zip; without it the walks', or the bundled one")
    parser.add_argument(
        "--task", default="free", choices=["free", "follow", "approach", "film"], help="what is rewarded"
    )
    parser.add_argument("--name", default="ats-sim/walks-v0", help="of the dataset")
    parser.add_argument("--root", type=Path, help="folder for it; without it Minari's own")
    parser.add_argument(
        "--observer", default="films", choices=sorted(OBSERVERS), help="who walks where no log is given"
    )
    parser.add_argument("--episodes", type=count, default=5)
    parser.add_argument("--seconds", type=seconds, default=20.0)
    parser.add_argument("--seed", type=natural, default=0)
    options = parser.parse_args()
    require("minari", "data")
    if options.root is not None:
        os.environ["MINARI_DATASETS_PATH"] = str(options.root.resolve())  # Minari joins a relative one twice
    with plain_errors():
        dataset = _export(options)
    print(f"{options.name}: {dataset.total_episodes} episodes, {dataset.total_steps} steps")


def _export(options: argparse.Namespace) -> Any:
    if not options.logs:
        env = gym.make("ATSHome-v0", home=options.home or "default", task=options.task, max_episode_steps=-1)
        episodes = list(scripted(env, options.observer, options.episodes, options.seconds, options.seed))
        env.close()
        return write(options.name, episodes, env, env.action_space, f"scripted observer: {options.observer}")
    headers = [read_header(log) for log in options.logs]
    if len({(header.fingerprint, header.agents) for header in headers}) > 1:
        raise ConfigError(
            "the walks were walked in several homes, or with several numbers of animals: export each alone"
        )
    home = Home.load(options.home or headers[0].home)
    mind = Policy.load(home)
    episodes = [episode for log in options.logs for episode in walked(log, home, mind, options.task)]
    env = gym.make("ATSHome-v0", home=home, policy=mind, task=options.task, num_agents=headers[0].agents)
    env.close()
    return write(options.name, episodes, env, WALKED_ACTIONS, "walks with ats play, done again")


if __name__ == "__main__":
    main()
