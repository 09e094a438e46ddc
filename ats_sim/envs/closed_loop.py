"""How the animal lives in a home: places, reaction to the observer, furniture, gait, and the recorded animal beside it.

A *place* is a square metre of floor plan in which the animal spends a second or more; a *stop* is a spot where it is
slower than 0.15 m/s for a second, at least 1 m from every other stop of the episode. Three observers meet the same
seeds: one sits still, one chases (turns to the animal and walks at it at full speed), and one chases an animal that
cannot perceive observers. The reaction is the effect size (difference of the episodes' mean distances over their pooled
standard deviation) between the last two: what the animal's own perception changes.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_config import ClosedLoopConfig
from ats_sim.envs.home_env import ATSHomeEnv
from ats_sim.geometry import heading, matrix_from_quaternion
from ats_sim.home import Home
from ats_sim.perception import HZ
from ats_sim.policy import Awareness
from ats_sim.progress import steps as progress_steps

ObserverKind = Literal["sits", "chases", "chases unseen"]
OBSERVERS: tuple[ObserverKind, ...] = ("sits", "chases", "chases unseen")
SLOW = 0.15
APART = 1.0


@dataclass(frozen=True, eq=False)
class Episode:
    """One minute of life, at 10 Hz."""

    roots: Array
    """(N, 3) root positions, metres."""
    yaw: Array
    """(N,) headings, radians."""
    distance: Array
    """(N,) metres between observer and animal on the floor plan."""
    clearance: Array
    """(N,) signed distance of the root to anything solid, metres."""
    penetration: Array
    """(N,) metres that the deepest joint lies inside something."""
    foot_skate: Array
    """(N,) m/s that standing feet slide."""
    support: Array
    """(N,) seconds that the real animal was recorded around there."""


def evaluate_closed_loop(home: "str | Path", config: ClosedLoopConfig | None = None) -> dict[str, Any]:
    """Watch the animal of a home for `episodes` x `seconds` under each observer and summarise.

    Returns:
        Plain numbers: one block per observer, `reaction`, the recorded animal's figures, and the real-time factor.

    Raises:
        HomeError: If the home is missing, damaged or has no policy.
    """
    config = config or ClosedLoopConfig()
    count = round(config.seconds * HZ)
    env = ATSHomeEnv(home)
    episodes: dict[ObserverKind, list[Episode]] = {kind: [] for kind in OBSERVERS}
    start = time.process_time()
    with progress_steps(len(OBSERVERS) * config.episodes, "closed loop") as bar:
        for kind in OBSERVERS:
            for seed in range(config.episodes):
                episodes[kind].append(run_episode(env, kind, seed, count))
                bar.advance()
    simulated = len(OBSERVERS) * config.episodes * config.seconds
    recorded = recorded_figures(env.world.home)
    summary: dict[str, Any] = {
        "real_time_factor": simulated / (time.process_time() - start),
        **{kind: summarise(rows, env.world.home) for kind, rows in episodes.items()},
    }
    env.close()
    chased = _distances(episodes["chases"])
    return summary | {
        "reaction": effect_size(chased, _distances(episodes["chases unseen"])),
        "chasing_against_sitting": effect_size(chased, _distances(episodes["sits"])),
        "recorded": recorded,
    }


def run_episode(env: ATSHomeEnv, kind: ObserverKind, seed: int, count: int) -> Episode:
    """Live through one episode of `count` steps."""
    aware = Awareness(observer=kind != "chases unseen")
    observation, info = env.reset(seed=seed, options={"awareness": aware})
    rows = []
    for _ in range(count):
        action = np.zeros(4, np.float32) if kind == "sits" else chase(observation)
        observation, _, _, _, info = env.step(action)
        place = np.asarray(observation["agent_position"], dtype=np.float64)
        yaw = float(heading(matrix_from_quaternion(observation["agent_rotation"])))
        figures = (info[name][0] for name in ("distance", "penetration", "foot_skate", "data_support"))
        rows.append([*place, yaw, float(env.world.home.perception.sample_sdf(place)), *figures])
    table = np.array(rows)
    return Episode(table[:, :3], table[:, 3], table[:, 5], table[:, 4], table[:, 6], table[:, 7], table[:, 8])


def chase(observation: dict[str, Array]) -> Array:
    """The action (4,) that turns to the first agent and walks at it."""
    offset = observation["agent_position"][:2] - observation["observer_position"][:2]
    forward = matrix_from_quaternion(observation["observer_rotation"])[:2, 2]
    turn = math.atan2(offset[1], offset[0]) - math.atan2(forward[1], forward[0])
    turn = math.atan2(math.sin(turn), math.cos(turn))
    walk = 1.0 if abs(turn) < 0.7 else 0.0
    return np.array([walk, 0.0, np.clip(turn * HZ / (math.pi / 2), -1.0, 1.0), 0.0], dtype=np.float32)


def places(track: Array) -> int:
    """Count the square metres in which a track (N, 3) at 10 Hz spends a second or more."""
    cells = np.floor(track[:, :2] / APART).astype(int)
    _, visits = np.unique(cells, axis=0, return_counts=True)
    return int((visits >= HZ).sum())


def stops(track: Array) -> int:
    """Count the distinct stops in a track (N, 3) at 10 Hz."""
    found: list[Array] = []
    for start in range(0, len(track) - HZ, HZ // 2):
        piece = track[start : start + HZ + 1]
        slow = np.linalg.norm(np.diff(piece, axis=0), axis=1).max() * HZ < SLOW
        if slow and all(np.linalg.norm(piece.mean(0) - other) > APART for other in found):
            found.append(piece.mean(0))
    return len(found)


def effect_size(first: Array, second: Array) -> float:
    """Cohen's d of two samples (N,), (M,): difference of the means over the pooled standard deviation."""
    pooled = math.sqrt(0.5 * (np.var(first) + np.var(second)))
    return float((np.mean(first) - np.mean(second)) / max(pooled, 1e-9))


