"""A tiny complete home in closed form, and a scripted mind, so that the simulator is tested without any training.

The room is a box of 5 x 4 x 2.5 m around the origin with one solid couch; every distance in it is known exactly.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, look_at, rigid, yaw_matrix
from ats_sim.gltf import Animation, write_agent, write_scene
from ats_sim.home import PerceptionVolume, seal_home
from ats_sim.mesh import SkinnedMesh, TriangleMesh, merge
from ats_sim.perception import FUTURE, Perception
from ats_sim.plan import Awareness, Plan
from ats_sim.recorded import Recording, write_recordings
from ats_sim.skeleton import QUADRUPED_NAMES, QUADRUPED_PARENTS, Skeleton

ROOM_LOW, ROOM_HIGH = np.array([-2.5, -2.0, 0.0]), np.array([2.5, 2.0, 2.5])
COUCH_LOW, COUCH_HIGH = np.array([1.0, -0.8, 0.0]), np.array([2.0, 0.8, 0.4])
ROOT_HEIGHT = 0.25
SPEED = 0.06  # metres per frame

# Joint positions of a standing cat in the root frame, x forward, y left, z up.
PLACES = {
    "root": (0.0, 0.0, 0.0), "spine1": (0.05, 0.0, 0.0), "spine2": (0.1, 0.0, 0.0), "spine3": (0.15, 0.0, 0.02),
    "head": (0.22, 0.0, 0.06),
    "shoulder": (0.14, 0.04, -0.02), "upper_arm": (0.14, 0.05, -0.06), "forearm": (0.13, 0.05, -0.13),
    "front_paw": (0.14, 0.05, -0.22),
    "tail1": (-0.12, 0.0, 0.02), "tail2": (-0.16, 0.0, 0.03), "tail3": (-0.2, 0.0, 0.04), "tail4": (-0.24, 0.0, 0.05),
    "tail5": (-0.28, 0.0, 0.06),
    "thigh": (-0.09, 0.04, -0.03), "shank": (-0.07, 0.05, -0.1), "hock": (-0.12, 0.05, -0.16),
    "hind_paw": (-0.1, 0.05, -0.22),
}  # fmt: skip


def toy_distance(points: Array) -> Array:
    """Exact signed distance to the room's walls and the couch, metres; > 0 in free space."""
    to_walls = np.minimum(points - ROOM_LOW, ROOM_HIGH - points).min(-1)
    outside = np.maximum(np.maximum(COUCH_LOW - points, points - COUCH_HIGH), 0.0)
    inside = np.maximum(COUCH_LOW - points, points - COUCH_HIGH).max(-1)
    to_couch = np.linalg.norm(outside, axis=-1) + np.minimum(inside, 0.0)
    return np.minimum(to_walls, to_couch)


def toy_skeleton() -> Skeleton:
    """The 26-joint quadruped tree with frames parallel to the root at rest."""
    places = []
    for name in QUADRUPED_NAMES:
        x, y, z = PLACES[name.removeprefix("left_").removeprefix("right_")]
        places.append((x, -y if name.startswith("right_") else y, z))
    positions = np.array(places)
    parents = np.array(QUADRUPED_PARENTS)
    offsets = positions - np.where(parents[:, None] >= 0, positions[parents], 0.0)
    return Skeleton(QUADRUPED_NAMES, parents, rigid(np.broadcast_to(np.eye(3), (26, 3, 3)), offsets))


def make_toy_home(folder: Path, *, policy: bool = False, textured: bool = False) -> Path:
    """Write the toy home into an empty folder; with `policy` it lists a policy.json (whose graphs are no real ones), if
    `textured` its animal has a picture for its colours."""
    folder.mkdir(parents=True, exist_ok=True)
    skeleton = toy_skeleton()
    scene = merge([_box(ROOM_LOW, ROOM_HIGH, inward=True, color=200), _box(COUCH_LOW, COUCH_HIGH, color=90)])
    write_scene(folder / "scene.glb", scene)
    _write_obj(folder / "collision.obj", scene)
    recorded = recorded_roots()
    time = np.arange(len(recorded)) / 10.0
    animation = Animation("toy", time, recorded, np.zeros((len(recorded), 26, 3)))
    write_agent(folder / "agent.glb", with_texture(_skinned(skeleton)) if textured else _skinned(skeleton), [animation])
    (folder / "agent.urdf").write_text(toy_urdf(skeleton))
    toy_volume().write(folder / "perception.npz")
    write_recordings(folder / "recordings.npz", [toy_recording(skeleton)])
    if policy:
        write_fake_policy(folder, skeleton)
    seal_home(
        folder, name="toy", skeleton=skeleton, T_home_scene=np.eye(4), provenance={"made": "closed form"}, metrics={}
    )
    return folder


