"""Cameras of every video in one frame: methods side by side, worse conditions, other programs, and sizes.

    python -m benchmarks.registration COMMAND --work FOLDER [--json ROWS.json] ...

    ablations   synthesized homes (8 videos of 30 s at 192x144, other light and furniture, drifting odometry), by seed;
                with --drift 10 the device loses a tenth of its way instead of a hundredth
    trust       how much to trust a device's own poses: several drifts, each with its poses trusted as much as the
                package does and a third as much
    rooms DATA  the same methods on a capture with ground truth
    peers DATA  each frame by itself with OpenCV, pycolmap and small_gicp on the frames of a capture, and pycolmap's
                structure from motion on all pictures together
    conditions  no odometry; no walkthrough; a video of another home; a room that is its own mirror image
    stress      exposure, colour of light, something in the way, moved furniture: a row a setting
    scaling     2, 4, 8 and more videos: CPU and wall seconds, peak memory

Errors are against ground truth and no alignment is fitted, except that the frame of captures without a walkthrough is
taken from the anchor video. "rot", "centre": mean over all frames of all accepted videos; frames that were lost count
with the guess that is written for them. "all": rejected videos count with their best guess, as if nothing were ever
rejected. "accepted but wrong": accepted videos that are more than 25 cm off on average. CPU seconds include what
methods share. Rows of several seeds are mean ± standard deviation over seeds.

"TotalRecon-style" rows follow the baselines of Yang et al. 2024: "one video" is the device's odometry laid onto the
TRUTH by one rigid motion (a video by itself has no place in the scene, so that only its drift can be scored), "all
videos" begins where odometry puts the videos when each starts where the walkthrough did, and adjusts them jointly.
"direct regression, best frame" is the paper's localizer: a regressed pose with uncertainty, whose surest frame moves
the whole video. Rows "no refinement, no BA" show where each rule alone puts the videos.

With --json finished rows are stored and not made again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import Preset
from ats_sim.reconstruction.registration import odometry
from ats_sim.reconstruction.registration.register import register
from ats_sim.reconstruction.scores.registration import camera_errors
from benchmarks.known_cameras import truth_of
from benchmarks.registration_captures import Change, Light, Occluder, changed, drifting, made, symmetric_room
from benchmarks.registration_methods import FULL, METHODS, Bench
from benchmarks.registration_peers import Poses, by_gicp, by_opencv, by_pycolmap, landmark_matches
from benchmarks.registration_rows import COLUMNS, Column, Row, Rows, cpu_seconds, peak_megabytes, scored, show
from benchmarks.registration_sfm import by_sfm

USUAL = ("classical", "full")
PEER_COLUMNS: tuple[Column, ...] = (
    ("frames", "frames", 1, 0),
    ("lost", "lost", 1, 0),
    ("rot ° mean", "rotation_deg", 1, 2),
    ("centre cm mean", "centre_m", 100, 1),
    ("rot ° median", "rotation_deg_median", 1, 2),
    ("centre cm median", "centre_m_median", 100, 1),
    ("5 cm 5°, of all", "recall", 1, 3),
    ("CPU s", "cpu_s", 1, 0),
)
SIZE_COLUMNS: tuple[Column, ...] = (*COLUMNS, ("wall s", "wall_s", 1, 0), ("peak MB", "peak_mb", 1, 0))
STRESS: dict[str, dict[str, Change]] = {
    "exposure, stops": {f"{s:+g}": Light(stops=s) for s in (-2.0, -1.0, 0.0, 1.0, 2.0)},
    "light, half log red/blue": {f"{w:+g}": Light(warmth=w) for w in (-0.6, -0.3, 0.3, 0.6)},
    "share hidden": {f"{s:g}": Occluder(s, 1) for s in (0.1, 0.2, 0.3)},
}
MOVES = (0, 3, 6, 9)


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work", type=Path, required=True, help="folder for captures and cameras")
    common.add_argument("--json", type=Path, help="keep finished rows there and go on from them")
    common.add_argument("--preset", default="default", choices=("fast", "default", "full"))
    common.add_argument("--methods", nargs="+", choices=METHODS, help="only these rows")
    common.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    common.add_argument("--seconds", type=float, default=30.0, help="length of synthesized videos")
    common.add_argument("--videos", type=int, default=8, help="videos of a synthesized home")
    common.add_argument("--first", type=int, default=None, help="only so many of its videos")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ablations", parents=[common]).add_argument("--drift", type=float, default=1.0)
    commands.add_parser("trust", parents=[common]).add_argument("--drifts", type=float, nargs="+", default=[1, 5, 10])
    for name in ("rooms", "peers"):
        command = commands.add_parser(name, parents=[common])
        command.add_argument("data", type=Path)
        command.add_argument("--pycolmap", help="python that has pycolmap")
        command.add_argument("--every", type=int, default=1, help="structure from motion of every such frame")
    commands.add_parser("conditions", parents=[common]).add_argument("--only", nargs="+")
    stress = commands.add_parser("stress", parents=[common])
    stress.add_argument("--curves", nargs="+", default=[*STRESS, "pieces moved"])
    commands.add_parser("scaling", parents=[common]).add_argument("--sizes", type=int, nargs="+", default=[2, 4, 8, 16])
    options = parser.parse_args()
    {
        "ablations": ablations,
        "trust": trust,
        "rooms": rooms,
        "peers": peers,
        "conditions": conditions,
        "stress": stress_curves,
        "scaling": scaling,
    }[options.command](options, Rows(options.json))


def _home(options: argparse.Namespace, seed: int, moves: int = 3) -> tuple[Capture, str]:
    """A synthesized capture, and what its rows and folders are called after."""
    capture = made(options.work, seed, videos=options.videos, seconds=options.seconds, moves=moves)
    capture = replace(capture, videos=capture.videos[: options.first])
    return capture, capture.folder.name + (f"-first{options.first}" if options.first else "")


def ablations(options: argparse.Namespace, rows: Rows) -> None:
    """Every method on every seed's home; a seed's rows are all made before the next seed's."""
    out = []
    for seed in options.seeds:
        capture, name = _home(options, seed)
        drifts = "" if options.drift == 1.0 else f" drift {options.drift:g}"
        folder = options.work / "placed" / f"{name}{drifts.replace(' ', '-')}"
        bench = Bench(drifting(capture, options.drift), folder, options.preset)
        table = f"ablations {name.split('-', 2)[2]}{drifts}"
        for method in options.methods or METHODS:
            out.append(rows.get(table, method, seed, partial(bench.measure, method)))
    count = options.first or options.videos
    show(f"Ablations, {count} videos of {options.seconds:g} s, seeds {options.seeds}, drift x {options.drift:g}", out)


