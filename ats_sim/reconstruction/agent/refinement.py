"""The fitted agent handed to a neural field and back: body and motion as they are after its training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.evidence import Evidence, Fitted
from ats_sim.reconstruction.agent.field.build import FittedVideo, build_neural_agent
from ats_sim.reconstruction.agent.field.config import AgentFieldConfig, agent_field_config
from ats_sim.reconstruction.agent.field.scene import Surroundings
from ats_sim.reconstruction.registration.features.frames import frame_features
from ats_sim.reconstruction.scene.fusion import PosedFrames
from ats_sim.reconstruction.scene.raycast import Raycaster

if TYPE_CHECKING:
    from ats_sim.reconstruction.config import ReconstructConfig
    from ats_sim.reconstruction.scene.field.rays import FeatureMaps


def refined_by_field(
    found: Sequence[Evidence],
    fitted: Mapping[str, Fitted],
    skinned: SkinnedMesh,
    around: Surroundings,
    caster: Raycaster,
    config: ReconstructConfig,
    symmetric: bool,
    cache: Path | None,
) -> tuple[SkinnedMesh, dict[str, Fitted], dict[str, Array]]:
    """Train a field that begins as the fitted agent.

    Args:
        found: What every video shows.
        fitted: Its motion there, by video.
        skinned: The fitted body.
        around: What it is rendered in.
        caster: The surface of that.
        config: preset sets the effort.
        symmetric: Whether what is seen of one side of the body holds for the other.
        cache: Where training keeps its state, if it is to go on after a stop.

    Returns:
        Body and motion after training, and the field's tensors.
    """
    videos = [_fitted_video(one, fitted[one.video.name]) for one in found]
    checkpoint = None if cache is None else cache / "agent_field.safetensors"
    with _features(found, config, cache) as features:
        neural = build_neural_agent(
            skinned,
            videos,
            around,
            caster,
            _options(config, symmetric),
            features=features,
            checkpoint=checkpoint,
        )
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    motions = {
        one.video.name: Fitted(roots, joints, fitted[one.video.name].support)
        for one, (roots, joints) in zip(found, neural.motions, strict=True)
    }
    return neural.skinned, motions, neural.tensors()


def _fitted_video(one: Evidence, state: Fitted) -> FittedVideo:
    seen = one.sightings
    return FittedVideo(seen.time, seen.seen, state.T_world_root, state.joint_rotations, one.posed(state))


def _options(config: ReconstructConfig, symmetric: bool) -> AgentFieldConfig:
    options = agent_field_config(config.preset, symmetric=symmetric, seed=config.seed, device=config.device)
    return replace(options, swap=(0.0, 0.0)) if "code-swapping" in config.ablate else options


@contextmanager
def _features(found: Sequence[Evidence], config: ReconstructConfig, cache: Path | None) -> Iterator[FeatureMaps | None]:
    """Dense features of the frames with evidence, for the preset that spares nothing: they gain little (RESULTS.md)."""
    if config.preset != "full" or cache is None:
        yield None
        return
    parts = []
    for one in found:
        frames = one.sightings.frames[one.sightings.seen]
        parts.append(PosedFrames(one.video, frames, one.registered.T_world_camera[frames]))
    with frame_features(parts, config, cache / "features") as features:
        yield features
