"""One optimiser step of all networks together, with teacher forcing: each stage is given the true stage above it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import GUIDE_NAMES, GUIDES, STAGES
from ats_sim.errors import TrainingError
from ats_sim.models.batches import Batch
from ats_sim.models.diffusion import seen_loss
from ats_sim.models.hierarchy import Behaviour
from ats_sim.models.onnx_export import Shapes

GRADIENT_LIMIT = 1.0
EMA_DECAY = 0.999
WARM_UP = 0.05
FIRST_RATE, LAST_RATE = 1 / 25, 1e-3
MAX_BAD_STEPS = 20


@dataclass(frozen=True)
class StepReport:
    """Figures of one optimiser step."""

    losses: Mapping[str, float]
    """Per stage; NaN where the step was skipped."""
    gradient: float
    """Norm before clipping."""
    rate: float
    """Learning rate."""


class Learner:
    """Networks, their moving average, and the optimiser."""

    def __init__(
        self,
        networks: Behaviour,
        inputs: Mapping[str, Shapes],
        *,
        steps: int,
        rate: float,
        weight_decay: float,
        device: str,
    ) -> None:
        self.networks = networks.to(device)
        self.step = 0
        """Optimiser steps taken."""
        self.bad_steps = 0
        """Steps skipped in a row because a loss or gradient was not finite."""
        self._inputs = inputs
        self._steps, self._rate, self._device = steps, rate, device
        self._cuda = [torch.cuda.current_device()] if device.startswith("cuda") else []
        # Fused: several hundred small tensors would otherwise cost a fifth of the step.
        self.optimiser = torch.optim.AdamW(self.networks.parameters(), lr=rate, weight_decay=weight_decay, fused=True)
        self.average = {name: value.detach().clone() for name, value in self.networks.named_parameters()}
        """Exponential moving average of the weights: what is exported."""

    def advance(self, batch: Batch) -> StepReport:
        """Take one step.

        Raises:
            TrainingError: If the loss has not been finite for many steps in a row.
        """
        rate = learning_rate(self.step, self._steps, self._rate)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        # Dropout draws from torch's global generator: lend it a seed of this step, so that resuming repeats it.
        with torch.random.fork_rng(devices=self._cuda):
            torch.manual_seed(self.step)
            losses = self.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        gradient = float(nn.utils.clip_grad_norm_(self.networks.parameters(), GRADIENT_LIMIT))
        if math.isfinite(float(total.detach())) and math.isfinite(gradient):
            self.bad_steps = 0
            self.optimiser.step()
            self._average()
        else:
            self._skip()
        self.step += 1
        return StepReport({name: float(loss.detach()) for name, loss in losses.items()}, gradient, rate)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Losses per stage."""
        given = {name: self._tensor(value) for name, value in batch.inputs.items()}
        given["scene_code"], given["scene_map"] = self.networks.scene(given["scene_patch"])
        given["observer_code"], given["past_code"] = self.networks.history(given["observer_past"], given["past"])
        losses, recipe = {}, self.networks.recipe
        for stage in STAGES:
            clean, level = self._tensor(batch.clean[stage]), self._tensor(batch.level[stage])
            noise = self._tensor(batch.noise[stage])
            given["noisy"], level = recipe.noised(clean, noise, level)
            given["level"] = level[:, None]
            if stage in GUIDES:
                # Six activations, or one code where guides are ablated.
                given |= zip(GUIDE_NAMES, self._call(GUIDES[stage], given), strict=False)
            predicted, target = self._call(stage, given), recipe.target(clean, noise)
            if stage == "pose":
                losses[stage] = seen_loss(predicted, target, self._tensor(batch.seen))
            else:
                losses[stage] = recipe.loss(predicted, target, level)
            if stage == "path" and recipe.predicts == "clean":
                losses["place"] = self._place_loss(predicted - clean, given["spread"], given["reach"])
        return losses

    def _call(self, graph: str, given: Mapping[str, Tensor]) -> Any:
        """Run one network on what its graph takes."""
        return self.networks.get_submodule(graph)(*(given[name] for name in self._inputs[graph]))

    def _place_loss(self, error: Tensor, spread: Tensor, reach: Tensor) -> Tensor:
        """Error of the path in space, relative to how far paths stray by then at that speed: the coefficients alone
        know nothing of how their errors add up, and a centimetre matters to what rests."""
        return torch.mean((self.networks.path.curves.basis @ (error * spread) / reach.unsqueeze(-1)) ** 2)

    def _average(self) -> None:
        decay = min(EMA_DECAY, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.networks.parameters()), 1.0 - decay)

    def _skip(self) -> None:
        self.bad_steps += 1
        if self.bad_steps >= MAX_BAD_STEPS:
            raise TrainingError(
                f"the loss has not been finite for {self.bad_steps} steps in a row (step {self.step}); "
                "look for broken motion in the reconstruction, or lower the learning rate"
            )

    def averaged(self) -> Behaviour:
        """Put the averaged weights into the networks and return them: training ends with this."""
        with torch.no_grad():
            for name, value in self.networks.named_parameters():
                value.copy_(self.average[name])
        return self.networks.eval()

    def state(self) -> dict[str, Tensor]:
        """Everything that changes from step to step, as named tensors."""
        state = {f"weights/{name}": value.detach() for name, value in self.networks.named_parameters()}
        state |= {f"average/{name}": value for name, value in self.average.items()}
        for index, entries in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser/{index}/{key}": value for key, value in entries.items()}
        state["step"] = torch.tensor(self.step)
        state["bad_steps"] = torch.tensor(self.bad_steps)
        return {name: value.contiguous().cpu() for name, value in state.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to a state.

        Raises:
            KeyError: If a tensor is missing.
            RuntimeError: If one has another shape.
        """
        with torch.no_grad():
            for name, value in self.networks.named_parameters():
                value.copy_(state[f"weights/{name}"])
                self.average[name].copy_(state[f"average/{name}"])
        entries: dict[int, dict[str, Tensor]] = {}
        for name, stored in state.items():
            if name.startswith("optimiser/"):
                _, index, key = name.split("/")
                entries.setdefault(int(index), {})[key] = stored.clone()
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": entries, "param_groups": groups})
        self.step, self.bad_steps = int(state["step"]), int(state["bad_steps"])

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """One cycle: a linear rise over the first twentieth, then half a cosine down to a thousandth of the peak."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return peak * (FIRST_RATE + (1.0 - FIRST_RATE) * step / rise)
    share = min(1.0, (step - rise) / max(1, steps - rise))
    return peak * (LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * share)))