def write_fake_policy(folder: Path, skeleton: Skeleton, **changes: Any) -> None:
    """Write a policy.json of the right form beside a graph that no runtime could open."""
    (folder / "goal.onnx").write_bytes(b"no graph")
    spec = {
        "format": "ats-policy/2",
        "past_frames": 8,
        "future_frames": 56,
        "joint_names": list(skeleton.joint_names),
        "graphs": {"goal": {"file": "goal.onnx", "inputs": {}, "outputs": {}}},
    }
    (folder / "policy.json").write_text(json.dumps(spec | changes))


def recorded_roots() -> Array:
    """(200, 4, 4) a walk around the free part of the room."""
    angle = np.linspace(0.0, 4.0 * np.pi, 200)
    positions = np.stack([-0.8 + 0.9 * np.cos(angle), 1.1 * np.sin(angle), np.full(200, ROOT_HEIGHT)], axis=-1)
    heading = np.arctan2(1.1 * np.cos(angle), -0.9 * np.sin(angle))
    return rigid(yaw_matrix(heading), positions)


def toy_recording(skeleton: Skeleton) -> Recording:
    """20 s of the walk, watched by somebody who strolls along the room; the animal is out of sight for the last 2 s."""
    roots = recorded_roots()
    eyes = np.stack([np.linspace(-2.0, 0.4, 200), np.full(200, -1.4), np.full(200, 1.4)], axis=-1)
    cameras = look_at(eyes, roots[:, :3, 3])
    joints = np.zeros((200, skeleton.num_joints, 3))
    lens = Intrinsics(150.0, 150.0, 95.5, 71.5, 192, 144)
    return Recording("walk", np.arange(200) / 10.0, roots, joints, cameras, np.arange(200) < 180, lens)


def toy_volume() -> PerceptionVolume:
    """Grids that sample the exact distance half a metre beyond the walls."""
    sdf_origin, sdf_shape = ROOM_LOW - 0.5, (121, 101, 71)
    coarse_origin, coarse_shape = ROOM_LOW - 0.45, (60, 50, 35)
    fine = _grid(sdf_origin, sdf_shape, 0.05)
    coarse = _grid(coarse_origin, coarse_shape, 0.1)
    distance = toy_distance(coarse)
    roots = recorded_roots()
    cameras = np.tile(np.eye(4), (40, 1, 1))
    cameras[:, :3, 3] = np.stack([np.linspace(-2.0, 0.4, 40), np.linspace(-1.4, 1.4, 40), np.full(40, 1.4)], -1)
    visits = np.zeros((25, 20), dtype=np.float32)
    cells = np.rint((roots[:, :2, 3] - (ROOM_LOW[:2] + 0.1)) / 0.2).astype(int)
    np.add.at(visits, (cells[:, 0], cells[:, 1]), 0.1)
    return PerceptionVolume(
        origin=coarse_origin,
        voxel_size=0.1,
        features=np.stack([coarse[..., 2], np.clip(distance, -1, 1)]).astype(np.float16),
        feature_names=("height", "distance"),
        occupancy=np.where(distance > 0, 1, np.where(distance > -0.1, 2, 0)).astype(np.uint8),
        sdf_origin=sdf_origin,
        sdf_voxel_size=0.05,
        sdf=toy_distance(fine).astype(np.float16),
        visit_origin=ROOM_LOW[:2] + 0.1,
        visit_cell=0.2,
        agent_visits=visits,
        observer_visits=np.ones((25, 20), dtype=np.float32),
        agent_roots=roots.astype(np.float32),
        observer_cameras=cameras.astype(np.float32),
    )


def toy_urdf(skeleton: Skeleton) -> str:
    """A capsule per joint, spherical joints at the skeleton's rest."""
    lines = ['<?xml version="1.0"?>', '<robot name="agent">']
    shape = '<collision><geometry><capsule radius="0.02" length="0.02"/></geometry></collision>'
    inertia = '<inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/>'
    for name in skeleton.joint_names:
        lines.append(f'<link name="{name}"><inertial><mass value="0.1"/>{inertia}</inertial>{shape}</link>')
    for j in range(1, skeleton.num_joints):
        xyz = " ".join(f"{value:.9f}" for value in skeleton.joint_rest[j, :3, 3])
        parent = skeleton.joint_names[skeleton.joint_parents[j]]
        lines.append(
            f'<joint name="joint_{skeleton.joint_names[j]}" type="spherical"><origin xyz="{xyz}" rpy="0 0 0"/>'
            f'<parent link="{parent}"/><child link="{skeleton.joint_names[j]}"/></joint>'
        )
    return "\n".join([*lines, "</robot>"])


