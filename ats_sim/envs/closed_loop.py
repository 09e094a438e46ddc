"""How the animal lives in a home: gait, furniture, places, reaction to the observer, and the recorded animal beside it.

The same seeds meet observers who sit, chase and go along the recorded camera paths, and recorded moments are lived anew
by the simulated animal; each also by one from which something is hidden. What the figures mean is said where they are
computed: `closed_loop_figures`, `closed_loop_reaction`, `closed_loop_relive`.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_config import ClosedLoopConfig
from ats_sim.envs.closed_loop_episodes import KINDS, REPLAYS, live_all
from ats_sim.envs.closed_loop_figures import effect_size, figures, finite, join_jerk, speeds
from ats_sim.envs.closed_loop_lives import Lives
from ats_sim.envs.closed_loop_reaction import MEASURES, MIDDLE, Moments, bootstrap, moments_of, reaction
from ats_sim.envs.closed_loop_relive import Anew, as_recorded, lived_anew, meetings, recorded_moments
from ats_sim.envs.closed_loop_report import write_report
from ats_sim.envs.closed_loop_track import Track, recorded_tracks
from ats_sim.home import Home
from ats_sim.perception import HZ
from ats_sim.plan import Awareness
from ats_sim.planning import Mind
from ats_sim.progress import Steps
from ats_sim.progress import steps as progress_steps
from ats_sim.world import World

FORMAT = "ats-closed-loop/1"
TOGETHER = 25
"""Worlds that think together."""
RATIOS = (
    *(f"{name}_p{share}" for name in ("speed", "turn_rate", "joint_velocity", "jerk") for share in (50, 95)),
    "foot_skate_mean",
    "penetration_p99",
    "gap_p95",
    "share_standing",
    "longest_standing_s",
    "way_m_per_minute",
)


def evaluate_closed_loop(
    home: "str | Path", config: ClosedLoopConfig | None = None, report: Path | None = None
) -> dict[str, Any]:
    """Watch the animal of a home for `episodes` x `seconds` under each observer and summarise.

    Args:
        home: "default", a home folder, or a `.zip` of one.
        config: How long and how often.
        report: Folder for closed_loop.json and closed_loop.html.

    Returns:
        Plain numbers: one block per kind of episode, the recorded animal's, ratios, reactions, switches. None stands
        where a number cannot be told, such as an effect from one episode.

    Raises:
        HomeError: If the home is missing, damaged or has no policy.
    """
    from ats_sim.policy import Policy

    config = config or ClosedLoopConfig()
    opened = Home.load(home)
    lives = watch(opened, Policy.load(opened), config)
    summary = {"episodes": config.episodes, "seconds": config.seconds, **summarise(lives)}
    if report is not None:
        write_report(report, lives, summary)
    return summary


def watch(home: Home, mind: Mind, config: ClosedLoopConfig) -> Lives:
    """Live through all episodes of all kinds, and through recorded moments anew."""
    kinds = KINDS + (REPLAYS if home.recordings else ())
    moments = recorded_moments(home.recordings, config.moments)
    worlds = [World(home, policy=mind) for _ in range(TOGETHER)]
    simulated: dict[str, list[Track]] = {kind.name: [] for kind in kinds}
    with progress_steps(len(kinds) * config.episodes + 2 * len(moments), "closed loop") as bar:
        start = time.process_time()
        for kind in kinds:
            for track in live_all(worlds, kind, config.episodes, config.seconds):
                simulated[kind.name].append(track)
                bar.advance()
        spent = time.process_time() - start
        anew = {
            "recorded": meetings(moments, [as_recorded(moment) for moment in moments]),
            "simulated": live_anew(worlds, moments, Awareness(), bar),
            "hidden": live_anew(worlds, moments, Awareness(observer=False), bar),
        }
    for world in worlds:
        world.close()
    frames = sum(len(track.roots) - 1 for tracks in simulated.values() for track in tracks)
    return Lives(home, recorded_tracks(home), simulated, anew, frames / HZ / spent)


def live_anew(worlds: Sequence[World], moments: Sequence[Anew], awareness: Awareness, bar: Steps) -> list[Moments]:
    """The meetings of recorded moments lived anew, per video."""
    tracks: list[Track] = []
    for first in range(0, len(moments), len(worlds)):
        part = moments[first : first + len(worlds)]
        tracks += lived_anew(worlds, part, awareness, first)
        bar.advance(len(part))
    return meetings(moments, tracks)


def summarise(lives: Lives) -> dict[str, Any]:
    """Every figure of everything that was watched; None where one cannot be told."""
    recorded = figures(lives.recorded, lives.home)
    blocks = {
        name: figures(tracks, lives.home) | join_jerk(tracks) | {"distance_mean": _mean(_distances(tracks))}
        for name, tracks in lives.simulated.items()
    }
    like = "replay" if blocks.get("replay", {}).get("seconds") else "sits"
    summary = {
        "format": FORMAT,
        "home": lives.home.name,
        "real_time_factor": lives.real_time_factor,
        "recorded": recorded,
        **blocks,
        "compared": like,
        "ratios": {name: _ratio(blocks[like].get(name), recorded.get(name)) for name in RATIOS},
        "reaction": reactions(lives),
        "chasing": chasing(lives),
        "switches": switches(lives),
    }
    return {name: finite(value) for name, value in summary.items()}


def reactions(lives: Lives) -> dict[str, dict[str, Any]]:
    """Both measures of the reaction to somebody who comes nearer, and how simulation compares to the recordings.

    `ratio` is simulated over recorded at the same recorded moments; where `recordings_tell` is False the recordings are
    too few to tell the recorded size from 0, and a ratio means nothing. `..._beyond_hidden` takes off what an animal
    that cannot perceive the observer seems to do at those moments. For the bundled cat that comes to what its true mind
    shows when it sees and when it is blind (`benchmarks/reaction_measure.py`), so `ratio_beyond_hidden` is the one to
    look at. Free episodes are beside it: an animal that lives on for a minute meets its observers in other ways than
    the recorded one did.
    """
    rng = np.random.default_rng(0)
    groups: dict[str, Sequence[Moments]] = {f"moments, {name}": found for name, found in lives.anew.items()}
    groups |= {
        f"episodes, {name}": moments_of(tracks)
        for name, tracks in {"recorded": lives.recorded, **lives.simulated}.items()
        if not name.startswith("sits")
    }
    shown: dict[str, dict[str, Any]] = {}
    for name, measure in MEASURES.items():
        fitted = {who: reaction(found, measure, rng) for who, found in groups.items()}
        shown[name] = {who: None if one is None else asdict(one) for who, one in fitted.items()}
        recorded, simulated = (fitted[f"moments, {who}"] for who in ("recorded", "simulated"))
        if recorded is None or simulated is None or fitted["moments, hidden"] is None:
            continue
        sizes = bootstrap([lives.anew[who] for who in ("recorded", "simulated", "hidden")], measure, rng)
        shown[name] |= {
            "ratio": _ratio(simulated.size, recorded.size),
            "ratio_interval": _interval(_ratios(sizes[1], sizes[0])),
            "recordings_tell": recorded.differs_from_zero,
            "recorded_beyond_hidden": recorded.size - fitted["moments, hidden"].size,
            "recorded_beyond_hidden_interval": _interval(sizes[0] - sizes[2]),
            "simulated_beyond_hidden": simulated.size - fitted["moments, hidden"].size,
            "simulated_beyond_hidden_interval": _interval(sizes[1] - sizes[2]),
            "ratio_beyond_hidden": _ratio(
                simulated.size - fitted["moments, hidden"].size, recorded.size - fitted["moments, hidden"].size
            ),
            "ratio_beyond_hidden_interval": _interval(_ratios(sizes[1] - sizes[2], sizes[0] - sizes[2])),
        }
    return shown


def _interval(values: Array) -> list[float] | None:
    """The middle 95 % of resampled values (S,); None where they are all the same, as those of one video are."""
    if not np.isfinite(values).all() or np.ptp(values) == 0.0:
        return None
    return [float(value) for value in np.percentile(values, MIDDLE)]


def _ratios(first: Array, second: Array) -> Array:
    """Values (S,) over values (S,); NaN where the second one is 0."""
    return np.divide(first, second, out=np.full(len(first), np.nan), where=second != 0.0)


def chasing(lives: Lives) -> dict[str, float | None]:
    """What perceiving a chaser changes: effect sizes (Cohen's d over episodes) of mean distance and of way."""
    seen, hidden = lives.simulated["chases"], lives.simulated["chases, observer hidden"]
    return {
        "distance_effect": effect_size(_distances(seen), _distances(hidden)),
        "speed_effect": effect_size(_mean_speeds(seen), _mean_speeds(hidden)),
        "distance_against_sitting": effect_size(_distances(seen), _distances(lives.simulated["sits"])),
    }


def switches(lives: Lives) -> dict[str, dict[str, float | None]]:
    """What hiding the scene or the past changes beside a sitting observer: effect sizes, switched on less off."""
    found: dict[str, dict[str, float | None]] = {}
    seen = lives.simulated["sits"]
    for name in ("scene", "past"):
        hidden = lives.simulated[f"sits, {name} hidden"]
        found[name] = {
            "planned_inside_effect": effect_size(_planned_inside(seen), _planned_inside(hidden)),
            "planned_inside_on": float(_planned_inside(seen).mean()),
            "planned_inside_off": float(_planned_inside(hidden).mean()),
            "speed_effect": effect_size(_mean_speeds(seen), _mean_speeds(hidden)),
            "jerk_ratio_on": join_jerk(seen).get("jerk_ratio"),
            "jerk_ratio_off": join_jerk(hidden).get("jerk_ratio"),
        }
    return found


def _ratio(simulated: float | None, recorded: float | None) -> float | None:
    """Simulated over recorded; None where either is unknown or the recorded one is 0."""
    return simulated / recorded if simulated is not None and recorded else None


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None


def _distances(tracks: Sequence[Track]) -> Array:
    return np.array([track.distance.mean() for track in tracks])


def _mean_speeds(tracks: Sequence[Track]) -> Array:
    return np.array([speeds(track.places).mean() for track in tracks])


def _planned_inside(tracks: Sequence[Track]) -> Array:
    return np.array([track.plan_inside.mean() for track in tracks])
