"""What the long verbs say at their end: the numbers that matter as sentences; `--json FILE` keeps them all."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Numbers = Mapping[str, Any]
FEW_EPISODES = 10
"""Fewer seeded episodes than this tell little."""


def synthesized(summary: Numbers, output: Path) -> list[str]:
    """What was made up."""
    styles = Counter(summary["observers"].values())
    return [
        f"{output}: {summary['videos']} videos, {summary['frames']:,} frames in {_clock(summary['seconds'])}",
        "filmed by somebody " + ", ".join(f"{style} ({times})" for style, times in sorted(styles.items())),
    ]


def imported(outcome: Numbers, output: Path) -> list[str]:
    """Which recordings were taken in, how, and which were not."""
    count = len(outcome["taken"])
    lines = [f"{output}: {count} recording{'' if count == 1 else 's'} taken in"]
    for part in outcome["taken"]:
        poses = "with poses" if part["has_poses"] else "without poses"
        frames = f"{part['frames']} frame{'' if part['frames'] == 1 else 's'}"
        about = f"{frames} of {part['size']}, {_clock(part['seconds'])}, {poses}"
        lines.append(f"  {part['name']} <- {part['source']}: {about}, depth in {part['known_depth']:.0%} of pixels")
        lines += [f"    {remark}" for remark in part["remarks"]]
    lines += [f"  {name} <- {source}: was there already" for source, name in sorted(outcome["kept"].items())]
    lines += [f"  {source} was left out: {reason}" for source, reason in sorted(outcome["refused"].items())]
    return lines


def reconstructed(report: Numbers, output: Path) -> list[str]:
    """What was found, and what was not."""
    videos, scene, agent = report["videos"], report["scene"], report["agent"]
    lost = {name: video["reason"] for name, video in videos.items() if not video["accepted"]}
    lines = [f"cameras: {len(videos) - len(lost)} of {len(videos)} videos registered"]
    lines += [f"  {name} was left out: {reason}" for name, reason in sorted(lost.items())]
    lines.append(f"scene: {scene['faces']:,} faces, {scene['seen_m3']:.0f} m³ seen")
    if agent["found"]:
        lines.append(f"animal: {agent['joints']} joints, followed for {_clock(agent['seconds_valid'])}")
    else:
        lines.append("animal: not found in any video, so there is no behaviour to learn")
    held_out = report.get("held_out_against_sensor", {}).get("all", {})
    if "depth_acc_all_10cm" in held_out:
        share = held_out["depth_acc_all_10cm"]
        whose = " of the registered videos" if lost else ""
        lines.append(f"held-out frames{whose}: {share:.1%} of the rendered depth within 10 cm of the sensor's")
    if "registration" in report.get("ground_truth", {}):
        lines += [f"against ground truth, {line}" for line in _registration(report["ground_truth"]["registration"])]
    kept = report.get("kept", [])
    took = _clock(sum(seconds for stage, seconds in report["seconds"].items() if stage not in kept))
    before = f" (kept from before: {', '.join(kept)})" if kept else ""
    lines.append(f"took {took}{before}; pictures and all numbers: {output}/report.html")
    return lines


def trained(summary: Numbers, output: Path) -> list[str]:
    """What was learned, and how far it can be trusted."""
    lines = [
        f"{output}: learned from {summary['windows']:,} windows of {summary['videos']} videos "
        f"in {summary['steps']:,} steps ({summary['parameters'] / 1e6:.1f} million weights)"
    ]
    if summary["few_windows"]:
        lines.append("too few windows to learn much: film for longer, or reconstruct more videos")
    if not summary["test_videos"]:
        lines.append("nothing was held out, so nothing is known about how good it is: film more videos")
    elif "test_goal_minade" in summary:
        lines.append(
            f"{summary['test_videos']} held-out videos, best of {summary['test_samples']}: goal "
            f"{summary['test_goal_minade']:.2f} m, path {summary['test_path_minade']:.2f} m, joints "
            f"{summary['test_joints_minade']:.2f} rad"
        )
    return lines


def reconstruction_scores(scores: Numbers) -> list[str]:
    """How far a reconstruction is from the truth."""
    lines = _registration(scores["registration"]) if "registration" in scores else []
    lines += _depth("held-out frames", scores.get("pictures", {}).get("all", {}))
    lines += _depth("a second camera", scores.get("second_camera", {}))
    if "chamfer_m" in scores.get("surface", {}):
        surface = scores["surface"]
        lines.append(
            f"surface: chamfer {100 * surface['chamfer_m']:.1f} cm (accuracy {100 * surface['accuracy_m']:.1f}, "
            f"completeness {100 * surface['completeness_m']:.1f})"
        )
    agent = scores.get("agent", {})
    if "root_m_mean" in agent:
        position, angle = agent["joint_position_m"], agent["joint_angle_rad"]
        joints = f"{100 * position:.1f} cm" if isinstance(position, float) else position
        angles = f"{angle:.2f} rad" if isinstance(angle, float) else angle
        lines.append(
            f"animal: root {100 * agent['root_m_mean']:.1f} cm and {agent['heading_deg_mean']:.1f}°, over "
            f"{agent['moments']:,} moments"
        )
        lines += [f"  its joints: {joints}"] if joints == angles else [f"  its joints: {joints}, {angles}"]
        lines += _manner(agent)
    lines += _shape(scores.get("agent_shape", {}))
    return [*lines, *_absent(scores)]


def behaviour_scores(scores: Numbers) -> list[str]:
    """A table of the policy and its baselines on held-out videos."""
    rows = {name: row for name, row in scores.items() if isinstance(row, Mapping)}
    head = f"{'held out':22}{'goal m':>9}{'path m':>9}{'joints':>9}{'energy':>9}{'missed':>9}"
    lines = [f"best of {rows['policy']['samples']} at {rows['policy']['windows']} moments", head]
    for name, row in rows.items():
        keys = ("goal_minade", "path_minade", "joints_minade", "path_energy_score", "path_miss_rate")
        cells = [f"{row[key]:9.3f}" if key in row else f"{'-':>9}" for key in keys]
        lines.append(f"{name.replace('_', ' '):22}{''.join(cells)}")
    lines.append(
        "joints: rad; energy: of paths in m, which rewards neither luck nor spread; missed: moments at which none of "
        "them ends within half a metre"
    )
    if scores.get("seen_in_training"):
        lines.append("these videos were learned from: this is memory, not skill")
    return lines


def closed_loop_scores(scores: Numbers) -> list[str]:
    """The simulated life beside the recorded one."""
    recorded, simulated = scores["recorded"], scores[scores["compared"]]
    lines = [f"{'':28}{'recorded':>10}{'simulated':>11}"]
    for key, name, unit in (
        ("speed_p50", "speed, median", "m/s"),
        ("speed_p95", "speed, 95th percentile", "m/s"),
        ("way_m_per_minute", "way a minute", "m"),
        ("share_standing", "share of time at rest", ""),
        ("foot_skate_mean", "paws sliding", "m/s"),
        ("penetration_p99", "inside something, 99th p.", "m"),
    ):
        if key in recorded and key in simulated:
            lines.append(f"{name:28}{recorded[key]:10.3f}{simulated[key]:11.3f}  {unit}".rstrip())
    observer = "walks as in the videos" if scores["compared"] == "replay" else "sits"
    lines.append(f"simulated: while the observer {observer}")
    startle = scores.get("reaction", {}).get("startle", {})
    if "ratio_beyond_hidden" in startle:
        low, high = startle["ratio_beyond_hidden_interval"]
        lines.append(
            f"startles {startle['ratio_beyond_hidden']:.2f} ({low:.2f} to {high:.2f}) times as much as the recorded "
            "animal for perceiving whoever comes"
        )
    if scores["episodes"] < FEW_EPISODES:
        lines.append(f"only {scores['episodes']} episodes: too few to tell (--episodes 50)")
    return lines


def _registration(scores: Numbers) -> list[str]:
    every = scores["all"]
    lines = [
        f"cameras: {every['rotation_deg_mean']:.2f}° and {100 * every['centre_m_mean']:.1f} cm off on average, "
        f"{every['lost']} of {every['frames']:,} frames lost"
    ]
    return lines + [f"  rejected: {name}" for name in scores.get("rejected", ())]


def _depth(where: str, pictures: Any) -> list[str]:
    """How much of the rendered depth is right; a part that no picture shows is left out."""
    if not isinstance(pictures, Mapping):
        return []
    found = {part: pictures.get(f"depth_acc_{part}_10cm") for part in ("background", "agent")}
    shares = [f"{part} {share:.3f}" for part, share in found.items() if share is not None]
    return [f"depth of {where} within 10 cm: {', '.join(shares)}"] if shares else []


def _manner(agent: Numbers) -> list[str]:
    """Whether an animal is the right way round, and how smoothly it moves."""
    lines = []
    if "heading_flip_share" in agent:
        lines.append(f"  the wrong way round in {agent['heading_flip_share']:.1%} of them")
    ratios = {name: agent.get(f"{part}_acceleration_ratio") for part, name in (("root", "root"), ("joint", "joints"))}
    told = [f"{part} {ratio:.2f}" for part, ratio in ratios.items() if isinstance(ratio, float)]
    return [*lines, f"  its acceleration beside the true one: {', '.join(told)}"] if told else lines


def _shape(shape: Any) -> list[str]:
    if not isinstance(shape, Mapping):
        return []
    names = {"canonical": "at rest", "posed": "as it moves"}
    found = {name: shape.get(part) for part, name in names.items()}
    told = [f"{100 * s['chamfer_m']:.1f} cm {name}" for name, s in found.items() if isinstance(s, Mapping)]
    return [f"  its shape: chamfer {', '.join(told)}"] if told else []


def _absent(scores: Numbers) -> list[str]:
    """What could not be scored, and why."""
    return [f"{name.replace('_', ' ')}: {value}" for name, value in scores.items() if isinstance(value, str)]


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{seconds:.1f} s"
