"""Bundle adjustment as a step of registration: what was registered is adjusted, and kept where it fits no worse."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import geodesic_angle
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.adjustment.bundle_adjustment import Adjuster
from ats_sim.reconstruction.registration.adjustment.config import AdjustmentConfig
from ats_sim.reconstruction.registration.adjustment.strand import Strand
from ats_sim.reconstruction.registration.cameras import RegisteredVideo
from ats_sim.reconstruction.registration.features.prepare import MAPS, prepare_features
from ats_sim.reconstruction.registration.features.recordings import PosedRecording
from ats_sim.reconstruction.registration.verifier import Verdict, verify
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

SURE_SURFACE = 0.9
TOLERATED = 0.02


def adjusts(config: ReconstructConfig) -> bool:
    """Whether these options ask for bundle adjustment."""
    return config.method == "full" and "feature-ba" not in config.ablate


def adjust_registered(
    capture: Capture,
    base: TsdfVolume,
    done: Mapping[str, RegisteredVideo],
    config: ReconstructConfig,
    cache: Path | None = None,
) -> dict[str, RegisteredVideo]:
    """All videos with the accepted ones' cameras adjusted together.

    Args:
        capture: The recordings.
        base: The map of the walkthrough (or the anchor video) alone.
        done: Every video as registered so far.
        config: Options; "photometric-ba" among the ablations compares colours in place of features.
        cache: Where features and their training are kept; by default nowhere.
    """
    if cache is None:
        with TemporaryDirectory(prefix="ats-features-") as folder:
            return adjust_registered(capture, base, done, config, Path(folder))
    fixed, moving = _strands(capture, done, config)
    if not moving:
        return dict(done)
    features = prepare_features(config, _recordings(fixed, moving, done), cache / "features")
    photometric = "photometric-ba" in config.ablate
    settings = AdjustmentConfig(
        unit=not photometric,
        exposure=photometric,
        sigma=0.06 if photometric else AdjustmentConfig.sigma,
        workers=config.workers if config.device == "cpu" else 1,
        use_masks=config.masks,
        seed=config.seed,
    )
    adjusted = Adjuster(features, base, [fixed], settings).adjust(moving)
    # Maps are large and quickly made again; what was learnt stays.
    shutil.rmtree(cache / "features" / MAPS, ignore_errors=True)
    out = dict(done)
    for before, after in zip(moving, adjusted, strict=True):
        out[after.name] = _kept(done[after.name], before, after, base, config)
    return out


def _strands(
    capture: Capture, done: Mapping[str, RegisteredVideo], config: ReconstructConfig
) -> tuple[Strand, list[Strand]]:
    accepted = [video for video in capture.videos if done[video.name].accepted]
    moving = [Strand.of(video, done[video.name]) for video in accepted if "anchor" not in done[video.name].quality]
    if capture.walkthrough is not None:
        fixed = Strand.fixed(capture.walkthrough, config.max_keyframes or len(capture.walkthrough), whole=True)
    else:
        anchor = next(video for video in accepted if "anchor" in done[video.name].quality)
        fixed = Strand.fixed(anchor, config.max_keyframes or len(anchor), whole=False)
    return fixed, [strand for strand in moving if len(strand.frames)]


def _recordings(fixed: Strand, moving: list[Strand], done: Mapping[str, RegisteredVideo]) -> list[PosedRecording]:
    """What the descriptor learns from; videos that surely fit also learn across recordings."""
    recordings = [_recording(fixed, 0)]
    for group, strand in enumerate(moving, start=1):
        sure = done[strand.name].quality.get("surface", 0.0) >= SURE_SURFACE
        recordings.append(_recording(strand, 0 if sure else group))
    return [recording for recording in recordings if len(recording.frames)]


def _recording(strand: Strand, group: int) -> PosedRecording:
    return PosedRecording(strand.video, strand.frames[strand.shown], strand.T_world_camera[strand.shown], group)


def _kept(
    registered: RegisteredVideo, before: Strand, after: Strand, base: TsdfVolume, config: ReconstructConfig
) -> RegisteredVideo:
    points, colors = before.surface_points(use_masks=config.masks)
    old, new = (verify(base, points, colors, strand.T_world_camera) for strand in (before, after))
    if not _no_worse(old, new):
        return replace(registered, quality={**registered.quality, "adjusted_m": 0.0, "adjusted_deg": 0.0})
    poses = after.every_frame(registered)
    return replace(registered, T_world_camera=poses, quality={**registered.quality, **_shift(before, after)})


def _no_worse(old: Verdict, new: Verdict) -> bool:
    return (not new.reason or bool(old.reason)) and new.score >= old.score - TOLERATED


def _shift(before: Strand, after: Strand) -> dict[str, float]:
    a, b = before.T_world_camera, after.T_world_camera
    turn: Array = geodesic_angle(a[:, :3, :3], b[:, :3, :3])
    return {
        "adjusted_m": float(np.linalg.norm(a[:, :3, 3] - b[:, :3, 3], axis=1).mean()),
        "adjusted_deg": float(np.degrees(turn.mean())),
    }
