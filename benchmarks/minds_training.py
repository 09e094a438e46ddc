"""Training of what is only there to be compared: the same batches, steps, rates and averaging as our own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ats_sim.files import atomic_folder
from ats_sim.home import Home, seal_home
from ats_sim.models.batches import Batch, BatchMaker
from ats_sim.models.checkpoints import read_checkpoint, write_checkpoint
from ats_sim.models.config import TrainConfig
from ats_sim.models.hierarchy import Behaviour
from ats_sim.models.learner import EMA_DECAY, GRADIENT_LIMIT, learning_rate
from ats_sim.models.onnx_export import export_policy
from ats_sim.perception import patch_channels
from ats_sim.progress import track


class Learnable(Protocol):
    """A network that says how wrong it is."""

    def loss(self, batch: Batch) -> Tensor:
        """Of one batch."""


def taught(networks: nn.Module, maker: BatchMaker, config: TrainConfig, steps: int, stored: Path) -> None:
    """Train networks that have a `loss`, and leave their averaged weights in them and in a file; read from it where it
    is there."""
    if stored.is_file():
        with torch.no_grad():
            networks.load_state_dict(read_checkpoint(stored)[0])
        return
    parameters = list(networks.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    average = [value.detach().clone() for value in parameters]
    for step in track(range(steps), stored.stem):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, config.learning_rate)
        optimiser.zero_grad(set_to_none=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(step)
            networks.loss(maker.batch(step)).backward()
        nn.utils.clip_grad_norm_(parameters, GRADIENT_LIMIT)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 1.0 - min(EMA_DECAY, (1.0 + step) / (10.0 + step)))
    with torch.no_grad():
        for value, mean in zip(parameters, average, strict=True):
            value.copy_(mean)
    stored.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(stored, {name: value.contiguous() for name, value in networks.state_dict().items()}, {})


def write_mind(folder: Path, home: Home, networks: Behaviour, maker: BatchMaker, facts: Mapping[str, Any]) -> None:
    """Write a home with another mind in it."""
    with atomic_folder(folder) as target:
        shutil.copytree(home.folder, target, dirs_exist_ok=True)
        export_policy(
            target,
            networks,
            maker.normalisation,
            joint_names=home.skeleton.joint_names,
            channels=patch_channels(home.perception),
            training=facts,
        )
        skeleton, T = home.skeleton, home.T_home_scene
        seal_home(target, name=home.name, skeleton=skeleton, T_home_scene=T, provenance={}, metrics={})
