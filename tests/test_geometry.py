"""Rotations, poses and cameras obey their axioms and agree with SciPy."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ats_sim.errors import ArrayError
from ats_sim.geometry import (
    Intrinsics,
    exp_so3,
    geodesic_angle,
    gravity_aligned,
    heading,
    interpolate_poses,
    inverse,
    log_so3,
    look_at,
    matrix_from_quaternion,
    matrix_from_rotation_6d,
    project_to_so3,
    quaternion_from_matrix,
    rigid,
    rotation_6d_from_matrix,
    transform_points,
    yaw_matrix,
)

ANGLES = [0.0, 1e-9, 1e-4, 1.0, math.pi - 1e-4, math.pi]
AXES = np.random.default_rng(0).normal(size=(20, 3))
AXES /= np.linalg.norm(AXES, axis=1, keepdims=True)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_agrees_with_scipy_and_log_inverts_it(angle: float, dtype: type) -> None:
    vectors = (angle * AXES).astype(dtype)
    rotations = exp_so3(vectors)
    tolerance = 1e-12 if dtype is np.float64 else 1e-6
    np.testing.assert_allclose(rotations, Rotation.from_rotvec(angle * AXES).as_matrix(), atol=tolerance)
    np.testing.assert_allclose(exp_so3(log_so3(rotations)), rotations, atol=20 * tolerance)


@pytest.mark.parametrize("angle", ANGLES)
def test_quaternions_agree_with_scipy(angle: float) -> None:
    reference = Rotation.from_rotvec(angle * AXES)
    ours = quaternion_from_matrix(reference.as_matrix())
    np.testing.assert_allclose(np.abs((ours * reference.as_quat()).sum(-1)), 1.0, atol=1e-12)
    np.testing.assert_allclose(matrix_from_quaternion(2.5 * ours), reference.as_matrix(), atol=1e-12)


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_group_axioms_hold_in_batches(batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    a, b = (rigid(exp_so3(rng.normal(size=(*batch, 3))), rng.normal(size=(*batch, 3))) for _ in range(2))
    points = rng.normal(size=(*batch, 7, 3))
    np.testing.assert_allclose(a @ inverse(a), np.broadcast_to(np.eye(4), (*batch, 4, 4)), atol=1e-12)
    np.testing.assert_allclose(
        transform_points(a @ b, points), transform_points(a, transform_points(b, points)), atol=1e-12
    )


def test_6d_and_projection_recover_rotations() -> None:
    rotations = exp_so3(2.0 * AXES)
    np.testing.assert_allclose(matrix_from_rotation_6d(rotation_6d_from_matrix(rotations)), rotations, atol=1e-12)
    noisy = rotations + 0.05 * np.random.default_rng(2).normal(size=rotations.shape)
    nearest = project_to_so3(noisy)
    np.testing.assert_allclose(np.linalg.det(nearest), 1.0, atol=1e-12)
    for turn in exp_so3(0.01 * AXES):
        assert (
            np.linalg.norm(nearest - noisy, axis=(1, 2)) <= np.linalg.norm(nearest @ turn - noisy, axis=(1, 2))
        ).all()


@pytest.mark.parametrize("yaw", [-3.0, -0.5, 0.0, 1.0, 3.1])
def test_ego_frame_keeps_heading_and_drops_tilt(yaw: float) -> None:
    tilted = rigid(yaw_matrix(yaw) @ exp_so3(np.array([0.0, 0.4, 0.0])), np.array([1.0, 2.0, 3.0]))
    ego = gravity_aligned(tilted)
    assert heading(ego[:3, :3]) == pytest.approx(yaw)
    np.testing.assert_allclose(ego[:3, 2], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(ego[:3, 3], [1, 2, 3])


def test_interpolation_agrees_with_scipy_and_holds_the_ends() -> None:
    from scipy.spatial.transform import Slerp

    rng = np.random.default_rng(3)
    times = np.array([0.0, 0.3, 1.0, 1.1])
    poses = rigid(exp_so3(rng.normal(size=(4, 3))), rng.normal(size=(4, 3)))
    query = np.array([-1.0, 0.0, 0.15, 0.5, 1.05, 2.0])
    ours = interpolate_poses(times, poses, query)
    clipped = np.clip(query, 0.0, 1.1)
    slerp = Slerp(times, Rotation.from_matrix(poses[:, :3, :3]))(clipped).as_matrix()
    np.testing.assert_allclose(geodesic_angle(ours[:, :3, :3], slerp), 0.0, atol=1e-7)
    for axis in range(3):
        np.testing.assert_allclose(ours[:, axis, 3], np.interp(clipped, times, poses[:, axis, 3]), atol=1e-12)


def test_camera_at_1_2_3_looks_at_the_origin() -> None:
    pose = look_at(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    camera = Intrinsics(100.0, 100.0, 31.5, 23.5, 64, 48)
    u, v, z = camera.project(transform_points(inverse(pose), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.5]])))
    np.testing.assert_allclose([u[0], v[0], z[0]], [31.5, 23.5, math.sqrt(14.0)])
    assert v[1] < v[0], "a point above the target must appear higher in the picture"
    assert pose[2, 0] == pytest.approx(0.0), "no roll"
    with pytest.raises(ArrayError, match="coincide"):
        look_at(np.zeros(3), np.zeros(3))


def test_unprojecting_and_projecting_return_each_pixel() -> None:
    camera = Intrinsics(90.0, 80.0, 30.0, 20.0, 64, 48)
    depth = np.random.default_rng(4).uniform(0.5, 4.0, (48, 64))
    u, v, z = camera.project(camera.unproject(depth))
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    np.testing.assert_allclose(u, columns, atol=1e-9)
    np.testing.assert_allclose(v, rows, atol=1e-9)
    np.testing.assert_allclose(z, depth)


def test_resizing_keeps_the_picture_borders() -> None:
    camera = Intrinsics(90.0, 80.0, 30.0, 20.0, 64, 48)
    half = camera.scaled(0.5)
    for u, v in [(-0.5, -0.5), (63.5, 47.5)]:
        direction = np.array([(u - camera.cx) / camera.fl_x, (v - camera.cy) / camera.fl_y, 1.0])
        new_u, new_v, _ = half.project(direction)
        np.testing.assert_allclose([(new_u + 0.5) * 2, (new_v + 0.5) * 2], [u + 0.5, v + 0.5], atol=1e-9)
    assert Intrinsics.from_json(camera.to_json()) == camera


@pytest.mark.parametrize("value", [{}, {"fl_x": 1, "fl_y": 1, "cx": "x", "cy": 0, "w": 2, "h": 2}])
def test_broken_intrinsics_are_refused(value: dict) -> None:
    with pytest.raises(ArrayError):
        Intrinsics.from_json(value)
    with pytest.raises(ArrayError):
        Intrinsics(float("nan"), 1.0, 0.0, 0.0, 4, 4)
