"""Who sits or lies is not taken for somebody who stands oddly."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from agent_scene import LENS, box, film  # noqa: E402

from ats_sim.arrays import Array  # noqa: E402
from ats_sim.geometry import look_at, rigid, yaw_matrix  # noqa: E402
from ats_sim.mesh import SkinnedMesh, TriangleMesh  # noqa: E402
from ats_sim.reconstruction.agent.observations import Sightings, gather  # noqa: E402
from ats_sim.reconstruction.agent.posture import STANDING, Posture  # noqa: E402
from ats_sim.reconstruction.agent.root_track import RootTrack, track_root, yaw_of  # noqa: E402
from ats_sim.reconstruction.agent.templates.quadruped import quadruped, quadruped_template  # noqa: E402
from ats_sim.reconstruction.agent.templates.quadruped_postures import (  # noqa: E402
    LYING,
    QUADRUPED_POSTURES,
    SITTING,
)

FRAMES, YAW = 8, 0.4


@pytest.fixture(scope="module")
def body() -> SkinnedMesh:
    return quadruped_template()


def filmed(body: SkinnedMesh, posture: Posture, speed: float = 0.0) -> tuple[Sightings, Array]:
    """A body in a posture, a little restless, seen from the side while the camera moves; and its true roots."""
    rng, time = np.random.default_rng(3), np.arange(FRAMES) / 10
    joints = posture.joint_rotations(body.skeleton) + 0.06 * rng.normal(size=(FRAMES, body.skeleton.num_joints, 3))
    joints[:, 0] = 0.0
    height = -float(posture.held(body)[:, 2].min())
    ahead = speed * time[:, None] * [np.cos(YAW), np.sin(YAW), 0.0] + [0.0, 0.0, height]
    roots = rigid(yaw_matrix(np.full(FRAMES, YAW)), ahead) @ posture.T_level_root
    movers = [TriangleMesh(body.posed(r, j), body.mesh.faces) for r, j in zip(roots, joints, strict=True)]
    eyes = [r[:3, 3] + [0.5 - 0.1 * k, -1.2, 0.7] for k, r in enumerate(roots)]
    cameras = np.stack([look_at(eye, r[:3, 3]) for eye, r in zip(eyes, roots, strict=True)])
    video = film("v", box([-4, -4, -0.5], [4, 4, 0.0]), movers, cameras, time, rng, LENS)
    masks = dict(enumerate(video.masks))
    return gather(video, np.arange(FRAMES), masks, cameras, rng), roots  # type: ignore[arg-type]


def off(track: RootTrack, roots: Array) -> float:
    return float(np.linalg.norm(track.T_world_root[:, :3, 3] - roots[:, :3, 3], axis=1).mean())


@pytest.mark.parametrize("posture", [SITTING, LYING], ids=["sitting", "lying"])
def test_a_posture_of_rest_is_found(body: SkinnedMesh, posture: Posture) -> None:
    seen, roots = filmed(body, posture)
    track = track_root(seen, body, postures=QUADRUPED_POSTURES)
    assert np.allclose(track.joint_rotations, posture.joint_rotations(body.skeleton))
    turn = (yaw_of(track.T_world_root) - YAW + np.pi) % (2 * np.pi) - np.pi
    assert np.degrees(np.abs(turn)).max() < 25
    standing = track_root(seen, body)
    assert off(track, roots) < 0.03 and off(track, roots) < 0.7 * off(standing, roots)


def test_who_walks_stands(body: SkinnedMesh) -> None:
    seen, roots = filmed(body, STANDING, speed=0.6)
    track = track_root(seen, body, postures=QUADRUPED_POSTURES)
    assert not track.joint_rotations.any() and off(track, roots) < 0.04


def test_postures_are_possible_and_symmetric(body: SkinnedMesh) -> None:
    assert quadruped().postures[0] == STANDING
    flat = [posture.held(body) for posture in QUADRUPED_POSTURES]
    tall = [np.ptp(vertices[:, 2]) for vertices in flat]
    assert tall[1] > 1.2 * tall[0] > 1.4 * tall[2]  # sitting is taller than standing, lying lower
    for vertices in flat[:3]:
        assert abs(vertices[:, 1].mean()) < 0.003
    left, right = flat[3], flat[4]
    assert np.allclose(np.sort(left[:, 1]), np.sort(-right[:, 1]), atol=0.01)
