"""A recording as bundle adjustment sees it: chosen frames, their cameras, and how they moved between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.reconstruction.capture.video import Video
from ats_sim.reconstruction.registration.adjustment.gravity_term import GravityTerm
from ats_sim.reconstruction.registration.adjustment.moved_places import MovedPlaces
from ats_sim.reconstruction.registration.cameras import RegisteredVideo
from ats_sim.reconstruction.registration.keyframes import choose_keyframes
from ats_sim.reconstruction.registration.observation import POINTS, surface_points
from ats_sim.reconstruction.registration.odometry import PHONE_DRIFT, Odometry, device_odometry, drift_beside
from ats_sim.reconstruction.registration.trajectory import RelativeMotion, spread_correction
from ats_sim.reconstruction.scene.fusion import held_out
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.thinning import evenly

NOWHERE = MovedPlaces(np.zeros(0, np.int64))
VISUAL_SIGMA = (0.01, np.radians(0.3))


@dataclass(frozen=True, eq=False)
class Strand:
    """Keyframes of one recording."""

    video: Video
    """Where the pictures are."""
    frames: Array
    """(K,) frame indices, rising."""
    T_world_camera: Array
    """(K, 4, 4) present estimate."""
    odometry: Odometry
    """Of all N frames of the recording; segments are runs of frames that hang together."""
    elsewhere: MovedPlaces = NOWHERE
    """Where things stood elsewhere than in the map."""
    doubt: float = 1.0
    """How many times as much as a phone's the odometry drifts, as far as registration tells."""
    whole: bool = False
    """Whether every frame may enter the map: a walkthrough's may, of a video some are held out for evaluation."""

    @property
    def shown(self) -> Array:
        """Which of the keyframes may enter the map."""
        return np.flatnonzero(~held_out(self.frames) | self.whole)

    @property
    def name(self) -> str:
        """The recording's name."""
        return self.video.name

    @classmethod
    def of(cls, video: Video, cameras: RegisteredVideo) -> Strand:
        """The registered keyframes of a video. Without a device's odometry the registered poses themselves say how it
        moved: they were refined from visual odometry."""
        if video.T_world_camera is not None:
            odometry = device_odometry(video.T_world_camera, video.times)
        else:
            lost = np.concatenate([[0], np.cumsum(cameras.registered[1:] != cameras.registered[:-1])])
            position, rotation = (np.full(max(len(video) - 1, 0), sigma) for sigma in VISUAL_SIGMA)
            odometry = Odometry(cameras.T_world_camera, lost, position, rotation, gravity=False)
        keyframes = choose_keyframes(odometry.T_odometry_camera, video.times)
        keyframes = keyframes[cameras.registered[keyframes]]
        placed = np.flatnonzero(cameras.registered)
        drift = drift_beside(cameras.T_world_camera[placed], odometry.part(placed))
        return cls(video, keyframes, cameras.T_world_camera[keyframes], odometry, doubt=max(1.0, drift / PHONE_DRIFT))

    @classmethod
    def fixed(cls, video: Video, most: int, *, whole: bool) -> Strand:
        """At most `most` frames, evenly, of a recording whose own poses define the scene frame.

        Raises:
            ReconstructionError: If it has no poses.
        """
        if video.T_world_camera is None:
            raise ReconstructionError(f"{video.folder}: has no poses, so it cannot define the scene frame")
        frames = evenly(len(video), most)
        odometry = device_odometry(video.T_world_camera, video.times)
        return cls(video, frames, video.T_world_camera[frames], odometry, whole=whole)

    def moved(self, T_world_camera: Array) -> Strand:
        """The same frames with other cameras (K,4,4)."""
        return replace(self, T_world_camera=T_world_camera)

    def beside(self, volume: TsdfVolume, *, use_masks: bool) -> Strand:
        """The same, knowing where it contradicts a map as it stands now."""
        points, _ = self.surface_points(use_masks=use_masks)
        return replace(self, elsewhere=MovedPlaces.of(volume, points, self.T_world_camera))

    def motion(self) -> RelativeMotion:
        """What odometry says of the steps between keyframes."""
        part = self.odometry.part(self.frames)
        motion = RelativeMotion.of(part.T_odometry_camera, part.segment, part.sigma_position, part.sigma_rotation)
        return motion.doubted(self.doubt)

    def gravity(self) -> GravityTerm | None:
        """What the device felt of the vertical, where it did."""
        return GravityTerm.of(self.odometry.T_odometry_camera[self.frames]) if self.odometry.gravity else None

    def surface_points(self, *, use_masks: bool) -> tuple[Array, Array]:
        """Depth points (K,P,3) of the keyframes, camera frame, NaN where there are fewer, and their colours (K,P,3)."""
        points = np.full((len(self.frames), POINTS, 3), np.nan)
        colors = np.zeros(points.shape, np.uint8)
        for i, frame in enumerate(self.frames):
            mask = self.video.mask(int(frame)) if use_masks else None
            points[i], colors[i] = surface_points(
                self.video.rgb(int(frame)), self.video.depth(int(frame)), self.video.intrinsics, mask
            )
        return points, colors

    def every_frame(self, cameras: RegisteredVideo) -> Array:
        """Poses (N,4,4) of all frames: those of a segment with keyframes follow them, the others stay."""
        poses = cameras.T_world_camera.copy()
        segment = self.odometry.segment
        for number in np.unique(segment[self.frames]):
            inside = np.flatnonzero(segment[self.frames] == number)
            whole = np.flatnonzero((segment == number) & cameras.registered)
            first = whole[0]
            span = np.arange(first, whole[-1] + 1)
            spread = spread_correction(
                self.T_world_camera[inside], self.frames[inside] - first, self.odometry.T_odometry_camera[span]
            )
            poses[whole] = spread[whole - first]
        return poses
