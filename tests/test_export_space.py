"""The distance field of an exported home against the closed form of a box room, and where it must be free or solid."""

import numpy as np
import pytest
from agent_scene import ROOM, room, scan

from ats_sim.geometry import exp_so3, rigid, transform_points
from ats_sim.home import PerceptionVolume
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.export.collision import collision_mesh
from ats_sim.reconstruction.export.frame import home_from_scene
from ats_sim.reconstruction.export.perception_volume import perception_volume
from ats_sim.reconstruction.export.space import Space, carve
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

SHIFT = rigid(np.eye(3), np.array([0.0, 0.0, 0.4]))  # the scanned floor lies at z = -0.4


@pytest.fixture(scope="module")
def lowered() -> TsdfVolume:
    volume = scan(room(), voxel=0.04)
    return TsdfVolume(
        volume.origin - [0, 0, 0.4], volume.voxel_size, volume.truncation, volume.distance, volume.weight, volume.color
    )


def poses(places: np.ndarray) -> np.ndarray:
    return rigid(np.tile(np.eye(3), (len(places), 1, 1)), places)


AGENT = np.array([[0.5, -0.5, 0.2], [0.6, -0.5, 0.2], [2.2, 1.7, 0.58], [-2.95, 0.0, 0.2]])
OBSERVER = np.array([[0.0, 0.0, 1.4], [-0.5, 0.3, 1.4]])


@pytest.fixture(scope="module")
def exported(lowered: TsdfVolume) -> tuple[Space, PerceptionVolume]:
    space = carve(lowered, SHIFT, AGENT, OBSERVER)
    return space, perception_volume(space, poses(AGENT), poses(OBSERVER), np.array([0.2, 0.2]))


def true_distance(points: np.ndarray) -> np.ndarray:
    """Distance to the walls, floor, ceiling and block; > 0 in the room's air."""
    x, y, z = ROOM
    walls = np.minimum.reduce([x - np.abs(points[:, 0]), y - np.abs(points[:, 1]), points[:, 2], z - points[:, 2]])
    centre, half = np.array([2.3, 1.7, 0.25]), np.array([0.5, 0.5, 0.25])
    away = np.abs(points - centre) - half
    block = np.linalg.norm(np.maximum(away, 0), axis=1) + np.minimum(away.max(1), 0)
    return np.minimum(walls, block)


def test_distance_is_the_closed_form_in_free_space(exported: tuple[Space, PerceptionVolume]) -> None:
    _, volume = exported
    rng = np.random.default_rng(0)
    points = rng.uniform([-2.7, -2.1, 0.1], [2.7, 2.1, 1.7], (4000, 3))
    true = true_distance(points)
    points, true = points[true > 0.05], true[true > 0.05]
    error = volume.sample_sdf(points) - true
    assert np.abs(np.median(error)) < 0.01
    assert np.percentile(np.abs(error), 90) < 0.03


def test_solid_is_solid(exported: tuple[Space, PerceptionVolume]) -> None:
    _, volume = exported
    inside = np.array(
        [[2.3, 1.5, 0.25], [2.3, 1.7, 0.3], [3.2, 0, 1], [0, -2.6, 1], [0, 0, -0.1], [9, 0, 1], [0, 0, 5]]
    )
    assert (volume.sample_sdf(inside) < 0).all()
    floor = np.random.default_rng(1).uniform([-2.5, -2, 0], [1.5, 1.8, 0], (500, 3))
    np.testing.assert_allclose(volume.sample_sdf(floor - [0, 0, 0.02]), -0.02, atol=0.012)


def test_where_the_agent_was_is_free_and_what_it_stood_on_is_solid(exported: tuple[Space, PerceptionVolume]) -> None:
    _, volume = exported
    assert (volume.sample_sdf(AGENT) > 0.02).all()  # the last one stood inside the wall, by a registration error
    on_block = AGENT[2] - [0, 0, 0.11]
    assert volume.sample_sdf(on_block) < 0


