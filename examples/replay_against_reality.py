"""Live through a recorded video again and see how far the simulated animal strays from the real one.

    python examples/replay_against_reality.py --seconds 20 --output replay

With `reset(options={"replay": ...})` the observer walks as the person with the camera did (your actions are ignored),
and the animal begins as the recorded one. Beside the animal you see, K - 1 more samples of it live unseen, and
`info["replay"]["minade"]` is the running minADE of the papers: the mean distance to reality of the best of K. One
sample alone (`ade`) is worse: several lives are plausible, one was lived.
"""

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
from command_line import count, moment, natural, plain_errors, refuse, seconds
from small_plot import floor_plan, plot, save

import ats_sim

assert ats_sim.__version__, "importing it registers the environment"
REAL, SIMULATED, CAMERA = (34, 139, 34), (209, 73, 91), (190, 190, 190)


def main() -> None:
    """Replay one video and draw what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default="default", help="a home folder, a .zip, or the bundled one")
    parser.add_argument("--video", help="which video; the first if not said")
    parser.add_argument("--start", type=moment, default=0.0, help="seconds into the video")
    parser.add_argument("--seconds", type=seconds, default=20.0)
    parser.add_argument("--samples", type=count, default=16, help="K")
    parser.add_argument("--seed", type=natural, default=0)
    parser.add_argument("--output", type=Path, default=Path("replay"), help="folder for the pictures")
    options = parser.parse_args()
    with plain_errors():
        replay(options)


def replay(options: argparse.Namespace) -> None:
    """Live through the video and write both pictures."""
    env = gym.make("ATSHome-v0", home=options.home)
    names = env.unwrapped.replay_names()
    if not names:
        refuse(f"{options.home} keeps no recordings; export it again with `ats reconstruct` and `ats train`")
    video = options.video or names[0]
    chosen = {"video": video, "start": options.start, "samples": options.samples}
    observation, info = env.reset(seed=options.seed, options={"replay": chosen})
    rows = []
    for _ in range(round(options.seconds * 10)):
        observation, _, _, truncated, info = env.step(np.zeros(4, np.float32))
        now = info["replay"]
        rows.append([info["time"], now["ade"], now["minade"], *observation["agent_position"][:3]])
        rows[-1] += [*now["real_position"], *observation["observer_position"], now["valid"]]
        if truncated or now["finished"]:
            break
    table = np.array(rows, dtype=float)
    env.close()
    lasted, ade, minade = table[-1, :3]
    print(f"{video}: after {lasted:.1f} s, ADE {ade:.2f} m, minADE of {options.samples} {minade:.2f} m")
    lines = {"this sample (ADE)": table[:, [0, 1]].T, f"best of {options.samples} (minADE)": table[:, [0, 2]].T}
    named = {name: (pair[0], pair[1]) for name, pair in lines.items()}
    plot(options.output / "error.png", f"{video}: mean distance to reality, m", "seconds", named)
    seen = table[:, -1] > 0.0
    paths = [(table[:, 9:11], CAMERA, 1), (table[seen, 6:8], REAL, 2), (table[:, 3:5], SIMULATED, 2)]
    save(options.output / "paths.png", floor_plan(env.unwrapped.world.home.perception, paths))
    print(f"pictures: {options.output}/error.png, paths.png (green: real, red: simulated, grey: the camera)")


if __name__ == "__main__":
    main()