class ScriptedMind:
    """Walks straight to random places of the room, couch or not, and away from an observer within 1.2 m."""

    def plan(
        self,
        perceptions: Sequence[Perception],
        rngs: Sequence[np.random.Generator],
        *,
        goals: Sequence[Array | None] | None = None,
        paths: Sequence[Array | None] | None = None,
        previous: Sequence[Plan | None] | None = None,
        executed: Sequence[int] | None = None,
        awareness: Awareness | Sequence[Awareness] = Awareness(),  # noqa: B008
        guidance: float = 1.0,
    ) -> list[Plan]:
        """As `Policy.plan`."""
        plans = []
        for i, (perception, rng) in enumerate(zip(perceptions, rngs, strict=True)):
            start = perception.T_world_ego[:3, 3]
            goal = rng.uniform([-2.8, -2.3, 0.2], [2.8, 2.3, 0.3])
            running = previous[i] if previous else None
            if running is not None and np.linalg.norm(running.goal[:2] - start[:2]) > 0.2:
                goal = running.goal
            aware = awareness if isinstance(awareness, Awareness) else awareness[i]
            away = -perception.observer_past[-1, :2]
            if aware.observer and np.linalg.norm(away) < 1.2:
                goal = start + perception.T_world_ego[:3, :3] @ np.array([*(2.0 * away), 0.0])
            if goals and goals[i] is not None:
                goal = goals[i]
            path = _straight(start, goal, perception.past_path)
            if paths and paths[i] is not None:
                path, goal = paths[i], paths[i][-1]
            plans.append(_walking(perception, np.asarray(goal, dtype=np.float64), np.asarray(path)))
        return plans


def _straight(start: Array, goal: Array, past: Array) -> Array:
    length = max(float(np.linalg.norm(goal - start)), 1e-9)
    reached = np.minimum(np.arange(1, FUTURE + 1) * SPEED / length, 1.0)
    return start + reached[:, None] * (goal - start)


def _walking(perception: Perception, goal: Array, path: Array) -> Plan:
    step = path[-1] - path[0]
    heading = np.arctan2(step[1], step[0])
    joints = np.zeros((FUTURE, 26, 3))
    swing = 0.4 * np.sin(np.arange(FUTURE) * 0.8)
    joints[:, 6, 1], joints[:, 10, 1], joints[:, 18, 1], joints[:, 22, 1] = swing, -swing, -swing, swing
    rotations = np.repeat(yaw_matrix(heading)[None], FUTURE, axis=0)
    return Plan(perception.T_world_ego.copy(), goal, np.array(path, dtype=np.float64), rotations, joints)


def _grid(origin: Array, shape: tuple[int, int, int], size: float) -> Array:
    axes = [origin[i] + size * np.arange(shape[i]) for i in range(3)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def _box(low: Array, high: Array, *, color: int, inward: bool = False) -> TriangleMesh:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (high - low) + low
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([[a, b, c] for q in quads for a, b, c in ((q[0], q[1], q[2]), (q[0], q[2], q[3]))])
    # A colour per corner, so that pictures of bare walls are not of one grey.
    colors = (color - 20 * np.arange(8)[:, None] % 80 + [0, 7, 14]).astype(np.uint8)
    return TriangleMesh(corners, faces[:, ::-1] if inward else faces, colors=colors)


def _skinned(skeleton: Skeleton) -> SkinnedMesh:
    positions = skeleton.rest_transforms[:, :3, 3]
    parts = [_box(place - 0.03, place + 0.03, color=120) for place in positions]
    joints = np.zeros((8 * len(parts), 4), dtype=np.int32)
    joints[:, 0] = np.repeat(np.arange(len(parts)), 8)
    weights = np.zeros((8 * len(parts), 4), dtype=np.float32)
    weights[:, 0] = 1.0
    return SkinnedMesh(merge(parts), joints, weights, skeleton)


def with_texture(skinned: SkinnedMesh) -> SkinnedMesh:
    """The same animal with a picture of soft blotches laid across it from the side."""
    mesh, (row, column) = skinned.mesh, np.indices((64, 64)) / 64.0
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    waves = [np.sin(2 * np.pi * (a * row + b * column)) for a, b in ((1, 2), (2, 1), (3, 0))]
    uv = ((mesh.vertices - low) / (high - low))[:, [0, 2]]
    picture = np.rint(130 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)
    return replace(skinned, mesh=replace(mesh, colors=None, uv=uv, texture=picture))


def _write_obj(path: Path, mesh: TriangleMesh) -> None:
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in mesh.vertices]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.faces]
    path.write_text("\n".join(lines) + "\n")
