"""Things without a known skeleton: a rigid box and a round robot drive through a room and come out as they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ats_sim.arrays import Array  # noqa: E402
from ats_sim.footing import footing_of  # noqa: E402
from ats_sim.geometry import Intrinsics, heading  # noqa: E402
from ats_sim.home import check_home  # noqa: E402
from ats_sim.mesh import SkinnedMesh, TriangleMesh  # noqa: E402
from ats_sim.reconstruction.agent.reconstruct import AgentReconstruction, reconstruct_agent  # noqa: E402
from ats_sim.reconstruction.agent.templates.bones import BONES, block, middles  # noqa: E402
from ats_sim.reconstruction.evaluation import evaluate_reconstruction  # noqa: E402
from ats_sim.reconstruction.pipeline import reconstruct  # noqa: E402
from ats_sim.skeleton import Skeleton  # noqa: E402
from ats_sim.world import Physics  # noqa: E402
from tests.body_scene import Walk, bend, cameras_of, config, following, home_of, lived_in, scene, write  # noqa: E402
from tests.toy_room import write_wheeled_capture  # noqa: E402

FRAMES = 28
LENS = Intrinsics.from_fov(1.05, 160, 120)


def thing(half: Array, round_plan: bool = False) -> SkinnedMesh:
    """A rigid box of half sizes (3,), or the upright cylinder in it."""
    trimesh = pytest.importorskip("trimesh")
    if round_plan:
        solid = trimesh.creation.cylinder(radius=half[0], height=2 * half[2], sections=48)
    else:
        solid = trimesh.creation.box(extents=2 * half).subdivide().subdivide().subdivide()
    count = len(solid.vertices)
    mesh = TriangleMesh(np.array(solid.vertices), np.array(solid.faces), np.full((count, 3), 90, np.uint8))
    alone = Skeleton(("root",), np.array([-1]), np.eye(4)[None])
    return SkinnedMesh(mesh, np.zeros((count, 4), np.int32), np.tile(np.float32([1, 0, 0, 0]), (count, 1)), alone)


@dataclass(frozen=True, eq=False)
class Found:
    """A drive and what came of it."""

    walk: Walk
    agent: AgentReconstruction


def driven(folder: Path, skinned: SkinnedMesh, height: float, turn: float, *, masks: bool = True) -> Found:
    """Film a thing that drives round a bend, reconstruct it."""
    roots = bend(FRAMES, 1.0, turn, height)
    still = np.zeros((FRAMES, 1, 3))
    walk = Walk(skinned, roots, still, following(roots, 1.2, (-1.5, -1.8), (-1.0, 1.2)))
    capture = write(folder / "capture", walk, LENS, masks=masks)
    settings = config(agent_body="bones")
    agent = reconstruct_agent(capture, cameras_of(walk, LENS), scene(), settings, folder / "recon")
    return Found(walk, agent)


@pytest.fixture(scope="module")
def parcel(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return driven(tmp_path_factory.mktemp("parcel"), thing(np.array([0.17, 0.12, 0.10])), 0.10, 0.5)


def errors(found: Found) -> tuple[Array, Array]:
    """Metres and degrees (N,) by which roots are off."""
    motion = found.agent.motions["v00"]
    true = found.walk.T_world_root[: len(motion.time)]
    turn = heading(motion.T_world_root[:, :3, :3]) - heading(true[:, :3, :3])
    away = np.linalg.norm(motion.T_world_root[:, :3, 3] - true[:, :3, 3], axis=1)
    return away, np.degrees(np.abs((turn + np.pi) % (2 * np.pi) - np.pi))


def test_a_box_is_where_it_was_and_faces_where_it_went(parcel: Found) -> None:
    away, turn = errors(parcel)
    assert parcel.agent.motions["v00"].valid.all()
    assert away.mean() < 0.02 and turn.mean() < 4 and turn.max() < 20


def test_a_box_stays_a_rigid_box(parcel: Found) -> None:
    skinned, motion = parcel.agent.skinned, parcel.agent.motions["v00"]
    assert skinned.skeleton.joint_names == ("root", *(f"bone{k + 1}" for k in range(BONES)))
    assert (skinned.skeleton.joint_parents == [-1] + BONES * [0]).all()
    size = np.ptp(skinned.mesh.vertices, axis=0)
    np.testing.assert_allclose(size, [0.34, 0.24, 0.20], atol=0.06)
    assert np.degrees(np.linalg.norm(motion.joint_rotations, axis=-1)).mean() < 4


def test_a_robot_vacuum_is_found_without_masks(tmp_path: Path) -> None:
    found = driven(tmp_path, thing(np.array([0.17, 0.17, 0.05]), round_plan=True), 0.05, 0.4, masks=False)
    away, turn = errors(found)
    assert found.agent.motions["v00"].valid.mean() > 0.8
    assert away.mean() < 0.04 and turn.mean() < 15  # round: only travel tells which way it faces


def test_it_lives_in_the_home(parcel: Found, tmp_path: Path) -> None:
    home = home_of(tmp_path / "home", parcel.walk, parcel.agent)
    assert footing_of(home).legs is None
    for physics in get_args(Physics):
        places = lived_in(home, physics)
        assert np.isfinite(places).all() and 0.05 < places[:, 2].mean() < 0.2
        assert np.linalg.norm(places[-1, :2] - places[0, :2]) > 0.3


@pytest.mark.slow
def test_the_whole_line_with_a_box_on_wheels(tmp_path: Path) -> None:
    """From a capture with a walkthrough to a home, with cameras that are registered, not given."""
    capture, output = write_wheeled_capture(tmp_path / "capture"), tmp_path / "recon"
    reconstruct(capture, output, config(agent_body="bones", voxel_size=0.05, texture_size=256))
    assert check_home(output / "home", require_policy=False) == []
    scores = evaluate_reconstruction(output, capture)["agent"]
    assert scores["root_m_mean"] < 0.04 and scores["heading_deg_mean"] < 5
    assert scores["joint_position_m"].startswith("n/a")  # the box has no joints to compare


def test_blocks_reach_as_far_as_they_should() -> None:
    trimesh = pytest.importorskip("trimesh")
    half = np.array([0.3, 0.2, 0.1])
    mesh = block(half)
    np.testing.assert_allclose(np.abs(mesh.vertices).max(0), half, rtol=0.01)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces)
    assert solid.is_watertight and 0.6 < solid.volume / (8 * half.prod()) < 1.0  # between an ellipsoid and a box


def test_middles_are_those_of_what_lies_apart() -> None:
    rng, true = np.random.default_rng(0), np.array([[0.5, 0, 0], [-0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])
    points = np.concatenate([place + rng.normal(scale=0.02, size=(50, 3)) for place in true])
    found = middles(points, 4)
    assert max(np.linalg.norm(found - place, axis=1).min() for place in true) < 0.02
