"""Pedestrians: golden numbers of the data, mistakes that have reached papers, and the parts of the sampler."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ats_sim.arrays import Array
from ats_sim.denoising import denoise, falling_levels
from ats_sim.geometry import yaw_matrix
from benchmarks.pedestrian_drawing import independent, spread
from benchmarks.pedestrian_mapped import GUARD, Ground, MapSampler
from benchmarks.pedestrian_maps import CELL, PLACES, DistanceField, read_annotation
from benchmarks.pedestrian_nets import SIZE, Encoder, Guesses, Known, Sampler, fitted, places, signals
from benchmarks.pedestrian_places import first_free
from benchmarks.pedestrian_scores import scored
from benchmarks.pedestrian_tracks import (
    FOLDS,
    HIDDEN,
    SEEN,
    Frames,
    Windows,
    constant_velocity,
    cut,
    fold_windows,
    paced,
    read_rows,
)
from benchmarks.pedestrian_training import Effort, make_batch, trained_sampler

GOLDEN = {
    "eth": (364, 1.075, 2.282),
    "hotel": (1197, 0.319, 0.614),
    "univ": (24334, 0.524, 1.165),
    "zara1": (2356, 0.427, 0.952),
    "zara2": (5910, 0.324, 0.724),
}
"""Windows, and average and final error of constant velocity, metres."""


@pytest.fixture(scope="session")
def walks(shared_data: Path) -> Path:
    folder = shared_data / "eth_ucy"
    if not folder.is_dir():
        pytest.skip("ETH/UCY is not on this machine")
    return folder


def crowd(rng: np.random.Generator, frames: int = SEEN + HIDDEN, people: int = 6) -> Array:
    """Rows (R, 4) of people who walk as they like; the last leaves when what is seen ends."""
    step = rng.normal(0.0, 0.5, (people, 1, 2)) + rng.normal(0.0, 0.1, (people, frames, 2))
    place = rng.normal(0.0, 3.0, (people, 1, 2)) + np.cumsum(step, axis=1)
    rows = [(10.0 * t, p, *place[p, t]) for t in range(frames) for p in range(people) if p < people - 1 or t < SEEN]
    return np.array(rows)


def crowds(count: int) -> Windows:
    rng = np.random.default_rng(5)
    return Windows.joined([cut(crowd(rng)) for _ in range(count)])


def same(first: Known, second: Known) -> bool:
    return all(getattr(first, n).tobytes() == getattr(second, n).tobytes() for n in ("own", "others", "present"))


def test_windows_and_constant_velocity_are_the_known_ones(walks: Path) -> None:
    """Counts of the usual test sets, with lone walkers, and errors as reported elsewhere."""
    errors = {}
    for fold, (count, ade, fde) in GOLDEN.items():
        windows = fold_windows(walks, fold)
        scores = scored(constant_velocity(windows.seen), windows.hidden)
        errors[fold] = (scores.min_ade, scores.min_fde)
        assert len(windows) == count
        assert errors[fold] == pytest.approx((ade, fde), abs=6e-4)
    assert tuple(np.mean(list(errors.values()), 0)) == pytest.approx((0.534, 1.148), abs=6e-4)
    assert set(errors) == set(FOLDS)


def test_a_recording_played_faster_shows_every_other_frame() -> None:
    """Twice as fast by leaving frames out, half as fast again on straight lines between them; too short, nothing."""
    rows = crowd(np.random.default_rng(3), frames=2 * (SEEN + HIDDEN))
    np.testing.assert_array_equal(paced(rows, 1.0), rows)
    twice, half = cut(paced(rows, 2.0)), cut(paced(rows, 1.5))
    track = rows[rows[:, 1] == 0.0][:, 2:]
    np.testing.assert_allclose(twice.seen[0], track[: 2 * SEEN : 2])
    np.testing.assert_allclose(half.seen[0, :3], [track[0], (track[1] + track[2]) / 2.0, track[3]])
    assert len(twice) == 5 and len(cut(paced(rows, 3.0))) == 0


def future_moved(rows: Array) -> Array:
    """The same rows, but whatever happens after the eighth frame happens elsewhere."""
    after = rows[:, 0] > np.unique(rows[:, 0])[SEEN - 1]
    moved = rows.copy()
    moved[after, 2:] = moved[after, 2:] * -1.7 + 3.0
    return moved


def test_no_input_depends_on_the_future() -> None:
    """To the last bit."""
    rows = crowd(np.random.default_rng(0))
    before, after = cut(rows), cut(future_moved(rows))
    assert len(before) == 5 and before.present.sum(1).tolist() == [5.0] * 5, "who leaves is seen, but not predicted"
    assert not np.allclose(before.hidden, after.hidden)
    assert same(Known.of(before), Known.of(after))


def test_no_input_depends_on_the_future_of_a_recording(walks: Path) -> None:
    """With real comings and goings."""
    rows = read_rows(walks / "all_data" / "crowds_zara01.txt")
    frames = np.unique(rows[:, 0])
    for start in (10, 300, 600):
        some = rows[np.isin(rows[:, 0], frames[start : start + SEEN + HIDDEN])]
        assert same(Known.of(cut(some)), Known.of(cut(future_moved(some))))


def test_the_minimum_is_over_whole_paths() -> None:
    """Two paths that are right in turns: a minimum per frame would be 0."""
    truth = np.random.default_rng(0).standard_normal((1, HIDDEN, 2))
    paths = truth[:, None].repeat(2, axis=1)
    paths[0, 0, ::2, 0] += 1.0
    paths[0, 1, 1::2, 0] += 1.0
    scores = scored(paths, truth)
    assert scores.min_ade == pytest.approx(0.5) and scores.min_fde == 0.0


def test_the_energy_score_is_best_for_the_truth() -> None:
    """Shifted, narrower and wider distributions all score worse, by both ways to count."""
    rng = np.random.default_rng(1)
    truth, drawn = rng.standard_normal((1000, HIDDEN, 2)), rng.standard_normal((1000, 20, HIDDEN, 2))
    right = scored(drawn, truth)
    for other in (drawn + 0.3, 0.7 * drawn, 1.4 * drawn, np.zeros_like(drawn)):
        assert scored(other, truth).energy > right.energy + 0.01
    pairs = np.linalg.norm((drawn[:50, :, None] - drawn[:50, None]).reshape(50, 20, 20, -1), axis=-1).mean()
    to_truth = np.linalg.norm((drawn[:50] - truth[:50, None]).reshape(50, 20, -1), axis=-1).mean()
    assert scored(drawn[:50], truth[:50]).as_it_is == pytest.approx(to_truth - 0.5 * pairs)


def test_frames_look_ahead_and_turn_back() -> None:
    """The last steps point along x; leaving undoes entering; turning the world changes nothing."""
    windows = crowds(4)
    frames = Frames.of(windows.seen)
    seen = frames.enter(windows.seen)
    np.testing.assert_allclose(seen[:, -1], 0.0, atol=1e-12)
    np.testing.assert_allclose(seen[:, -4, 1], 0.0, atol=1e-12)
    assert (seen[:, -4, 0] < 0.0).all()
    np.testing.assert_allclose(frames.leave(frames.enter(windows.hidden)), windows.hidden, atol=1e-12)
    turn = yaw_matrix(0.7)[:2, :2].T
    others = np.concatenate([windows.others[..., :2] @ turn + 3.0, windows.others[..., 2:] @ turn], -1)
    turned = Windows(windows.seen @ turn + 3.0, windows.hidden @ turn + 3.0, others, windows.present)
    first, second = Known.of(windows), Known.of(turned)
    np.testing.assert_allclose(first.own, second.own, atol=1e-5)
    np.testing.assert_allclose(first.others, second.others, atol=1e-5)
    np.testing.assert_allclose(signals(windows), signals(turned), atol=1e-9)
    np.testing.assert_allclose(places(signals(windows)[:, None], windows.seen)[:, 0], windows.hidden, atol=1e-9)


def test_others_are_a_set() -> None:
    """Neither their order nor the padding matters; whether there is one does."""
    torch.manual_seed(0)
    encoder, known = Encoder().eval(), Known.of(crowds(3))
    own, others, present = known.tensors()
    code = encoder(own, others, present)
    order = torch.randperm(others.shape[1])
    torch.testing.assert_close(encoder(own, others[:, order], present[:, order]), code)
    torch.testing.assert_close(encoder(own, torch.where(present > 0, others, 7.0), present), code)
    assert not torch.allclose(encoder(own, others, 0.0 * present), code)


def test_the_loop_is_the_policy_s_and_lets_gradients_through() -> None:
    """Tensors walk as arrays do, and a start learns of what became of it."""
    torch.manual_seed(0)
    net, known = Sampler().eval(), Known.of(crowds(1))
    torch.nn.init.normal_(net.net.leave.weight, std=0.1)
    code = net.encoder(*known.tensors()).detach()
    start = torch.randn(len(code), 3, SIZE // 2, 2, requires_grad=True)
    levels = falling_levels(4, 1.7)
    drawn = net.draw(start, code, levels)

    def as_array(noisy: Array, level: float) -> Array:
        with torch.no_grad():
            signal = torch.from_numpy(noisy.astype(np.float32))
            return np.asarray(net(signal, torch.full((len(signal), 1), level), code[:1].expand(len(signal), -1)))

    by_hand = denoise(as_array, start.detach().numpy()[0], levels)
    np.testing.assert_allclose(drawn.detach().numpy()[0], by_hand, atol=1e-5)
    (gradient,) = torch.autograd.grad(drawn.square().sum(), start)
    assert torch.isfinite(gradient).all() and (gradient.abs().sum((1, 2, 3)) > 0.0).all()


def test_networks_are_small() -> None:
    """A million parameters at most."""
    for net in (Sampler(), Guesses()):
        assert sum(value.numel() for value in net.parameters()) < 1_000_000


def test_stretched_and_mirrored_worlds_stay_consistent() -> None:
    """Relative signals only turn left for right; what is said of others keeps its sign along the way."""
    windows, rng = crowds(4), np.random.default_rng(0)
    normalisation = fitted(signals(windows))
    rows = np.arange(len(windows))
    batch = make_batch(windows, rows, normalisation, Effort(1, stretch=0.0), rng)
    flipped = batch.by[:, 0, 1] < 0.0
    assert 0 < flipped.sum() < len(rows)
    mirror = np.where(flipped[:, None, None], [1.0, -1.0], 1.0)
    np.testing.assert_allclose(signals(batch.windows), signals(windows) * mirror, atol=1e-9)
    places_of_others = batch.given[1][..., :2].numpy()
    np.testing.assert_allclose(places_of_others, Known.of(windows).others[..., :2] * mirror, atol=1e-5)


def test_a_sampler_learns_how_walkers_go_on() -> None:
    """After seconds of training, paths of steady walkers are far better than standing still, and spread."""
    windows = crowds(40)
    net, normalisation = trained_sampler(windows, Effort(100, batch=64, average=0.9), 0, dropout=0.0)
    for draw in (independent, spread):
        paths = draw(net, windows, normalisation, np.random.default_rng(0))
        scores = scored(paths, windows.hidden)
        still = scored(np.repeat(windows.seen[:, None, -1:], HIDDEN, axis=2), windows.hidden)
        assert paths.shape == (len(windows), 20, HIDDEN, 2)
        assert scores.min_ade < 0.2 * still.min_ade and scores.energy < 0.35 * still.energy


def wall() -> DistanceField:
    """A wall .3 m thick across x = 2."""
    x = np.arange(-20, 81) * CELL
    distance = np.repeat((np.abs(x - 2.0) - 0.15)[:, None], 101, axis=1)
    return DistanceField(np.array([-2.0, -5.0]), distance)


def test_a_thin_wall_is_seen_between_two_steps() -> None:
    """Distances, the way off, and paths that step over it."""
    field = wall()
    points = np.array([[0.0, 0.0], [1.9, 0.3], [3.0, -1.0]])
    np.testing.assert_allclose(field.look_up(points), [1.85, -0.05, 0.85], atol=1e-6)
    np.testing.assert_allclose(field.away(points), [[-1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]], atol=1e-6)
    over = np.cumsum(np.full((1, 1, 4, 2), [0.8, 0.0]), axis=2)
    paths = np.concatenate([over, 0.5 * over], axis=1)
    assert field.look_up(paths).min() > 0.0, "no place of either is on the wall"
    assert field.crossed(np.zeros((1, 2)), paths).tolist() == [[True, False]]


def test_guidance_moves_paths_off_the_wall_and_the_free_are_kept_first() -> None:
    """Whatever way the walker looks, in worlds mirrored and stretched too."""
    windows = crowds(10)
    net = MapSampler(fitted(signals(windows)))
    clean = torch.randn(len(windows), SIZE // 2, 2, generator=torch.Generator().manual_seed(0)).double().numpy()
    for by in ((1.0, 1.0), (1.3, -1.3)):
        ground = Ground([wall()], np.zeros(len(windows), int), windows.seen, np.tile(by, (len(windows), 1, 1)))

        def trespass(signal: Array, ground: Ground = ground) -> float:
            distance = ground.distances(net.normalisation.decode("path", signal, np.zeros(0)))
            return float(np.maximum(GUARD - distance, 0.0).sum())

        assert trespass(clean) > 1.0
        assert trespass(net.moved_off(clean, ground)) < 0.6 * trespass(clean)
    paths = np.arange(60.0)[None, :, None, None] * np.ones((1, 60, 1, 2))
    blocked = np.arange(60)[None] % 4 != 3
    assert first_free(paths, blocked)[0, :, 0, 0].tolist() == [*range(3, 60, 4), 0, 1, 2, 4, 5]


def test_people_do_not_walk_on_the_map_s_obstacles(walks: Path) -> None:
    """So homography, picture and annotation belong together."""
    for folder in PLACES.values():
        rows = read_annotation(walks / "opentraj_extra" / folder)
        field = DistanceField.read(walks / "opentraj_extra" / folder, rows[:, 2:])
        assert (field.look_up(rows[:, 2:]) < 0.0).mean() < 2e-3
        assert (field.distance < 0.0).sum() * CELL**2 > 2.0
