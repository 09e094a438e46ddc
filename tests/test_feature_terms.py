"""Residuals of bundle adjustment against finite differences, and its solver against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics, exp_so3, inverse, rigid, transform_points, yaw_matrix
from ats_sim.reconstruction.registration.adjustment.feature_term import FeatureTerm
from ats_sim.reconstruction.registration.adjustment.gravity_term import GravityTerm
from ats_sim.reconstruction.registration.adjustment.memory import reference, robust_mean, summarize
from ats_sim.reconstruction.registration.adjustment.solver import move_freely, move_together
from ats_sim.reconstruction.registration.features.maps import FeatureMap
from ats_sim.reconstruction.registration.terms import SurfaceTerm
from ats_sim.reconstruction.registration.trajectory import RelativeMotion
from ats_sim.reconstruction.scene.tsdf import TsdfVolume
from tests.toy_room import drifting, pose_errors, walk

CAMERA = Intrinsics.from_fov(np.radians(60.0), 160, 120)


def exponential(step: Array) -> Array:
    """The update of the refinement: rotation and translation of steps (N, 6), uncoupled."""
    return rigid(exp_so3(step[:, :3]), step[:, 3:])


def slope_of(cost: Callable[[Array], float], poses: Array, step: float = 1e-6) -> Array:
    """Central differences (N,6) of a cost along each pose's own turn and move."""
    out = np.zeros((len(poses), 6))
    for frame, axis in np.ndindex(*out.shape):
        nudge = np.zeros(out.shape)
        nudge[frame, axis] = step
        out[frame, axis] = (cost(poses @ exponential(nudge)) - cost(poses @ exponential(-nudge))) / (2 * step)
    return out


def waves(height: int, width: int, channels: int, rng: np.random.Generator) -> Array:
    """Smooth unit vectors (h,w,C)."""
    y, x = np.mgrid[:height, :width]
    phase = rng.uniform(0, 6, size=(channels, 3))
    values = np.stack([np.sin(0.25 * p[0] * x + 0.25 * p[1] * y + p[2]) for p in phase], -1)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def feature_scene(seed: int, frames: int = 3, points: int = 150) -> tuple[Array, FeatureTerm]:
    """True poses and a term whose references are what the true poses read."""
    rng = np.random.default_rng(seed)
    truth = walk(frames, seed)
    maps = [FeatureMap(waves(60, 80, 8, rng).astype(np.float16), (0.5, 0.5)) for _ in range(frames)]
    local = np.stack([rng.uniform(-0.4, 0.4, points), rng.uniform(-0.3, 0.3, points), np.ones(points)], 1)
    local *= rng.uniform(1.0, 4.0, size=(points, 1))
    u, v, _ = CAMERA.project(local)
    read = [m.read(np.stack([u, v], 1))[0] for m in maps]
    return truth, FeatureTerm(CAMERA, maps, [transform_points(T, local) for T in truth], read)


def test_a_map_is_read_exactly_where_it_is_linear() -> None:
    """cell = (pixel + 0.5) / 2 - 0.5: the value 3 x + y of cells becomes a plane over pixels."""
    y, x = np.mgrid[:12, :16].astype(np.float16)
    level = FeatureMap(np.stack([3 * x + y, x - y], -1), (0.5, 0.5))
    pixels = np.array([[0.5, 0.5], [10.3, 7.9], [31.0, 3.0], [30.0, 22.0]])
    value, slope, inside = level.read(pixels)
    cells = (pixels + 0.5) / 2 - 0.5
    assert inside.tolist() == [True, True, False, True]
    np.testing.assert_allclose(value[inside, 0], (3 * cells[:, 0] + cells[:, 1])[inside], atol=1e-4)
    np.testing.assert_allclose(slope[:, 0], [[1.5, 0.5], [0.5, -0.5]], atol=1e-5)
    for same in (level, level.unpacked()):
        np.testing.assert_allclose(same.values_at(pixels)[0], value, atol=1e-5)
        assert same.values_at(pixels)[1].tolist() == inside.tolist()


