"""Minds of another make - the paper's recipe, guides that are codes - train, export, and plan as torch says they do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch_sessions import torch_policy
from toy_recon import write_toy_recon

from ats_sim.errors import PolicyError
from ats_sim.home import Home
from ats_sim.models.batches import BatchMaker
from ats_sim.models.checkpoints import read_checkpoint
from ats_sim.models.config import PRESETS, TrainConfig, prediction_of, size_of
from ats_sim.models.control_unet import GuidedUNet, GuideUNet
from ats_sim.models.hierarchy import Behaviour
from ats_sim.models.onnx_export import export_graph, graph_inputs, graph_outputs, round_weights
from ats_sim.models.recipes import CleanPrediction, NoisePrediction
from ats_sim.models.training import Lesson, build, prepare, train
from ats_sim.models.windows import perception_at
from ats_sim.perception import Perception, patch_channels
from ats_sim.plan import Plan
from ats_sim.policy import Policy
from ats_sim.policy_fit import check_graph
from ats_sim.samplers import Ancestral, linear_chain, sampler_of

TINY = TrainConfig(steps=2, batch=2, path_width=8, pose_width=8, threads=1, learning_rate=0.03)


@pytest.fixture(scope="module")
def recon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_recon(tmp_path_factory.mktemp("recipes") / "recon", videos=1, frames=75)


def test_the_papers_recipe_trains_exports_and_plans_as_torch_does(recon: Path, tmp_path: Path) -> None:
    config = replace(TINY, preset="paper")
    train(recon, tmp_path / "home", config)
    home, (lesson, maker, networks) = Home.load(tmp_path / "home"), learned(recon, tmp_path / "home", config)
    round_weights(networks)
    schedule = (home.policy_spec or {})["schedule"]
    twin = torch_policy(
        networks, maker.normalisation, home.skeleton.joint_names, patch_channels(maker.volume), schedule=schedule
    )
    known = [perception_at(lesson.recordings[0], now, home.perception) for now in (10, 12)]
    plans, twins = (drawn(policy, known) for policy in (Policy.load(home), twin))
    for plan, other in zip(plans, twins, strict=True):
        for name, value in plan.state().items():
            # Hardly trained, the chain blows noise up to hundreds of metres.
            scale = max(1.0, float(np.abs(value).max()))
            np.testing.assert_allclose(value / scale, other.state()[name] / scale, atol=1e-4, err_msg=name)
    fewer = drawn(Policy.load(home), known[:1])[0]
    np.testing.assert_allclose(fewer.path, plans[0].path, rtol=1e-4, err_msg="rows of a batch must not mix")
    swapped = CleanPrediction().schedule()
    for wrong, said in (
        ({"kind": "euler"}, "schedule of goal: kind 'euler' is unknown"),
        (swapped, r"graph goal gives \['noise'\], its schedule is for 'clean'"),
    ):
        spec = {**(home.policy_spec or {}), "schedule": {"persistence_s": 1.0, **wrong}}
        with pytest.raises(PolicyError, match=said):
            Policy.load(replace(home, policy_spec=spec))


def test_guides_that_are_codes_still_lead(recon: Path, tmp_path: Path) -> None:
    """Without guide networks a goal leads the path and a path the body, by one code each, through the same runtime."""
    config = replace(TINY, ablate=("control",))
    lesson = prepare(recon, config)
    maker, learner = build(lesson, config, size_of(config))
    whole = build(lesson, TINY, size_of(TINY))[1].networks
    for step in range(2):
        learner.advance(maker.batch(step))
    networks, channels = learner.averaged(), patch_channels(maker.volume)
    assert sum(p.numel() for p in networks.parameters()) < sum(p.numel() for p in whole.parameters())
    policy = torch_policy(networks, maker.normalisation, lesson.home.skeleton.joint_names, channels)
    known, rng = perception_at(lesson.recordings[0], 10, lesson.home.perception), np.random.default_rng
    here = known.T_world_ego[:3, 3]
    near, far = (policy.plan([known], [rng(0)], goals=[here + [reach, 0.0, 0.0]])[0] for reach in (0.0, 3.0))
    assert np.abs(near.path - far.path).max() > 1e-4
    still, moving = (policy.plan([known], [rng(0)], paths=[here + path])[0] for path in (0.0 * near.path, near.path))
    assert np.abs(still.joint_rotations - moving.joint_rotations).max() > 1e-5
    shapes, outputs = graph_inputs(networks, len(channels)), graph_outputs(networks)
    for name in ("path_guide", "path"):
        export_graph(tmp_path / f"{name}.onnx", networks.get_submodule(name), shapes[name], outputs[name])
        check_graph(
            name,
            onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx"), providers=["CPUExecutionProvider"]),
            {"inputs": shapes[name], "outputs": outputs[name]},
            "here",
        )


def learned(recon: Path, home: Path, config: TrainConfig) -> tuple[Lesson, BatchMaker, Behaviour]:
    """The networks of a training, from its checkpoint."""
    lesson = prepare(recon, config)
    maker, learner = build(lesson, config, size_of(config))
    learner.restore(read_checkpoint(home.with_name(home.name + ".training") / "checkpoint.safetensors")[0])
    return lesson, maker, learner.averaged()


def drawn(policy: Policy, known: list[Perception]) -> list[Plan]:
    """A plan each, by generators of their own."""
    return policy.plan(known, [np.random.default_rng(i) for i in range(len(known))])


def test_the_papers_preset_has_the_papers_networks() -> None:
    """Some 39 million parameters each for path and body, the noise predicted, a chain of fifty steps."""
    config = TrainConfig(preset="paper")
    size = size_of(config)
    for width, channels, out in ((size.path_width, 25, 3), (size.pose_width, 162, 81)):
        networks = GuideUNet(6, 128, width), GuidedUNet(channels, out, 128, width)
        assert sum(p.numel() for part in networks for p in part.parameters()) == pytest.approx(39e6, rel=0.02)
    assert prediction_of(config) == "noise"
    assert all(prediction_of(TrainConfig(preset=name)) == "clean" for name in PRESETS if name != "paper")
    chain = sampler_of(NoisePrediction().schedule(), "pose")
    assert isinstance(chain, Ancestral) and len(chain.kept) == 50


def test_noise_is_predicted_at_the_step_that_is_drawn_from() -> None:
    """What training noises and what the network is told is what the chain will ask: signal and noise can be told apart
    by the stored shares, at any level within a step."""
    clean, noise = torch.full((4, 3), 2.0), torch.full((4, 3), -1.0)
    noisy, told = NoisePrediction().noised(clean, noise, torch.tensor([1e-6, 0.019, 0.021, 1.0]))
    kept = np.array(linear_chain())[[0, 0, 1, 49]]
    np.testing.assert_allclose(told.numpy(), [0.02, 0.02, 0.04, 1.0], rtol=1e-6)
    np.testing.assert_allclose(noisy[:, 0].numpy(), 2.0 * np.sqrt(kept) - np.sqrt(1.0 - kept), rtol=1e-5)


def test_each_recipe_is_taught_what_its_networks_give() -> None:
    clean, noise, level = torch.randn(5, 3), torch.randn(5, 3), torch.rand(5)
    for recipe, wanted in ((CleanPrediction(), clean), (NoisePrediction(), noise)):
        target = recipe.target(clean, noise)
        assert torch.equal(target, wanted)
        assert float(recipe.loss(wanted, target, level)) == 0.0 < float(recipe.loss(wanted + 1.0, target, level))
