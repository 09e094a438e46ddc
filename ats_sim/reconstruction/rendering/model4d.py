"""The reconstructed world at a moment: the static scene and the posed agent, seen from any camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from ats_sim.arrays import Array, checked
from ats_sim.errors import ReconstructionError
from ats_sim.files import read_npz
from ats_sim.geometry import Intrinsics, exp_so3, interpolate_poses, log_so3
from ats_sim.gltf import read_agent, read_scene
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.variants import SCENE, read_variants

LONGEST_GAP = 0.35


@dataclass(frozen=True, eq=False)
class Motion:
    """The agent's motion in one video on the behaviour clock."""

    time: Array
    """(N,) seconds."""
    T_world_root: Array
    """(N, 4, 4)."""
    joint_rotations: Array
    """(N, J, 3) axis-angle."""
    valid: Array
    """(N,) bool; elsewhere the pose is a guess."""

    def at(self, time: float) -> tuple[Array, Array] | None:
        """Root (4,4) and joints (J,3) at a time, or None where there is no valid pose within 0.35 s."""
        sure = np.flatnonzero(self.valid)
        if not len(sure) or np.abs(self.time[sure] - time).min() > LONGEST_GAP:
            return None
        moment = np.clip(time, self.time[sure[0]], self.time[sure[-1]])
        after = int(np.clip(np.searchsorted(self.time[sure], moment), 1, max(len(sure) - 1, 1)))
        if len(sure) == 1:
            return self.T_world_root[sure[0]], self.joint_rotations[sure[0]]
        first, second = sure[after - 1], sure[after]
        root = interpolate_poses(self.time[[first, second]], self.T_world_root[[first, second]], np.array([moment]))[0]
        share = (moment - self.time[first]) / (self.time[second] - self.time[first])
        start = exp_so3(self.joint_rotations[first])
        turn = log_so3(np.swapaxes(start, 1, 2) @ exp_so3(self.joint_rotations[second]))
        return root, log_so3(start @ exp_so3(share * turn))


def read_motions(path: Path) -> dict[str, Motion]:
    """Read motion.npz.

    Raises:
        ReconstructionError: If the file is missing or an array is.
    """
    arrays = read_npz(path, ReconstructionError)
    motions = {}
    for name in sorted({key.rsplit("/", 1)[0] for key in arrays if "/" in key}):
        try:
            time, root, joints, valid = (
                arrays[f"{name}/{part}"] for part in ("time", "T_world_root", "joint_rotations", "valid")
            )
        except KeyError as missing:
            raise ReconstructionError(f"{path}: lacks {missing}; run the reconstruction again") from missing
        count = len(time)
        motions[name] = Motion(
            checked(f"{name}/time", time, (count,)),
            checked(f"{name}/T_world_root", root, (count, 4, 4)),
            checked(f"{name}/joint_rotations", joints, (count, None, 3)),
            valid.astype(bool),
        )
    return motions


@dataclass(frozen=True, eq=False)
class View:
    """A rendered picture."""

    rgb: Array
    """(H, W, 3) uint8, black where the model has nothing."""
    depth: Array
    """(H, W) float32 metres, 0 where the model has nothing."""
    mask: Array
    """(H, W) bool, the agent."""


class Model4D:
    """A scene, an agent (or none) and its motions by video.

    `layouts` are the scene as it stood in some of the videos, where it differed from how it stood last.
    """

    def __init__(
        self,
        scene: TriangleMesh,
        agent: SkinnedMesh | None,
        motions: dict[str, Motion],
        layouts: Mapping[str, TriangleMesh] | None = None,
    ) -> None:
        self._scene = Raycaster(scene)
        # Videos of one epoch share a mesh: build one caster for each.
        casters = {id(mesh): Raycaster(mesh) for mesh in (layouts or {}).values()}
        self._layouts = {name: casters[id(mesh)] for name, mesh in (layouts or {}).items()}
        self.agent = agent
        self.motions = motions

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read scene.glb, variants, agent.glb and motion.npz of a reconstruction; without an agent it is the scene."""
        agent_path = folder / "agent.glb"
        agent = read_agent(agent_path)[0] if agent_path.is_file() else None
        motions = read_motions(folder / "motion.npz") if agent is not None else {}
        layouts: dict[str, TriangleMesh] = {}
        for variant in read_variants(folder):
            if variant.mesh != SCENE:
                layouts |= dict.fromkeys(variant.recordings, read_scene(folder / variant.mesh))
        return cls(read_scene(folder / "scene.glb"), agent, motions, layouts)

    def render(self, intrinsics: Intrinsics, T_world_camera: Array, video: str, time: float) -> View:
        """What a camera sees at a time (s) of a video."""
        depth, _, rgb = self._layouts.get(video, self._scene).render(intrinsics, T_world_camera)
        mask = np.zeros(depth.shape, dtype=bool)
        pose = self.motions[video].at(time) if video in self.motions else None
        if self.agent is None or pose is None:
            return View(rgb, depth, mask)
        posed = replace(self.agent.mesh, vertices=self.agent.posed(*pose))
        agent_depth, _, agent_rgb = Raycaster(posed).render(intrinsics, T_world_camera)
        mask = (agent_depth > 0) & ((depth == 0) | (agent_depth < depth))
        return View(np.where(mask[..., None], agent_rgb, rgb), np.where(mask, agent_depth, depth), mask)


def write_renders(folder: Path, cameras: Cameras, model: Model4D) -> None:
    """Write renders/VIDEO/{rgb,depth,mask}/000000.png from the estimated cameras of all accepted videos."""
    import cv2

    from ats_sim.files import atomic_folder
    from ats_sim.progress import track

    for name, video in cameras.accepted().items():
        with atomic_folder(folder / "renders" / name) as temporary:
            for kind in ("rgb", "depth", "mask"):
                (temporary / kind).mkdir()
            for i in track(range(len(video.times)), f"render {name}"):
                view = model.render(video.intrinsics, video.T_world_camera[i], name, float(video.times[i]))
                cv2.imwrite(str(temporary / "rgb" / f"{i:06d}.png"), view.rgb[..., ::-1])
                depth = np.rint(np.minimum(view.depth * 1000.0, 65535)).astype(np.uint16)
                cv2.imwrite(str(temporary / "depth" / f"{i:06d}.png"), depth)
                cv2.imwrite(str(temporary / "mask" / f"{i:06d}.png"), view.mask.astype(np.uint8) * 255)
