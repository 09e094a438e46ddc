"""All accepted videos against one map, in rounds: remember what the map looks like, move the cameras, fuse again.

After Agent-to-Sim (Yang et al. 2024, section 3.2): poses are one transform per video and a change per frame, tied
together by a weight that falls from 1e4 (the video moves as one) to 1. Unlike there, what is stiff is the track as it
was registered, and the device's odometry always weighs 1, or less the more it was found to drift. Where the paper
descends a neural field by gradient, this takes Gauss-Newton steps against descriptors kept on the fused surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ats_sim.arrays import Array
from ats_sim.progress import steps
from ats_sim.reconstruction.registration.adjustment.config import AdjustmentConfig
from ats_sim.reconstruction.registration.adjustment.landmarks import Landmarks
from ats_sim.reconstruction.registration.adjustment.memory import Appearance, summarize
from ats_sim.reconstruction.registration.adjustment.moving import Mover, Round, sighted
from ats_sim.reconstruction.registration.adjustment.side_by_side import movers
from ats_sim.reconstruction.registration.adjustment.strand import Strand
from ats_sim.reconstruction.registration.features.maps import DenseFeatures
from ats_sim.reconstruction.scene.fusion import VIDEO_WEIGHT, PosedFrames, fuse
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


@dataclass(frozen=True, eq=False)
class Adjuster:
    """What stays the same over all rounds."""

    features: DenseFeatures
    """How places are described."""
    base: TsdfVolume
    """The map of the fixed recordings alone."""
    fixed: Sequence[Strand]
    """Recordings whose cameras define the scene frame."""
    config: AdjustmentConfig = field(default_factory=AdjustmentConfig)
    """Options."""

    def adjust(self, strands: Sequence[Strand], label: str | None = "adjust cameras") -> list[Strand]:
        """The same strands with cameras that agree with the map and each other."""
        moving = [strand.beside(self.base, use_masks=self.config.use_masks) for strand in strands]
        mover = Mover(self.features, self.base, self.config)
        with (
            steps(len(self.config.rounds) * len(moving), label) as bar,
            movers(mover, moving, self.config.workers) as move_all,
        ):
            for number, stages in enumerate(self.config.rounds):
                moving = move_all(moving, self._round(number, stages, moving), bar)
        return moving

    def _round(self, number: int, stages: Sequence[tuple[int, float]], moving: Sequence[Strand]) -> Round:
        rng = np.random.default_rng([self.config.seed, 72, number])
        # A first guess may be off by a hand's breadth: only what is fixed is remembered until all have moved once.
        volume = self._fused(moving) if number else self.base
        landmarks = Landmarks(extract_mesh(volume), rng)
        shown = [*self.fixed, *(moving if number else ())]
        seen = self._remember(landmarks, shown, sorted({level for level, _ in stages}), rng)
        weights = {strand.name: VIDEO_WEIGHT for strand in moving} | {strand.name: 1.0 for strand in self.fixed}
        return Round(number, stages, volume, landmarks, seen, weights)

    def _fused(self, moving: Sequence[Strand]) -> TsdfVolume:
        volume = self.base.copy()
        for strand in moving:
            frames, poses = strand.frames[strand.shown], strand.T_world_camera[strand.shown]
            part = PosedFrames(strand.video, frames, poses, VIDEO_WEIGHT)
            fuse(volume, part.thinned(self.config.fused), use_masks=self.config.use_masks, static=self.base)
        return volume

    def _remember(
        self, landmarks: Landmarks, strands: Sequence[Strand], levels: Sequence[int], rng: np.random.Generator
    ) -> dict[int, dict[str, Appearance]]:
        """Per level and recording, what the landmarks look like."""
        seen: dict[int, dict[str, Appearance]] = {level: {} for level in levels}
        for strand in strands:
            index: dict[int, list[Array]] = {level: [] for level in levels}
            values: dict[int, list[Array]] = {level: [] for level in levels}
            for i in strand.shown:
                sighting = sighted(
                    landmarks, strand, int(i), self.config.remembered, rng, use_masks=self.config.use_masks
                )
                pyramid = self.features.describe(strand.video.rgb(int(strand.frames[i])))
                for level in levels:
                    value, _, inside = pyramid.levels[level].read(sighting[1])
                    index[level].append(sighting[0][inside])
                    values[level].append(value[inside].astype(np.float16))
            for level in levels:
                found = np.concatenate([np.zeros((0, self.features.channels), np.float16), *values[level]])
                which = np.concatenate([np.zeros(0, np.int64), *index[level]])
                seen[level][strand.name] = summarize(which, found, len(landmarks), unit=self.config.unit)
        return seen
