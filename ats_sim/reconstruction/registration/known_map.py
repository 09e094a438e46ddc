"""What videos are registered to: surface and free space, keypoints, and what was learned of the home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.keypoint_map import KeypointMap
from ats_sim.reconstruction.registration.neural.frame_poses import FrameLocalizer
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


@dataclass(frozen=True, eq=False)
class Map:
    """What videos are registered to."""

    volume: TsdfVolume
    """Surface and free space."""
    keypoints: KeypointMap
    """Keypoints of the frames that made it."""
    localizers: Mapping[str, FrameLocalizer] = field(default_factory=dict)
    """Learned localizers by the name of their generator; empty where none is wanted."""
    symmetries: tuple[Array, ...] = ()
    """Motions (4,4) that lay the map onto itself, or nearly so."""
