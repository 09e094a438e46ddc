"""Training of a field: deterministic under its seed, guarded against numbers that are none, resumable.

Everything random in a step follows from (seed, step), so a training that goes on from a checkpoint is the same to the
last bit as one that never stopped (on the CPU; CUDA adds gradients in any order). Checkpoints are safetensors, bound by
a hash to the data and options that they belong to.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.files import atomic_path
from ats_sim.progress import steps as progress_steps
from ats_sim.reconstruction.descent_config import DescentConfig

FREE_OPTIONS = ("device", "checkpoint_every")
"""What may differ between a training and its continuation: nothing that changes a number."""
MOST_SKIPPED = 20
"""Steps in a row whose gradient may be no number before training gives up."""


class Descent(ABC):
    """Parameters and their Adam; :meth:`advance` takes one step down the sum of what :meth:`losses` says."""

    what = "field"
    """What is trained, for messages and the progress bar."""

    def __init__(
        self, named: Mapping[str, nn.Parameter], rate: Callable[[str], float], config: DescentConfig, key: str
    ) -> None:
        """Train `named` parameters at the rates that `rate` gives their names; `key` is the hash of everything that the
        result depends on."""
        self._descent = config
        self.key, self.step, self.skipped = key, 0, 0
        self._named = dict(named)
        self._rates = [rate(name) for name in self._named]
        groups = [{"params": [p], "lr": r} for p, r in zip(self._named.values(), self._rates, strict=True)]
        self._optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-10, fused=True)

    @abstractmethod
    def losses(self) -> dict[str, Tensor]:
        """The weighted losses of the next step."""

    def advance(self) -> dict[str, float]:
        """One optimiser step; returns its losses. A step without finite gradients changes nothing.

        Raises:
            ReconstructionError: If that happens too often in a row.
        """
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * self._descent.last_rate**self.progress
        self._optimiser.zero_grad(set_to_none=True)
        losses = self.losses()
        total = torch.stack(list(losses.values())).sum()
        torch.autograd.backward(total)
        self.step += 1
        if self._finite(total):
            self._optimiser.step()
            self.skipped = 0
        else:
            self.skipped += 1
            if self.skipped > MOST_SKIPPED:
                raise ReconstructionError(f"the {self.what} diverged at step {self.step}; lower its rates")
        return {name: float(value.detach()) for name, value in losses.items()}

    @property
    def progress(self) -> float:
        """Share of the steps that were taken."""
        return min(1.0, self.step / self._descent.steps)

    def state(self) -> dict[str, Tensor]:
        """Everything that the rest of the training depends on."""
        out = {"step": torch.tensor([self.step, self.skipped])}
        for name, parameter in self._named.items():
            out[name] = parameter.detach()
            for kind, value in self._optimiser.state.get(parameter, {}).items():
                out[f"adam.{kind}.{name}"] = value.detach()
        return {name: tensor.cpu().clone() for name, tensor in out.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a :meth:`state`."""
        self.step, self.skipped = (int(value) for value in state["step"])
        with torch.no_grad():
            for name, parameter in self._named.items():
                parameter.copy_(state[name])
                kinds = {kind: state.get(f"adam.{kind}.{name}") for kind in ("step", "exp_avg", "exp_avg_sq")}
                if kinds["step"] is not None:
                    self._optimiser.state[parameter] = {
                        kind: value.clone().to(parameter.device) for kind, value in kinds.items() if value is not None
                    }

    def run(self, checkpoint: Path | None = None, *, quiet: bool = False) -> None:
        """Take all steps that are left, from a checkpoint of the same training where there is one."""
        state = None if checkpoint is None else read_checkpoint(checkpoint, self.key)
        if state is not None:
            self.restore(state)
        with progress_steps(self._descent.steps, None if quiet else self.what) as bar:
            bar.advance(self.step)
            while self.step < self._descent.steps:
                bar.advance(1, **self.advance())
                if checkpoint is not None and self.step % self._descent.checkpoint_every == 0:
                    write_checkpoint(checkpoint, self.state(), self.key)

    def generator(self) -> torch.Generator:
        """What the next step draws from."""
        seed = np.random.SeedSequence([self._descent.seed, self.step]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(seed >> np.uint64(1)))

    def _finite(self, total: Tensor) -> bool:
        gradients = [p.grad for p in self._named.values() if p.grad is not None]
        sums = torch.stack([total.detach(), *(gradient.sum() for gradient in gradients)])
        return bool(torch.isfinite(sums).all())


def content_hash(options: Mapping[str, Any], arrays: Iterable[Array | Tensor | None]) -> str:
    """SHA-256 of everything that a training's result depends on: plain options and the data."""
    kept = {name: value for name, value in options.items() if name not in FREE_OPTIONS}
    total = hashlib.sha256(json.dumps(kept).encode())
    for array in arrays:
        if array is not None:
            plain = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
            total.update(np.ascontiguousarray(plain).data)
    return total.hexdigest()


def write_checkpoint(path: Path, state: Mapping[str, Tensor], key: str) -> None:
    """Write tensors, atomically."""
    with atomic_path(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, temporary, {"key": key})


def read_checkpoint(path: Path, key: str) -> dict[str, Tensor] | None:
    """The tensors of a checkpoint that belongs to `key`; None where there is none, or another training's, or a file
    that broke off: the training then begins anew."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            if (stored.metadata() or {}).get("key") != key:
                return None
            found: dict[str, torch.Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            return found
    except (OSError, SafetensorError):
        return None
