"""One round of bundle adjustment for one video: its cameras move, what they are compared with stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import transform_points
from ats_sim.reconstruction.registration.adjustment.config import TOGETHER, AdjustmentConfig
from ats_sim.reconstruction.registration.adjustment.feature_term import FeatureTerm
from ats_sim.reconstruction.registration.adjustment.landmarks import Landmarks
from ats_sim.reconstruction.registration.adjustment.memory import Appearance, reference
from ats_sim.reconstruction.registration.adjustment.solver import CostTerm, move_freely, move_together
from ats_sim.reconstruction.registration.adjustment.strand import Strand
from ats_sim.reconstruction.registration.features.maps import DenseFeatures, FeatureMap
from ats_sim.reconstruction.registration.terms import SurfaceTerm
from ats_sim.reconstruction.registration.verifier import surface_share
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

COVERED = 0.5


@dataclass(frozen=True, eq=False)
class Round:
    """What all videos are compared with in one round, and how."""

    number: int
    """Which round."""
    stages: Sequence[tuple[int, float]]
    """Level of the features and stiffness, step by step."""
    volume: TsdfVolume
    """The map as the cameras stood before."""
    landmarks: Landmarks
    """Points on its surface."""
    seen: Mapping[int, Mapping[str, Appearance]]
    """What they look like, by level and recording."""
    weights: Mapping[str, float]
    """How much each recording is believed."""


@dataclass(frozen=True, eq=False)
class Mover:
    """What stays the same over all rounds and videos."""

    features: DenseFeatures
    """How places are described."""
    base: TsdfVolume
    """The map of the fixed recordings alone."""
    config: AdjustmentConfig
    """Options."""

    def move(self, strand: Strand, index: int, now: Round) -> Strand:
        """The strand with other cameras. Its number `index` seeds which landmarks are compared."""
        rng = np.random.default_rng([self.config.seed, 74, now.number, index])
        pyramids = [self.features.describe(strand.video.rgb(int(frame))) for frame in strand.frames]
        others: list[CostTerm] = []
        if self.config.surface:
            others.append(self._surface_term(strand, now.volume))
        gravity = strand.gravity()
        if gravity is not None:
            others.append(gravity)
        motion = strand.motion()
        for level, stiffness in now.stages:
            remembered, count = reference(now.seen[level], now.weights, strand.name, unit=self.config.unit)
            maps = [pyramid.levels[level] for pyramid in pyramids]
            known = (count > 0) & ~strand.elsewhere.hold(now.landmarks.points)
            term = self._feature_term(strand, now.landmarks, maps, remembered, known, rng)
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
        moved = strand.elsewhere.hold(transform_points(strand.T_world_camera, points))
        points = np.where(moved[..., None], np.nan, points)
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
            sighted(landmarks, strand, i, self.config.points, rng, use_masks=self.config.use_masks, known=known)[0]
            for i in range(len(strand.frames))
        ]
        return FeatureTerm(
            strand.video.intrinsics,
            maps,
            [landmarks.points[chosen] for chosen in index],
            [remembered[chosen] for chosen in index],
            sigma=self.config.sigma,
            exposure=self.config.exposure,
        )


def sighted(
    landmarks: Landmarks,
    strand: Strand,
    i: int,
    most: int,
    rng: np.random.Generator,
    *,
    use_masks: bool,
    known: Array | None = None,
) -> tuple[Array, Array]:
    """Landmarks (M,) and pixels (M,2) of keyframe i, at most `most`, of those `known` (P,) if given."""
    frame = int(strand.frames[i])
    mask = strand.video.mask(frame) if use_masks else None
    sighting = landmarks.seen(strand.video.intrinsics, strand.T_world_camera[i], strand.video.depth(frame), mask)
    index, pixels = sighting.index, sighting.pixels
    if known is not None:
        keep = known[index]
        index, pixels = index[keep], pixels[keep]
    if len(index) > most:
        chosen = np.sort(rng.permutation(len(index))[:most])
        index, pixels = index[chosen], pixels[chosen]
    return index, pixels
