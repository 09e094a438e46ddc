"""A mind that thinks in the home's frame instead of its own: only there to be beaten (the paper's "ego -> world").

All that it takes is to call one fixed frame the ego frame of every moment. Paths then begin anywhere, so that a
constant joins the curves they are drawn in; and there is no left and right to exchange, as there is only one home. The
patch of 6.4 m around the frame's origin is all that it sees of the home.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.denoising import path_basis
from ats_sim.geometry import inverse, rigid, transform_points
from ats_sim.home import Home
from ats_sim.models.batches import Batch, BatchMaker
from ats_sim.models.config import TrainConfig, size_of
from ats_sim.models.recordings import Recording
from ats_sim.models.training import Lesson, build
from ats_sim.models.windows import Windows
from ats_sim.perception import FUTURE, PAST, Perception, motion_in_ego, pack_motion, scene_patch
from ats_sim.progress import track
from ats_sim.volume import PerceptionVolume
from benchmarks.minds_training import write_mind


def world_frame(home: Home) -> Array:
    """(4, 4) not turned, in the middle of where the animal has been."""
    places = np.concatenate([kept.T_world_root[kept.valid, :3, 3] for kept in home.recordings])
    return rigid(np.eye(3), 0.5 * (places.min(0) + places.max(0)))


def world_basis() -> Array:
    """(56, 19) orthonormal curves of paths that begin anywhere."""
    constant = np.ones((FUTURE, 1))
    basis, _ = np.linalg.qr(np.concatenate([constant, path_basis()], axis=1))
    return basis


def in_world(windows: Windows, recordings: tuple[Recording, ...], frame: Array) -> Windows:
    """Windows of recordings, seen from one fixed frame (4, 4) each."""
    T_frame_ego = inverse(frame) @ windows.T_world_ego
    around = np.arange(1 - PAST, FUTURE + 1)
    motions = []
    for own, now in zip(windows.recording, windows.frame, strict=True):
        recording, at = recordings[own], now + around
        path, rotations = motion_in_ego(frame, recording.T_world_root[at])
        motions.append(pack_motion(path, rotations, recording.joint_rotations[at]))
    motion = np.stack(motions)
    return replace(
        windows,
        T_world_ego=np.tile(frame, (len(windows), 1, 1)),
        observer_past=transform_points(T_frame_ego, windows.observer_past).astype(np.float32),
        past=motion[:, :PAST],
        future=motion[:, PAST:],
    )


def perceived(known: Perception, volume: PerceptionVolume, frame: Array) -> Perception:
    """What an agent knows, seen from a fixed frame (4, 4)."""
    T_frame_ego = inverse(frame) @ known.T_world_ego
    return Perception(
        frame,
        scene_patch(volume, frame),
        transform_points(T_frame_ego, known.observer_past),
        transform_points(T_frame_ego, known.past_path),
        T_frame_ego[:3, :3] @ known.past_rotations,
        known.past_joints,
    )


@dataclass(frozen=True, eq=False)
class WorldBatches(BatchMaker):
    """Batches of windows that are seen from one fixed frame, drawn as often as ours are."""

    world: Windows
    """The windows as they are learned from; the inherited ones, in ego frames, tell who is approached."""

    def make(self, rows: Array, flipped: Array, keep: Array, rng: np.random.Generator) -> Batch:
        """See `BatchMaker`."""
        inner = BatchMaker(self.world, self.volume, self.normalisation, None, self.config, self.size)
        return inner.make(rows, flipped, keep, rng)


def learned_in_world(lesson: Lesson, config: TrainConfig, folder: Path) -> None:
    """Learn in the home's frame, and write the home with that mind; nothing but this benchmark can run it."""
    frame = world_frame(lesson.home)
    config = replace(config, mirror=False)
    windows = in_world(lesson.train_windows, lesson.recordings, frame)
    size = size_of(config)
    maker, learner = build(replace(lesson, train_windows=windows), config, size, basis=world_basis())
    own = {field.name: getattr(maker, field.name) for field in fields(BatchMaker)}
    batches = WorldBatches(**own | {"windows": lesson.train_windows}, world=windows)
    for step in track(range(size.steps), folder.name):
        learner.advance(batches.batch(step))
    facts = {"parameters": sum(p.numel() for p in learner.networks.parameters())}
    write_mind(folder, lesson.home, learner.averaged(), maker, facts)
