"""A made-up reconstruction to learn from: an agent in a box-shaped home walks between three places, swings its legs as
fast as it goes, and looks at an observer that circles it."""

import json
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import write_npz
from ats_sim.geometry import look_at, rigid, yaw_matrix
from ats_sim.home import seal_home
from ats_sim.skeleton import QUADRUPED_NAMES, QUADRUPED_PARENTS, Skeleton
from ats_sim.volume import PerceptionVolume

PLACES = np.array([[1.0, 1.0, 0.25], [5.0, 1.2, 0.25], [3.0, 3.8, 0.65]])
SIZE = (6.0, 5.0, 2.0)
HZ = 10.0
# The home frame is the scene frame, turned and moved: a test that forgot it would fail.
T_HOME_SCENE = rigid(yaw_matrix(0.7), np.array([0.5, -0.3, 0.1]))


def toy_skeleton() -> Skeleton:
    """The quadruped tree with a left-right symmetric rest pose."""
    rest = np.tile(np.eye(4), (26, 1, 1))
    for joint, name in enumerate(QUADRUPED_NAMES[1:], start=1):
        side = 0.05 if name.startswith("left") else -0.05 if name.startswith("right") else 0.0
        rest[joint, :3, 3] = [0.05, side, -0.04 if side else 0.0]
    return Skeleton(QUADRUPED_NAMES, np.array(QUADRUPED_PARENTS), rest)


def toy_volume(voxel: float = 0.1) -> PerceptionVolume:
    """The box with one feature per place: a blob around it."""
    origin = np.array([-0.5, -0.5, -0.3])
    shape = tuple(int(round((length + 1.0) / voxel)) for length in SIZE)
    axes = [origin[i] + voxel * np.arange(shape[i]) for i in range(3)]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    features = np.stack([np.exp(-4.0 * ((centres - place) ** 2).sum(-1)) for place in PLACES])
    distance = np.minimum(centres, np.array(SIZE) - centres).min(-1)
    visits = np.zeros((8, 8), dtype=np.float32)
    return PerceptionVolume(
        origin=origin,
        voxel_size=voxel,
        features=features.astype(np.float16),
        feature_names=("place0", "place1", "place2"),
        occupancy=np.where(distance > 0.0, 1, 2).astype(np.uint8),
        sdf_origin=origin,
        sdf_voxel_size=voxel,
        sdf=distance.astype(np.float16),
        visit_origin=np.zeros(2),
        visit_cell=1.0,
        agent_visits=visits,
        observer_visits=visits,
        agent_roots=np.eye(4, dtype=np.float32)[None],
        observer_cameras=np.eye(4, dtype=np.float32)[None],
    )


def toy_motion(rng: np.random.Generator, frames: int) -> tuple[Array, Array, Array]:
    """Root poses (N, 4, 4), joint rotations (N, 26, 3) and observer positions (N, 3), all in the home frame."""
    position, yaw, phase = PLACES[0].copy(), 0.0, 0.0
    goal, rest = int(rng.integers(3)), 0
    roots, joints, observer = [], [], []
    around = rng.uniform(0.0, 6.0)
    for _ in range(frames):
        offset = PLACES[goal] - position
        distance = float(np.linalg.norm(offset))
        if distance < 0.1:
            rest -= 1
            if rest <= 0:
                goal, rest = int((goal + rng.integers(1, 3)) % 3), int(rng.integers(5, 25))
        speed = min(0.9, 1.5 * distance) if distance >= 0.1 else 0.0
        wanted = np.arctan2(offset[1], offset[0]) if speed else yaw
        yaw += np.clip((wanted - yaw + np.pi) % (2.0 * np.pi) - np.pi, -0.3, 0.3)
        position = position + offset / max(distance, 1e-6) * speed / HZ
        phase += 1.2 * speed
        watcher = np.array([3.0, 2.5, 1.4]) + [1.5 * np.cos(around), 1.5 * np.sin(around), 0.0]
        around += 0.03
        pose = np.zeros((26, 3))
        pose[[5, 22], 1], pose[[9, 18], 1] = 0.5 * np.sin(phase) * speed, -0.5 * np.sin(phase) * speed
        bearing = np.arctan2(watcher[1] - position[1], watcher[0] - position[0]) - yaw
        pose[4, 2] = np.clip((bearing + np.pi) % (2.0 * np.pi) - np.pi, -1.0, 1.0)
        roots.append(rigid(yaw_matrix(yaw), position))
        joints.append(pose)
        observer.append(watcher)
    return np.stack(roots), np.stack(joints), np.stack(observer)


def write_toy_recon(folder: Path, videos: int = 3, frames: int = 240, seed: int = 0) -> Path:
    """Write `motion.npz`, `cameras.json` and `home/` in the scene frame, as `ats reconstruct` does."""
    rng = np.random.default_rng(seed)
    to_scene = np.linalg.inv(T_HOME_SCENE)
    motion, cameras = {}, {}
    for video in range(videos):
        name = f"v{video:02d}"
        roots, joints, observer = toy_motion(rng, frames)
        time = np.arange(frames) / HZ
        motion |= {
            f"{name}/time": time,
            f"{name}/T_world_root": to_scene @ roots,
            f"{name}/joint_rotations": joints,
            f"{name}/valid": np.ones(frames, dtype=bool),
        }
        views = to_scene @ look_at(observer, roots[:, :3, 3])
        frames_json = [
            {"index": i, "time": float(t), "T_world_camera": T.tolist(), "confidence": 1.0, "registered": True}
            for i, (t, T) in enumerate(zip(time, views, strict=True))
        ]
        cameras[name] = {"accepted": True, "reason": "", "frames": frames_json}
    folder.mkdir(parents=True, exist_ok=True)
    write_npz(folder / "motion.npz", **motion)
    (folder / "cameras.json").write_text(json.dumps({"format": "ats-cameras/1", "videos": cameras}))
    write_toy_home(folder / "home")
    return folder


def write_toy_home(folder: Path, voxel: float = 0.1) -> None:
    """A home whose meshes are empty stand-ins: behaviour reads none of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("scene.glb", "agent.glb", "agent.urdf", "collision.obj"):
        (folder / name).write_bytes(b"toy")
    toy_volume(voxel).write(folder / "perception.npz")
    seal_home(
        folder, name="toy", skeleton=toy_skeleton(), T_home_scene=T_HOME_SCENE, provenance={"source": "toy"}, metrics={}
    )
