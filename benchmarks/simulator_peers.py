"""Step rates of other simulators' environments; needs gymnasium and the peer alone, so it runs in a venv of theirs.

    python benchmarks/simulator_peers.py panda-reach --seconds 3

prints one JSON object: steps per second of the clock and per CPU second with random actions drawn before (an ended
episode begins anew, and that time counts), and simulated seconds per second.

In the peers' venv: `pip install panda-gym "gymnasium[mujoco]" ray`, and for the drones, which are not on PyPI,
`pip install git+https://github.com/learnsyslab/gym-pybullet-drones`.
"""

import argparse
import importlib
import json
import time
from typing import Any

PEERS: dict[str, tuple[str, str, float]] = {
    "panda-reach": ("panda_gym", "PandaReach-v3", 1 / 25),
    "panda-push": ("panda_gym", "PandaPush-v3", 1 / 25),
    "drone-hover": ("gym_pybullet_drones", "hover-aviary-v0", 1 / 30),
    "mujoco-ant": ("gymnasium.envs.mujoco", "Ant-v5", 1 / 20),
}
"""Name: the module that registers it, its id, and the simulated seconds of a step with its default options."""
WARM_UP = 50
ACTIONS = 256


def main() -> None:
    """Time one peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    module, name, dt = PEERS[options.peer]
    importlib.import_module(module)
    import gymnasium

    env = gymnasium.make(name)
    env.action_space.seed(0)
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(ACTIONS)]
    _walk(env, actions, WARM_UP, 0.0)
    start, used = time.perf_counter(), time.process_time()
    steps = _walk(env, actions, 0, options.seconds)
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    env.close()
    print(json.dumps({"wall": steps / wall, "cpu": steps / cpu, "real_time_factor": steps / wall * dt}))


def _walk(env: Any, actions: list[Any], fewest: int, seconds: float) -> int:
    """Step for at least so many steps and seconds."""
    steps, end = 0, time.perf_counter() + seconds
    while steps < fewest or time.perf_counter() < end:
        _, _, terminated, truncated, _ = env.step(actions[steps % len(actions)])
        steps += 1
        if terminated or truncated:
            env.reset()
    return steps


if __name__ == "__main__":
    main()
