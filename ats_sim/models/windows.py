"""Windows of 6.4 s: what the agent knew, and what it then did.

The past of a window is packed by the same functions as at run time (`ats_sim.perception`); nothing of it depends on a
later frame. Windows are split into training and test by VIDEO: neighbouring windows of one video overlap by 98 %.

The agent must be seen in the past of a window, but need not be in its future. Whoever leaves out what the camera lost
leaves out the flights: what runs from a person soon is behind something.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ats_sim.arrays import Array
from ats_sim.errors import TrainingError
from ats_sim.geometry import gravity_aligned, inverse, transform_points
from ats_sim.models.recordings import Recording
from ats_sim.perception import (
    FUTURE,
    PAST,
    AgentHistory,
    Perception,
    motion_in_ego,
    pack_motion,
    perceive,
)
from ats_sim.volume import PerceptionVolume

ENOUGH_WINDOWS = 2000
"""Below this many training windows (some 200 s of motion), behaviour is memorised rather than learned."""


@dataclass(frozen=True, eq=False)
class Windows:
    """W windows, in the ego frame of their frame "now"."""

    recording: Array
    """(W,) index of the recording each was cut from."""
    frame: Array
    """(W,) index of "now" in that recording."""
    T_world_ego: Array
    """(W, 4, 4)."""
    observer_past: Array
    """(W, 8, 3) float32."""
    past: Array
    """(W, 8, D) float32, packed motion."""
    future: Array
    """(W, 56, D) float32, packed motion; where the agent was out of sight, what it likely did."""
    seen: Array
    """(W, 56) bool: the agent was in sight."""

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, rows: Array) -> "Windows":
        """Some of the windows, by index or mask."""
        return Windows(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def cut_windows(recordings: Sequence[Recording], stride: int = 1) -> Windows:
    """Cut all windows whose 8 past frames are valid and whose 56 future ones are bridged.

    Raises:
        TrainingError: If there is none.
    """
    parts = [part for i, recording in enumerate(recordings) if (part := _cut(i, recording, stride)) is not None]
    if not parts:
        names = ", ".join(recording.name for recording in recordings)
        raise TrainingError(f"videos {names}: no {PAST + FUTURE} frames in a row in which the agent is followed")
    return Windows(*(np.concatenate([getattr(p, name) for p in parts]) for name in Windows.__dataclass_fields__))


def whole_windows(recordings: Sequence[Recording]) -> Windows:
    """The windows in which the agent was never out of sight: the only ones that a prediction can be scored on.

    Raises:
        TrainingError: If there is none.
    """
    windows = cut_windows(recordings)
    whole = np.flatnonzero(windows.seen.all(axis=1))
    if not len(whole):
        names = ", ".join(recording.name for recording in recordings)
        raise TrainingError(f"videos {names}: no {FUTURE} frames in a row in which agent and observer are seen")
    return windows.select(whole)


def _cut(index: int, recording: Recording, stride: int) -> Windows | None:
    if len(recording.valid) < PAST + FUTURE:
        return None
    known = sliding_window_view(recording.valid, PAST)[:-FUTURE].all(axis=1)
    followed = sliding_window_view(recording.bridged, FUTURE)[PAST:].all(axis=1)
    starts = np.flatnonzero(known & followed)[::stride]
    if not len(starts):
        return None
    frames = starts[:, None] + np.arange(PAST + FUTURE)
    roots = recording.T_world_root[frames]
    T_world_ego = gravity_aligned(roots[:, PAST - 1])
    path, rotations = motion_in_ego(T_world_ego[:, None], roots)
    motion = pack_motion(path, rotations, recording.joint_rotations[frames])
    observer = transform_points(inverse(T_world_ego), recording.observer[frames[:, :PAST]])
    return Windows(
        recording=np.full(len(starts), index),
        frame=starts + PAST - 1,
        T_world_ego=T_world_ego,
        observer_past=observer.astype(np.float32),
        past=motion[:, :PAST],
        future=motion[:, PAST:],
        seen=recording.valid[frames[:, PAST:]],
    )


def perception_at(recording: Recording, frame: int, volume: PerceptionVolume) -> Perception:
    """What the agent knew at a frame, through the runtime's own `perceive`."""
    past = slice(frame - PAST + 1, frame + 1)
    history = AgentHistory(recording.T_world_root[past], recording.joint_rotations[past])
    return perceive(volume, history, recording.observer[past])
