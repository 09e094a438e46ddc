"""Behaviour against held-out videos: `ats evaluate behaviour`.

Every prediction comes from the exported policy through the runtime's own perception: what is scored is what runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import TrainingError
from ats_sim.home import Home
from ats_sim.models import metrics
from ats_sim.models.baselines import Baseline, constant_velocity, gaussian_regression, location_prior, stand_still
from ats_sim.models.recordings import Recording, load_recordings
from ats_sim.models.windows import Windows, cut_windows, perception_at, whole_windows
from ats_sim.perception import FUTURE, Perception
from ats_sim.policy import Plan, Policy
from ats_sim.progress import track


@dataclass(frozen=True, eq=False)
class _Case:
    """One test window: what was known, and what then happened (world frame)."""

    perception: Perception
    path: Array
    rotations: Array
    joints: Array


def evaluate_behaviour(
    home: Path, recon: Path | None = None, *, samples: int = 16, trials: int = 12, max_windows: int = 60, seed: int = 0
) -> dict[str, Any]:
    """Score a home's policy, and the baselines, on the videos its training held out.

    Args:
        home: The trained home.
        recon: The reconstruction it was trained on; by default what the home itself remembers of it.
        samples: K, samples per trial.
        trials: L, trials per window.
        max_windows: Windows scored, evenly spread over all there are.
        seed: Seed of all draws.

    Returns:
        `policy` and one entry per baseline, each a dict of plain numbers; `seen_in_training` is 1 where no video was
        held out, so that the numbers tell memory, not skill.

    Raises:
        TrainingError: If the reconstruction does not belong to the home, or holds no whole window.
    """
    opened = Home.load(home)
    policy = Policy.load(opened)
    recordings = load_recordings(Path(recon or home), opened)
    spec = opened.policy_spec or {}
    held_out = set(spec.get("training", {}).get("held_out", ()))
    test = [recording for recording in recordings if recording.name in held_out]
    if held_out and not test:
        raise TrainingError(f"{recon or home}: has none of the videos {sorted(held_out)} that {home} was tested on")
    learned = [recording for recording in recordings if recording.name not in held_out]
    test = test or learned
    windows = whole_windows(test)
    result: dict[str, Any] = {"seen_in_training": int(not held_out), "windows_available": len(windows)}
    result["policy"] = evaluate_policy(
        policy, opened, test, windows, samples=samples, trials=trials, max_windows=max_windows, seed=seed
    )
    cases = [_case(opened, test, windows, row) for row in _spread(len(windows), max_windows)]
    baselines: dict[str, Baseline] = {
        "stand_still": stand_still(),
        "constant_velocity": constant_velocity(),
        "location_prior": location_prior(learned),
        "gaussian_regression": gaussian_regression(cut_windows(learned)),
    }
    for name, baseline in baselines.items():
        result[name] = _evaluate_baseline(baseline, cases, samples, trials, seed)
    return result


def evaluate_policy(
    policy: Policy,
    home: Home,
    recordings: Sequence[Recording],
    windows: Windows,
    *,
    samples: int,
    trials: int,
    max_windows: int,
    seed: int,
) -> dict[str, Any]:
    """Errors of a policy, end to end and with the true goal or path given.

    Returns:
        Plain numbers: `<what>_minade` and `<what>_minade_std` for goal, path (m), orientation, joints (rad), the same
        with `given_goal_` / `given_path_`, and energy score, mean error and miss rate of the end-to-end paths.
    """
    rows = _spread(len(windows), max_windows)
    cases = [_case(home, recordings, windows, row) for row in rows]
    shape = (len(cases), trials, samples)
    # Only the errors are kept: hundreds of plans of 26 joints per window would fill the memory.
    found: list[dict[str, Array]] = []
    for index, case in enumerate(track(cases, "score behaviour")):
        count = samples * trials
        rngs = [[np.random.default_rng([seed, index, draw, way]) for draw in range(count)] for way in range(3)]
        known = [case.perception] * count
        free = policy.plan(known, rngs[0])
        with_goal = policy.plan(known, rngs[1], goals=[case.path[-1]] * count)
        with_path = policy.plan(known, rngs[2], paths=[case.path] * count)
        errors = _path_errors(case, _stack(free, "path"), _stack(free, "goal"), samples)
        errors["given_goal_path"] = metrics.path_errors(_stack(with_goal, "path"), case.path)
        found.append(errors | _pose_errors(case, free, "") | _pose_errors(case, with_path, "given_path_"))
    return {"windows": len(cases), "samples": samples, "trials": trials} | _scores(found, cases, shape)


def _spread(available: int, wanted: int) -> Array:
    """Indices of at most `wanted` windows, evenly spread."""
    return np.unique(np.linspace(0, available - 1, min(available, wanted)).round().astype(np.int64))


def _case(home: Home, recordings: Sequence[Recording], windows: Windows, row: int) -> _Case:
    recording = recordings[int(windows.recording[row])]
    now = int(windows.frame[row])
    after = slice(now + 1, now + 1 + FUTURE)
    return _Case(
        perception=perception_at(recording, now, home.perception),
        path=recording.T_world_root[after, :3, 3],
        rotations=recording.T_world_root[after, :3, :3],
        joints=recording.joint_rotations[after],
    )


def _stack(plans: Sequence[Plan], name: str) -> Array:
    """One field of all plans of a window: (L K, ...)."""
    return np.stack([getattr(plan, name) for plan in plans])


def _path_errors(case: _Case, paths: Array, goals: Array, samples: int) -> dict[str, Array]:
    """Errors (L K,) of a window's paths (L K, T, 3) and goals (L K, 3), and the first K of both as they are."""
    return {
        "goal": metrics.goal_errors(goals, case.path[-1]),
        "path": metrics.path_errors(paths, case.path),
        "end": metrics.goal_errors(paths[:, -1], case.path[-1]),
        "first_goals": goals[:samples],
        "first_paths": paths[:samples],
    }