def trust(options: argparse.Namespace, rows: Rows) -> None:
    """Drifts, and a device trusted as it is and a third as much."""
    out, trusted = [], odometry.DEVICE_SIGMA
    for seed in options.seeds:
        capture, name = _home(options, seed)
        for drift in options.drifts:
            for times in (1.0, 3.0):
                odometry.DEVICE_SIGMA = (times * trusted[0], times * trusted[1])
                folder = options.work / "placed" / f"{name}-drift-{drift:g}-sigma-{times:g}"
                bench = Bench(drifting(capture, drift), folder, options.preset)
                for method in options.methods or ("classical",):
                    row = f"drift x {drift:g}, sigma x {times:g}, {method}"
                    out.append(rows.get(f"trust {name.split('-', 2)[2]}", row, seed, partial(bench.measure, method)))
    odometry.DEVICE_SIGMA = trusted
    show("Trust in the device", out)


def rooms(options: argparse.Namespace, rows: Rows) -> None:
    """Methods on a capture that is there."""
    capture = Capture.open(options.data)
    bench = Bench(capture, options.work / "placed" / capture.folder.name, options.preset)
    names = options.methods or USUAL
    show(capture.folder.name, [rows.get(capture.folder.name, n, 0, partial(bench.measure, n)) for n in names])


def peers(options: argparse.Namespace, rows: Rows) -> None:
    """Other programs on the same frames, and ours as frames."""
    capture = Capture.open(options.data)
    table = f"{capture.folder.name}, frame by frame"
    scratch = Path(tempfile.mkdtemp(dir=options.work))
    matches, shared = landmark_matches(capture)

    def opencv() -> Poses:
        return {v.name: [by_opencv(one, v.intrinsics) for one in matches[v.name]] for v in capture.videos}

    def timed(run: Callable[[], Poses]) -> Row:
        began = time.process_time()
        poses = run()
        return {**frame_scores(capture, poses), "cpu_s": shared + time.process_time() - began}

    def colmap() -> Row:
        poses, cpu = by_pycolmap(options.pycolmap, capture, matches, scratch)
        return {**frame_scores(capture, poses), "cpu_s": shared + cpu}

    def sfm() -> Row:
        poses, cpu = by_sfm(options.pycolmap, capture, options.every, scratch)
        return {**frame_scores(capture, poses, options.every), "cpu_s": cpu}

    out = [rows.get(table, "SIFT, OpenCV PnP-RANSAC", 0, lambda: timed(opencv))]
    if options.pycolmap:
        out.append(rows.get(table, "SIFT, pycolmap absolute pose", 0, colmap))
        thinned = "" if options.every == 1 else f", every {options.every}th frame"
        out.append(rows.get(table, f"pycolmap, structure from motion{thinned}", 0, sfm))
    out.append(rows.get(table, "the first, then small_gicp", 0, lambda: timed(lambda: by_gicp(capture, opencv()))))
    bench = Bench(capture, options.work / "placed" / capture.folder.name, options.preset)
    for name in options.methods or USUAL:
        out.append(rows.get(table, f"this package, {name}", 0, partial(_own_frames, bench, name)))
    show(table, out, PEER_COLUMNS)


