"""Captures for registration tables: synthesized homes, videos under other light or half hidden, a room of symmetry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3, look_at, rigid, yaw_matrix
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.capture.format import Capture, CaptureWriter, Video
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.filming.odometry import drifting_odometry
from ats_sim.reconstruction.capture.synthesis.synthesize import synthesize
from ats_sim.reconstruction.scene.raycast import Raycaster
from benchmarks.known_cameras import truth_of

Change = Callable[[Array, Array, int], tuple[Array, Array]]
"""From colours (H,W,3) uint8, depth (H,W) metres and the frame's number to what is seen instead."""
GAMMA = 2.2
NEAR, TALLEST = 0.4, 0.8


def made(work: Path, seed: int, *, videos: int = 8, seconds: float = 30.0, moves: int = 3) -> Capture:
    """A synthesized home: the walkthrough, and videos under other light, with things moved and drifting odometry."""
    folder = work / (f"home-{seed}-{videos}x{seconds:g}" + (f"-moves{moves}" if moves != 3 else ""))
    config = SynthesizeConfig(
        videos=videos, seconds=seconds, seed=seed, moves=moves, second_camera=False, size="192x144", workers=1
    )
    return synthesized(folder, config)


def synthesized(folder: Path, config: SynthesizeConfig) -> Capture:
    """What the folder holds already, or a new capture in it."""
    if not (folder / "capture.json").is_file():
        synthesize(folder, config)
    return Capture.open(folder)


@dataclass(frozen=True)
class ChangedVideo(Video):
    """A video that is seen otherwise than it was stored."""

    change: Change

    def rgb(self, index: int) -> Array:
        """Changed colours."""
        return self.change(super().rgb(index), super().depth(index), index)[0]

    def depth(self, index: int) -> Array:
        """Changed depth."""
        return self.change(super().rgb(index), super().depth(index), index)[1]


def changed(capture: Capture, change: Callable[[int], Change]) -> Capture:
    """The same capture with every video (by its number) seen otherwise; the walkthrough stays."""
    videos = tuple(
        ChangedVideo(**{field.name: getattr(video, field.name) for field in fields(Video)}, change=change(number))
        for number, video in enumerate(capture.videos)
    )
    return replace(capture, videos=videos)


def drifting(capture: Capture, times: float) -> Capture:
    """The same capture filmed by a device whose own poses drift so many times as much; the walkthrough stays."""
    if times == 1.0:
        return capture
    videos = tuple(
        replace(video, T_world_camera=drifting_odometry(np.random.default_rng([number, 9]), truth_of(video), times))
        for number, video in enumerate(capture.videos)
    )
    return replace(capture, videos=videos)


@dataclass(frozen=True)
class Light:
    """Another exposure and colour of light, clipped as a camera clips."""

    stops: float = 0.0
    warmth: float = 0.0
    """Half the log ratio of red to blue."""

    def __call__(self, rgb: Array, depth: Array, index: int) -> tuple[Array, Array]:
        """The frame under it."""
        gain = 2.0**self.stops * np.exp([self.warmth, 0.0, -self.warmth])
        light = (rgb / 255.0) ** GAMMA * gain
        return np.rint(255.0 * np.clip(light, 0.0, 1.0) ** (1.0 / GAMMA)).astype(np.uint8), depth


@dataclass(frozen=True)
class Occluder:
    """Something near (a hand, a curtain, somebody's back) that drifts through the view, in colour and in depth, and
    that no mask tells of."""

    share: float
    """Of the picture."""
    seed: int
    """Of its way and its colours."""

    def __call__(self, rgb: Array, depth: Array, index: int) -> tuple[Array, Array]:
        """The frame behind it."""
        height, width = depth.shape
        rng = np.random.default_rng([self.seed, 5])
        phase, tone = rng.uniform(0, 2 * np.pi, size=2), rng.uniform(40, 200, size=3)
        tall = min(TALLEST, np.sqrt(self.share * width / height))
        size = np.array([self.share / tall * width, tall * height])
        along = 0.5 + 0.5 * np.sin(phase + index * np.array([0.083, 0.057]))
        low = np.rint(along * (np.array([width, height]) - size)).astype(int)
        high = low + np.rint(size).astype(int)
        coarse = rng.normal(scale=30.0, size=(12, 12, 3)).astype(np.float32)
        pattern = np.clip(tone + cv2.resize(coarse, tuple(int(n) for n in high - low)), 0, 255)
        rgb, depth = rgb.copy(), depth.copy()
        rgb[low[1] : high[1], low[0] : high[0]] = pattern.astype(np.uint8)
        depth[low[1] : high[1], low[0] : high[0]] = np.float32(NEAR)
        return rgb, depth


