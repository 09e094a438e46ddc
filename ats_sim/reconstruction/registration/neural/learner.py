"""Training of one localizer: seeded, resumable to the bit, and stopped before a NaN can spread."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ats_sim.errors import ReconstructionError
from ats_sim.files import atomic_path
from ats_sim.progress import steps as progress_steps
from ats_sim.reconstruction.registration.neural.batches import Batch

GRADIENT_LIMIT = 2.0
AVERAGE = 0.99
WARM_UP = 0.08
LAST_RATE = 1e-2
WEIGHT_DECAY = 1e-4
MOST_BAD_STEPS = 20


class Learner:
    """A network, the running average of its weights, and the optimiser."""

    def __init__(self, network: nn.Module, loss: Callable[[nn.Module, Batch], Tensor], rate: float) -> None:
        self.network, self._loss, self._rate = network, loss, rate
        self.step = 0
        self._bad_steps = 0
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
        self._average = {name: value.detach().clone() for name, value in network.named_parameters()}

    def advance(self, batch: Batch, rate_share: float) -> float:
        """One step at a share of the highest learning rate; returns the loss (NaN where the step was skipped).

        Raises:
            ReconstructionError: If loss or gradient have not been finite for many steps in a row.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * rate_share
        self.network.train()
        self._optimiser.zero_grad(set_to_none=True)
        statistics = {name: value.clone() for name, value in self.network.named_buffers()}
        loss = self._loss(self.network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        gradient = float(nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT))
        self.step += 1
        if math.isfinite(float(loss.detach())) and math.isfinite(gradient):
            self._bad_steps = 0
            self._optimiser.step()
            self._follow()
            return float(loss.detach())
        self._skip(statistics)
        return math.nan

    def _follow(self) -> None:
        keep = min(AVERAGE, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                self._average[name].lerp_(value, 1.0 - keep)

    def _skip(self, statistics: Mapping[str, Tensor]) -> None:
        """Forget a step that went astray, what the normalisation layers saw of it included."""
        with torch.no_grad():
            for name, value in self.network.named_buffers():
                value.copy_(statistics[name])
        self._bad_steps += 1
        if self._bad_steps >= MOST_BAD_STEPS:
            raise ReconstructionError(
                f"the localizer's loss was not finite for {self._bad_steps} steps in a row (step {self.step}): "
                "is there a NaN in the walkthrough's poses or depth?"
            )

    def averaged(self) -> nn.Module:
        """The network with its averaged weights, ready to be asked; training may go on from there."""
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                value.copy_(self._average[name])
        return self.network.eval()

    def state(self) -> dict[str, Tensor]:
        """Everything that changes from step to step."""
        state = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        state |= {f"average/{name}": value for name, value in self._average.items()}
        for index, entries in self._optimiser.state_dict()["state"].items():
            state |= {f"optimiser/{index}/{key}": value for key, value in entries.items()}
        state |= {"step": torch.tensor(self.step), "bad_steps": torch.tensor(self._bad_steps)}
        return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to a state; KeyError or RuntimeError where it is another network's."""
        self.network.load_state_dict({n[8:]: v for n, v in state.items() if n.startswith("network/")})
        with torch.no_grad():
            for name, value in self._average.items():
                value.copy_(state[f"average/{name}"])
        entries: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimiser/"):
                _, index, key = name.split("/")
                entries.setdefault(int(index), {})[key] = value.clone()
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": entries, "param_groups": groups})
        self.step, self._bad_steps = int(state["step"]), int(state["bad_steps"])


def learn(
    learner: Learner,
    batch: Callable[[int], Batch],
    steps: int,
    *,
    label: str | None,
    checkpoint: Path | None = None,
    key: str = "",
    every: int = 100,
    stop_at: int | None = None,
) -> None:
    """Take steps until `steps` are done, beginning from the checkpoint where it holds the same key.

    `stop_at` ends early, as a kill would: what is then continued ends as if never interrupted.
    """
    first = learner.step
    _begin(learner, checkpoint, key)
    last = min(steps, stop_at) if stop_at is not None else steps
    with one_thread(), progress_steps(steps - first, label) as bar:
        bar.advance(learner.step - first)
        while learner.step < last:
            loss = learner.advance(batch(learner.step), rate_share(learner.step - first, steps - first))
            bar.advance(1, loss=loss)
            if checkpoint is not None and (learner.step % every == 0 or learner.step == steps):
                with atomic_path(checkpoint) as temporary:
                    save_file(learner.state(), temporary, metadata={"key": json.dumps(key)})


def rate_share(step: int, steps: int) -> float:
    """One cycle: a linear rise, then half a cosine down to a hundredth."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return 0.04 + 0.96 * step / rise
    share = min(1.0, (step - rise) / max(1, steps - rise))
    return LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * share))


def _begin(learner: Learner, checkpoint: Path | None, key: str) -> None:
    """Take up a checkpoint of the same lessons and settings; another one, or a broken one, is ignored."""
    if checkpoint is None or not checkpoint.is_file():
        return
    try:
        with safe_open(checkpoint, framework="pt") as stored:
            if json.loads((stored.metadata() or {}).get("key", "null")) != key:
                return
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        learner.restore(state)
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError):
        return


@contextmanager
def one_thread() -> Iterator[None]:
    """Small convolutions on a busy machine lose more by waiting for a second thread than it does for them; and the
    order of sums, hence every bit, must not depend on how many cores there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
