"""What may the animal do next? Draw many futures from one moment, none of which happens.

    python examples/futures.py --futures 40 --seconds 6 --output futures.png

The mind is a diffusion model: from one and the same moment it draws different plans. `sample_futures` lets copies of
the animal live on in imagination while the world stands still, and returns their root poses. The picture shows them on
the floor plan: blue with you beside it, red after you walked up to it. How far they spread says how sure the mind is.
"""

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
from command_line import count, moment, natural, plain_errors, seconds
from scripted_observers import chases
from small_plot import floor_plan, save

import ats_sim

assert ats_sim.__version__, "importing it registers the environment"
BEFORE, AFTER, NOW = (0, 121, 200), (209, 73, 91), (20, 20, 20)


def main() -> None:
    """Draw futures before and after coming near."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default="default", help="a home folder, a .zip, or the bundled one")
    parser.add_argument("--futures", type=count, default=40)
    parser.add_argument("--seconds", type=seconds, default=6.0, help="how far to look")
    parser.add_argument("--approach", type=moment, default=2.0, help="seconds that you walk at the animal in between")
    parser.add_argument("--seed", type=natural, default=1)
    parser.add_argument("--output", type=Path, default=Path("futures.png"))
    options = parser.parse_args()
    with plain_errors():
        draw(options)


def draw(options: argparse.Namespace) -> None:
    """Draw the futures of both moments into one picture."""
    env = gym.make("ATSHome-v0", home=options.home)
    observation, _ = env.reset(seed=options.seed)
    world, rng = env.unwrapped.world, np.random.default_rng(options.seed)
    paths = []
    for color in (BEFORE, AFTER):
        # (n, agents, steps, 4, 4); the same moment always gives the same futures.
        futures = env.unwrapped.sample_futures(options.futures, options.seconds)[:, 0, :, :3, 3]
        paths += [(future, color, 1) for future in futures]
        paths.append((np.repeat(observation["observer_position"][None], 2, axis=0), color, 14))
        ends = futures[:, -1, :2]
        spread = float(np.sqrt(ends.var(axis=0).sum()))
        print(f"{len(futures)} futures of {options.seconds:g} s: they end {spread:.2f} m around their middle")
        paths.append((np.repeat(observation["agent_position"][None, :3], 2, axis=0), NOW, 9))
        if color == BEFORE:
            for _ in range(round(options.approach * 10)):
                observation, *_ = env.step(chases(observation, rng))
    save(options.output, floor_plan(world.home.perception, paths))
    env.close()
    print(f"picture: {options.output} (thick dots: you; black: the animal)")


if __name__ == "__main__":
    main()