def test_unseen_rooms_are_solid_and_columns_below_cameras_free(lowered: TsdfVolume) -> None:
    weight = lowered.weight.copy()
    cells = np.arange(weight.shape[0]) * 0.04 + lowered.origin[0]
    weight[cells < -1.5] = 0  # as if nobody had looked there
    blind = TsdfVolume(lowered.origin, 0.04, lowered.truncation, lowered.distance, weight, lowered.color)
    standing = np.concatenate([OBSERVER, [[-1.7, 0.0, 1.4]]])
    space = carve(blind, SHIFT, AGENT[:2], standing)
    volume = perception_volume(space, poses(AGENT[:2]), poses(standing), np.ones(3))
    assert volume.sample_sdf(np.array([-2.5, 0.0, 1.0])) < 0
    assert volume.sample_sdf(np.array([-1.7, 0.0, 0.8])) > 0.1


def test_occupancy_features_and_visits(exported: tuple[Space, PerceptionVolume]) -> None:
    _, volume = exported
    assert volume.features.shape[0] == len(volume.feature_names) == 4
    assert volume.voxel_size == pytest.approx(0.1) and volume.sdf_voxel_size == pytest.approx(0.05)

    def at(point: list[float]) -> tuple[int, ...]:
        return tuple(np.rint((np.array(point) - volume.origin) / volume.voxel_size).astype(int))

    assert volume.occupancy[at([0.0, 0.0, 1.0])] == 1
    assert volume.occupancy[at([0.0, 1.0, 0.0])] == 2  # the floor
    assert volume.occupancy[at([2.3, 1.7, 0.2])] in (0, 2)
    color = volume.features[(slice(0, 3), *at([0.0, 1.0, 0.0]))].astype(float)
    np.testing.assert_allclose(color, np.array([150, 140, 130]) / 255, atol=0.05)
    assert volume.agent_visits.sum() == pytest.approx(0.4) and volume.observer_visits.sum() == pytest.approx(0.4)
    assert volume.agent_seconds(AGENT[0]) > 0.1


def test_collision_shell_is_closed_and_looks_inward(exported: tuple[Space, PerceptionVolume]) -> None:
    _, volume = exported
    shell = collision_mesh(volume.sdf.astype(np.float32), volume.sdf_origin, volume.sdf_voxel_size, faces=6000)
    edges = np.sort(np.concatenate([shell.faces[:, [0, 1]], shell.faces[:, [1, 2]], shell.faces[:, [2, 0]]]), axis=1)
    _, shared = np.unique(edges, axis=0, return_counts=True)
    assert (shared == 2).mean() > 0.999
    # Rays from the middle of the room cannot get out, and meet faces that look back at them.
    from ats_sim.reconstruction.scene.raycast import Raycaster

    rng = np.random.default_rng(3)
    rays = rng.normal(size=(2000, 3))
    hit, face, _ = Raycaster(shell).cast(np.tile([0.0, 0.0, 1.0], (2000, 1)), rays)
    assert np.isfinite(hit).all()
    assert ((shell.face_normals()[face] * rays).sum(1) < 0).mean() > 0.99


def test_a_tilted_floor_is_levelled() -> None:
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(40), indexing="ij"), -1).reshape(-1, 2)
    points = np.column_stack([grid * 0.1, rng.normal(0, 0.004, len(grid))])
    corner = grid[(grid < 39).all(1)] @ [40, 1]
    faces = np.concatenate(
        [np.stack(c, 1) for c in ((corner, corner + 40, corner + 41), (corner, corner + 41, corner + 1))]
    )
    tilted = rigid(exp_so3(np.array([0.02, -0.015, 0.0])), np.array([3.0, -1.0, 0.7]))
    scene = TriangleMesh(transform_points(tilted, points), faces)
    T = home_from_scene(scene, float(np.median(scene.vertices[:, 2])))
    level = transform_points(T, scene.vertices.astype(np.float64))
    assert np.abs(level[:, 2]).mean() < 0.006
    slope = np.linalg.lstsq(np.column_stack([level[:, :2], np.ones(len(level))]), level[:, 2], rcond=None)[0][:2]
    assert np.abs(slope).max() < 1e-3
    np.testing.assert_allclose(level[:, :2].mean(0), scene.vertices[:, :2].mean(0), atol=0.02)