def motion_figures(roots: Array, yaw: Array) -> dict[str, float]:
    """Speed (m/s) and turn rate (rad/s) percentiles of a track (N, 3), (N,) at 10 Hz."""
    speed = np.linalg.norm(np.diff(roots[:, :2], axis=0), axis=1) * HZ
    turn = np.abs(np.diff(np.unwrap(yaw))) * HZ
    return {
        f"{name}_p{share}": float(np.percentile(values, share))
        for name, values in (("speed", speed), ("turn_rate", turn))
        for share in (50, 95)
    }


def summarise(episodes: list[Episode], home: Home) -> dict[str, float]:
    """Figures of all episodes under one observer: medians over episodes, sums and percentiles over their steps."""
    roots = np.concatenate([episode.roots for episode in episodes])
    motion = [motion_figures(episode.roots, episode.yaw) for episode in episodes]
    return {
        "places_median": float(np.median([places(episode.roots) for episode in episodes])),
        "stops_median": float(np.median([stops(episode.roots) for episode in episodes])),
        "distance_mean": float(_distances(episodes).mean()),
        "path_m_median": float(np.median([_length(episode.roots) for episode in episodes])),
        **{name: float(np.mean([row[name] for row in motion])) for name in motion[0]},
        "steps_root_inside": int(sum((episode.clearance < 0.0).sum() for episode in episodes)),
        "penetration_p99": float(np.percentile(np.concatenate([e.penetration for e in episodes]), 99)),
        "foot_skate_mean": float(np.mean([episode.foot_skate.mean() for episode in episodes])),
        "share_in_data_support": float(np.mean(np.concatenate([e.support for e in episodes]) > 0.0)),
        "visitation_divergence": visitation_divergence(home, roots),
    }


def visitation_divergence(home: Home, roots: Array, cell: float = 0.5) -> float:
    """Jensen-Shannon divergence (nats, at most ln 2) between where these roots (N, 3) and the recorded ones were."""
    recorded = home.perception.agent_roots[:, :2, 3]
    low = np.minimum(recorded.min(0), roots[:, :2].min(0)) - cell
    counts = []
    for points in (recorded, roots[:, :2]):
        cells = ((points - low) / cell).astype(np.int64)
        counts.append(np.bincount(cells[:, 0] * 10_000 + cells[:, 1], minlength=0))
    length = max(map(len, counts))
    p, q = (np.pad(c, (0, length - len(c))) / c.sum() for c in counts)
    middle = 0.5 * (p + q)
    return float(sum(0.5 * (part[part > 0] * np.log(part[part > 0] / middle[part > 0])).sum() for part in (p, q)))


def recorded_figures(home: Home) -> dict[str, float]:
    """The recorded animal's speed and turn-rate percentiles, from the animations in the home's `agent.glb`."""
    rows = [
        motion_figures(clip.T_world_root[:, :3, 3], heading(clip.T_world_root[:, :3, :3]))
        for clip in home.animations
        if len(clip.time) > HZ
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}


def _distances(episodes: list[Episode]) -> Array:
    return np.array([episode.distance.mean() for episode in episodes])


def _length(roots: Array) -> float:
    return float(np.linalg.norm(np.diff(roots, axis=0), axis=1).sum())