def _pose_errors(case: _Case, plans: Sequence[Plan], prefix: str) -> dict[str, Array]:
    """Errors (L K,) of the bodies of a window's plans."""
    joints = _stack(plans, "joint_rotations")
    return {
        f"{prefix}orientation": metrics.orientation_errors(_stack(plans, "root_rotations"), case.rotations),
        f"{prefix}joints": metrics.joint_errors(joints, case.joints),
        f"{prefix}joints_geodesic": metrics.joint_geodesic_errors(joints, case.joints),
    }


def _scores(found: Sequence[dict[str, Array]], cases: Sequence[_Case], shape: tuple[int, int, int]) -> dict[str, float]:
    """Plain numbers from the errors of N windows; shape is (N, L, K)."""
    errors = {name: np.stack([window[name] for window in found]) for name in found[0]}
    goals, paths, ends = errors.pop("first_goals"), errors.pop("first_paths"), errors.pop("end")
    truth = np.stack([case.path for case in cases])
    scores = {
        "goal_mean_error": float(errors["goal"].mean()),
        "path_mean_ade": float(errors["path"].mean()),
        "path_miss_rate": metrics.miss_rate(ends.reshape(shape)),
        "goal_energy_score": metrics.energy_score(goals, truth[:, -1]),
        "path_energy_score": metrics.energy_score(paths, truth) / FUTURE**0.5,
    }
    for name, values in errors.items():
        scores[f"{name}_minade"], scores[f"{name}_minade_std"] = metrics.best_of(values.reshape(shape))
    return scores


def _evaluate_baseline(
    baseline: Baseline, cases: Sequence[_Case], samples: int, trials: int, seed: int
) -> dict[str, float]:
    found = []
    for index, case in enumerate(cases):
        paths = baseline(case.perception, np.random.default_rng([seed, index]), samples * trials)
        found.append(_path_errors(case, paths, paths[:, -1], samples))
    return _scores(found, cases, (len(cases), trials, samples))
