"""Makes a whole capture: the walkthrough, every video in its own process, the truth beside them."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ats_sim.errors import CaptureError
from ats_sim.files import read_json, write_json, write_npz
from ats_sim.gltf import write_scene
from ats_sim.progress import Steps, steps
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.filming.recorder import (
    WALKTHROUGH,
    make_agent,
    observer_style,
    record_video,
    record_walkthrough,
    video_name,
)
from ats_sim.reconstruction.capture.synthesis.filming.scene_frame import scene_from_home
from ats_sim.reconstruction.capture.synthesis.home.house import build_home
from ats_sim.reconstruction.capture.writer import CaptureWriter
from ats_sim.reconstruction.processes import can_spawn

_PLAN = "ground_truth_synthesis.json"
_counter: Synchronized[int] | None = None


def synthesize(output: Path, config: SynthesizeConfig) -> dict[str, Any]:
    """Writes a capture with full ground truth into ``output`` and returns a summary of plain numbers.

    Recordings that already stand there, made with the same configuration, are kept. Raises CaptureError where the
    folder holds something else.
    """
    output = Path(output)
    started = perf_counter()
    make_agent(config)  # an animal that is not modelled must fail before anything is written
    _claim(output, config)
    writer = CaptureWriter(output)
    jobs = [k for k in range(-1 if config.walkthrough else 0, config.videos) if not writer.has(_name(k))]
    frames = sum(_frames(config, k) for k in jobs)
    with steps(frames, "synthesizing frames") as bar:
        if config.workers > 1 and len(jobs) > 1 and can_spawn():
            _run_in_processes(output, config, jobs, bar)
        else:
            for job in jobs:
                _record(output, config, job, bar.advance)
    _write_truth(output, config)
    names = [video_name(k) for k in range(config.videos)]
    writer.finish(
        walkthrough=WALKTHROUGH if config.walkthrough else None,
        videos=names,
        provenance=f"Synthesized by ats-sim: {json.dumps(asdict(config))}",
    )
    seconds = perf_counter() - started
    return {
        "videos": config.videos,
        "frames": frames,
        "seconds": round(seconds, 2),
        "frames_per_second": round(frames / seconds, 2),
        "observers": {name: observer_style(config, k) for k, name in enumerate(names)},
    }


def _name(job: int) -> str:
    return WALKTHROUGH if job < 0 else video_name(job)


def _frames(config: SynthesizeConfig, job: int) -> int:
    return round((config.walkthrough_seconds if job < 0 else config.seconds) * config.fps)


def _claim(output: Path, config: SynthesizeConfig) -> None:
    """Notes the configuration in an empty folder, or checks that the folder was begun with the same one."""
    plan = {key: value for key, value in asdict(config).items() if key != "workers"}
    if output.exists() and not output.is_dir():
        raise CaptureError(f"{output}: is a file; name a folder for the capture.")
    if (output / _PLAN).is_file():
        if read_json(output / _PLAN, CaptureError).get("config") != plan:
            raise CaptureError(f"{output}: holds a capture of another configuration; choose another folder.")
        return
    if output.exists() and any(output.iterdir()):
        raise CaptureError(f"{output}: is not empty and not begun by synthesis; choose another folder.")
    write_json(output / _PLAN, {"config": plan})


def _record(output: Path, config: SynthesizeConfig, job: int, tick: Callable[[], None]) -> None:
    writer = CaptureWriter(output)
    if job < 0:
        record_walkthrough(writer, config, tick)
    else:
        record_video(writer, config, job, tick)


def _run_in_processes(output: Path, config: SynthesizeConfig, jobs: list[int], bar: Steps) -> None:
    context = multiprocessing.get_context("spawn")
    counter = context.Value("l", 0)
    shown = 0
    workers = min(config.workers, len(jobs))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(counter,)) as pool:
        pending = {pool.submit(_record_in_process, output, config, job) for job in jobs}
        try:
            while pending:
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
                bar.advance(counter.value - shown)
                shown = counter.value
                for future in done:
                    future.result()
        except BrokenProcessPool as error:
            message = f"{output}: a rendering process died (out of memory?); run again with --workers 1 to go on."
            raise CaptureError(message) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(counter: Synchronized[int]) -> None:
    global _counter
    _counter = counter
    # As many processes as cores draw in software; more threads in each would only get in each other's way.
    os.environ.setdefault("LP_NUM_THREADS", "1")


def _count() -> None:
    if _counter is not None:
        with _counter.get_lock():
            _counter.value += 1


def _record_in_process(output: Path, config: SynthesizeConfig, job: int) -> None:
    _record(output, config, job, _count)


def _write_truth(output: Path, config: SynthesizeConfig) -> None:
    """The true scene, animal and spots, which only evaluation may read."""
    body = make_agent(config)
    layout = build_home(config.seed, rooms=config.rooms, trunk=body.plan.trunk)
    T_scene_home = scene_from_home(config)
    write_scene(output / "ground_truth_scene.glb", layout.mesh.transformed(T_scene_home))
    skinned = body.skinned
    colors = {} if skinned.mesh.colors is None else {"colors": skinned.mesh.colors}
    write_npz(
        output / "ground_truth_agent.npz",
        vertices=skinned.mesh.vertices,
        faces=skinned.mesh.faces,
        joint_names=np.array(skinned.skeleton.joint_names),
        joint_parents=np.asarray(skinned.skeleton.joint_parents),
        joint_rest=skinned.skeleton.joint_rest,
        skin_joints=skinned.skin_joints,
        skin_weights=skinned.skin_weights,
        **colors,
    )
    plan = read_json(output / _PLAN, CaptureError)
    spots = [
        {"kind": s.kind, "position": s.position.tolist(), "approach": s.approach.tolist(), "yaw": s.yaw}
        for s in layout.affordances
    ]
    truth = {
        "T_scene_home": T_scene_home.tolist(),
        "rooms": {room.name: list(room.bounds) for room in layout.rooms},
        "affordances_home_frame": spots,
    }
    write_json(output / _PLAN, {**plan, **truth})