def symmetric_room(folder: Path) -> Capture:
    """A capture of a room that is its own mirror image along both walls, furniture and paint included: turned by half a
    turn it is the same room, so that no video of it has one place."""
    if (folder / "capture.json").is_file():
        return Capture.open(folder)
    camera = Intrinsics.from_fov(np.radians(60.0), 192, 144)
    caster, writer = Raycaster(_mirrored(_quarter(np.random.default_rng(3)))), CaptureWriter(folder)
    rng = np.random.default_rng(4)
    names = ["walkthrough", "v00", "v01"]
    for number, name in enumerate(names):
        count = 120 if number == 0 else 60
        poses = _walk(count, number)
        drift = np.cumsum(rng.normal(scale=8e-4, size=(count, 6)), axis=0)
        told = rigid(yaw_matrix(1.3 * number), np.array([2.0, 1.0, 0.0]) * number) @ poses
        told = told @ rigid(exp_so3(0.3 * drift[:, :3]), drift[:, 3:]) if number else told
        with writer.recording(name, camera, 10.0, pose_source="odometry" if number else "metric") as video:
            for i, T in enumerate(poses):
                depth, _, rgb = caster.render(camera, T)
                noisy = np.clip(rgb + rng.normal(scale=3.0, size=rgb.shape), 0, 255).astype(np.uint8)
                video.add(i / 10.0, noisy, depth, T_world_camera=told[i])
            video.ground_truth(T_world_camera=poses)
    writer.finish(walkthrough="walkthrough", videos=names[1:], provenance="a room of ray-cast quads, its own mirror")
    return Capture.open(folder)


def _walk(count: int, seed: int) -> Array:
    """Cameras (count,4,4) that go round the room; the walkthrough (seed 0) looks everywhere."""
    angle = np.linspace(0, (4 if seed == 0 else 1.5) * np.pi, count) + 2.1 * seed
    eye = np.stack([0.9 * np.cos(angle), 0.6 * np.sin(angle), 1.3 + 0.1 * np.sin(3 * angle)], axis=1)
    look = 1.7 * angle
    return look_at(eye, eye + np.stack([np.cos(look), np.sin(look), np.full(count, -0.35)], axis=1))


def _quarter(rng: np.random.Generator) -> TriangleMesh:
    """The part of the room with x, y > 0: floor, ceiling, two walls, a chest, a shelf."""
    x, y, z = np.diag([2.6, 1.9, 2.5])
    nothing = np.zeros(3)
    parts = [_sheet(nothing, x, y, rng), _sheet(z, y, x, rng), _sheet(x, z, y, rng), _sheet(y, x, z, rng)]
    for low, size in (([1.6, 0.7, 0.0], [0.9, 0.5, 0.8]), ([0.5, 1.55, 0.0], [0.6, 0.35, 1.7])):
        corner, (a, b, c) = np.array(low), np.diag(size)
        parts += [
            _sheet(corner + c, a, b, rng),
            _sheet(corner, c, b, rng),
            _sheet(corner + a, b, c, rng),
            _sheet(corner, a, c, rng),
            _sheet(corner + b, c, a, rng),
        ]
    return merge(parts)


def _sheet(corner: Array, along: Array, across: Array, rng: np.random.Generator) -> TriangleMesh:
    """A rectangle of 7 cm cells, painted at random."""
    n, m = (max(1, round(float(np.linalg.norm(side)) / 0.07)) for side in (along, across))
    u, v = np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, m + 1), indexing="ij")
    index = np.arange((n + 1) * (m + 1)).reshape(n + 1, m + 1)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    paint = rng.uniform(70, 180, size=3) + rng.uniform(-65, 65, size=((n + 1) * (m + 1), 1))
    return TriangleMesh((corner + u[..., None] * along + v[..., None] * across).reshape(-1, 3), faces, paint)


def _mirrored(part: TriangleMesh) -> TriangleMesh:
    """A part and its images in the planes x = 0, y = 0 and both."""
    images = []
    for x, y in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        faces = part.faces if x * y > 0 else part.faces[:, ::-1]
        images.append(TriangleMesh(part.vertices * [x, y, 1.0], np.ascontiguousarray(faces), part.colors))
    return merge(images)
