"""The explicit scene: fused volume, its mesh and the floor, written to and read from scene.safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import atomic_path
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.scene.floor import floor_height
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

FORMAT = "ats-scene-tsdf/1"
TENSORS = ("distance", "weight", "color", "origin", "scalars")


@dataclass(frozen=True, eq=False)
class SceneMap:
    """The static scene in the world frame."""

    volume: TsdfVolume
    """Distances, weights, colours."""
    mesh: TriangleMesh
    """Its surface with vertex colours."""
    floor_height: float
    """World z of the main floor, metres."""

    @classmethod
    def of(cls, volume: TsdfVolume) -> SceneMap:
        """Mesh a fused volume and find its floor.

        Raises:
            ReconstructionError: If nothing was fused or nothing in it is level.
        """
        mesh = extract_mesh(volume)
        if not len(mesh.faces):
            raise ReconstructionError("the fused scene is empty: no depth agrees with the poses; check depth units")
        return cls(volume, mesh, floor_height(mesh))

    def write(
        self, path: Path, extra: Mapping[str, Array] | None = None, facts: Mapping[str, str] | None = None
    ) -> None:
        """Write the volume as tensors (half precision), atomically; `extra` tensors and `facts` stand beside them."""
        volume = self.volume
        tensors = {
            "distance": volume.distance.astype(np.float16),
            "weight": volume.weight.astype(np.float16),
            "color": np.rint(volume.color).clip(0, 255).astype(np.uint8),
            "origin": volume.origin,
            "scalars": np.array([volume.voxel_size, volume.truncation, self.floor_height]),
        }
        with atomic_path(path) as temporary:
            contiguous = {name: np.ascontiguousarray(t) for name, t in {**tensors, **(extra or {})}.items()}
            save_file(contiguous, temporary, {**(facts or {}), "format": FORMAT})

    @classmethod
    def read(cls, path: Path) -> SceneMap:
        """Read back what :meth:`write` wrote and mesh it again.

        Raises:
            ReconstructionError: If the file is missing or not of this format.
        """
        try:
            with safe_open(path, framework="numpy") as stored:
                if (stored.metadata() or {}).get("format") != FORMAT:
                    raise ReconstructionError(f"{path}: not an {FORMAT!r} file; run the reconstruction again")
                tensors = {name: stored.get_tensor(name) for name in TENSORS}
            voxel_size, truncation, floor = (float(x) for x in tensors["scalars"])
            volume = TsdfVolume(
                tensors["origin"],
                voxel_size,
                truncation,
                tensors["distance"].astype(np.float32),
                tensors["weight"].astype(np.float32),
                tensors["color"].astype(np.float32),
            )
        except FileNotFoundError as missing:
            raise ReconstructionError(f"{path}: no such file; run the reconstruction first") from missing
        except (OSError, SafetensorError, KeyError, ValueError) as broken:
            raise ReconstructionError(f"{path}: not a readable scene ({broken})") from broken
        return cls(volume, extract_mesh(volume), floor)