def _own_frames(bench: Bench, method: str) -> Row:
    found, cpu = bench.cameras(method)
    poses = {
        name: [T if video.registered[i] else None for i, T in enumerate(video.T_world_camera)]
        for name, video in found.items()
    }
    return {**frame_scores(bench.capture, poses), "cpu_s": cpu}


def frame_scores(capture: Capture, poses: Poses, every: int = 1) -> Row:
    """Errors over the frames (or every so many) that have a pose; a lost one counts as wrong only in the recall."""
    pairs = [pair for v in capture.videos for pair in zip(truth_of(v)[::every], poses[v.name], strict=True)]
    true, found = [t for t, T in pairs if T is not None], [T for _, T in pairs if T is not None]
    frames = len(pairs)
    if not found:
        return {"frames": frames, "lost": frames, "recall": 0.0}
    errors = camera_errors(np.stack(found), np.stack(true))
    good = (errors["centre_m"] < 0.05) & (errors["rotation_deg"] < 5.0)
    row: Row = {"frames": frames, "lost": frames - len(found), "recall": float(good.sum() / frames)}
    for key in ("rotation_deg", "centre_m"):
        row[key], row[f"{key}_median"] = float(errors[key].mean()), float(np.median(errors[key]))
    return row


def conditions(options: argparse.Namespace, rows: Rows) -> None:
    """The first seed's home without odometry, without a walkthrough, with a stranger; and a room of symmetry."""
    capture, home = _home(options, options.seeds[0])
    kinds: dict[str, Callable[[], Capture]] = {
        "no odometry": lambda: replace(capture, videos=tuple(replace(v, T_world_camera=None) for v in capture.videos)),
        "no walkthrough": lambda: replace(capture, walkthrough=None),
        "of another home": lambda: replace(capture, videos=_strangers(options)),
        "a room that is its own mirror image": lambda: symmetric_room(options.work / "symmetric"),
    }
    out = []
    for kind, build in kinds.items():
        if options.only and kind not in options.only:
            continue
        changed_capture = build()
        folder = options.work / "placed" / f"{home}-{kind.replace(' ', '-')}"
        bench = Bench(changed_capture, folder, options.preset)
        for name in options.methods or USUAL:
            make = partial(bench.measure, name)
            out.append(rows.get(f"conditions {home}", f"{kind}, {name}", options.seeds[0], make))
    show("Conditions", out)


def _strangers(options: argparse.Namespace) -> tuple[Video, ...]:
    other = made(options.work, options.seeds[0] + 50, videos=2, seconds=options.seconds)
    return tuple(replace(video, name=f"stranger{i}") for i, video in enumerate(other.videos))


def stress_curves(options: argparse.Namespace, rows: Rows) -> None:
    """Curves over one setting each; only the videos change, the walkthrough is as it was."""
    seed, out = options.seeds[0], []
    table = f"stress {options.first or options.videos} of {options.videos}x{options.seconds:g}"
    for curve in options.curves:
        for setting in STRESS.get(curve, dict.fromkeys(map(str, MOVES))):
            change = STRESS.get(curve, {}).get(setting)
            capture, home = _home(options, seed) if change else _home(options, seed, moves=int(setting))
            folder = options.work / "placed" / f"{home}-{curve.split(',')[0].replace(' ', '-')}-{setting}"
            seen = changed(capture, lambda number, change=change: change) if change else capture  # type: ignore[misc]
            bench = Bench(seen, folder, options.preset)
            for name in options.methods or ("full",):
                row = f"{curve} {setting}, {name}"
                out.append(rows.get(table, row, seed, partial(bench.measure, name)))
    show("Stress", out)


def scaling(options: argparse.Namespace, rows: Rows) -> None:
    """The first n videos of a home, registered in a process of their own, so that memory is theirs."""
    capture = made(options.work, options.seeds[0], videos=max(*options.sizes, options.videos), seconds=options.seconds)
    out = []
    for size in options.sizes:
        for name in options.methods or USUAL:
            make = partial(_in_process, capture.folder, size, name, options.preset)
            out.append(rows.get(f"scaling {options.seconds:g}", f"{size} videos, {name}", options.seeds[0], make))
    show("Scaling", out, SIZE_COLUMNS)


def _in_process(folder: Path, size: int, method: str, preset: Preset) -> Row:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_sized, folder, size, method, preset).result()


def _sized(folder: Path, size: int, method: str, preset: Preset) -> Row:
    whole = Capture.open(folder)
    capture = replace(whole, videos=whole.videos[:size])
    config = replace(FULL, method="classical" if method == "classical" else "full", preset=preset)
    began, cpu = time.monotonic(), cpu_seconds()
    found = register(capture, config).videos
    spent = {"cpu_s": cpu_seconds() - cpu, "wall_s": time.monotonic() - began, "peak_mb": peak_megabytes()}
    return {**scored(capture, found), **spent}


if __name__ == "__main__":
    main()
