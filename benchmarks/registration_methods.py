"""The methods that registration tables compare: how videos are placed, and how their cameras are then adjusted.

Every method is a way to place videos (keypoints, shape, a localizer; consensus or the best frame) followed by none,
feature-metric or photometric bundle adjustment. Methods that place videos alike share that work, and each is charged
for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import read_json, write_json
from ats_sim.geometry import rigid, yaw_matrix
from ats_sim.reconstruction.capture.format import Capture, Video
from ats_sim.reconstruction.config import Preset, ReconstructConfig
from ats_sim.reconstruction.registration.adjustment.stage import adjust_registered
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.registration.register import place
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.scores.registration import rigid_alignment
from benchmarks.known_cameras import truth_of, walkthrough_of
from benchmarks.registration_rows import Row, anchor_alignment, cpu_seconds, scored

Adjustment = Literal["none", "features", "photometric"]
FULL = ReconstructConfig(method="full", workers=1)
CLASSICAL = ReconstructConfig(workers=1)
PLACED: Mapping[str, ReconstructConfig] = {
    "classical": CLASSICAL,
    "full": FULL,
    "best frame": replace(FULL, ablate=("consensus",)),
    "localizer alone": replace(FULL, hypotheses=("neural",)),
    "regression": replace(FULL, hypotheses=("regression",), ablate=("consensus",)),
    "consensus, coarse": replace(FULL, ablate=("refinement",)),
    "best frame, coarse": replace(FULL, ablate=("consensus", "refinement")),
    "localizer alone, coarse": replace(FULL, hypotheses=("neural",), ablate=("refinement",)),
    "regression, coarse": replace(FULL, hypotheses=("regression",), ablate=("consensus", "refinement")),
}
METHODS: Mapping[str, tuple[str, Adjustment]] = {
    "classical": ("classical", "none"),
    "w/o localizer": ("classical", "features"),
    "full": ("full", "features"),
    "w/o feature-metric BA": ("full", "none"),
    "photometric BA": ("full", "photometric"),
    "best frame instead of consensus": ("best frame", "features"),
    "TotalRecon-style, one video": ("alone", "none"),
    "TotalRecon-style, all videos": ("as told", "features"),
    "best frame, no refinement, no BA": ("best frame, coarse", "none"),
    "consensus, no refinement, no BA": ("consensus, coarse", "none"),
    "localizer instead of keypoints and shape": ("localizer alone", "features"),
    "direct regression, best frame": ("regression", "features"),
    "direct regression, best frame, no refinement, no BA": ("regression, coarse", "none"),
}
"""How each method places videos, and how it adjusts them."""


@dataclass(frozen=True, eq=False)
class Bench:
    """One capture and a folder for what its methods share."""

    capture: Capture
    folder: Path
    preset: Preset = "default"
    _base: list[TsdfVolume] = field(default_factory=list)

    def measure(self, method: str) -> Row:
        """Errors and CPU seconds of one method."""
        found, cpu = self.cameras(method)
        alignment = None if self.capture.walkthrough is not None else anchor_alignment(self.capture, found)
        return {**scored(self.capture, found, alignment), "cpu_s": cpu}

    def cameras(self, method: str) -> tuple[dict[str, RegisteredVideo], float]:
        """Every video by a method, and its CPU seconds."""
        how, adjustment = METHODS[method]
        how = self._same_as(how)
        found, cpu = self._kept(how, partial(self._placed, how))
        if adjustment == "none":
            return found, cpu
        name = f"{how} {adjustment}"
        if not self._path(name).is_file():
            # Registration has that map at hand, so that making it again is not charged.
            self._map(found)
        adjusted, more = self._kept(name, partial(self._adjusted, found, adjustment))
        return adjusted, cpu + more

    def _same_as(self, how: str) -> str:
        """The localizer is learnt where a video is left over; where the classical ways place every video, what is run
        is the same, seed and order included, and need not be run twice."""
        if how == "full":
            found, _ = self._kept("classical", partial(self._placed, "classical"))
            return "classical" if all(cameras.accepted for cameras in found.values()) else how
        return how

    def _kept(
        self, name: str, make: Callable[[], dict[str, RegisteredVideo]]
    ) -> tuple[dict[str, RegisteredVideo], float]:
        """Cameras from disk, or made and written there; and the CPU seconds it took to make them."""
        path = self._path(name)
        clock = path.with_suffix(".cpu.json")
        if not clock.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            began = cpu_seconds()
            Cameras(make()).write(path)
            write_json(clock, {"cpu_s": cpu_seconds() - began})
        record = read_json(clock, ReconstructionError)
        return Cameras.read(path).videos, float(record["cpu_s"])

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.replace(', ', '-').replace(' ', '-')}.json"

    def _placed(self, how: str) -> dict[str, RegisteredVideo]:
        if how in ("alone", "as told"):
            place_one = _alone if how == "alone" else self._as_told
            return {video.name: place_one(video) for video in self.capture.videos}
        config = replace(PLACED[how], preset=self.preset)
        # A cache of its own: every method pays for the learning that it needs.
        with TemporaryDirectory() as cache:
            found, base = place(self.capture, config, Path(cache))
        # Where nothing will be adjusted, the map that comes back has grown.
        self._base[:] = [base] if config.method == "full" else self._base
        return found

    def _adjusted(self, found: Mapping[str, RegisteredVideo], adjustment: Adjustment) -> dict[str, RegisteredVideo]:
        base = self._map(found)
        ablate: tuple[Literal["photometric-ba"], ...] = ("photometric-ba",) if adjustment == "photometric" else ()
        settings = replace(FULL, preset=self.preset, ablate=ablate).resolved()
        return adjust_registered(self.capture, base, found, settings)

    def _map(self, found: Mapping[str, RegisteredVideo]) -> TsdfVolume:
        """What the walkthrough (or the anchor) alone made; registration makes it as its first step."""
        if not self._base:
            anchors = tuple(video for video in self.capture.videos if "anchor" in found[video.name].quality)
            self._base.append(place(replace(self.capture, videos=anchors), replace(FULL, preset=self.preset))[1])
        return self._base[0]

    def _as_told(self, video: Video) -> RegisteredVideo:
        """The device's own poses, put down where the walkthrough began: what joint reconstruction (TotalRecon, Song et
        al. 2023, given all videos) starts from where nothing localizes them."""
        start = walkthrough_of(self.capture).T_world_camera[0]
        if video.T_world_camera is None:
            return _registered(video, np.tile(np.eye(4), (len(video), 1, 1)), accepted=False)
        first = video.T_world_camera[0]
        turn = yaw_matrix(_heading(start) - _heading(first))
        return _registered(video, rigid(turn, start[:3, 3] - turn @ first[:3, 3]) @ video.T_world_camera)


def _alone(video: Video) -> RegisteredVideo:
    """The device's own poses, moved rigidly onto the TRUTH: a video by itself has no place in the scene, so that this
    is what is left to such methods at best, the drift."""
    if video.T_world_camera is None:
        return _registered(video, np.tile(np.eye(4), (len(video), 1, 1)), accepted=False)
    return _registered(video, rigid_alignment(video.T_world_camera, truth_of(video)) @ video.T_world_camera)


def _heading(T_world_camera: Array) -> float:
    return float(np.arctan2(T_world_camera[1, 2], T_world_camera[0, 2]))


def _registered(video: Video, poses: Array, *, accepted: bool = True) -> RegisteredVideo:
    ones = np.ones(len(video))
    reason = "" if accepted else "it has no odometry"
    return RegisteredVideo(accepted, reason, video.intrinsics, video.times, poses, ones, ones.astype(bool), {})