@pytest.mark.parametrize("strength", [40.0, 1e6])
def test_the_gradient_of_features_is_that_of_their_cost(strength: float) -> None:
    truth, term = feature_scene(3)
    term = FeatureTerm(CAMERA, term.maps, term.points, term.references, strength=strength)
    bent = truth @ exponential(np.random.default_rng(4).normal(scale=0.004, size=(3, 6)))
    found, wanted = term.linearize(bent)[1], slope_of(term.cost, bent)
    # The cost has kinks where a point passes from one cell to the next.
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_the_gradient_of_gravity_is_that_of_its_cost() -> None:
    poses = walk(4, 5)
    term = GravityTerm.of(drifting(poses, 1))
    bent = poses @ exponential(np.random.default_rng(5).normal(scale=0.05, size=(4, 6)))
    np.testing.assert_allclose(term.linearize(bent)[1], slope_of(term.cost, bent), rtol=1e-4, atol=1e-3)


def test_gravity_does_not_mind_yaw_or_place() -> None:
    poses = walk(4, 5)
    moved = rigid(yaw_matrix(1.0), np.array([2.0, 1.0, 0.5])) @ poses
    assert GravityTerm.of(poses).cost(moved) < 1e-12


def test_the_gradient_of_the_surface_is_that_of_its_cost() -> None:
    volume = corner_volume()
    rng = np.random.default_rng(6)
    world = rng.uniform(0.1, 1.0, size=(1, 200, 3))
    world[0, np.arange(200), np.arange(200) % 3] = 0.004
    pose = rigid(exp_so3(np.array([[0.3, -0.2, 0.5]])), np.array([[0.8, 0.9, 1.0]]))
    term = SurfaceTerm(volume, transform_points(inverse(pose), world))
    bent = pose @ exponential(np.array([[0.003, -0.002, 0.004, 0.004, -0.003, 0.002]]))
    found, wanted = term.linearize(bent)[1], slope_of(term.cost, bent)
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_the_gradient_of_odometry_is_that_of_its_cost() -> None:
    poses = walk(5, 7)
    motion = RelativeMotion.of(poses, np.zeros(5, int), np.full(4, 0.1), np.full(4, 0.1))
    bent = poses @ exponential(np.random.default_rng(7).normal(scale=1e-3, size=(5, 6)))
    found, wanted = motion.linearize(bent)[2], slope_of(motion.cost, bent)
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_one_motion_of_a_whole_video_is_found_exactly() -> None:
    truth, term = feature_scene(8, frames=4)
    away = rigid(exp_so3(np.array([0.004, -0.003, 0.006])), np.array([0.01, -0.008, 0.006]))
    turn, shift = pose_errors(move_together(away @ truth, [term], iterations=40), truth)
    assert turn.max() < 0.02 and shift.max() < 1e-3


def test_frames_that_moved_on_their_own_are_found_too() -> None:
    truth, term = feature_scene(9, frames=5)
    bent = truth @ exponential(np.random.default_rng(9).normal(scale=0.004, size=(5, 6)))
    motion = RelativeMotion.of(truth, np.zeros(5, int), np.full(4, 1.0), np.full(4, 1.0))
    turn, shift = pose_errors(move_freely(bent, [term], motion, iterations=40), truth)
    assert turn.max() < 0.05 and shift.max() < 2e-3


def test_stiff_odometry_moves_a_video_as_one() -> None:
    truth, term = feature_scene(10, frames=5)
    bent = truth @ exponential(np.random.default_rng(10).normal(scale=0.004, size=(5, 6)))
    motion = RelativeMotion.of(bent, np.zeros(5, int), np.full(4, 0.01), np.full(4, 0.01))
    moved = move_freely(bent, [term], motion, stiffness=1e4)
    np.testing.assert_allclose(inverse(moved[:-1]) @ moved[1:], inverse(bent[:-1]) @ bent[1:], atol=2e-4)
    assert np.abs(moved - bent).max() > 5e-4


def test_what_moves_as_one_keeps_the_bends_that_registration_gave_it() -> None:
    """The device thought it went straight; the registered track bends, and a stiff video must not become straight."""
    truth, term = feature_scene(10, frames=5)
    straight = truth @ exponential(np.linspace(-0.05, 0.05, 5)[:, None] * np.ones(6))
    motion = RelativeMotion.of(straight, np.zeros(5, int), np.full(4, 0.1), np.full(4, 0.1))
    moved = move_freely(truth, [term], motion, stiffness=1e4)
    np.testing.assert_allclose(moved, truth, atol=1e-3)


