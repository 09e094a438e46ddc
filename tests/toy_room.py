"""A small textured room, cast ray by ray, with a box that walks in it: a capture in a second, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3, inverse, look_at, rigid, yaw_matrix
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.capture.writer import CaptureWriter, VideoWriter
from ats_sim.reconstruction.scene.raycast import Raycaster

CAMERA = Intrinsics.from_fov(np.radians(60.0), 160, 120)
FLOOR = 0.37
SIZE = np.array([4.2, 3.0, 2.4])
GRID = 0.07


def quad(corner: Array, along: Array, across: Array, rng: np.random.Generator, tone: Array) -> TriangleMesh:
    """A rectangle of 7 cm cells with a random colour at every corner; its normal is along x across."""
    n, m = (max(1, round(float(np.linalg.norm(side)) / GRID)) for side in (along, across))
    u, v = np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, m + 1), indexing="ij")
    vertices = corner + u[..., None] * along + v[..., None] * across
    index = np.arange((n + 1) * (m + 1)).reshape(n + 1, m + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    noise = rng.uniform(-70, 70, size=((n + 1) * (m + 1), 1)) + rng.uniform(-15, 15, size=((n + 1) * (m + 1), 3))
    return TriangleMesh(vertices.reshape(-1, 3), faces, np.clip(tone + noise, 5, 250))


def box(lower: Array, upper: Array, rng: np.random.Generator, tone: Array, *, inside_out: bool = False) -> TriangleMesh:
    """A box of six quads, seen from outside or (a room) from inside."""
    x, y, z = np.diag(upper - lower)
    sides = [(lower, y, x), (lower, x, z), (lower, z, y), (upper, -x, -y), (upper, -z, -x), (upper, -y, -z)]
    return merge([quad(c, b, a, rng, tone) if inside_out else quad(c, a, b, rng, tone) for c, a, b in sides])


def room(seed: int = 0) -> TriangleMesh:
    """Walls, floor at z = 0.37 and two pieces of furniture; another seed is another home."""
    rng = np.random.default_rng(seed)
    tones = rng.uniform(80, 170, size=(3, 3))
    base = np.array([0.0, 0.0, FLOOR])
    low = rng.uniform(0.2, 0.5, size=2)
    couch = box(base + [*low, 0.0], base + [low[0] + 1.3, low[1] + 0.6, 0.55], rng, tones[1])
    shelf = box(base + [3.7, 1.6, 0.0], base + [4.2, 2.6, rng.uniform(1.2, 1.7)], rng, tones[2])
    return merge([box(base, base + SIZE, rng, tones[0], inside_out=True), couch, shelf])


def walk(count: int, seed: int, spread: float = 2 * np.pi) -> Array:
    """Cameras (count,4,4) of somebody who turns about near the middle of the room."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, spread, count, endpoint=False)
    phase = rng.uniform(0, 2 * np.pi)
    eye = np.stack(
        [
            2.1 + 0.5 * np.cos(0.7 * angle + phase),
            1.5 + 0.35 * np.sin(angle + phase),
            FLOOR + 1.25 + 0.05 * np.sin(3 * angle),
        ],
        axis=1,
    )
    target = eye + np.stack([np.cos(angle), np.sin(angle), np.full(count, -0.35)], axis=1)
    return look_at(eye, target)


def drifting(T_world_camera: Array, seed: int) -> Array:
    """The same motion as a device would report it: another origin and yaw, and a little drift."""
    rng = np.random.default_rng(seed)
    offset = rigid(yaw_matrix(rng.uniform(0, 6)), rng.uniform(-3, 3, size=3))
    count = len(T_world_camera)
    drift = np.cumsum(rng.normal(scale=0.0015, size=(count, 6)), axis=0)
    return offset @ T_world_camera @ rigid(exp_so3(0.3 * drift[:, :3]), drift[:, 3:])


def agent_mesh(place: Array) -> TriangleMesh:
    """A box the size of a cat at a place (3,)."""
    half = np.array([0.22, 0.08, 0.12])
    return box(place - half, place + half, np.random.default_rng(5), np.array([200.0, 120.0, 40.0]))


def write_capture(
    folder: Path,
    *,
    odometry: tuple[bool, ...] = (True, False),
    foreign: bool = False,
    walkthrough: bool = True,
    frames: int = 21,
) -> Path:
    """A capture of one video per entry of `odometry`; with `foreign` one more from another home."""
    home, writer = room(), CaptureWriter(folder, quality=97)
    if walkthrough:
        with writer.recording("walkthrough", CAMERA, 5.0) as video:
            for i, T in enumerate(walk(30, 1)):
                depth, _, rgb = Raycaster(home).render(CAMERA, T)
                video.add(i / 5.0, rgb, depth, T_world_camera=T)
    names = []
    for index, has_odometry in enumerate((*odometry, *((True,) if foreign else ()))):
        names.append(f"v{index:02d}")
        where = room(99) if foreign and index == len(odometry) else home
        _write_video(writer, names[-1], where, index, has_odometry, frames)
    writer.finish(walkthrough="walkthrough" if walkthrough else None, videos=names, provenance="toy room")
    return folder


