"""The neural agent of a reconstruction: the fitted body and motion, refined through differentiable rendering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.field.articulation import FittedMotion
from ats_sim.reconstruction.agent.field.config import AgentFieldConfig
from ats_sim.reconstruction.agent.field.extraction import meshed
from ats_sim.reconstruction.agent.field.network import AgentField
from ats_sim.reconstruction.agent.field.rays import gather
from ats_sim.reconstruction.agent.field.scene import Surroundings
from ats_sim.reconstruction.agent.field.training import AgentTraining
from ats_sim.reconstruction.agent.shape import PosedFrames
from ats_sim.reconstruction.scene.field.rays import FeatureMaps
from ats_sim.reconstruction.scene.raycast import Raycaster

LARGE = 100_000


@dataclass(frozen=True, eq=False)
class FittedVideo:
    """One video's fitted frames, those without evidence included."""

    time: Array
    """(F,) seconds."""
    seen: Array
    """(F,) bool."""
    T_world_root: Array
    """(F, 4, 4)."""
    joint_rotations: Array
    """(F, J, 3)."""
    shown: PosedFrames
    """The seen ones, with their pictures."""


@dataclass(frozen=True, eq=False)
class NeuralAgent:
    """A trained field, and what it was turned into."""

    skinned: SkinnedMesh
    """Its surface at rest."""
    motions: list[tuple[Array, Array]]
    """By video, root poses (F, 4, 4) and joint rotations (F, J, 3)."""
    field: AgentField
    """The field."""

    def tensors(self) -> dict[str, Array]:
        """The field's tensors by name, ``field.NAME``; what is large in half precision."""
        out = {}
        for name, tensor in self.field.state_dict().items():
            array = tensor.detach().cpu().numpy()
            out[f"field.{name}"] = array.astype(np.float16) if array.size > LARGE else array
        return out


def build_neural_agent(
    skinned: SkinnedMesh,
    videos: Sequence[FittedVideo],
    scene: Surroundings,
    caster: Raycaster,
    config: AgentFieldConfig,
    *,
    features: FeatureMaps | None = None,
    checkpoint: Path | None = None,
) -> NeuralAgent:
    """Train a field from a fitted body and its motion, and take its surface and poses.

    Args:
        skinned: The fitted body, coloured.
        videos: Its motion.
        scene: What the agent is rendered in.
        caster: The scene's surface.
        config: Options of the field.
        features: Dense features of frames, for a field that also has features.
        checkpoint: Where training keeps its state; a checkpoint of the same data and options is gone on from.

    Raises:
        ReconstructionError: If no pixel can be used, training diverges, or no surface is left.
    """
    sizes = [len(video.time) for video in videos]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    motion = FittedMotion(
        np.repeat(np.arange(len(videos)), sizes),
        np.concatenate([video.time for video in videos]),
        np.concatenate([video.T_world_root for video in videos]),
        np.concatenate([video.joint_rotations for video in videos]),
    )
    places = [start + np.flatnonzero(video.seen) for start, video in zip(starts, videos, strict=False)]
    parts = [video.shown for video in videos]
    rays = gather(
        skinned,
        parts,
        places,
        int(starts[-1]),
        caster,
        per_frame=config.pixels_per_frame,
        seed=config.seed,
        features=features,
    )
    training = AgentTraining(skinned, motion, rays, scene, config)
    training.run(checkpoint)
    roots, joints = training.field.articulation.poses()
    motions = [(roots[a:b], joints[a:b]) for a, b in zip(starts[:-1], starts[1:], strict=True)]
    return NeuralAgent(meshed(training.field, skinned.skeleton), motions, training.field)
