"""One whole, tiny training: from a reconstruction to a home whose graphs compute what torch computed."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch_sessions import torch_policy
from toy_recon import write_toy_recon

from ats_sim.denoising import GRAPHS, STAGES, Normalisation
from ats_sim.errors import HomeError, PolicyError, TrainingError
from ats_sim.files import read_json, write_json
from ats_sim.home import Home, seal_home
from ats_sim.models.checkpoints import read_checkpoint
from ats_sim.models.config import TrainConfig, size_of
from ats_sim.models.evaluation import evaluate_behaviour
from ats_sim.models.hierarchy import Behaviour
from ats_sim.models.onnx_export import example_inputs, graph_inputs, graph_outputs, round_weights
from ats_sim.models.training import Lesson, build, prepare, train
from ats_sim.models.windows import perception_at
from ats_sim.perception import patch_channels
from ats_sim.policy import Policy, policy_problems

TINY = TrainConfig(steps=4, batch=2, path_width=8, pose_width=8, threads=1, ablate=("observer",), learning_rate=0.03)


@dataclass(frozen=True, eq=False)
class Trained:
    """One training, shared by the tests of this file: an export costs half a minute."""

    recon: Path
    folder: Path
    summary: dict[str, Any]
    lesson: Lesson
    networks: Behaviour
    normalisation: Normalisation
    channels: tuple[str, ...]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("export")
    recon = write_toy_recon(root / "recon", videos=3, frames=75)
    summary = train(recon, root / "home", TINY)
    lesson = prepare(recon, TINY)
    maker, learner = build(lesson, TINY, size_of(TINY))
    learner.restore(read_checkpoint(root / "home.training" / "checkpoint.safetensors")[0])
    channels, networks = patch_channels(maker.volume), learner.averaged()
    round_weights(networks)
    return Trained(recon, root / "home", summary, lesson, networks, maker.normalisation, channels)


def copied(trained: Trained, folder: Path) -> Path:
    return Path(shutil.copytree(trained.folder, folder))


def reseal(folder: Path, trained: Trained) -> None:
    home = trained.lesson.home
    seal_home(folder, name="toy", skeleton=home.skeleton, T_home_scene=home.T_home_scene, provenance={}, metrics={})


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_onnx_computes_what_torch_computes(trained: Trained, batch: int) -> None:
    """Every graph, within 1e-4, at several batch sizes."""
    shapes = graph_inputs(trained.networks, len(trained.channels))
    generator = torch.Generator().manual_seed(batch)
    for name in GRAPHS:
        inputs = example_inputs(shapes[name], batch, generator)
        with torch.no_grad():
            expected = trained.networks.get_submodule(name)(*inputs.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        session = onnxruntime.InferenceSession(str(trained.folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        found = session.run(
            list(graph_outputs(trained.networks)[name]), {key: value.numpy() for key, value in inputs.items()}
        )
        for true, got in zip(expected, found, strict=True):
            np.testing.assert_allclose(got, true.numpy(), atol=1e-4, err_msg=name)


def test_plans_equal_those_of_torch(trained: Trained) -> None:
    """The whole loop, through the home, plans what the networks plan in torch."""
    policy = Policy.load(Home.load(trained.folder))
    home, recording = trained.lesson.home, trained.lesson.recordings[0]
    joints = home.skeleton.joint_names
    reference = torch_policy(trained.networks, trained.normalisation, joints, trained.channels, hidden=TINY.ablate)
    perceptions = [perception_at(recording, frame, home.perception) for frame in (20, 33)]
    rngs = [[np.random.default_rng(seed) for seed in (1, 2)] for _ in range(2)]
    for got, true in zip(policy.plan(perceptions, rngs[0]), reference.plan(perceptions, rngs[1]), strict=True):
        for name in true.__dataclass_fields__:
            np.testing.assert_allclose(getattr(got, name), getattr(true, name), atol=1e-3)
    assert policy.providers == ("CPUExecutionProvider",)


def test_graphs_draw_no_noise(trained: Trained) -> None:
    """No random operator in any graph: noise is an input."""
    import onnx

    for name in GRAPHS:
        operators = {node.op_type for node in onnx.load(str(trained.folder / f"{name}.onnx")).graph.node}
        assert not {op for op in operators if "Random" in op or op in ("Bernoulli", "Multinomial", "Dropout")}


SCHEDULE = {"levels": {name: [1.0, 0.0] for name in STAGES}, "persistence_s": 4.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": ["nothing"]}, "perceives"),
        ({"schedule": {"levels": {name: [1.0, 0.5] for name in STAGES}, "persistence_s": 4.0}}, "levels"),
        ({"schedule": {**SCHEDULE, "guidance": {"goal": -1.0}}}, "guidance -1.0 of goal"),
        ({"schedule": {**SCHEDULE, "guidance": {"pose": 2.0}}}, "guidance 2.0 of pose"),
        ({"normalisation": {}}, "not a usable policy"),
        ({"joint_names": ["root"]}, "joint order"),
    ],
)
def test_policies_that_do_not_fit_are_refused(
    trained: Trained, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """Another perception, another clock, broken numbers, another body: one typed error before anything runs."""
    folder = copied(trained, tmp_path / "home")
    write_json(folder / "policy.json", read_json(folder / "policy.json", HomeError) | change)
    reseal(folder, trained)
    with pytest.raises((PolicyError, HomeError), match=message):
        Policy.load(Home.load(folder))


def test_a_graph_that_is_none_is_refused(trained: Trained, tmp_path: Path) -> None:
    """Rubbish behind a right hash, and a graph in another one's place."""
    folder = copied(trained, tmp_path / "home")
    (folder / "goal.onnx").write_bytes(b"rubbish")
    reseal(folder, trained)
    with pytest.raises(PolicyError, match="goal.onnx"):
        Policy.load(Home.load(folder))
    shutil.copyfile(trained.folder / "pose.onnx", folder / "goal.onnx")
    reseal(folder, trained)
    with pytest.raises(PolicyError, match="graph goal"):
        Policy.load(Home.load(folder))


