"""One whole, tiny training: from a reconstruction to a home whose graphs compute what torch computed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch_sessions import torch_policy
from toy_policy import ToyBehaviour
from toy_recon import write_toy_recon

from ats_sim.errors import HomeError, PolicyError, TrainingError
from ats_sim.files import read_json, write_json
from ats_sim.home import Home, seal_home
from ats_sim.models.config import TrainConfig
from ats_sim.models.evaluation import evaluate_behaviour
from ats_sim.models.onnx_export import OUTPUTS, example_inputs, export_policy, graph_inputs
from ats_sim.models.training import train
from ats_sim.models.windows import perception_at
from ats_sim.policy import GRAPHS, Policy

TINY = TrainConfig(steps=4, batch=2, path_width=8, pose_width=8, threads=1, ablate=("observer",))


@pytest.fixture(scope="module")
def toy() -> ToyBehaviour:
    return ToyBehaviour(seed=3)


@pytest.fixture(scope="module")
def exported(toy: ToyBehaviour, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, exported and sealed into a home."""
    recon = write_toy_recon(tmp_path_factory.mktemp("export") / "recon", videos=1, frames=80)
    folder = recon / "home"
    export_policy(
        folder,
        toy.networks,
        toy.normalisation,
        joint_names=toy.skeleton.joint_names,
        channels=toy.channels,
        calls=4,
        training={"held_out": []},
    )
    reseal(folder)
    return folder


def reseal(folder: Path) -> None:
    home = Home.load(folder, require_policy=False) if not (folder / "policy.json").exists() else None
    toy = ToyBehaviour()
    seal_home(
        folder,
        name="toy",
        skeleton=toy.skeleton,
        T_home_scene=np.eye(4) if home is None else home.T_home_scene,
        provenance={},
        metrics={},
    )


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_onnx_computes_what_torch_computes(exported: Path, toy: ToyBehaviour, batch: int) -> None:
    """Every graph, within 1e-4, at several batch sizes."""
    shapes = graph_inputs(toy.normalisation, len(toy.channels))
    generator = torch.Generator().manual_seed(batch)
    for name in GRAPHS:
        inputs = example_inputs(shapes[name], batch, generator)
        with torch.no_grad():
            expected = toy.networks.get_submodule(name)(*inputs.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        session = onnxruntime.InferenceSession(str(exported / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        found = session.run(list(OUTPUTS[name]), {key: value.numpy() for key, value in inputs.items()})
        for true, got in zip(expected, found, strict=True):
            np.testing.assert_allclose(got, true.numpy(), atol=1e-4, err_msg=name)


def test_plans_equal_those_of_torch(exported: Path, toy: ToyBehaviour) -> None:
    """The whole loop, through the home, plans what the networks plan in torch."""
    policy = Policy.load(Home.load(exported))
    reference = torch_policy(toy.networks, toy.normalisation, toy.skeleton.joint_names, toy.channels)
    perceptions = [perception_at(toy.recording, frame, toy.volume) for frame in (20, 33)]
    rngs = [[np.random.default_rng(seed) for seed in (1, 2)] for _ in range(2)]
    for got, true in zip(policy.plan(perceptions, rngs[0]), reference.plan(perceptions, rngs[1]), strict=True):
        for name in true.__dataclass_fields__:
            np.testing.assert_allclose(getattr(got, name), getattr(true, name), atol=1e-3)
    assert policy.providers == ("CPUExecutionProvider",)


def test_graphs_draw_no_noise(exported: Path) -> None:
    """No random operator in any graph: noise is an input."""
    import onnx

    for name in GRAPHS:
        operators = {node.op_type for node in onnx.load(str(exported / f"{name}.onnx")).graph.node}
        assert not {op for op in operators if "Random" in op or op in ("Bernoulli", "Multinomial", "Dropout")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": ["nothing"]}, "perceives"),
        ({"schedule": {"levels": [1.0, 0.5], "warm_start": 1}}, "levels"),
        ({"normalisation": {}}, "not a usable policy"),
        ({"joint_names": ["root"]}, "joint order"),
    ],
)
def test_policies_that_do_not_fit_are_refused(
    exported: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """Another perception, another clock, broken numbers, another body: one typed error before anything runs."""
    folder = tmp_path / "home"
    shutil.copytree(exported, folder)
    write_json(folder / "policy.json", read_json(folder / "policy.json", HomeError) | change)
    reseal(folder)
    with pytest.raises((PolicyError, HomeError), match=message):
        Policy.load(Home.load(folder))


def test_a_graph_that_is_none_is_refused(exported: Path, tmp_path: Path) -> None:
    """Rubbish behind a right hash, and a graph in another one's place."""
    folder = tmp_path / "home"
    shutil.copytree(exported, folder)
    (folder / "goal.onnx").write_bytes(b"rubbish")
    reseal(folder)
    with pytest.raises(PolicyError, match="goal.onnx"):
        Policy.load(Home.load(folder))
    shutil.copyfile(exported / "pose.onnx", folder / "goal.onnx")
    reseal(folder)
    with pytest.raises(PolicyError, match="graph goal"):
        Policy.load(Home.load(folder))


def test_homes_without_policy_are_refused(tmp_path: Path) -> None:
    """The way out is named."""
    recon = write_toy_recon(tmp_path / "recon", videos=1, frames=80)
    with pytest.raises(PolicyError, match="ats train"):
        Policy.load(Home.load(recon / "home", require_policy=False))


def test_training_writes_a_home_that_plans(tmp_path: Path) -> None:
    """`train` end to end: home complete and sealed, options kept, few data said, held-out video scored."""
    recon = write_toy_recon(tmp_path / "recon", videos=3, frames=75)
    summary = train(recon, tmp_path / "home", TINY)
    home = Home.load(tmp_path / "home")
    assert summary["few_windows"] == 1 and summary["windows"] == 24 and summary["test_videos"] == 1
    assert home.provenance["source"] == "toy" and home.provenance["behaviour"]["held_out"] == ["v02"]
    assert home.policy_spec is not None and home.policy_spec["hidden"] == ["observer"]
    assert home.metrics["behaviour"]["path_minade"] == summary["test_path_minade"]
    assert all(isinstance(value, int | float) for value in summary.values())
    report = json.loads((tmp_path / "home.training" / "report.json").read_text())
    assert report["loss_curve"][-1]["step"] == TINY.steps
    scores = evaluate_behaviour(tmp_path / "home", recon, samples=3, trials=2, max_windows=3)
    assert scores["seen_in_training"] == 0 and scores["policy"]["windows"] == 3
    assert scores["location_prior"]["goal_minade"] > 0.0
    with pytest.raises(TrainingError, match="held_out"):
        train(recon, tmp_path / "other", TrainConfig(held_out=("v09",)))
    assert not (tmp_path / "other").exists()
