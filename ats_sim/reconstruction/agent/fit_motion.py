"""The motion of every video, with the shape known: videos are independent, so they are fitted side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ats_sim.arrays import Array
from ats_sim.progress import steps
from ats_sim.reconstruction.agent.body import TorchBody
from ats_sim.reconstruction.agent.fit import fit, frames_of, result, start_poses
from ats_sim.reconstruction.agent.observations import Sightings
from ats_sim.reconstruction.agent.template import Shape
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.processes import side_by_side

MOTION_STEPS = {"fast": 50, "default": 100, "full": 200}
WINDOW = 48
CONTEXT = 2
"""Frames of the window before that stay fixed, so that motion runs on smoothly."""
Motion = tuple[Array, Array, float]
"""Root poses (F, 4, 4), joint rotations (F, J, 3) and the mean residual in metres."""


@dataclass(frozen=True, eq=False)
class MotionJob:
    """One video's frames and where their fit starts."""

    name: str
    """The video."""
    sightings: Sightings
    """What the F frames show."""
    T_world_root: Array
    """(F, 4, 4)."""
    joint_rotations: Array
    """(F, J, 3)."""
    support: Array
    """(F,) world height of the surface below the agent."""


def fit_motions(
    body: TorchBody, shape: Shape, jobs: list[MotionJob], config: ReconstructConfig
) -> Iterator[tuple[MotionJob, Motion]]:
    """Fit all jobs and yield each with its motion, in the order given; on the CPU as many at once as `workers`."""
    work = partial(fit_motion, body, shape=shape, config=config)
    workers = config.workers if config.device == "cpu" else 1
    with steps(sum(_windows(job) for job in jobs), "agent motion") as bar:
        for job, motion in zip(jobs, side_by_side(work, jobs, workers), strict=True):
            yield job, motion
            bar.advance(_windows(job))


def fit_motion(body: TorchBody, job: MotionJob, shape: Shape, config: ReconstructConfig) -> Motion:
    """Fit a video window by window; each starts from where the last one ended."""
    roots, joints = job.T_world_root.copy(), job.joint_rotations.copy()
    count, residuals = len(job.sightings.frames), []
    for start in range(0, count, WINDOW):
        first = max(start - CONTEXT, 0)
        window = slice(first, min(start + WINDOW, count))
        if not job.sightings.seen[window].any():
            continue
        frames = frames_of([(job.sightings, window)], job.support[window], config.device)
        poses = start_poses(roots[window], joints[window], config.device)
        iterations = MOTION_STEPS[config.preset]
        poses, _, residual = fit(
            body, frames, poses, shape, iterations=iterations, free_shape=False, frozen=start - first
        )
        roots[window], joints[window] = result(poses)
        residuals.append(residual)
    return roots, joints, float(np.mean(residuals))


def _windows(job: MotionJob) -> int:
    return -(-len(job.sightings.frames) // WINDOW)
