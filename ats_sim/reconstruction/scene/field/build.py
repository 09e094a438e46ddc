"""The neural scene of a reconstruction: the fused newest layout, refined through differentiable rendering."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ats_sim.arrays import Array
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.scene.build import BuiltScene, without_agent
from ats_sim.reconstruction.scene.field.config import FieldConfig, field_config
from ats_sim.reconstruction.scene.field.extraction import sampled
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.field.rays import FeatureMaps, RayBank, gather
from ats_sim.reconstruction.scene.field.storage import field_facts, field_tensors
from ats_sim.reconstruction.scene.field.training import FieldTraining
from ats_sim.reconstruction.scene.fusion import FusedPicture, PosedFrames, pictures
from ats_sim.reconstruction.scene.scene_map import SceneMap


@dataclass(frozen=True, eq=False)
class NeuralScene:
    """A trained field, and the scene that it was sampled into."""

    built: BuiltScene
    """With the field's surface in place of the fused one."""
    field: SceneField
    """The field."""
    config: FieldConfig
    """What it was trained with."""
    cameras: dict[str, Array]
    """T_world_camera (N, 4, 4) of the frames it was learned from, by recording, where they were refined."""

    def write(self, folder: Path) -> None:
        """Write the scene's files, the field beside the volume in scene.safetensors."""
        self.built.write(folder)
        facts = field_facts(self.field, self.config, tuple(self.built.votes.recordings))
        self.built.scene.write(folder / "scene.safetensors", field_tensors(self.field), facts)


def build_neural_scene(
    built: BuiltScene,
    config: ReconstructConfig,
    options: FieldConfig | None = None,
    *,
    features: FeatureMaps | None = None,
    checkpoint: Path | None = None,
) -> NeuralScene:
    """Train a field on the frames that a scene was fused from, and sample it back onto the scene's grid.

    Args:
        built: The fused scene.
        config: Of the reconstruction.
        options: Of the field; by default the preset's.
        features: Dense features of frames, for a field that also has features.
        checkpoint: Where training keeps its state; a checkpoint of the same data and options is gone on from.

    Raises:
        ReconstructionError: If no pixel can be used, or training diverges.
    """
    options = options or field_config(config.preset, seed=config.seed, device=config.device)
    if "code-swapping" in config.ablate:
        options = replace(options, swap=(0.0, 0.0))
    training = FieldTraining(built.scene.volume, ray_bank(built, config, options, features), options)
    training.run(checkpoint)
    scene = SceneMap.of(sampled(training.field, built.scene.volume))
    cameras = training.cameras() if options.refine_poses else {}
    return NeuralScene(replace(built, scene=scene), training.field, options, cameras)


def ray_bank(
    built: BuiltScene, config: ReconstructConfig, options: FieldConfig, features: FeatureMaps | None = None
) -> RayBank:
    """Pixels of the frames that a scene was fused from, without the agent and what contradicts the newest layout."""

    def read(part: PosedFrames) -> Iterable[FusedPicture]:
        fixed = without_agent(part, built.static, config)
        return pictures(part, use_masks=config.masks, static=fixed, label=f"rays of {part.video.name}")

    return gather(
        built.parts,
        read,
        built.scene.volume,
        per_frame=options.pixels_per_frame,
        seed=options.seed,
        features=features,
        blocked=built.layouts.blocked_volume,
        fixed=[part.video.name == built.anchor for part in built.parts],
    )