def corner_volume() -> TsdfVolume:
    """Three planes that meet at the origin."""
    volume = TsdfVolume.empty(np.full(3, -0.3), np.full(3, 1.5), 0.05)
    grid = np.stack(np.meshgrid(*[np.arange(n) * 0.05 - 0.3 for n in volume.shape], indexing="ij"), -1)
    volume.distance[:] = np.clip(grid.min(axis=-1), -volume.truncation, volume.truncation)
    volume.weight[:] = 1.0
    return volume


@pytest.mark.parametrize("free", [True, False])
def test_directions_that_the_data_do_not_know_are_frozen(free: bool) -> None:
    """A floor says nothing of x, y and yaw, so these stay as they are while height and tilt are mended."""
    volume = corner_volume()
    grid = np.arange(volume.shape[2]) * 0.05 - 0.3
    volume.distance[:] = np.clip(grid, -volume.truncation, volume.truncation)
    rng = np.random.default_rng(11)
    world = np.concatenate([rng.uniform(0.0, 1.2, size=(3, 250, 2)), np.zeros((3, 250, 1))], -1)
    poses = np.stack([rigid(np.diag([1.0, -1.0, -1.0]), np.array([0.5 + 0.05 * i, 0.6, 1.2])) for i in range(3)])
    term = SurfaceTerm(volume, transform_points(inverse(poses), world) + rng.normal(scale=1e-3, size=world.shape))
    bent = rigid(exp_so3(np.array([0.0, 0.02, 0.0])), np.array([0.03, -0.02, 0.03])) @ poses
    motion = RelativeMotion.of(poses, np.zeros(3, int), np.full(2, 0.003), np.full(2, 0.003))
    moved = move_freely(bent, [term], motion) if free else move_together(bent, [term])
    np.testing.assert_allclose(moved[:, 2, 3], 1.2, atol=5e-3)
    np.testing.assert_allclose(moved[:, 2, :3], poses[:, 2, :3], atol=5e-3)
    ahead = np.array([0.0, 0.0, 2.0, 1.0])
    np.testing.assert_allclose((moved @ ahead)[:, :2].mean(0), (bent @ ahead)[:, :2].mean(0), atol=2e-3)
    yaw = np.arctan2(moved[:, 1, 0], moved[:, 0, 0])
    np.testing.assert_allclose(yaw, np.arctan2(bent[:, 1, 0], bent[:, 0, 0]), atol=2e-3)


def test_raw_colours_are_compared_up_to_exposure() -> None:
    truth, term = feature_scene(12)
    brighter = [FeatureMap((0.4 * m.values + 0.2).astype(np.float16), m.cells_per_pixel) for m in term.maps]
    plain = FeatureTerm(CAMERA, brighter, term.points, term.references)
    fitted = FeatureTerm(CAMERA, brighter, term.points, term.references, exposure=True)
    assert fitted.cost(truth) < 0.01 * plain.cost(truth)


def test_a_robust_mean_forgets_outliers() -> None:
    rng = np.random.default_rng(13)
    truth = rng.normal(size=(5, 8))
    index = np.repeat(np.arange(5), 20)
    values = truth[index] + rng.normal(scale=0.05, size=(100, 8))
    values[::5] += 3.0
    found = robust_mean(index, values, np.ones(100), 6)
    assert np.abs(found[:5] - truth).max() < 0.1 and not found[5].any()
    plain = np.stack([values[index == i].mean(0) for i in range(5)])
    assert np.abs(plain - truth).max() > 0.5


def test_a_video_is_never_compared_with_itself() -> None:
    one, other = np.eye(4)[[0]], np.eye(4)[[1]]
    seen = {
        "a": summarize(np.array([0]), one, 2, unit=True),
        "b": summarize(np.array([0, 1]), other[[0, 0]], 2, unit=True),
    }
    found, count = reference(seen, {"a": 1.0, "b": 1.0}, "b", unit=True)
    np.testing.assert_allclose(found[0], one[0], atol=1e-3)
    assert count.tolist() == [1, 0]
    assert reference(seen, {"a": 1.0, "b": 1.0}, "", unit=True)[1].tolist() == [2, 1]
