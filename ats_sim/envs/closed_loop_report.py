"""closed_loop.json and closed_loop.html: how the animal lives, beside how the recorded one lived, in one file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim import __version__
from ats_sim.arrays import Array
from ats_sim.envs.closed_loop_figures import joint_velocities, speeds, turn_rates
from ats_sim.envs.closed_loop_lives import Lives
from ats_sim.envs.closed_loop_pictures import heat_map, plot_svg, png_source, quantiles_svg
from ats_sim.envs.closed_loop_reaction import MEASURES, curve
from ats_sim.envs.closed_loop_track import Track
from ats_sim.files import atomic_path, write_json

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:.6em 0}"
    "td,th{padding:.15em .8em;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}.far{color:#b00020;font-weight:600}.near{color:#00695c}"
    "figure{display:inline-block;margin:0 1.2em 1em 0;vertical-align:top}figcaption{color:#555}img{max-width:100%}"
)
SHOWN = (
    ("speed_p50", "speed, median, m/s"),
    ("speed_p95", "speed, 95th percentile, m/s"),
    ("turn_rate_p50", "turn rate, median, rad/s"),
    ("turn_rate_p95", "turn rate, 95th percentile, rad/s"),
    ("joint_velocity_p50", "joints, median, rad/s"),
    ("joint_velocity_p95", "joints, 95th percentile, rad/s"),
    ("jerk_p95", "jerk, 95th percentile, m/s³"),
    ("foot_skate_mean", "foot skate, mean, m/s"),
    ("penetration_p95", "deepest joint inside something, 95th percentile, m"),
    ("penetration_p99", "the same, 99th percentile, m"),
    ("steps_joint_inside", "share of steps with a joint more than 1 cm inside"),
    ("gap_p95", "air under the body, 95th percentile, m"),
    ("steps_root_inside", "steps with the root inside something"),
    ("share_standing", "share of time standing"),
    ("longest_standing_s", "longest standing still, s"),
    ("places_median", "places per track"),
    ("stops_median", "stops per track"),
    ("way_m_per_minute", "way, m per minute"),
    ("share_in_data_support", "share of time where the animal was recorded"),
    ("visitation_divergence", "visitation divergence, nats (at most .69)"),
    ("jerk_ratio", "jerk where plans join over elsewhere"),
    ("distance_mean", "mean distance to the observer, m"),
    ("seconds", "seconds watched"),
)
REACTIONS = (
    ("startle", "Startle: faster over the next 2 s when somebody comes, m/s", "m/s"),
    ("retreat", "Retreat: speed away over the next second, m/s per m/s of approach", "m/s"),
)
ABOUT_REACTION = (
    "<p>Within 2.5 m, compared at the same distance and with what the animal was doing anyway. <em>Moments</em>: "
    "recorded ones, and the same lived anew for two seconds, with the observer perceived or hidden. <em>Episodes</em>: "
    "whole videos, and free life; there the animal soon meets people in other ways than the recorded one did. "
    "Intervals are bootstrapped over videos or episodes.</p>"
)
FEWEST_SHOWN = 20
BEST_AT_ZERO = ("foot_skate_mean", "penetration_p99", "gap_p95")
FAR = 2.0
"""Ratios beyond this factor are marked."""


def write_report(folder: Path, lives: Lives, summary: Mapping[str, Any]) -> None:
    """Write both files; the page needs no other file and no network."""
    write_json(folder / "closed_loop.json", summary)
    page = html(lives, summary)
    with atomic_path(folder / "closed_loop.html") as temporary:
        temporary.write_text(page, encoding="utf-8")


def html(lives: Lives, summary: Mapping[str, Any]) -> str:
    """The whole page."""
    name = escape(lives.home.name)
    parts = [
        f"<h1>Life in {name}</h1>",
        f"<p>{summary['episodes']} episodes of {summary['seconds']:g} s per observer, ats-sim {__version__}; "
        f"{summary['real_time_factor']:.1f} simulated seconds per CPU second.</p>",
        "<h2>Reaction to somebody who comes nearer</h2>",
        _reaction(lives, summary),
        "<h2>Where it is</h2>",
        _heat_maps(lives),
        "<h2>How it moves</h2>",
        _quantiles(lives, summary["compared"]),
        "<h2>Figures</h2>",
        _figures(lives, summary),
        "<h2>What hiding something changes</h2>",
        _switches(summary),
    ]
    head = "<!doctype html><html lang=en><head><meta charset=utf-8>"
    return f"{head}<title>Life in {name}</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"


def _reaction(lives: Lives, summary: Mapping[str, Any]) -> str:
    parts = [ABOUT_REACTION]
    for name, title, unit in REACTIONS:
        parts.append(f"<h3>{title}</h3>" + _reaction_table(summary["reaction"][name]))
        lines = {}
        for who, found in lives.anew.items():
            centres, means, counts = curve(found, MEASURES[name])
            kept = counts >= FEWEST_SHOWN
            lines[who] = (centres[kept], means[kept])
        if any(len(x) for x, _ in lines.values()):
            top = max(0.1, *(float(np.abs(y).max(initial=0.0)) for _, y in lines.values()))
            plot = plot_svg("beyond distance and habit", "approach, m/s", unit, lines, (-1.0, 1.0), (-top, 1.6 * top))
            parts.append(f"<figure>{plot}</figure>")
    chased = summary["chasing"]
    parts.append(
        "<p>A chaser who is perceived, against one who is not (Cohen's d over episodes): "
        f"distance {_number(chased['distance_effect'], '+.2f')}, speed {_number(chased['speed_effect'], '+.2f')}.</p>"
    )
    return "".join(parts)


def _reaction_table(rows: Mapping[str, Any]) -> str:
    cells = [
        [who, _number(row["size"], "+.3f"), _range([row["low"], row["high"]]), _number(row["effect"], "+.2f")]
        + [str(row["moments"]), str(row["approached"])]
        for who, row in rows.items()
        if isinstance(row, Mapping)
    ]
    if not cells:
        return "<p>Too few meetings to tell.</p>"
    table = _table(["", "size", "95 %", "effect size", "moments", "approached"], cells)
    if rows.get("ratio") is None:
        return table
    doubt = "" if rows["recordings_tell"] else " The recordings are too few to tell their own size from 0."
    beyond = ", ".join(
        f"{who} {_number(rows[f'{who}_beyond_hidden'], '+.3f')} ({_range(rows[f'{who}_beyond_hidden_interval'])})"
        for who in ("recorded", "simulated")
    )
    ratio = f"<b>{rows['ratio']:.2f}</b> ({_range(rows['ratio_interval'], '.2f')})"
    return (
        f"{table}<p>Simulated over recorded: {ratio}.{doubt} "
        f"Beyond what an animal does that cannot perceive the observer: {beyond}, "
        f"a ratio of <b>{_number(rows['ratio_beyond_hidden'], '.2f')}</b>.</p>"
    )


def _heat_maps(lives: Lives) -> str:
    volume = lives.home.perception
    shown = {"recorded": lives.recorded} | {
        name: tracks for name, tracks in lives.simulated.items() if tracks and "hidden" not in name
    }
    maps = [(name, heat_map(volume, _pooled(tracks, lambda track: track.places))) for name, tracks in shown.items()]
    return "".join(
        f"<figure><img src='{png_source(picture)}' alt='visits, {escape(name)}' width=250>"
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name, picture in maps
    )


def _quantiles(lives: Lives, like: str) -> str:
    both = {"recorded": lives.recorded, like: lives.simulated[like]}
    plots = (
        ("speed", "m/s", lambda track: speeds(track.places)),
        ("turn rate", "rad/s", lambda track: turn_rates(track.yaw)),
        ("joint velocity", "rad/s", lambda track: joint_velocities(track.joints)),
    )
    return "".join(
        f"<figure>{quantiles_svg(name, unit, {who: _pooled(tracks, of) for who, tracks in both.items()})}</figure>"
        for name, unit, of in plots
    )


def _pooled(tracks: Sequence[Track], of: Any) -> Array:
    """A figure of all valid pieces in one array."""
    found = [of(piece) for track in tracks for piece in track.pieces()]
    return np.concatenate(found) if found else np.zeros((0, 3))


def _figures(lives: Lives, summary: Mapping[str, Any]) -> str:
    names = ["recorded", *(name for name, tracks in lives.simulated.items() if tracks)]
    like = summary["compared"]
    rows = []
    for key, title in SHOWN:
        values = [summary[name].get(key) for name in names]
        ratio = summary["ratios"].get(key)
        cells = ("" if value is None else f"{value:.3g}" for value in values)
        rows.append([title, *cells, _ratio(ratio, best_at_zero=key in BEST_AT_ZERO)])
    lengths = [summary[name].get("track_seconds_median", 0.0) for name in ("recorded", like)]
    return _table(["", *names, f"{like} / recorded"], rows) + (
        f"<p>A recorded track lasts {lengths[0]:.0f} s, a simulated one {lengths[1]:.0f} s (medians): places, stops "
        "and longest rests compare where these are alike.</p>"
    )


def _ratio(value: float | None, *, best_at_zero: bool) -> str:
    if value is None:
        return ""
    near = value <= FAR and (best_at_zero or value >= 1.0 / FAR)
    return f"<span class={'near' if near else 'far'}>{value:.2f}</span>"


def _switches(summary: Mapping[str, Any]) -> str:
    keys = list(next(iter(summary["switches"].values())))
    rows = [
        [key.replace("_", " "), *(_number(row[key], ".3f") for row in summary["switches"].values())] for key in keys
    ]
    return _table(["", *(f"{name} hidden" for name in summary["switches"])], rows)


def _number(value: float | None, form: str) -> str:
    return "n/a" if value is None else format(value, form)


def _range(ends: Sequence[float | None] | None, form: str = "+.3f") -> str:
    return "n/a" if ends is None or None in ends else " to ".join(_number(end, form) for end in ends)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells may hold markup, so whoever fills them escapes names."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"
