"""A complete home but for its policy: scene, collision, agent, rig, perception volume, manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import atomic_folder
from ats_sim.gltf import Animation, read_agent, write_agent, write_scene
from ats_sim.home import seal_home
from ats_sim.mesh import SkinnedMesh
from ats_sim.reconstruction.agent.motion import VideoMotion, clips, read_motion
from ats_sim.reconstruction.export.collision import collision_mesh, write_obj
from ats_sim.reconstruction.export.frame import home_from_scene
from ats_sim.reconstruction.export.mesh import scene_mesh
from ats_sim.reconstruction.export.perception_volume import perception_volume
from ats_sim.reconstruction.export.recordings import recordings
from ats_sim.reconstruction.export.space import carve
from ats_sim.reconstruction.export.texture import TextureOptions, textured
from ats_sim.reconstruction.export.urdf import write_urdf
from ats_sim.reconstruction.painting.views import View, capture_views
from ats_sim.recorded import FILE as RECORDINGS
from ats_sim.recorded import write_recordings

if TYPE_CHECKING:
    from ats_sim.reconstruction.capture.format import Capture
    from ats_sim.reconstruction.config import ReconstructConfig
    from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
    from ats_sim.reconstruction.scene.scene_map import SceneMap

CLIP_SECONDS, CLIPS = 30.0, 8
"""What a home keeps of the recorded motion as animations: enough to start from and to look at."""


def export_home(capture: Capture, cameras: Cameras, scene: SceneMap, output: Path, config: ReconstructConfig) -> Path:
    """Write `output`/home from a reconstruction whose agent is already in `output` (agent.glb, motion.npz).

    Raises:
        ReconstructionError: If the agent was seen nowhere or the scene has no free space.
        HomeError: If agent.glb is missing or damaged.
    """
    skinned, _ = read_agent(output / "agent.glb")
    return write_home(
        output / "home",
        name=capture.folder.resolve().name,
        cameras=cameras,
        scene=scene,
        skinned=skinned,
        motions=read_motion(output / "motion.npz"),
        walkthrough=None if capture.walkthrough is None else capture.walkthrough.T_world_camera,
        views=capture_views(capture, cameras, use_masks=config.masks),
        texture=TextureOptions(size=config.texture_size),
        provenance={
            "capture": capture.folder.resolve().name,
            "source": capture.provenance,
            "videos": sorted(name for name, video in cameras.videos.items() if video.accepted),
            "reconstruction": {"method": config.method, "preset": config.preset, "seed": config.seed},
        },
    )


def write_home(
    folder: Path,
    *,
    name: str,
    cameras: Cameras,
    scene: SceneMap,
    skinned: SkinnedMesh,
    motions: Mapping[str, VideoMotion],
    walkthrough: Array | None = None,
    views: Sequence[View] = (),
    texture: TextureOptions | None = None,
    provenance: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Path:
    """Write a home folder; an old one is replaced only when the new one is whole.

    Args:
        folder: Where to, such as RECON/home.
        name: What the home is called.
        cameras: Registered cameras of the videos (an entry for the walkthrough is welcome and not needed).
        scene: The static scene.
        skinned: The agent at rest.
        motions: Its motion by video, scene frame.
        walkthrough: (N, 4, 4) cameras of the walkthrough, where there was one: people stood there too.
        views: Frames to paint the scene from, scene frame; what none of them shows keeps the scene's own colours.
        texture: Size of the scene's texture and the effort put into it.
        provenance: How the home was made, plain JSON.
        metrics: How good it is, plain JSON.

    Raises:
        ReconstructionError: If the agent was seen nowhere or the scene has no free space.
    """
    T_home_scene = home_from_scene(scene.mesh, scene.floor_height)
    roots = _roots(motions, T_home_scene)
    watching, seconds = _observer(cameras, set(motions), T_home_scene)
    people = watching if walkthrough is None else np.concatenate([watching, T_home_scene @ walkthrough])
    space = carve(scene.volume, T_home_scene, roots[:, :3, 3], people[:, :3, 3])
    volume = perception_volume(space, roots, watching, seconds)
    plain = scene_mesh(scene.mesh.transformed(T_home_scene), space)
    mesh = textured(plain, [view.moved(T_home_scene) for view in views], texture)
    with atomic_folder(folder) as temporary:
        write_scene(temporary / "scene.glb", mesh)
        shell = collision_mesh(volume.sdf.astype(np.float32), volume.sdf_origin, volume.sdf_voxel_size)
        write_obj(temporary / "collision.obj", shell)
        write_agent(temporary / "agent.glb", skinned, _clips(motions, T_home_scene))
        write_urdf(temporary / "agent.urdf", skinned)
        volume.write(temporary / "perception.npz")
        write_recordings(temporary / RECORDINGS, recordings(cameras, motions, T_home_scene))
        seal_home(
            temporary,
            name=name,
            skeleton=skinned.skeleton,
            T_home_scene=T_home_scene,
            provenance=dict(provenance or {}),
            metrics={**(metrics or {}), **_room_metrics(volume.sample_sdf(roots[:, :3, 3]))},
        )
    return folder


def _roots(motions: Mapping[str, VideoMotion], T_home_scene: Array) -> Array:
    """All valid root poses (N, 4, 4) in the home frame."""
    found = [motion.T_world_root[motion.valid] for motion in motions.values()]
    roots = np.concatenate(found) if found else np.zeros((0, 4, 4))
    if not len(roots):
        raise ReconstructionError(
            "the agent was seen in no video, so the home would be empty; give masks or more video"
        )
    return np.asarray(T_home_scene @ roots)


def _observer(cameras: Cameras, names: set[str], T_home_scene: Array) -> tuple[Array, Array]:
    """Registered cameras (M, 4, 4) of the videos in the home frame, and the seconds (M,) each stands for."""
    poses, seconds = [], []
    for name, video in cameras.videos.items():
        if name in names and video.accepted:
            poses.append(video.T_world_camera[video.registered])
            seconds.append(_durations(video)[video.registered])
    if not poses or not len(np.concatenate(poses)):
        raise ReconstructionError("no video was registered, so nothing is known of the observer")
    return np.asarray(T_home_scene @ np.concatenate(poses)), np.concatenate(seconds)


def _durations(video: RegisteredVideo) -> Array:
    steps = np.diff(video.times)
    return np.append(steps, np.median(steps) if len(steps) else 0.1)


def _clips(motions: Mapping[str, VideoMotion], T_home_scene: Array) -> list[Animation]:
    kept = clips(dict(motions), longest=CLIP_SECONDS, count=CLIPS)
    return [Animation(c.name, c.time, T_home_scene @ c.T_world_root, c.joint_rotations) for c in kept]


def _room_metrics(room: Array) -> dict[str, float]:
    """Whether recorded roots lie in free space: a reconstruction that says otherwise is wrong somewhere."""
    return {"agent_root_in_free_space": float((room > 0).mean()), "agent_root_room_m": float(np.percentile(room, 10))}
