"""The final scene: walkthrough and accepted videos fused, held-out frames left out, what moved taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.errors import ReconstructionError
from ats_sim.gltf import write_scene
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.reconstruction.scene.fusion import VIDEO_WEIGHT, PosedFrames, empty_volume, fuse, held_out, pictures
from ats_sim.reconstruction.scene.layouts import Layouts
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.regions import RegionVolumes
from ats_sim.reconstruction.scene.scene_map import SceneMap
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from ats_sim.reconstruction.scene.variants import write_variants
from ats_sim.reconstruction.scene.votes import Tally, Votes

LEAST_CONFIDENCE = 0.5
WALKTHROUGH_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class BuiltScene:
    """The newest layout, and how the scene differed before."""

    scene: SceneMap
    """As it stood last."""
    parts: tuple[PosedFrames, ...]
    """What it was made of, in order of capture."""
    static: TsdfVolume | None
    """The walkthrough alone, where there was one."""
    anchor: str
    """The recording whose cameras define the frame."""
    votes: Votes
    """Which recording saw what."""
    layouts: Layouts
    """What was moved between which."""
    variants: dict[str, TriangleMesh]
    """Meshes of the older layouts by name."""

    def write(self, folder: Path) -> None:
        """Write scene.safetensors, scene.glb and variants/."""
        self.scene.write(folder / "scene.safetensors")
        write_scene(folder / "scene.glb", self.scene.mesh)
        write_variants(folder, self.votes, self.layouts, self.variants)


def build_scene(capture: Capture, cameras: Cameras, config: ReconstructConfig) -> BuiltScene:
    """Fuse the walkthrough first (it shows the home without the agent), then of each accepted video the frames that are
    sure, without the agent. Where no mask says which pixels are the agent, what stands in the walkthrough's free space
    is left out, so that only what was taken away changes the layout.

    Raises:
        ReconstructionError: If no frame can be fused.
    """
    config = config.resolved()
    parts = chosen_frames(capture, cameras, config)
    if not parts:
        raise ReconstructionError(f"{capture.folder}: no walkthrough and no registered frame, nothing to fuse")
    volume = empty_volume(parts, config.voxel_size or 0.04)
    votes = Votes.empty(volume.origin, volume.voxel_size, volume.shape)
    static: TsdfVolume | None = None
    for part in parts:
        tally = Tally.empty(volume.shape, volume.voxel_size)
        fuse(volume, part, use_masks=config.masks, static=without_agent(part, static, config), tally=tally)
        votes.add(part.video.name, tally)
        if part.video is capture.walkthrough:
            static = volume.copy()
    layouts = Layouts.of(votes, tell_apart="layouts" not in config.ablate)
    regions = _fused_again(volume, parts, static, layouts, config)
    older = {epoch.name: extract_mesh(regions.layout(volume, epoch)) for epoch in layouts.epochs[:-1]}
    scene = SceneMap.of(regions.layout(volume, layouts.epochs[-1]))
    return BuiltScene(scene, tuple(parts), static, _anchor(capture, cameras), votes, layouts, older)


def without_agent(part: PosedFrames, static: TsdfVolume | None, config: ReconstructConfig) -> TsdfVolume | None:
    """The map against which a recording's agent is told from its furniture; none where masks do that."""
    return None if config.masks and part.video.has_masks else static


def _anchor(capture: Capture, cameras: Cameras) -> str:
    """The walkthrough; scan-free, the video that the others were registered to."""
    if capture.walkthrough is not None:
        return capture.walkthrough.name
    return next((name for name, video in cameras.videos.items() if "anchor" in video.quality), "")


def chosen_frames(capture: Capture, cameras: Cameras, config: ReconstructConfig) -> list[PosedFrames]:
    """The frames that make the scene, by recording in order of capture."""
    budget = config.max_fused_frames or 500
    scan = _walkthrough(capture, budget)
    videos = [] if "videos-in-scene" in config.ablate and scan else _videos(capture, cameras, budget, bool(scan))
    return [*scan, *videos]


def _fused_again(
    volume: TsdfVolume,
    parts: Sequence[PosedFrames],
    static: TsdfVolume | None,
    layouts: Layouts,
    config: ReconstructConfig,
) -> RegionVolumes:
    regions = RegionVolumes(volume, layouts)
    if not layouts.regions:
        return regions
    for recording, part in enumerate(parts):
        fixed = without_agent(part, static, config)
        label = f"layouts of {part.video.name}"
        for picture in pictures(part, use_masks=config.masks, static=fixed, label=label):
            regions.integrate(recording, part, picture)
    return regions


def _walkthrough(capture: Capture, budget: int) -> list[PosedFrames]:
    scan = capture.walkthrough
    if scan is None or scan.T_world_camera is None:
        return []
    everything = PosedFrames(scan, np.arange(len(scan)), scan.T_world_camera)
    return [everything.thinned(max(1, int(budget * WALKTHROUGH_SHARE)))]


def _videos(capture: Capture, cameras: Cameras, budget: int, scanned: bool) -> list[PosedFrames]:
    accepted = [video for video in capture.videos if video.name in cameras.accepted()]
    share = max(1, int(budget * ((1.0 - WALKTHROUGH_SHARE) if scanned else 1.0)) // max(len(accepted), 1))
    parts = []
    for video in accepted:
        estimated = cameras.videos[video.name]
        sure = estimated.registered & (estimated.confidence >= LEAST_CONFIDENCE)
        indices = np.flatnonzero(sure & ~held_out(np.arange(len(video))))
        if len(indices):
            weight = VIDEO_WEIGHT if scanned else 1.0
            parts.append(PosedFrames(video, indices, estimated.T_world_camera[indices], weight).thinned(share))
    return parts
