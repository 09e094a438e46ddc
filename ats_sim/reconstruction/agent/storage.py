"""The files that hold a reconstructed agent: motion.npz, agent.glb, agent_skeleton.json and agent.safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import atomic_path, write_json
from ats_sim.gltf import write_agent
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.motion import VideoMotion, clips, write_motion
from ats_sim.reconstruction.agent.template import Shape


@dataclass(frozen=True, eq=False)
class AgentReconstruction:
    """The agent's look and motion."""

    skinned: SkinnedMesh
    """Rest mesh with vertex colours, skin and skeleton."""
    motions: dict[str, VideoMotion]
    """By video."""
    shape: Shape
    """How it differs from the template."""
    metrics: dict[str, float]
    """Figures of the fit that need no ground truth."""
    field: Mapping[str, Array] = field(default_factory=dict)
    """Tensors of its neural field, if it has one."""
    textured: SkinnedMesh | None = None
    """The same animal with a texture for its colours, vertices doubled along the cuts; this is what agent.glb shows."""

    def write(self, output: Path) -> None:
        """Write all files, each atomically."""
        output.mkdir(parents=True, exist_ok=True)
        write_motion(output / "motion.npz", self.motions)
        write_json(output / "agent_skeleton.json", self.skinned.skeleton.to_json())
        write_agent(output / "agent.glb", self.textured or self.skinned, clips(self.motions))
        self._write_tensors(output / "agent.safetensors")

    def _write_tensors(self, path: Path) -> None:
        from safetensors.numpy import save_file

        mesh = self.skinned.mesh
        tensors = {
            "log_scales": self.shape.log_scales,
            "log_girths": self.shape.log_girths,
            "offsets": self.shape.offsets,
            "vertices": mesh.vertices,
            "faces": mesh.faces,
            "skin_joints": self.skinned.skin_joints,
            "skin_weights": self.skinned.skin_weights,
            **self.field,
        }
        if mesh.colors is not None:
            tensors["colors"] = mesh.colors
        with atomic_path(path) as temporary:
            save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, temporary)
