"""Networks that are only there to be beaten are what they are said to be, or beating them would prove nothing."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from toy_recon import write_toy_recon

from ats_sim.models.batches import BatchMaker
from ats_sim.models.config import TrainConfig, size_of
from ats_sim.models.encoders import CODE, MAP_CHANNELS
from ats_sim.models.onnx_export import export_graph
from ats_sim.models.statistics import fit_statistics, statistics_rng
from ats_sim.models.training import Lesson, build, prepare
from ats_sim.models.windows import perception_at
from ats_sim.perception import FUTURE, PATCH_SHAPE
from benchmarks.minds_futures import Case
from benchmarks.minds_joint import JointDenoiser, JointPredictor
from benchmarks.minds_training import taught
from benchmarks.minds_truth import Likeness, Motion
from benchmarks.minds_winners import HEADS, LOSERS, Winners, WinnersPredictor, winner_loss

TINY = TrainConfig(steps=3, batch=4, threads=1)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return prepare(write_toy_recon(tmp_path_factory.mktemp("minds") / "recon", videos=1, frames=100), TINY)


@pytest.fixture(scope="module")
def maker(lesson: Lesson) -> BatchMaker:
    return build(lesson, TINY, size_of(TINY))[0]


@pytest.fixture(scope="module")
def joint(lesson: Lesson, maker: BatchMaker) -> JointDenoiser:
    statistics = fit_statistics(lesson.train_windows, lesson.home.perception, statistics_rng(0))
    torch.manual_seed(0)
    return JointDenoiser(maker.windows.future[..., :3], maker.normalisation, statistics, 0.1)


def case_of(lesson: Lesson) -> Case:
    recording = lesson.recordings[0]
    known = perception_at(recording, 20, lesson.home.perception)
    return Case(recording, 20, known, Motion(recording.T_world_root[21:77], np.zeros((FUTURE, 26, 3, 3))), None, None)


def likeness(lesson: Lesson) -> Likeness:
    return Likeness(lesson.home.skeleton.joint_rest, np.tile(np.eye(3), (26, 1, 1)))


def test_only_the_nearest_head_is_taught() -> None:
    """All but a small share of the gradient goes to the head that came nearest over the whole path."""
    truth = torch.zeros(1, FUTURE, 3)
    paths = torch.stack([torch.full((FUTURE, 3), value) for value in (2.0, -0.3, 1.0)])[None].requires_grad_()
    loss = winner_loss(paths, truth)
    loss.backward()
    pull = paths.grad.abs().sum((0, 2, 3))
    shares = (pull / pull.sum()).tolist()
    assert shares[1] == pytest.approx(1.0 - LOSERS + LOSERS / 3, abs=1e-4)
    assert shares[0] == pytest.approx(LOSERS / 3, abs=1e-4) == shares[2]
    wanted = np.sqrt(3.0) * ((1.0 - LOSERS) * 0.3 + LOSERS * (2.0 + 0.3 + 1.0) / 3.0)
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-3)


def test_training_lowers_the_loss_and_is_kept(lesson: Lesson, maker: BatchMaker, tmp_path: Path) -> None:
    """Trained again from the file it draws the same; sixteen guesses, and then the same again."""
    statistics = fit_statistics(lesson.train_windows, lesson.home.perception, statistics_rng(0))
    torch.manual_seed(1)
    first, second = (Winners(maker.normalisation, statistics, 0.0) for _ in range(2))
    with torch.no_grad():
        before = float(first.loss(maker.batch(0)))
    taught(first, maker, TINY, 30, tmp_path / "winners.safetensors")
    with torch.no_grad():
        assert float(first.loss(maker.batch(0))) < 0.8 * before
    taught(second, maker, TINY, 30, tmp_path / "winners.safetensors")
    drawn, again = (WinnersPredictor(own).draw(case_of(lesson), (0,), HEADS + 2) for own in (first, second))
    np.testing.assert_array_equal(drawn.paths, again.paths)
    np.testing.assert_array_equal(drawn.paths[HEADS:], drawn.paths[:2])
    assert len(np.unique(drawn.goals.round(6), axis=0)) == HEADS and drawn.limbs is None


def test_one_stage_draws_path_and_body_together(lesson: Lesson, maker: BatchMaker, joint: JointDenoiser) -> None:
    loss = joint.loss(maker.batch(0))
    loss.backward()
    assert np.isfinite(float(loss.detach()))
    drawn = JointPredictor(joint, likeness(lesson)).draw(case_of(lesson), (0,), 3)
    assert drawn.paths.shape == (3, FUTURE, 3) and drawn.rotations.shape == (3, FUTURE, 3, 3)
    assert drawn.limbs.shape == (3, FUTURE, 26, 3, 3)
    np.testing.assert_array_equal(drawn.goals, drawn.paths[:, -1])
    assert np.linalg.norm(drawn.paths[0] - drawn.paths[1], axis=-1).mean() > 0.05, "other noise, other paths"
    assert JointPredictor(joint, likeness(lesson)).draw(case_of(lesson), (0,), 3, goal=np.zeros(3)) is None


def test_one_stage_exports(joint: JointDenoiser, tmp_path: Path) -> None:
    """As a graph with a free batch axis that computes what torch computes."""
    frames, size = joint.mean.shape
    inputs = {
        "noisy": (frames, size),
        "level": (1,),
        "scene_code": (CODE,),
        "scene_map": (MAP_CHANNELS, *PATCH_SHAPE[:2]),
        "observer_code": (CODE,),
        "past_code": (CODE,),
        "current": (size - 3,),
        "keep": (4,),
    }
    path = tmp_path / "joint.onnx"
    export_graph(path, joint, inputs, ("clean",))
    given = {name: torch.randn(3, *shape) * 0.5 + 0.5 * (name == "level") for name, shape in inputs.items()}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["clean"], {name: value.numpy() for name, value in given.items()})
    with torch.no_grad():
        expected = joint.eval()(*given.values()).numpy()
    # Stored in half precision, run as such.
    np.testing.assert_allclose(found, expected, atol=2e-2)
