"""The toy room filmed on days of very different light, for tests of what must not mind light."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.writer import CaptureWriter
from ats_sim.reconstruction.scene.raycast import Raycaster
from tests.toy_room import CAMERA, drifting, room, walk

LIGHTS = ((1.6, 0.3, 1.6), (-1.6, -0.3, -1.6), (1.2, -0.3, 1.2))
"""Stops, warmth and strength of shading of each video."""


def developed(rgb: Array, stops: float, warmth: float, shading: float, rng: np.random.Generator) -> Array:
    """A picture (H,W,3) uint8 as a camera of other exposure and white balance stores it, light falling off aslant."""
    height, width = rgb.shape[:2]
    slope = np.linspace(-shading, shading, width)[None, :, None] * np.linspace(0.5, 1.0, height)[:, None, None]
    light = (rgb / 255.0) ** 2.2 * 2.0 ** (stops + slope) * np.exp([0.5 * warmth, 0.0, -0.5 * warmth])
    picture = 255.0 * np.clip(light, 0, 1) ** (1 / 2.2) + rng.normal(scale=2.0, size=rgb.shape)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def write_lit_capture(folder: Path, *, videos: int = 2, frames: int = 14, scan: int = 24) -> Path:
    """A walkthrough in plain light and videos each in one of LIGHTS, with odometry."""
    writer, caster = CaptureWriter(folder, quality=97), Raycaster(room())
    with writer.recording("walkthrough", CAMERA, 5.0) as video:
        for i, T in enumerate(walk(scan, 1)):
            depth, _, rgb = caster.render(CAMERA, T)
            video.add(i / 5.0, rgb, depth, T_world_camera=T)
    names = [f"v{k:02d}" for k in range(videos)]
    for k, name in enumerate(names):
        cameras, rng = walk(frames, 10 + k, spread=1.0 * np.pi), np.random.default_rng(40 + k)
        reported = drifting(cameras, 20 + k)
        with writer.recording(name, CAMERA, 5.0, pose_source="odometry") as video:
            for i, T in enumerate(cameras):
                depth, _, rgb = caster.render(CAMERA, T)
                video.add(i / 5.0, developed(rgb, *LIGHTS[k % 3], rng), depth, T_world_camera=reported[i])
            video.ground_truth(T_world_camera=cameras)
    writer.finish(walkthrough="walkthrough", videos=names, provenance="toy room in other light")
    return folder
