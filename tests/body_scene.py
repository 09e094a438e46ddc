"""A body with known bones that walks through a known room, filmed by somebody who moves: a capture of one video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, look_at, rigid, yaw_matrix
from ats_sim.home import Home, check_home
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.perception import FUTURE, Perception
from ats_sim.plan import Plan
from ats_sim.reconstruction.agent.reconstruct import AgentReconstruction
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.writer import CaptureWriter
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.export.home import write_home
from ats_sim.reconstruction.export.texture import TextureOptions
from ats_sim.reconstruction.registration.cameras import Cameras, RegisteredVideo
from ats_sim.reconstruction.scene.scene_map import SceneMap
from ats_sim.world import Physics, World
from tests.agent_scene import film, room, scan

HZ = 10.0


@dataclass(frozen=True, eq=False)
class Walk:
    """What is true of the N frames of the video."""

    skinned: SkinnedMesh
    T_world_root: Array
    joint_rotations: Array
    T_world_camera: Array

    def joints(self) -> Array:
        """(N, J, 3) places of all joints."""
        return self.skinned.skeleton.forward_kinematics(self.T_world_root, self.joint_rotations)[..., :3, 3]


def bend(frames: int, radius: float, turn: float, height: float, centre: tuple[float, float] = (0.6, 0.3)) -> Array:
    """Roots (frames, 4, 4) that go round a centre, `turn` rad/s at so many metres, facing where they go."""
    angle = -1.2 + turn * np.arange(frames) / HZ
    xy = np.array(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return rigid(yaw_matrix(angle + np.sign(turn) * np.pi / 2), np.column_stack([xy, np.full(frames, height)]))


def following(roots: Array, height: float, start: tuple[float, float], end: tuple[float, float]) -> Array:
    """Cameras (N, 4, 4) of somebody who walks from start to end and looks at roots (N, 4, 4)."""
    share = np.linspace(0.0, 1.0, len(roots))[:, None]
    eyes = np.column_stack([np.array(start) + share * (np.array(end) - start), np.full(len(roots), height)])
    return look_at(eyes, roots[:, :3, 3])


def write(folder: Path, walk: Walk, lens: Intrinsics, *, masks: bool = True) -> Capture:
    """Film it, with half a per cent of depth noise, and write the capture."""
    poses = zip(walk.T_world_root, walk.joint_rotations, strict=True)
    mesh = walk.skinned.mesh
    colors = mesh.colors if mesh.colors is not None else np.full((len(mesh.vertices), 3), 90, np.uint8)
    movers = [TriangleMesh(walk.skinned.posed(root, joints), mesh.faces, colors) for root, joints in poses]
    count = len(movers)
    times = np.arange(count) / HZ
    video = film("v00", room(), movers, walk.T_world_camera, times, np.random.default_rng(0), lens)
    writer = CaptureWriter(folder)
    with writer.recording("v00", lens, HZ) as recording:
        for k in range(count):
            mask = video.masks[k] if masks else None
            recording.add(times[k], video.pictures[k].astype(np.uint8), video.depths[k], mask=mask)
        skeleton = walk.skinned.skeleton
        recording.ground_truth(
            T_world_camera=walk.T_world_camera,
            T_world_root=walk.T_world_root,
            joint_rotations=walk.joint_rotations,
            joint_rest=skeleton.joint_rest,
            joint_parents=skeleton.joint_parents,
            joint_names=np.array(skeleton.joint_names),
            joint_positions=walk.joints(),
            agent_mask=np.stack(video.masks),
            depth=np.stack(video.depths),
        )
    writer.finish(walkthrough=None, videos=["v00"], provenance="a walk in a box room")
    return Capture.open(folder)


def cameras_of(walk: Walk, lens: Intrinsics) -> Cameras:
    """The true cameras."""
    every = np.ones(len(walk.T_world_camera), dtype=bool)
    times = np.arange(len(every)) / HZ
    return Cameras({"v00": RegisteredVideo(True, "", lens, times, walk.T_world_camera, every + 0.0, every, {})})


def scene() -> SceneMap:
    """The empty room."""
    return SceneMap.of(scan(room()))


def config(**changes: object) -> ReconstructConfig:
    """The quickest settings, in this process."""
    return ReconstructConfig(preset="fast", workers=1, **changes)  # type: ignore[arg-type]


def home_of(folder: Path, walk: Walk, agent: AgentReconstruction) -> Home:
    """The home of a reconstruction, checked and loaded."""
    lens = Intrinsics.from_fov(1.0, 160, 120)
    write_home(
        folder,
        name="box",
        cameras=cameras_of(walk, lens),
        scene=scene(),
        skinned=agent.skinned,
        motions=agent.motions,
        texture=TextureOptions(size=256),
    )
    assert check_home(folder, require_policy=False) == []
    return Home.load(folder, require_policy=False)


class Ahead:
    """A mind without networks for any skeleton: half a metre per second the way it faces, in its last pose."""

    def plan(self, perceptions: Sequence[Perception], rngs: Sequence[np.random.Generator], **_: object) -> list[Plan]:
        """As `Policy.plan`."""
        plans = []
        for perception in perceptions:
            T = perception.T_world_ego
            path = T[:3, 3] + 0.05 * np.arange(1, FUTURE + 1)[:, None] * T[:3, 0]
            turns = np.repeat(T[None, :3, :3], FUTURE, axis=0)
            joints = np.repeat(perception.past_joints[-1:], FUTURE, axis=0)
            plans.append(Plan(T.copy(), path[-1], path, turns, np.asarray(joints, dtype=np.float64)))
        return plans


def lived_in(home: Home, physics: Physics) -> Array:
    """(30, 3) where the agent's root is during three seconds of a world."""
    world = World(home, policy=Ahead(), physics=physics)
    world.reset(np.random.default_rng(1))
    places = []
    for _ in range(30):
        world.step(np.zeros(4, dtype=np.float32))
        places.append(world.agents[0].T_world_root[:3, 3].copy())
    world.close()
    return np.array(places)
