"""What a video shows of the agent, and its poses there while they are fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ats_sim.arrays import Array
from ats_sim.reconstruction.agent.observations import Sightings
from ats_sim.reconstruction.agent.shape import PosedFrames

if TYPE_CHECKING:
    from ats_sim.reconstruction.capture.format import Video
    from ats_sim.reconstruction.registration.cameras import RegisteredVideo


@dataclass(eq=False)
class Fitted:
    """The state of one video's F frames while they are fitted."""

    T_world_root: Array
    """(F, 4, 4)."""
    joint_rotations: Array
    """(F, J, 3)."""
    support: Array
    """(F,) world height of the surface below the agent."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one video shows of the agent."""

    video: Video
    """The recording."""
    registered: RegisteredVideo
    """Its cameras."""
    masks: dict[int, Array]
    """(H, W) bool by frame number."""
    sightings: Sightings
    """F frames of it, reduced to what the fit needs."""

    def posed(self, state: Fitted) -> PosedFrames:
        """The frames that show the agent, with its poses there."""
        seen = self.sightings.seen
        return PosedFrames(
            self.video,
            self.sightings.frames[seen],
            self.masks,
            self.registered.T_world_camera,
            state.T_world_root[seen],
            state.joint_rotations[seen],
        )
