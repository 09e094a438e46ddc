"""The neural field: its renderer against closed forms and finite differences, a room recovered from its depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError, ReconstructionError
from ats_sim.geometry import Intrinsics, exp_so3, geodesic_angle, inverse, look_at, rigid
from ats_sim.reconstruction.capture.video import Video
from ats_sim.reconstruction.scene.field.appearance import swap_chance, swapped
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.density import interval_depths, interval_weights
from ats_sim.reconstruction.scene.field.extraction import sampled
from ats_sim.reconstruction.scene.field.network import SceneField
from ats_sim.reconstruction.scene.field.poses import Poses, rotation_of
from ats_sim.reconstruction.scene.field.rays import RayBank, gather
from ats_sim.reconstruction.scene.field.rendering import render_rays, render_view
from ats_sim.reconstruction.scene.field.sampling import depth_guided
from ats_sim.reconstruction.scene.field.storage import field_facts, field_tensors, read_field
from ats_sim.reconstruction.scene.field.training import FieldTraining
from ats_sim.reconstruction.scene.fusion import FusedPicture, PosedFrames
from ats_sim.reconstruction.scene.scene_map import SceneMap
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

LENS = Intrinsics.from_fov(np.radians(70.0), 64, 48)
HALF = np.array([1.3, 1.1, 0.9])
BALL, RADIUS = np.array([0.3, 0.2, -0.5]), 0.4
SMALL = FieldConfig(
    steps=60, rays=256, plane_cell=0.1, plane_channels=4, hidden=16, code_channels=4, pixels_per_frame=800, seed=3
)


def true_distance(points: Array) -> Array:
    """A room 2.6 x 2.2 x 1.8 m seen from inside, with a ball in it."""
    wall = (HALF - np.abs(points)).min(axis=-1)
    return np.minimum(wall, np.linalg.norm(points - BALL, axis=-1) - RADIUS)


def true_depth(T: Array) -> Array:
    """z-depth (H, W), in closed form."""
    direction = LENS.rays() @ T[:3, :3].T
    origin = T[:3, 3]
    with np.errstate(divide="ignore"):
        wall = np.nanmin(np.where(direction > 0, HALF - origin, -HALF - origin) / direction, axis=-1)
    a, b = (direction**2).sum(-1), ((origin - BALL) * direction).sum(-1)
    root = b**2 - a * (((origin - BALL) ** 2).sum() - RADIUS**2)
    ball = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
    return np.where(ball > 0, np.minimum(wall, ball), wall).astype(np.float32)


def true_color(points: Array) -> Array:
    """(..., 3) in 0..1, smooth."""
    return 0.5 + 0.3 * np.stack([np.sin(2 * points[..., k] + k) for k in range(3)], axis=-1)


def cameras(count: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    eye = np.stack(
        [rng.uniform(-0.9, -0.3, count), rng.uniform(-0.7, 0.7, count), rng.uniform(0.2, 0.6, count)], axis=1
    )
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return look_at(eye, eye + np.stack([np.cos(angle), np.sin(angle), rng.uniform(-0.6, 0.2, count)], axis=1))


def picture(index: int, T: Array, *, noise: float = 0.0, gain: float = 1.0) -> FusedPicture:
    depth = true_depth(T)
    color = true_color((LENS.rays() * depth[..., None]) @ T[:3, :3].T + T[:3, 3]) * gain
    rng = np.random.default_rng(index)
    depth = depth + noise * rng.standard_normal(depth.shape).astype(np.float32)
    return FusedPicture(index, depth, np.rint(255 * color.clip(0, 1)).astype(np.uint8), T)


def recording(name: str) -> Video:
    nothing = np.zeros(1)
    return Video(Path(name), name, LENS, 5.0, nothing, None, "none", (), (), (), 1e-3)


def fused(pictures: list[FusedPicture], voxel: float = 0.06) -> TsdfVolume:
    volume = TsdfVolume.empty(-HALF - 0.15, HALF + 0.15, voxel)
    for one in pictures:
        volume.integrate(one.depth, one.rgb, LENS, one.T_world_camera)
    return volume


def bank_of(volume: TsdfVolume, videos: dict[str, list[FusedPicture]], **options: object) -> RayBank:
    parts = [PosedFrames(recording(name), np.arange(len(p)), np.zeros((len(p), 4, 4))) for name, p in videos.items()]

    def read(part: PosedFrames) -> Iterator[FusedPicture]:
        yield from videos[part.video.name]

    return gather(parts, read, volume, per_frame=800, seed=0, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def walls() -> tuple[TsdfVolume, RayBank]:
    shots = [picture(i, T, noise=0.004) for i, T in enumerate(cameras(20, 1))]
    volume = fused(shots)
    return volume, bank_of(volume, {"walkthrough": shots}, fixed=[True])


def test_a_flat_wall_is_met_where_it_stands_whatever_the_samples() -> None:
    rng = np.random.default_rng(0)
    depth = torch.tensor(np.sort(rng.uniform(1.5, 2.5, (50, 12)), axis=1))
    distance = 2.0 - depth
    weight = interval_weights(distance, 0.005)
    found = (weight * interval_depths(distance, depth)).sum(1) / weight.sum(1)
    np.testing.assert_allclose(found.numpy(), 2.0, atol=0.01)
    expected = 1 - torch.sigmoid(distance[:, -1] / 0.005) / torch.sigmoid(distance[:, 0] / 0.005)
    np.testing.assert_allclose(weight.sum(1).numpy(), expected.numpy(), atol=1e-9)


def test_nothing_is_met_in_free_space_and_a_start_behind_a_wall_is_finite() -> None:
    distance = torch.tensor([[0.5, 0.4, 0.3, 0.4], [-0.9, -0.9, -0.8, -5.0]], requires_grad=True)
    weight = interval_weights(distance, 0.005)
    weight.sum().backward()
    assert float(weight[0].detach().sum()) < 1e-6 and torch.isfinite(weight).all()
    assert distance.grad is not None and torch.isfinite(distance.grad).all()


def test_gradients_of_the_renderer_are_finite_differences(walls: tuple[TsdfVolume, RayBank]) -> None:
    field = SceneField.from_volume(walls[0], 2, 3, replace(SMALL, plane_cell=0.3)).double()
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    origin = torch.tensor([[0.013, 0.0217, 0.3351], [-0.2113, 0.1071, 0.3177]], dtype=torch.float64)
    direction = torch.tensor([[1.0, 0.1313, -0.3071], [0.2037, 1.0, 0.2191]], dtype=torch.float64)
    depths = torch.tensor([[0.4, 0.81, 1.13, 1.24, 1.37], [0.3, 0.71, 0.93, 1.04, 1.17]], dtype=torch.float64)
    code = field.appearance(torch.tensor([0, 1])).detach()

    def total(origin: torch.Tensor, direction: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        seen = render_rays(field, origin, direction, depths, code, 0.05)
        assert seen.feature is not None
        return seen.color.sum() + seen.depth.sum() + seen.feature.sum() + seen.opacity.sum()

    inputs = tuple(value.requires_grad_() for value in (origin, direction, code))
    assert torch.autograd.gradcheck(total, inputs, eps=1e-7, atol=1e-4, rtol=1e-3)
    grid = field.distance.values
    for parameter in (grid, field.planes.planes[0], field.color[0].weight):
        field.zero_grad()
        total(*inputs).backward()
        assert parameter.grad is not None
        flat = int(parameter.grad.abs().argmax())
        wanted = float(parameter.grad.view(-1)[flat])
        sides = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                parameter.view(-1)[flat] += step
                sides.append(float(total(*inputs).detach()))
                parameter.view(-1)[flat] -= step
        assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(wanted, rel=1e-3)


def test_the_room_is_recovered_within_a_centimetre(walls: tuple[TsdfVolume, RayBank]) -> None:
    """Zero level of the field against the closed form, on points that the cameras saw, and better than it began."""
    volume, bank = walls
    training = FieldTraining(volume, bank, replace(SMALL, steps=250, rays=512))
    rays = bank.rays
    pose = torch.as_tensor(bank.T_world_camera).float()[rays.frame]
    points = (pose[:, :3, :3] @ (rays.direction * rays.depth[:, None])[..., None])[..., 0] + pose[:, :3, 3]
    exact = torch.as_tensor(true_distance(points.numpy()))

    def error() -> float:
        with torch.no_grad():
            return float((training.field.signed_distance(points) - exact).abs().mean())

    before = error()
    training.run(quiet=True)
    assert error() < 0.01 and error() < before
    view = cameras(7, 5)[3]
    _, depth, _ = render_view(training.field, LENS, view)
    assert np.median(np.abs(depth - true_depth(view))) < 0.01
    scene = SceneMap.of(sampled(training.field, volume))
    vertices = scene.mesh.vertices[::7].astype(np.float64)
    assert np.median(np.abs(true_distance(vertices))) < 0.01


@pytest.mark.slow
def test_codes_absorb_exposure() -> None:
    shots = {
        name: [picture(i, T, gain=gain) for i, T in enumerate(cameras(12, 2))]
        for name, gain in (("bright", 1.15), ("dark", 0.6))
    }
    volume = fused([*shots["bright"], *shots["dark"]])
    bank = bank_of(volume, shots, fixed=[True, True])
    training = FieldTraining(volume, bank, replace(SMALL, steps=200, rays=512))
    training.run(quiet=True)
    T = cameras(12, 2)[4]
    bright, dark = (render_view(training.field, LENS, T, recording=r)[0].astype(float) for r in (0, 1))
    for r, seen in enumerate((bright, dark)):
        true = list(shots.values())[r][4].rgb
        assert np.abs(seen - true).mean() < 9.0
    assert dark.mean() / bright.mean() == pytest.approx(0.6 / 1.15, abs=0.05)


@pytest.mark.slow
def test_cameras_are_pulled_back_through_the_field() -> None:
    """A video moved by 4 cm and 1.5 degrees returns to where it was filmed."""
    fixed = [picture(i, T) for i, T in enumerate(cameras(20, 1))]
    away = rigid(exp_so3(np.radians([0.6, -0.9, 1.0])), np.array([0.03, -0.02, 0.015]))
    moved = [replace(picture(i, T), T_world_camera=away @ T) for i, T in enumerate(cameras(10, 7))]
    volume = fused(fixed)
    bank = bank_of(volume, {"walkthrough": fixed, "v00": moved}, fixed=[True, False])
    options = replace(SMALL, steps=250, rays=512, refine_poses=True, rate_poses=1e-3, swap=(1.0, 1.0))
    training = FieldTraining(volume, bank, options)
    training.run(quiet=True)
    found, true = training.cameras()["v00"], cameras(10, 7)
    before = np.linalg.norm((away @ true)[:, :3, 3] - true[:, :3, 3], axis=1).mean()
    after = np.linalg.norm(found[:, :3, 3] - true[:, :3, 3], axis=1).mean()
    turn = np.degrees(geodesic_angle(found[:, :3, :3], true[:, :3, :3])).mean()
    assert before > 0.035 and after < 0.3 * before and turn < 0.4
    np.testing.assert_allclose(training.cameras()["walkthrough"], cameras(20, 1), atol=1e-6)


def test_twists_turn_as_the_house_does_and_the_prior_is_the_relative_motion() -> None:
    vector = np.random.default_rng(0).normal(size=(6, 3)) * np.array([[1e-6], [0.1], [1], [2], [0], [0.5]])
    np.testing.assert_allclose(rotation_of(torch.as_tensor(vector)).numpy(), exp_so3(vector), atol=1e-9)
    poses = Poses(cameras(4, 3), np.array([0, 0, 1, 1]), [True, False])
    assert float(poses.prior().detach()) == 0.0
    with torch.no_grad():
        poses.video[1] = torch.tensor([0.01, 0.02, -0.01, 0.3, 0.2, 0.1])
    assert float(poses.prior().detach()) == 0.0  # a rigid move of the whole video keeps the device's motion
    small = torch.tensor([[0.001, -0.002, 0.001, 0.003, 0.001, -0.002], [0.002, 0.001, 0.0, -0.001, 0.002, 0.001]])
    with torch.no_grad():
        poses.frame[2:] = small
    start, now = cameras(4, 3)[2:], poses.cameras()[2:]
    change = inverse(inverse(start[0]) @ start[1]) @ inverse(now[0]) @ now[1]
    turn, shift = geodesic_angle(np.eye(3), change[:3, :3]), np.linalg.norm(change[:3, 3])
    assert float(poses.prior().detach()) == pytest.approx((turn / 0.005) ** 2 + (shift / 0.01) ** 2, rel=0.02)


def test_the_schedule_of_swaps() -> None:
    assert swap_chance(0, 100, (1.0, 0.05), 0.5) == 1.0
    assert swap_chance(25, 100, (1.0, 0.05), 0.5) == pytest.approx(0.525)
    assert swap_chance(50, 100, (1.0, 0.05), 0.5) == pytest.approx(0.05)
    assert swap_chance(99, 100, (1.0, 0.05), 0.5) == pytest.approx(0.05)
    own = torch.zeros(40_000, dtype=torch.int64)
    shares = torch.bincount(swapped(own, 4, 0.4, torch.Generator().manual_seed(0))) / len(own)
    np.testing.assert_allclose(shares.numpy(), [0.7, 0.1, 0.1, 0.1], atol=0.01)


def test_samples_lie_where_depth_says() -> None:
    depth = torch.rand(200, generator=torch.Generator().manual_seed(0)) * 4 + 0.15
    depths, is_free = depth_guided(depth, 0.14, 12, 4, torch.Generator().manual_seed(1))
    assert (depths.diff(dim=1) >= 0).all() and is_free.sum() == 4
    assert (depths[:, 4:] <= depth[:, None] + 0.085).all() and (depths[:, :4] <= depth[:, None].clamp(min=0.24)).all()
    assert ((depths[:, 4:] < depth[:, None]).any(1) & (depths[:, 4:] > depth[:, None]).any(1)).float().mean() > 0.9


def test_a_training_that_was_interrupted_is_the_same_to_the_last_bit(
    walls: tuple[TsdfVolume, RayBank], tmp_path: Path
) -> None:
    volume, bank = walls
    options = replace(SMALL, steps=12, rays=64, checkpoint_every=5, refine_poses=True)
    whole = FieldTraining(volume, bank, options)
    whole.run(quiet=True)
    first = FieldTraining(volume, bank, options)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        advance = FieldTraining.advance

        def stopped(self: FieldTraining) -> dict[str, float]:
            if self.step == 8:
                raise KeyboardInterrupt
            return advance(self)

        patch.setattr(FieldTraining, "advance", stopped)
        first.run(path, quiet=True)
    second = FieldTraining(volume, bank, options)
    second.run(path, quiet=True)
    assert second.step == 12
    for name, tensor in whole.state().items():
        assert torch.equal(tensor, second.state()[name]), name
    other = FieldTraining(volume, bank, replace(options, seed=4))
    assert other.key != second.key
    path.write_bytes(b"broken off")
    other.run(path, quiet=True)  # another's or a broken checkpoint is not gone on from
    assert other.step == 12


def test_numbers_that_are_none_change_nothing_and_then_stop_it(
    walls: tuple[TsdfVolume, RayBank], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = FieldTraining(*walls, replace(SMALL, rays=32))
    before = training.field.distance.values.detach().clone()
    losses = FieldTraining.losses
    monkeypatch.setattr(FieldTraining, "losses", lambda self: {n: v * torch.nan for n, v in losses(self).items()})
    with pytest.raises(ReconstructionError, match="diverged"):
        for _ in range(60):
            training.advance()
    assert torch.equal(training.field.distance.values, before) and training.step < 40


def test_features_of_frames_are_learned_and_the_field_is_read_back(
    walls: tuple[TsdfVolume, RayBank], tmp_path: Path
) -> None:
    volume, _ = walls
    shots = [picture(i, T) for i, T in enumerate(cameras(20, 1))]

    def features(name: str, index: int) -> Array | None:
        return None if index == 0 else (shots[index].rgb[::2, ::2] / 255.0)  # half the picture's size

    bank = bank_of(volume, {"walkthrough": shots}, fixed=[True], features=features)
    options = replace(SMALL, steps=150, rays=512, weight_feature=2.0)
    training = FieldTraining(volume, bank, options)
    training.run(quiet=True)
    T = cameras(9, 8)[4]
    _, depth, seen = render_view(training.field, LENS, T)
    true = true_color((LENS.rays() * true_depth(T)[..., None]) @ T[:3, :3].T + T[:3, 3])
    assert seen is not None and np.abs(seen - true).mean() < 0.06
    scene = SceneMap.of(sampled(training.field, volume))
    path = tmp_path / "scene.safetensors"
    scene.write(path, field_tensors(training.field), field_facts(training.field, options, bank.names))
    back = read_field(path)
    assert back is not None and back[1] == ("walkthrough",)
    np.testing.assert_allclose(render_view(back[0], LENS, T)[1], depth, atol=2e-3)
    assert len(SceneMap.read(path).mesh.faces) > 100
    scene.write(path)
    assert read_field(path) is None
    with pytest.raises(ReconstructionError, match="no such file"):
        read_field(tmp_path / "nothing.safetensors")


def test_pixels_that_contradict_the_layout_are_left_out(walls: tuple[TsdfVolume, RayBank]) -> None:
    volume, bank = walls
    shots = [picture(i, T) for i, T in enumerate(cameras(20, 1))]
    barred = np.zeros(volume.shape, bool)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in volume.shape], indexing="ij"), -1)
    centres = grid * volume.voxel_size + volume.origin
    barred[np.linalg.norm(centres - BALL, axis=-1) < RADIUS + 0.2] = True
    kept = bank_of(volume, {"v00": shots}, blocked=lambda number: barred).rays
    pose = torch.as_tensor(bank.T_world_camera).float()[kept.frame]
    along = torch.linspace(0.1, 1.0, 40)[None, :, None] * kept.depth[:, None, None]
    points = (pose[:, None, :3, :3] @ (kept.direction[:, None] * along)[..., None])[..., 0] + pose[:, None, :3, 3]
    away = (points - torch.as_tensor(BALL).float()).norm(dim=-1)
    assert 1000 < len(kept) < len(bank.rays) and float(away.min()) > RADIUS + 0.05
    with pytest.raises(ReconstructionError, match="nothing to learn"):
        bank_of(volume, {"v00": shots}, blocked=lambda number: np.ones(volume.shape, bool))


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"surface_samples": 17}, {"plane_cell": 0.0}])
def test_absurd_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="scene field"):
        FieldConfig(**wrong)  # type: ignore[arg-type]
