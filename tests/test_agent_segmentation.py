"""Without masks the agent is what moves through space that the scan saw empty."""

import numpy as np
import pytest
from agent_scene import box, film, room, scan

from ats_sim.geometry import look_at
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.agent.segmentation import segment_video
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.tsdf import TsdfVolume


@pytest.fixture(scope="module")
def scanned() -> tuple[TsdfVolume, Raycaster]:
    volume = scan(room())
    return volume, Raycaster(extract_mesh(volume))


def walker(x: float) -> TriangleMesh:
    """A block the size of a cat on four posts."""
    legs = [
        box([x + a - 0.02, b - 0.02, 0], [x + a + 0.02, b + 0.02, 0.15]) for a in (-0.15, 0.15) for b in (-0.05, 0.05)
    ]
    return merge([box([x - 0.2, -0.08, 0.13], [x + 0.2, 0.08, 0.3]), *legs])


def cameras(count: int) -> np.ndarray:
    return np.stack([look_at(np.array([0.02 * k, -2.0, 1.3]), np.array([0.0, 0.1, 0.2])) for k in range(count)])


def overlap(found: dict[int, np.ndarray], true: list[np.ndarray]) -> float:
    scores = []
    for frame, mask in enumerate(true):
        mine = found.get(frame, np.zeros_like(mask))
        scores.append((mine & mask).sum() / (mine | mask).sum())
    return float(np.mean(scores))


def test_a_walker_is_found_pixel_by_pixel(scanned: tuple[TsdfVolume, Raycaster]) -> None:
    volume, caster = scanned
    movers = [walker(-0.8 + 0.12 * k) for k in range(14)]
    video = film("v", room(), movers, cameras(14), np.arange(14) / 5, np.random.default_rng(0))
    found = segment_video(video, np.arange(14), video.T_world_camera, caster, volume, 0.0)  # type: ignore[arg-type]
    assert overlap(found, video.masks) > 0.85


def test_furniture_that_was_moved_is_not_the_agent(scanned: tuple[TsdfVolume, Raycaster]) -> None:
    volume, caster = scanned
    crate = box([-1.1, 0.3, 0.0], [-0.6, 0.8, 0.45])
    changed = merge([room(), crate])
    movers = [walker(-0.2 + 0.08 * k) for k in range(12)]
    video = film("v", changed, movers, cameras(12), np.arange(12) / 5, np.random.default_rng(1))
    found = segment_video(video, np.arange(12), video.T_world_camera, caster, volume, 0.0)  # type: ignore[arg-type]
    assert overlap(found, video.masks) > 0.8


def test_an_empty_room_shows_no_agent(scanned: tuple[TsdfVolume, Raycaster]) -> None:
    volume, caster = scanned
    nowhere = [box([50, 50, 50], [51, 51, 51])] * 6
    video = film("v", room(), nowhere, cameras(6), np.arange(6) / 5, np.random.default_rng(2))
    found = segment_video(video, np.arange(6), video.T_world_camera, caster, volume, 0.0)  # type: ignore[arg-type]
    assert not found
