"""All accepted videos against one map, in rounds: remember what the map looks like, move the cameras, fuse again.

After Agent-to-Sim (Yang et al. 2024, section 3.2): poses are one transform per video and a change per frame, tied to
the device's odometry by a weight that falls from 1e4 (the video moves as one) to 1. Where the paper descends a neural
field by gradient, this takes Gauss-Newton steps against descriptors kept on the fused surface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ats_sim.arrays import Array
from ats_sim.progress import Steps, steps
from ats_sim.reconstruction.registration.adjustment.feature_term import FeatureTerm
from ats_sim.reconstruction.registration.adjustment.landmarks import Landmarks
from ats_sim.reconstruction.registration.adjustment.memory import Appearance, reference, summarize
from ats_sim.reconstruction.registration.adjustment.solver import CostTerm, move_freely, move_together
from ats_sim.reconstruction.registration.adjustment.strand import Strand
from ats_sim.reconstruction.registration.features.maps import DenseFeatures, FeatureMap
from ats_sim.reconstruction.registration.terms import SurfaceTerm
from ats_sim.reconstruction.registration.verifier import surface_share
from ats_sim.reconstruction.scene.fusion import VIDEO_WEIGHT, PosedFrames, fuse
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

COARSE, FINE = 0, 1
TOGETHER = np.inf
COVERED = 0.5


@dataclass(frozen=True)
class AdjustmentConfig:
    """How cameras are adjusted."""

    rounds: tuple[tuple[tuple[int, float], ...], ...] = (
        ((COARSE, TOGETHER), (COARSE, 1e4), (FINE, TOGETHER), (FINE, 1e2)),
        ((FINE, 1e2), (FINE, 10.0)),
        ((FINE, 10.0), (FINE, 1.0)),
    )
    """Per round the steps of (level, weight of odometry); an infinite weight moves the video as one."""
    points: int = 600
    """Most landmarks compared in a frame."""
    remembered: int = 1500
    """Most landmarks that one frame adds to the memory."""
    fused: int = 60
    """Most frames of a video that are fused again in a round."""
    unit: bool = True
    """Whether descriptors are unit vectors."""
    sigma: float = 0.35
    """Expected length of the difference of two descriptors of one place."""
    surface: bool = True
    """Whether depth is drawn onto the fused surface as well."""
    exposure: bool = False
    """Fit gain and offset per frame and channel before comparing (raw intensities)."""
    use_masks: bool = True
    """Whether the agent's masks may be read."""
    seed: int = 0
    """Of the choice of landmarks."""


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
        moving = list(strands)
        with steps(len(self.config.rounds) * len(moving), label) as bar:
            for number, stages in enumerate(self.config.rounds):
                moving = self._round(number, stages, moving, bar)
        return moving

    def _round(
        self, number: int, stages: Sequence[tuple[int, float]], moving: Sequence[Strand], bar: Steps
    ) -> list[Strand]:
        rng = np.random.default_rng([self.config.seed, 72, number])
        # A first guess may be off by a hand's breadth: only what is fixed is remembered until all have moved once.
        volume = self._fused(moving) if number else self.base
        landmarks = Landmarks(extract_mesh(volume), rng)
        shown = [*self.fixed, *(moving if number else ())]
        seen = self._remember(landmarks, shown, sorted({level for level, _ in stages}), rng)
        weights = {strand.name: VIDEO_WEIGHT for strand in moving} | {strand.name: 1.0 for strand in self.fixed}
        moved = []
        for strand in moving:
            moved.append(self._move(strand, stages, volume, landmarks, seen, weights, rng))
            bar.advance()
        return moved

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
                sighting = self._sighting(landmarks, strand, int(i), self.config.remembered, rng)
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

    def _sighting(
        self,
        landmarks: Landmarks,
        strand: Strand,
        i: int,
        most: int,
        rng: np.random.Generator,
        known: Array | None = None,
    ) -> tuple[Array, Array]:
        """Landmarks (M,) and pixels (M,2) of keyframe i, at most `most`, of those `known` (P,) if given."""
        frame = int(strand.frames[i])
        mask = strand.video.mask(frame) if self.config.use_masks else None
        sighting = landmarks.seen(strand.video.intrinsics, strand.T_world_camera[i], strand.video.depth(frame), mask)
        index, pixels = sighting.index, sighting.pixels
        if known is not None:
            keep = known[index]
            index, pixels = index[keep], pixels[keep]
        if len(index) > most:
            chosen = np.sort(rng.permutation(len(index))[:most])
            index, pixels = index[chosen], pixels[chosen]
        return index, pixels

    def _move(
        self,
        strand: Strand,
        stages: Sequence[tuple[int, float]],
        volume: TsdfVolume,
        landmarks: Landmarks,
        seen: Mapping[int, Mapping[str, Appearance]],
        weights: Mapping[str, float],
        rng: np.random.Generator,
    ) -> Strand:
        pyramids = [self.features.describe(strand.video.rgb(int(frame))) for frame in strand.frames]
        others: list[CostTerm] = []
        if self.config.surface:
            others.append(self._surface_term(strand, volume))
        gravity = strand.gravity()
        if gravity is not None:
            others.append(gravity)
        motion = strand.motion()
        for level, stiffness in stages:
            remembered, count = reference(seen[level], weights, strand.name, unit=self.config.unit)
            maps = [pyramid.levels[level].unpacked() for pyramid in pyramids]
            term = self._feature_term(strand, landmarks, maps, remembered, count > 0, rng)
            terms = [term, *others]
            if stiffness == TOGETHER:
                poses = move_together(strand.T_world_camera, terms)
            else:
                poses = move_freely(strand.T_world_camera, terms, motion, stiffness=stiffness)
            strand = strand.moved(poses)
        return strand

    def _surface_term(self, strand: Strand, volume: TsdfVolume) -> SurfaceTerm:
        """Depth against what is fixed, where that covers half of the video: the fused map holds the video's own depth,
        which would only confirm where it already stands."""
        points, _ = strand.surface_points(use_masks=self.config.use_masks)
        _, seen = surface_share(self.base, points, strand.T_world_camera)
        return SurfaceTerm(self.base if seen.mean() > COVERED else volume, points)

    def _feature_term(
        self,
        strand: Strand,
        landmarks: Landmarks,
        maps: Sequence[FeatureMap],
        remembered: Array,
        known: Array,
        rng: np.random.Generator,
    ) -> FeatureTerm:
        index = [
            self._sighting(landmarks, strand, i, self.config.points, rng, known)[0] for i in range(len(strand.frames))
        ]
        return FeatureTerm(
            strand.video.intrinsics,
            maps,
            [landmarks.points[chosen] for chosen in index],
            [remembered[chosen] for chosen in index],
            sigma=self.config.sigma,
            exposure=self.config.exposure,
        )
