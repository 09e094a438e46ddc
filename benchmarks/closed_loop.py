"""How the animal lives in a home: places visited, reaction to the observer, furniture respected, speed.

    python -m benchmarks.closed_loop --home default --episodes 30

A *place* is a stop (slower than 0.15 m/s for a second) at least 1 m from every other place of the episode. The
observer of an episode sits (does not move) or chases (turns to the animal and walks at it at full speed); both see the
same seeds.
"""

import json
import math
import time
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import tyro

from ats_sim.arrays import Array
from ats_sim.geometry import matrix_from_quaternion

HZ = 10.0


@dataclass(frozen=True)
class ClosedLoop:
    """What to run."""

    home: str = "default"
    """A home folder, a .zip, or "default"."""
    episodes: int = 30
    """Seeded episodes per observer."""
    seconds: float = 60.0
    """Length of an episode."""


def chase(observation: dict[str, Array]) -> Array:
    """Turn to the animal and walk at it, as an action."""
    offset = observation["agent_position"][:2] - observation["observer_position"][:2]
    forward = matrix_from_quaternion(observation["observer_rotation"])[:2, 2]
    turn = math.atan2(offset[1], offset[0]) - math.atan2(forward[1], forward[0])
    turn = math.atan2(math.sin(turn), math.cos(turn))
    walk = 1.0 if abs(turn) < 0.7 else 0.0
    return np.array([walk, 0.0, np.clip(turn * HZ / (math.pi / 2), -1, 1), 0.0], dtype=np.float32)


def places(track: Array) -> int:
    """Count distinct places in a track (N, 2 or 3) sampled at 10 Hz."""
    found: list[Array] = []
    window = int(HZ)
    for start in range(0, len(track) - window, window // 2):
        piece = track[start : start + window + 1]
        slow = np.linalg.norm(np.diff(piece, axis=0), axis=1).max() * HZ < 0.15
        if slow and all(np.linalg.norm(piece.mean(0) - other) > 1.0 for other in found):
            found.append(piece.mean(0))
    return len(found)


def episode(env: gym.Env, seed: int, observer: Literal["sits", "chases"], steps: int) -> dict[str, float]:
    """Run one episode and return its figures."""
    observation, info = env.reset(seed=seed)
    track, distances, inside = [], [], 0
    for _ in range(steps):
        action = chase(observation) if observer == "chases" else np.zeros(4, np.float32)
        observation, _, _, _, info = env.step(action)
        track.append(observation["agent_position"].copy())
        distances.append(np.linalg.norm(track[-1][:2] - observation["observer_position"][:2]))
        clearance = env.unwrapped.world.home.perception.sample_sdf(track[-1][None].astype(np.float64))
        inside += int(clearance[0] < 0.0)
    path = np.stack(track)
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) * HZ
    return {
        "places": places(path),
        "path_m": float(speed.sum() / HZ),
        "distance_m": float(np.mean(distances)),
        "speed_p95": float(np.percentile(speed, 95)),
        "steps_inside": inside,
    }


def main(options: ClosedLoop) -> dict[str, Any]:
    """Run all episodes and summarise them."""
    steps = int(options.seconds * HZ)
    env = gym.make("ats_sim:ATSHome-v0", home=options.home, max_episode_steps=steps + 1)
    start = time.process_time()
    results = {
        observer: [episode(env, seed, observer, steps) for seed in range(options.episodes)]
        for observer in ("sits", "chases")
    }
    spent = time.process_time() - start
    env.close()
    summary: dict[str, Any] = {}
    for observer, rows in results.items():
        summary[observer] = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
        summary[observer]["steps_inside"] = sum(row["steps_inside"] for row in rows)
    near, far = ([row["distance_m"] for row in results[name]] for name in ("chases", "sits"))
    pooled = math.sqrt(0.5 * (np.var(near) + np.var(far))) or 1.0
    summary["distance_effect_size"] = float((np.mean(near) - np.mean(far)) / pooled)
    summary["simulated_seconds_per_cpu_second"] = 2 * options.episodes * options.seconds / spent
    return summary


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(ClosedLoop)), indent=1))
