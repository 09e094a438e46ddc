"""The descriptor that is learnt per capture: right correspondences, blind to light, repeatable; and its cache."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ats_sim.arrays import Array  # noqa: E402
from ats_sim.errors import ConfigError, ReconstructionError  # noqa: E402
from ats_sim.geometry import transform_points  # noqa: E402
from ats_sim.reconstruction.capture.format import Capture  # noqa: E402
from ats_sim.reconstruction.registration.features.augmentation import Augmentation, relight  # noqa: E402
from ats_sim.reconstruction.registration.features.cache import CachedFeatures  # noqa: E402
from ats_sim.reconstruction.registration.features.contrast import info_nce  # noqa: E402
from ats_sim.reconstruction.registration.features.learning import DescriptorConfig, DescriptorTraining  # noqa: E402
from ats_sim.reconstruction.registration.features.maps import FeatureMap, FeaturePyramid  # noqa: E402
from ats_sim.reconstruction.registration.features.network import DescriptorNet  # noqa: E402
from ats_sim.reconstruction.registration.features.own import OwnFeatures  # noqa: E402
from ats_sim.reconstruction.registration.features.recordings import Lesson, PosedRecording  # noqa: E402
from tests.lit_room import developed, write_lit_capture  # noqa: E402

SMALL = DescriptorConfig(channels=8, steps=6, pairs=2, points=32, longest=64, checkpoint_every=2)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return Capture.open(write_lit_capture(tmp_path_factory.mktemp("lit") / "capture"))


@pytest.fixture(scope="module")
def small(capture: Capture) -> Lesson:
    return lesson(capture, 64)


def lesson(capture: Capture, longest: int) -> Lesson:
    """Everything, each recording in a frame of its own."""
    recordings = [
        PosedRecording(video, np.arange(len(video)), video.T_world_camera, group)
        for group, video in enumerate(capture.recordings)
        if video.T_world_camera is not None
    ]
    return Lesson.of(recordings, use_masks=True, longest=longest, multiple=8)


def weights(training: DescriptorTraining) -> dict[str, Array]:
    return {name: tensor.numpy().copy() for name, tensor in training.network.state_dict().items()}


def same(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_pairs_show_the_same_place_by_the_true_cameras(capture: Capture) -> None:
    """The lesson knows drifting odometry alone; the truth, which it does not know, must agree."""
    video = capture.video("v00")
    truth = video.ground_truth
    assert truth is not None and video.T_world_camera is not None
    learnt = Lesson.of(
        [PosedRecording(video, np.arange(len(video)), video.T_world_camera)], use_masks=True, longest=160, multiple=8
    )
    rng, off = np.random.default_rng(0), []
    for _ in range(10):
        pair = learnt.pairs(rng, 64)
        assert pair is not None and pair.first != pair.second
        world = []
        for side, index in enumerate((pair.first, pair.second)):
            column, row = np.rint(pair.pixels[:, side]).astype(int).T
            local = learnt.intrinsics[index].unproject(video.depth(index))[row, column]
            world.append(transform_points(truth["T_world_camera"][index], local))
        off.append(np.linalg.norm(world[0] - world[1], axis=1))
    assert np.median(np.concatenate(off)) < 0.02 and np.percentile(np.concatenate(off), 95) < 0.06


def test_recordings_are_paired_only_where_they_share_a_frame(capture: Capture, small: Lesson) -> None:
    rng = np.random.default_rng(1)
    found = [pair for pair in (small.pairs(rng, 16) for _ in range(30)) if pair is not None]
    assert len(found) > 20
    assert all(small.recording[pair.first] == small.recording[pair.second] for pair in found)
    world = [
        v.T_world_camera if v.ground_truth is None else v.ground_truth["T_world_camera"] for v in capture.recordings
    ]
    together = replace(small, group=np.zeros_like(small.group), T_frame_camera=np.concatenate(world))
    mixed = [together.pairs(rng, 16) for _ in range(30)]
    assert any(p is not None and small.recording[p.first] != small.recording[p.second] for p in mixed)


def test_relit_pictures_keep_their_places_and_change_their_light() -> None:
    grey = np.full((48, 64, 3), 90, np.uint8)
    rng = np.random.default_rng(2)
    bright = [relight(grey, rng, Augmentation(rectangles=0)).mean() for _ in range(60)]
    assert min(bright) < 55 and max(bright) > 150
    still = relight(grey, rng, Augmentation(0.0, 0.0, 0.0, 0.0, 0.5, 0))
    assert abs(float(still.mean()) - 90) < 2
    first, second = (relight(grey, np.random.default_rng(3), Augmentation()) for _ in range(2))
    assert np.array_equal(first, second)


def test_the_contrastive_loss_is_the_closed_form() -> None:
    """Two places with orthogonal descriptors and no rivals but an opposite one: log(1 + e^-1/t + e^-2/t)."""
    eye = torch.eye(4, dtype=torch.float64)[None, :2]
    rivals = -eye[:, :, None]
    pixels = torch.tensor([[[0.0, 0.0], [50.0, 0.0]]], dtype=torch.float64)
    found = info_nce(eye, eye, pixels, rivals, apart=5.0)
    wanted = np.log1p(np.exp(-1 / 0.07) + np.exp(-2 / 0.07))
    assert float(found) == pytest.approx(wanted, rel=1e-6)
    near = info_nce(eye, eye[:, [1, 0]], pixels / 50.0, rivals, apart=5.0)
    far = info_nce(eye, eye[:, [1, 0]], pixels, rivals, apart=5.0)
    assert float(near) < 0.1 < 10.0 < float(far)


def test_a_shifted_picture_has_shifted_features() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = OwnFeatures(DescriptorNet(8), longest=256)
    wide = np.random.default_rng(4).integers(0, 256, size=(96, 160, 3)).astype(np.uint8)
    wide = cv2.GaussianBlur(wide, (7, 7), 2)
    here, there = features.describe(wide[:, :144]), features.describe(wide[:, 16:])
    for a, b, cells in ((here.fine, there.fine, 8), (here.coarse, there.coarse, 2)):
        inner = slice(a.values.shape[1] // 2 - 2, a.values.shape[1] // 2 + 2)
        left = a.values[:, inner.start + cells : inner.stop + cells].astype(float)
        right = b.values[:, inner].astype(float)
        # What is subtracted as local light differs a little at the borders.
        assert ((left * right).sum(-1) > 0.97).mean() > 0.9


def test_training_is_the_same_for_the_same_seed(small: Lesson) -> None:
    runs = [DescriptorTraining(small, SMALL, seed=seed) for seed in (0, 0, 1)]
    for run in runs:
        run.run(label=None)
    assert same(weights(runs[0]), weights(runs[1])) and not same(weights(runs[0]), weights(runs[2]))


def test_a_resumed_training_is_the_uninterrupted_one(small: Lesson, tmp_path: Path) -> None:
    whole = DescriptorTraining(small, SMALL, seed=0)
    whole.run(label=None)
    begun = DescriptorTraining(small, SMALL, seed=0)
    begun.run(tmp_path / "c.safetensors", label=None, stop=3)
    resumed = DescriptorTraining(small, SMALL, seed=0)
    resumed.run(tmp_path / "c.safetensors", label=None)
    assert resumed.losses == whole.losses and same(weights(resumed), weights(whole))
    finished = DescriptorTraining(small, SMALL, seed=0)
    finished.run(tmp_path / "c.safetensors", label=None, stop=0)
    assert finished.step == SMALL.steps and same(weights(finished), weights(whole))


def test_a_checkpoint_of_another_training_or_a_broken_one_is_passed_over(small: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    DescriptorTraining(small, SMALL, seed=0).run(path, label=None, stop=2)
    other = DescriptorTraining(small, SMALL, seed=1)
    other.run(path, label=None, stop=0)
    assert other.step == 0
    path.write_bytes(path.read_bytes()[:100])
    again = DescriptorTraining(small, SMALL, seed=0)
    again.run(path, label=None, stop=0)
    assert again.step == 0


def test_a_step_that_is_not_finite_is_skipped_and_many_are_an_error(
    small: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = DescriptorTraining(small, replace(SMALL, steps=40), seed=0)
    sound = DescriptorTraining._loss
    before = weights(training)

    def broken(self: DescriptorTraining, rng: np.random.Generator) -> torch.Tensor:
        return sound(self, rng) * torch.nan

    monkeypatch.setattr(DescriptorTraining, "_loss", broken)
    training.run(label=None, stop=2)
    assert same(weights(training), before)
    monkeypatch.setattr(DescriptorTraining, "_loss", sound)
    training.run(label=None, stop=3)
    assert not same(weights(training), before) and np.isfinite(list(weights(training).values())[0]).all()
    monkeypatch.setattr(DescriptorTraining, "_loss", broken)
    with pytest.raises(ReconstructionError, match="not finite"):
        training.run(label=None)


def test_recordings_without_depth_are_refused(small: Lesson) -> None:
    blind = replace(small, depth=np.zeros_like(small.depth))
    with pytest.raises(ReconstructionError, match="never show a place twice"):
        DescriptorTraining(blind, SMALL, seed=0).run(label=None)
    with pytest.raises(ConfigError, match="channels"):
        DescriptorConfig(channels=2)


def found_again(describe: object, capture: Capture, stops: float, warmth: float) -> float:
    """Share of places in a walkthrough picture that are found within 4 pixels in the next one under other light: the
    candidates are 300 true places of the second picture, one of them right."""
    assert callable(describe)
    scan = capture.walkthrough
    assert scan is not None and scan.T_world_camera is not None
    learnt = Lesson.of(
        [PosedRecording(scan, np.arange(len(scan)), scan.T_world_camera)], use_masks=False, longest=160, multiple=8
    )
    rng, right = np.random.default_rng(5), []
    for _ in range(6):
        pair = learnt.pairs(rng, 300)
        assert pair is not None
        first = developed(learnt.rgb[pair.first], -stops, -warmth, 0.4, rng)
        second = developed(learnt.rgb[pair.second], stops, warmth, 0.4, rng)
        a, b = describe(first, pair.pixels[:, 0]), describe(second, pair.pixels[:, 1])
        best = (a @ b.T).argmax(axis=1)
        off = np.linalg.norm(pair.pixels[best, 1] - pair.pixels[:, 1], axis=1)
        right.append((off < 4.0).mean())
    return float(np.mean(right))


def by_sift(rgb: Array, pixels: Array, size: float) -> Array:
    """RootSIFT at given places, upright, of a given size in pixels: the peer."""
    points = [cv2.KeyPoint(float(x), float(y), size, 0.0) for x, y in pixels]
    _, values = cv2.SIFT_create().compute(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), points)  # type: ignore[attr-defined]
    return np.sqrt(values / np.maximum(values.sum(1, keepdims=True), 1e-6))


def by_patch(rgb: Array, pixels: Array) -> Array:
    """9 x 9 patches of raw colour, mean removed, unit length."""
    padded = np.pad(rgb.astype(float), ((4, 4), (4, 4), (0, 0)), mode="edge")
    cut = np.stack([padded[y : y + 9, x : x + 9].ravel() for x, y in np.rint(pixels).astype(int)])
    cut -= cut.mean(axis=1, keepdims=True)
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-6)


@pytest.fixture(scope="module")
def learnt_features(capture: Capture) -> OwnFeatures:
    settings = DescriptorConfig(steps=70, pairs=2, longest=160)
    training = DescriptorTraining(lesson(capture, 160), settings, seed=0)
    training.run(label=None)
    return OwnFeatures(training.network, longest=160)


@pytest.mark.parametrize(("stops", "warmth"), [(2.0, 0.0), (1.0, 0.35), (-1.0, -0.35)])
def test_places_are_found_again_under_other_light(
    capture: Capture, learnt_features: OwnFeatures, stops: float, warmth: float
) -> None:
    """Four stops, or lamp against sky light, between two pictures: 70 steps of learning bring 16 numbers ahead of raw
    patches and near the 128 of SIFT at its best size."""

    def describe(rgb: Array, pixels: Array) -> Array:
        return learnt_features.describe(rgb).fine.read(pixels.astype(float))[0]

    ours = found_again(describe, capture, stops, warmth)
    patches = found_again(by_patch, capture, stops, warmth)
    sift = max(found_again(partial(by_sift, size=size), capture, stops, warmth) for size in (4.0, 8.0, 16.0))
    assert ours > max(0.7, patches, sift - 0.1), (ours, patches, sift)


class _Counting:
    """Features that count how often they are asked."""

    channels = 4

    def __init__(self, key: str = "one") -> None:
        self.key, self.asked = key, 0

    def describe(self, rgb: Array) -> FeaturePyramid:
        self.asked += 1
        level = FeatureMap(np.repeat(rgb[::2, ::2, :1], 4, axis=2).astype(np.float16), (0.5, 0.5))
        return FeaturePyramid(level, level)


def test_cached_features_are_computed_once_per_picture_and_model(tmp_path: Path) -> None:
    rgb = np.random.default_rng(6).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    behind = _Counting()
    first = CachedFeatures(behind, tmp_path).describe(rgb)
    again = CachedFeatures(behind, tmp_path).describe(rgb.copy())
    assert behind.asked == 1
    for a, b in zip(first.levels, again.levels, strict=True):
        assert np.array_equal(a.values, b.values) and a.cells_per_pixel == b.cells_per_pixel
    other = rgb.copy()
    other[0, 0, 0] ^= 1
    assert CachedFeatures(behind, tmp_path).describe(other).fine.values[0, 0, 0] != first.fine.values[0, 0, 0]
    assert CachedFeatures(behind, tmp_path).path(rgb.reshape(12, 8, 3)) != CachedFeatures(behind, tmp_path).path(rgb)
    rival = _Counting("two")
    CachedFeatures(rival, tmp_path).describe(rgb)
    assert rival.asked == 1 and behind.asked == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "channels", "nan"])
def test_broken_cache_files_are_made_anew(tmp_path: Path, damage: str) -> None:
    rgb = np.random.default_rng(7).integers(0, 256, (8, 12, 3)).astype(np.uint8)
    behind = _Counting()
    cached = CachedFeatures(behind, tmp_path)
    good, path = cached.describe(rgb), cached.path(rgb)
    whole = path.read_bytes()
    if damage in ("cut", "empty"):
        path.write_bytes(whole[:60] if damage == "cut" else b"")
    else:
        from safetensors.numpy import save_file

        values = good.fine.values[..., :2].copy() if damage == "channels" else good.fine.values.copy()
        if damage == "nan":
            values[0, 0, 0] = np.nan
        tensors = {"coarse": values, "fine": values, "cells_per_pixel": np.full((2, 2), 0.5)}
        save_file(tensors, path, {"format": "something" if damage == "foreign" else "ats-features/1"})
    np.testing.assert_array_equal(cached.describe(rgb).fine.values, good.fine.values)
    assert behind.asked == 2 and path.read_bytes() == whole
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