def write_wheeled_capture(folder: Path, frames: int = 41) -> Path:
    """A capture of one video in which the box drives round a bend, nose first, and the camera keeps it in view."""
    home, writer = room(), CaptureWriter(folder, quality=97)
    caster = Raycaster(home)
    with writer.recording("walkthrough", CAMERA, 5.0) as video:
        for i, T in enumerate(walk(30, 1)):
            depth, _, rgb = caster.render(CAMERA, T)
            video.add(i / 5.0, rgb, depth, T_world_camera=T)
    angle, height = 0.5 + 0.08 * np.arange(frames), np.full(frames, FLOOR + 0.12)
    places = np.stack([2.3 + 0.7 * np.cos(angle), 1.7 + 0.6 * np.sin(angle), height], axis=-1)
    roots = rigid(yaw_matrix(np.arctan2(0.6 * np.cos(angle), -0.7 * np.sin(angle))), places)
    eyes = np.linspace([1.0, 0.9, FLOOR + 1.4], [1.6, 0.7, FLOOR + 1.4], frames)
    cameras = look_at(eyes, places + [0.0, 0.0, 0.25])
    reported, masks, depths = drifting(cameras, 20), [], []
    with writer.recording("v00", CAMERA, 5.0, pose_source="odometry") as video:
        for i, T in enumerate(cameras):
            depth, _, rgb = caster.render(CAMERA, T)
            near, _, paint = Raycaster(agent_mesh(np.zeros(3)).transformed(roots[i])).render(CAMERA, T)
            masks.append((near > 0) & ((near < depth) | (depth == 0)))
            depths.append(np.where(masks[-1], near, depth))
            shown = np.where(masks[-1][..., None], paint, rgb).astype(np.uint8)
            video.add(i / 5.0, shown, depths[-1], T_world_camera=reported[i], mask=masks[-1])
        _write_truth(video, cameras, roots, masks, depths)
    writer.finish(walkthrough="walkthrough", videos=["v00"], provenance="toy room")
    return folder


def _write_video(
    writer: CaptureWriter, name: str, where: TriangleMesh, index: int, odometry: bool, frames: int
) -> None:
    cameras = walk(frames, 10 + index, spread=1.3 * np.pi)
    reported = drifting(cameras, 20 + index)
    caster, rng = Raycaster(where), np.random.default_rng(30 + index)
    depths, masks, roots = [], [], []
    with writer.recording(name, CAMERA, 5.0, pose_source="odometry" if odometry else None) as video:
        for i, T in enumerate(cameras):
            depth, _, rgb = caster.render(CAMERA, T)
            place = np.array([2.0 + 0.8 * np.cos(0.2 * i), 1.7 + 0.5 * np.sin(0.2 * i), FLOOR + 0.12])
            near, _, paint = Raycaster(agent_mesh(place)).render(CAMERA, T)
            mask = (near > 0) & ((near < depth) | (depth == 0))
            depth, rgb = np.where(mask, near, depth), np.where(mask[..., None], paint, rgb)
            lit = np.clip(rgb * np.array([1.1, 0.95, 0.85]) + rng.normal(scale=2.0, size=rgb.shape), 0, 255)
            video.add(i / 5.0, lit.astype(np.uint8), depth, T_world_camera=reported[i] if odometry else None, mask=mask)
            depths.append(depth)
            masks.append(mask)
            roots.append(rigid(np.eye(3), place))
        _write_truth(video, cameras, np.stack(roots), masks, depths)


def _write_truth(video: VideoWriter, cameras: Array, roots: Array, masks: list[Array], depths: list[Array]) -> None:
    """What is known of a video with a rigid box in it."""
    video.ground_truth(
        T_world_camera=cameras,
        T_world_root=roots,
        agent_mask=np.stack(masks),
        depth=np.stack(depths).astype(np.float32),
        joint_rotations=np.zeros((len(roots), 1, 3)),
        joint_rest=np.eye(4)[None],
        joint_parents=np.array([-1]),
        joint_names=np.array(["root"]),
        joint_positions=roots[:, None, :3, 3],
    )


def pose_errors(estimated: Array, true: Array) -> tuple[Array, Array]:
    """Degrees (N,) and metres (N,)."""
    step = inverse(true) @ estimated
    cosine = np.clip((np.trace(step[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1)
    return np.degrees(np.arccos(cosine)), np.linalg.norm(step[:, :3, 3], axis=1)
