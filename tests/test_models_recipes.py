"""Minds of another make - the paper's recipe, guides that are codes - train, export, and plan as torch says they do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_sessions import torch_policy
from toy_recon import write_toy_recon

from ats_sim.errors import PolicyError
from ats_sim.home import Home
from ats_sim.models.checkpoints import read_checkpoint
from ats_sim.models.config import PRESETS, TrainConfig, prediction_of, size_of
from ats_sim.models.control_unet import GuidedUNet, GuideUNet
from ats_sim.models.onnx_export import round_weights
from ats_sim.models.recipes import CleanPrediction, NoisePrediction
from ats_sim.models.training import build, prepare, train
from ats_sim.models.windows import perception_at
from ats_sim.perception import patch_channels
from ats_sim.plan import Plan
from ats_sim.policy import Policy
from ats_sim.samplers import Ancestral, linear_chain, sampler_of

TINY = TrainConfig(steps=2, batch=2, path_width=8, pose_width=8, threads=1, learning_rate=0.03)


@pytest.fixture(scope="module")
def recon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_recon(tmp_path_factory.mktemp("recipes") / "recon", videos=1, frames=75)


@pytest.mark.parametrize("changes", [{"preset": "paper"}, {"ablate": ("control",)}], ids=["paper", "codes"])
def test_it_trains_exports_and_plans_as_torch_does(recon: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    config = replace(TINY, **changes)
    train(recon, tmp_path / "home", config)
    home, lesson = Home.load(tmp_path / "home"), prepare(recon, config)
    maker, learner = build(lesson, config, size_of(config))
    learner.restore(read_checkpoint(tmp_path / "home.training" / "checkpoint.safetensors")[0])
    networks, channels = learner.averaged(), patch_channels(maker.volume)
    round_weights(networks)
    schedule = (home.policy_spec or {})["schedule"]
    twin = torch_policy(networks, maker.normalisation, home.skeleton.joint_names, channels, schedule=schedule)
    known = [perception_at(lesson.recordings[0], now, home.perception) for now in (10, 12)]
    plans, twins = (drawn(policy, known) for policy in (Policy.load(home), twin))
    for plan, other in zip(plans, twins, strict=True):
        for name, value in plan.state().items():
            np.testing.assert_allclose(value, other.state()[name], atol=1e-4, rtol=1e-5, err_msg=name)
    fewer = drawn(Policy.load(home), known[:1])[0]
    np.testing.assert_allclose(fewer.path, plans[0].path, atol=1e-5, err_msg="rows of a batch must not mix")
    swapped = (CleanPrediction if schedule.get("kind") else NoisePrediction)().schedule()
    for wrong, said in (
        ({"kind": "euler"}, "schedule of goal: kind 'euler' is unknown"),
        (swapped, r"graph goal gives \['(clean|noise)'\], its schedule is for '(noise|clean)'"),
    ):
        spec = {**(home.policy_spec or {}), "schedule": {"persistence_s": 1.0, **wrong}}
        with pytest.raises(PolicyError, match=said):
            Policy.load(replace(home, policy_spec=spec))


def drawn(policy: Policy, known: list) -> list[Plan]:
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
