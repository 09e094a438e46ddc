"""Simulation beside reality: a recorded video runs again, with its observer, and the simulated animal lives it anew.

The real animal becomes a ghost. Next to the simulated one, K - 1 more samples of it live through the same video unseen,
so that the running minADE is the metric of the papers, best of K, in closed loop.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ConfigError
from ats_sim.perception import HZ, PAST
from ats_sim.recorded import Recording

MAX_SAMPLES = 64
SHOWN = 5  # names of videos in an error
LEAST_FRAMES = 2 * PAST


@dataclass(frozen=True)
class ReplayRequest:
    """Which part of which video to live through again."""

    video: str
    """Name of the recording."""
    start: float = 0.0
    """Seconds after its first frame; the episode begins there, after 0.8 s of recorded past."""
    samples: int = 16
    """Simulated animals that the minADE chooses from, the visible one among them."""


class Replay:
    """Where a replay is, and how far the simulated animals are from the real one."""

    def __init__(self, recording: Recording, request: ReplayRequest) -> None:
        """Begin; the present is the last of the first eight frames.

        Raises:
            ConfigError: If the part is too short, or the animal was not seen at its beginning.
        """
        first = round(request.start * HZ)
        if not 1 <= request.samples <= MAX_SAMPLES:
            raise ConfigError(f"replay: samples={request.samples}, want 1 to {MAX_SAMPLES}")
        if first < 0 or first + LEAST_FRAMES > len(recording.time):
            length = (len(recording.time) - LEAST_FRAMES) / HZ
            raise ConfigError(f"replay: start={request.start} s, {recording.name} allows 0 to {length:.1f} s")
        if not recording.valid[first : first + PAST].all():
            raise ConfigError(f"replay: {recording.name} does not show the animal at {request.start} s; start later")
        self._recording = recording
        self.samples = request.samples
        """Simulated animals, K."""
        self.frame = first + PAST - 1
        """Frame of the recording that is now."""
        self._gaps = np.zeros(request.samples)
        self._seen = 0

    @property
    def video(self) -> str:
        """Name of the video."""
        return self._recording.name

    @property
    def past(self) -> slice:
        """The last 0.8 s of the recording."""
        return slice(self.frame - PAST + 1, self.frame + 1)

    @property
    def recording(self) -> Recording:
        """The video."""
        return self._recording

    @property
    def T_world_root(self) -> Array:
        """(4, 4) root pose of the real animal now."""
        return np.array(self._recording.T_world_root[self.frame])

    @property
    def joint_rotations(self) -> Array:
        """(J, 3) joint rotations of the real animal now."""
        return np.array(self._recording.joint_rotations[self.frame])

    @property
    def T_world_camera(self) -> Array:
        """(4, 4) the camera now."""
        return np.array(self._recording.T_world_camera[self.frame])

    @property
    def valid(self) -> bool:
        """Whether the real animal is seen now."""
        return bool(self._recording.valid[self.frame])

    @property
    def finished(self) -> bool:
        """Whether the recording is at its end; the world then stands at its last frame."""
        return self.frame + 1 >= len(self._recording.time)

    @property
    def ade(self) -> float:
        """Mean distance (m) of the visible animal to the real one since the beginning."""
        return float(self._gaps[0]) / max(self._seen, 1)

    @property
    def minade(self) -> float:
        """The same for the sample that is nearest to reality."""
        return float(self._gaps.min()) / max(self._seen, 1)

    def advance(self) -> None:
        """Let 0.1 s pass in the recording."""
        if not self.finished:
            self.frame += 1

    def compare(self, places: Array) -> None:
        """Note where the samples' roots (K, 3) are now; moments in which the real animal was not seen do not count."""
        if self.valid:
            real = self._recording.T_world_root[self.frame, :3, 3]
            self._gaps = self._gaps + np.array([math.dist(place, real) for place in places])
            self._seen += 1

    def state(self) -> dict[str, Array]:
        """Everything needed to go on, as named arrays."""
        counts = np.array([self.frame, self._seen, self.samples], dtype=np.int64)
        return {"video": np.array(self.video), "counts": counts, "gaps": self._gaps}

    @classmethod
    def from_state(cls, stored: Mapping[str, Array], recordings: Mapping[str, Recording]) -> "Replay":
        """Go on from what `state` returned; raises KeyError or ArrayError where it makes no sense."""
        frame, seen, samples = (int(n) for n in checked("counts", stored["counts"], (3,), dtype=np.int64))
        replay = cls.__new__(cls)
        replay._recording = recordings[str(stored["video"])]
        replay.samples, replay._seen = samples, seen
        replay.frame = min(max(frame, PAST - 1), len(replay._recording.time) - 1)
        replay._gaps = checked("gaps", stored["gaps"], (samples,)).copy()
        return replay


def find_recording(recordings: Sequence[Recording], name: str) -> Recording:
    """The recording of a name.

    Raises:
        ConfigError: If the home has none of that name.
    """
    named = {recording.name: recording for recording in recordings}
    if name not in named:
        known = ", ".join(list(named)[:SHOWN]) + (f", … ({len(named)} in all)" if len(named) > SHOWN else "")
        lacking = "none: this home keeps no recordings (a redacted copy has them with --keep-recordings)"
        raise ConfigError(f"replay: no video {name!r}; there is {known or lacking}")
    return named[name]
