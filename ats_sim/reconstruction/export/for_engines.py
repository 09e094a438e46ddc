"""A home for other engines: the same room and animal in the formats and levels of detail that they ask for."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.files import atomic_folder
from ats_sim.gltf import write_scene
from ats_sim.home import Home
from ats_sim.reconstruction.export.convex import convex_parts, write_parts
from ats_sim.reconstruction.export.lods import SHARES, scene_lods
from ats_sim.reconstruction.export.srdf import write_srdf
from ats_sim.reconstruction.export.urdf_hinges import write_hinge_urdf

MARK = "agent_hinges.urdf"
"""A file that only exports have."""


def export_for_engines(
    home: Home, folder: Path, *, shares: Sequence[float] = SHARES, report: Callable[[str], None] = print
) -> Path:
    """Write a folder of files for other engines; an old one is replaced only when the new one is whole.

    | file | what it is |
    |---|---|
    | `scene.glb`, `agent.glb`, `collision.obj`, `agent.urdf` | as in the home |
    | `scene_lod1.glb`, ... | the scene with fewer triangles, one per share |
    | `collision_parts.obj` | the solid as convex parts, an object each |
    | `agent_hinges.urdf`, `agent.srdf` | the rig with limited hinges, and the links that may overlap |
    | `scene.usdc`, `agent.usdc` with `scene.jpg`, `agent.jpg` | the same as USD, where usd-core is installed |

    Args:
        home: What to write.
        folder: Where to.
        shares: Triangles of the scene's copies, as shares of its own.
        report: Is told what is written.

    Raises:
        HomeError: If the home is damaged.
        ConfigError: If the folder holds something else, which would be lost.
    """
    if folder.exists() and not (folder / MARK).is_file():
        raise ConfigError(f"{folder}: is there and no earlier export; name another folder")
    with atomic_folder(folder) as temporary:
        for path in (home.file("scene.glb"), home.file("agent.glb"), home.urdf_path, *home.collision_paths):
            shutil.copy(path, temporary / path.name)
        report("scene and animal as they are: scene.glb, agent.glb, agent.urdf, " + home.collision_paths[0].name)
        for level, copy in enumerate(scene_lods(home.scene, shares), 1):
            write_scene(temporary / f"scene_lod{level}.glb", copy)
            report(f"scene_lod{level}.glb: {len(copy.faces)} of {len(home.scene.faces)} triangles")
        volume = home.perception
        parts = convex_parts(volume.sdf.astype(np.float32), volume.sdf_origin, volume.sdf_voxel_size)
        write_parts(temporary / "collision_parts.obj", parts)
        report(f"collision_parts.obj: {len(parts)} convex parts")
        recorded = recorded_stretches(home)
        write_hinge_urdf(temporary / MARK, home.agent, recorded)
        write_srdf(temporary / "agent.srdf", home.agent, np.concatenate(recorded))
        report("agent_hinges.urdf, agent.srdf: hinges with limits")
        _write_usd(home, temporary, report)
    return folder


def recorded_stretches(home: Home) -> list[Array]:
    """Joint rotations (N, J, 3) of the stretches that were seen without a gap, at 10 Hz; a pose at rest if none was."""
    found: list[Array] = []
    for recording in home.recordings:
        ends = np.flatnonzero(np.diff(recording.valid.astype(int))) + 1
        runs = zip(np.split(recording.joint_rotations, ends), np.split(recording.valid, ends), strict=True)
        found += [rotations for rotations, valid in runs if valid[0]]
    return found or [np.zeros((1, home.skeleton.num_joints, 3))]


def _write_usd(home: Home, folder: Path, report: Callable[[str], None]) -> None:
    if importlib.util.find_spec("pxr") is None:
        report('no USD: pip install "ats-sim[engines]" brings usd-core')
        return
    from ats_sim.reconstruction.export.usd import write_usd_scene
    from ats_sim.reconstruction.export.usd_agent import write_usd_agent

    write_usd_scene(folder / "scene.usdc", home.scene)
    write_usd_agent(folder / "agent.usdc", home.agent, home.animations)
    report("scene.usdc, agent.usdc: USD, metres, z up")