def test_homes_without_policy_are_refused(trained: Trained) -> None:
    """The way out is named."""
    with pytest.raises(PolicyError, match="ats train"):
        Policy.load(Home.load(trained.recon / "home", require_policy=False))


def test_training_writes_a_home_that_plans(trained: Trained) -> None:
    """Home complete and sealed, options kept, too few data said, held-out video scored, curve reported."""
    summary, home = trained.summary, Home.load(trained.folder)
    assert summary["few_windows"] == 1 and summary["windows"] == 24 and summary["test_videos"] == 1
    assert all(isinstance(value, int | float) for value in summary.values())
    assert home.provenance["source"] == "toy" and home.provenance["behaviour"]["held_out"] == ["v02"]
    assert home.policy_spec is not None and home.policy_spec["hidden"] == ["observer"]
    assert home.metrics["behaviour"]["path_minade"] == summary["test_path_minade"]
    report = json.loads((trained.folder.with_name("home.training") / "report.json").read_text())
    assert report["loss_curve"][-1]["step"] == TINY.steps


def test_evaluation_scores_policy_and_baselines(trained: Trained) -> None:
    """On the held-out video alone, by the exported graphs."""
    scores = evaluate_behaviour(trained.folder, trained.recon, samples=3, trials=2, max_windows=3)
    assert scores["seen_in_training"] == 0 and scores["windows_available"] == 12
    for name in ("policy", "stand_still", "constant_velocity", "location_prior", "gaussian_regression"):
        assert 0.0 < scores[name]["path_minade"] <= scores[name]["path_mean_ade"]
    assert scores["stand_still"]["goal_minade"] == pytest.approx(scores["stand_still"]["goal_mean_error"])


def test_unknown_held_out_video_stops_before_anything_is_written(trained: Trained, tmp_path: Path) -> None:
    """A misspelt name costs seconds, not a training."""
    with pytest.raises(TrainingError, match="held_out"):
        train(trained.recon, tmp_path / "other", TrainConfig(held_out=("v09",)))
    assert not (tmp_path / "other").exists()


def test_the_check_opens_the_graphs(trained: Trained, tmp_path: Path) -> None:
    """A cut-off graph under a right hash is a problem too."""
    assert policy_problems(str(trained.folder)) == []
    folder = copied(trained, tmp_path / "cut")
    (folder / "path.onnx").write_bytes((folder / "path.onnx").read_bytes()[:1000])
    reseal(folder, trained)
    (problem,) = policy_problems(str(folder))
    assert "path.onnx" in problem
