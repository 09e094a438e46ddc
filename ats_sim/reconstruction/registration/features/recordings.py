"""Pictures, depth and cameras that a descriptor learns from, and where two of them show the same place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, inverse, transform_points
from ats_sim.reconstruction.capture.video import Video
from ats_sim.reconstruction.registration.features.maps import working_size
from ats_sim.reconstruction.registration.observation import reliable
from ats_sim.reconstruction.thinning import evenly

SAME_DEPTH = 0.03
SAME_DEPTH_SHARE = 0.02
CANDIDATES = 16
PROBES = 48
LEAST_OVERLAP = 0.25
FARTHEST = 6.0


@dataclass(frozen=True, eq=False)
class PosedRecording:
    """Frames of one recording with cameras that are right relative to each other."""

    video: Video
    """Where the pictures are."""
    frames: Array
    """(N,) which frames."""
    T_frame_camera: Array
    """(N, 4, 4) in whatever frame the group shares."""
    group: int = 0
    """Recordings of one group share their frame: the world where registered, else a recording's own."""

    def thinned(self, count: int) -> PosedRecording:
        """At most `count` frames, evenly."""
        chosen = evenly(len(self.frames), count)
        return replace(self, frames=self.frames[chosen], T_frame_camera=self.T_frame_camera[chosen])


@dataclass(frozen=True, eq=False)
class Pairs:
    """The same places in two pictures of a :class:`Lesson`."""

    first: int
    """Index of a picture."""
    second: int
    """Index of another."""
    pixels: Array
    """(n, 2, 2) float32: pixel in the first, pixel in the second."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """F pictures of one working size with usable depth."""

    rgb: Array
    """(F, h, w, 3) uint8."""
    depth: Array
    """(F, h, w) float32 metres, 0 where unknown, on an edge, or on the agent."""
    intrinsics: tuple[Intrinsics, ...]
    """F cameras at the working size."""
    T_frame_camera: Array
    """(F, 4, 4)."""
    group: Array
    """(F,) which pictures share a frame."""
    recording: Array
    """(F,) which recording."""
    time: Array
    """(F,) seconds within the recording."""
    longest_gap: float
    """Seconds within which a recording's own odometry is trusted to find the same place again."""

    @classmethod
    def of(
        cls,
        recordings: Sequence[PosedRecording],
        *,
        use_masks: bool,
        longest: int,
        multiple: int,
        longest_gap: float = 4.0,
    ) -> Lesson:
        """Read and shrink the frames of all recordings; all get the first one's working size."""
        size = working_size(
            recordings[0].video.intrinsics.width, recordings[0].video.intrinsics.height, longest, multiple
        )
        rgb, depth, intrinsics, numbers, times = [], [], [], [], []
        for number, recording in enumerate(recordings):
            for frame in recording.frames:
                video = recording.video
                mask = video.mask(int(frame)) if use_masks else None
                sensed = video.depth(int(frame))
                sure = np.where(reliable(sensed, mask) & (sensed < FARTHEST), sensed, np.float32(0.0))
                rgb.append(cv2.resize(video.rgb(int(frame)), size, interpolation=cv2.INTER_AREA))
                depth.append(cv2.resize(sure, size, interpolation=cv2.INTER_NEAREST))
                intrinsics.append(video.intrinsics.resized(*size))
                numbers.append(number)
                times.append(float(video.times[int(frame)]))
        return cls(
            np.stack(rgb),
            np.stack(depth),
            tuple(intrinsics),
            np.concatenate([recording.T_frame_camera for recording in recordings]),
            np.array([recordings[number].group for number in numbers]),
            np.array(numbers),
            np.array(times),
            longest_gap,
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that is learnt from."""
        total = hashlib.sha256()
        for part in (self.rgb, self.depth, np.round(self.T_frame_camera, 6), self.group, self.recording, self.time):
            total.update(np.ascontiguousarray(part).tobytes())
        total.update(repr((self.intrinsics, self.longest_gap)).encode())
        return total.hexdigest()

    def pairs(self, rng: np.random.Generator, count: int, *, tries: int = 20) -> Pairs | None:
        """Up to `count` places seen from two random cameras; None where no two pictures show the same.

        Recordings take turns by chance, however long they are. Within a recording the second picture is near in time,
        unless its group is shared by several: then its poses are world poses, right at any distance in time.
        """
        for _ in range(tries):
            home = rng.choice(np.unique(self.recording))
            first = int(rng.choice(np.flatnonzero(self.recording == home)))
            second = self._partner(first, rng)
            if second is None:
                continue
            row, column = np.nonzero(self.depth[first])
            chosen = rng.permutation(len(row))[: 2 * count]
            pixels = np.stack([column[chosen], row[chosen]], axis=1).astype(np.float64)
            there, same = self._project(first, second, pixels)
            if same.sum() >= min(count, 32):
                both = np.stack([pixels[same], there[same]], axis=1)[:count]
                return Pairs(first, second, both.astype(np.float32))
        return None

    def _partner(self, first: int, rng: np.random.Generator) -> int | None:
        shared = self.group == self.group[first]
        near = (self.recording == self.recording[first]) & (
            np.abs(self.time - self.time[first]) < (self.longest_gap if not self._is_world(first) else np.inf)
        )
        allowed = shared & (near | (self.recording != self.recording[first]))
        allowed[first] = False
        candidates = np.flatnonzero(allowed)
        row, column = np.nonzero(self.depth[first])
        if not len(candidates) or not len(row):
            return None
        probe = rng.integers(len(row), size=PROBES)
        pixels = np.stack([column[probe], row[probe]], axis=1).astype(np.float64)
        for second in rng.permutation(candidates)[:CANDIDATES]:
            if self._project(first, int(second), pixels)[1].mean() > LEAST_OVERLAP:
                return int(second)
        return None

    def _is_world(self, first: int) -> bool:
        return len(np.unique(self.recording[self.group == self.group[first]])) > 1

    def _project(self, first: int, second: int, pixels: Array) -> tuple[Array, Array]:
        """Where pixels (n,2) of the first picture are in the second, and where its depth says the same (n,)."""
        camera, other = self.intrinsics[first], self.intrinsics[second]
        u, v = pixels.T
        z = self.depth[first][v.astype(int), u.astype(int)].astype(np.float64)
        local = np.stack([(u - camera.cx) / camera.fl_x * z, (v - camera.cy) / camera.fl_y * z, z], axis=1)
        moved = transform_points(inverse(self.T_frame_camera[second]) @ self.T_frame_camera[first], local)
        x, y, far = other.project(moved)
        inside = (far > 0.1) & (x >= 0) & (y >= 0) & (x <= other.width - 1) & (y <= other.height - 1)
        row, column = (np.where(inside, np.rint(part), 0).astype(int) for part in (y, x))
        seen = self.depth[second][row, column]
        same = inside & (seen > 0) & (np.abs(seen - far) < SAME_DEPTH + SAME_DEPTH_SHARE * far)
        return np.stack([x, y], axis=1), same
