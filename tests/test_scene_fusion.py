"""Fused depth is the surface it came from; ray casting and the floor against closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ats_sim.errors import ReconstructionError
from ats_sim.geometry import Intrinsics, look_at
from ats_sim.mesh import TriangleMesh, merge
from ats_sim.reconstruction.scene.floor import floor_height
from ats_sim.reconstruction.scene.fusion import held_out, stands_in_free_space
from ats_sim.reconstruction.scene.meshing import extract_mesh, without_crumbs
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.reconstruction.scene.scene_map import SceneMap
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from tests.toy_room import CAMERA, FLOOR, SIZE, room, walk


@pytest.fixture(scope="module")
def fused() -> TsdfVolume:
    home = Raycaster(room())
    volume = TsdfVolume.empty(np.array([-0.2, -0.2, FLOOR - 0.2]), np.array([0.2, 0.2, FLOOR + 0.2]) + SIZE, 0.05)
    for T in walk(24, 1):
        depth, _, rgb = home.render(CAMERA, T)
        volume.integrate(depth, rgb, CAMERA, T)
    return volume


def test_rays_meet_a_wall_at_its_distance() -> None:
    wall = TriangleMesh(np.array([[-9, -9, 3], [9, -9, 3], [9, 9, 3], [-9, 9, 3.0]]), np.array([[0, 1, 2], [0, 2, 3]]))
    camera = Intrinsics.from_fov(np.radians(50.0), 40, 30)
    depth, face = Raycaster(wall).depth(camera, np.eye(4))
    np.testing.assert_allclose(depth, 3.0, atol=1e-5)
    assert set(np.unique(face)) <= {0, 1}
    depth, face = Raycaster(wall).depth(camera, np.diag([1.0, -1.0, -1.0, 1.0]))
    assert not depth.any() and (face == -1).all()


def test_an_empty_mesh_is_missed_by_every_ray() -> None:
    depth, face = Raycaster(TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3)))).depth(CAMERA, np.eye(4))
    assert not depth.any() and (face == -1).all()


def test_the_fused_mesh_renders_the_depth_it_was_made_from(fused: TsdfVolume) -> None:
    home, mesh = Raycaster(room()), Raycaster(extract_mesh(fused))
    right = []
    for T in walk(5, 77):
        true, _ = home.depth(CAMERA, T)
        seen, _ = mesh.depth(CAMERA, T)
        right.append(np.mean((seen > 0) & (np.abs(seen - true) < 0.05)))
    assert np.mean(right) > 0.9


def test_faces_look_into_the_room(fused: TsdfVolume) -> None:
    mesh = extract_mesh(fused)
    middle = mesh.vertices[mesh.faces].mean(axis=1)
    ground = middle[:, 2] < FLOOR + 0.02
    assert ground.sum() > 100 and (mesh.face_normals()[ground][:, 2] > 0).mean() > 0.95


def test_distance_and_slope_are_those_of_the_floor(fused: TsdfVolume) -> None:
    mesh = extract_mesh(fused)
    ground = mesh.vertices[mesh.vertices[:, 2] < FLOOR + 0.02][::40]
    points = np.column_stack([ground[:, :2], np.full(len(ground), FLOOR + 0.06)])
    distance, gradient, seen = fused.sample(points)
    assert seen.mean() > 0.8
    slope = np.linalg.norm(gradient[seen], axis=1)
    assert np.median(np.abs(distance[seen] / slope - 0.06)) < 0.015
    assert np.median(gradient[seen][:, 2] / slope) > 0.9


def test_free_space_is_free_and_the_unseen_is_not(fused: TsdfVolume) -> None:
    assert fused.free(np.array([[2.1, 1.5, FLOOR + 1.2]])).all()
    assert not fused.free(np.array([[2.1, 1.5, FLOOR - 0.15], [50.0, 0.0, 0.0], [2.1, 1.5, FLOOR]])).any()


def test_a_guest_stands_in_free_space(fused: TsdfVolume) -> None:
    T = look_at(np.array([2.1, 1.5, FLOOR + 1.2]), np.array([3.6, 0.6, FLOOR + 0.6]))
    depth, _ = Raycaster(room()).depth(CAMERA, T)
    assert stands_in_free_space(fused, depth, CAMERA, T).mean() < 0.02
    guest = depth.copy()
    guest[40:80, 60:100] *= 0.5
    assert stands_in_free_space(fused, guest, CAMERA, T)[40:80, 60:100].mean() > 0.9


def test_the_floor_is_found_where_it_is(fused: TsdfVolume) -> None:
    assert floor_height(extract_mesh(fused)) == pytest.approx(FLOOR, abs=0.015)


@pytest.mark.parametrize("height", [-1.3, 0.0, 2.2])
def test_a_larger_table_is_not_the_floor(height: float) -> None:
    def plate(z: float, side: float) -> TriangleMesh:
        corners = np.array([[0, 0, z], [side, 0, z], [side, side, z], [0, side, z]])
        return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]))

    assert floor_height(merge([plate(height, 2.0), plate(height + 0.75, 3.0)])) == pytest.approx(height, abs=1e-3)


def test_a_scene_of_walls_has_no_floor() -> None:
    wall = TriangleMesh(np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1.0]]), np.array([[0, 1, 2]]))
    with pytest.raises(ReconstructionError, match="faces up"):
        floor_height(wall)


def test_crumbs_are_swept_away() -> None:
    big = TriangleMesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]]), np.array([[0, 1, 2]]))
    small = TriangleMesh(np.array([[5, 0, 0], [5.1, 0, 0], [5, 0.1, 0.0]]), np.array([[0, 1, 2]]))
    kept = without_crumbs(merge([big, small]), 0.1)
    assert len(kept.faces) == 1 and kept.vertices[:, 0].max() <= 1.0


def test_a_scene_is_read_back_as_written(fused: TsdfVolume, tmp_path: Path) -> None:
    scene = SceneMap.of(fused)
    scene.write(tmp_path / "scene.safetensors")
    back = SceneMap.read(tmp_path / "scene.safetensors")
    assert back.floor_height == pytest.approx(scene.floor_height)
    np.testing.assert_allclose(back.volume.distance, fused.distance, atol=1e-3)
    assert abs(len(back.mesh.faces) - len(scene.mesh.faces)) < 0.02 * len(scene.mesh.faces)
    (tmp_path / "scene.safetensors").write_bytes(b"not a tensor file")
    with pytest.raises(ReconstructionError, match="not a readable scene"):
        SceneMap.read(tmp_path / "scene.safetensors")


def test_absurd_volumes_are_refused() -> None:
    with pytest.raises(ReconstructionError, match="depth units"):
        TsdfVolume.empty(np.zeros(3), np.full(3, 1e4), 0.04)


def test_every_tenth_frame_is_held_out() -> None:
    assert np.flatnonzero(held_out(np.arange(25))).tolist() == [9, 19]
