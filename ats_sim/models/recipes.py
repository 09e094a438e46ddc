"""What the networks learn to predict, and so how their signals are noised and how they are drawn from."""

from typing import Any, Protocol

import torch
from torch import Tensor

from ats_sim.denoising import STAGES, falling_levels
from ats_sim.models.config import Prediction
from ats_sim.models.diffusion import clean_loss, corrupt, precondition
from ats_sim.samplers import ANCESTRAL, linear_chain

CALLS: dict[str, int] = {"goal": 5, "path": 4, "pose": 2}
"""Denoising calls per stage; a pose that follows its path needs few. With three for a path the animal moves less than
with four, though held-out scores are the same (benchmarks/RESULTS.md)."""
CROWDING: dict[str, float] = {"goal": 1.8, "path": 1.7, "pose": 2.0}
"""How much the noise levels of a stage crowd at low noise (`falling_levels`): most for poses, which their path has
nearly settled. With 2 for all the animal goes a fifth less far (benchmarks/RESULTS.md)."""
GUIDANCE: dict[str, float] = {"goal": 1.5}
"""Per stage, how much more strongly than it learned a mind answers to the observer (classifier-free guidance, ATS
section 3.3). What is learned comes out somewhat weak: at 1.5 the bundled animal startles nearly as much as the recorded
one (benchmarks/RESULTS.md). Paths answer through their goals: to guide them too costs a third more."""


class Recipe(Protocol):
    """One way to learn and draw."""

    predicts: Prediction
    """What the networks of goal, path and pose give; the name of their graphs' output."""

    def noised(self, clean: Tensor, noise: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """A noisy signal (B, ...), and the noise level (B,) that the network is told, of a level drawn from (0, 1]."""

    def prediction(self, raw: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
        """What a network of goals or paths predicts, from its raw output (B, ...); level (B, 1)."""

    def target(self, clean: Tensor, noise: Tensor) -> Tensor:
        """What should be predicted."""

    def loss(self, predicted: Tensor, target: Tensor, level: Tensor) -> Tensor:
        """Of goals or paths."""

    def schedule(self) -> dict[str, Any]:
        """How to draw, for `policy.json` (see `ats_sim.samplers`)."""


class CleanPrediction:
    """Ours: straight lines to noise, the clean signal predicted, a few calls."""

    predicts: Prediction = "clean"

    def noised(self, clean: Tensor, noise: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """On the straight line between the two."""
        return corrupt(clean, noise, level), level

    def prediction(self, raw: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
        """See `precondition`."""
        return precondition(raw, noisy, level)

    def target(self, clean: Tensor, noise: Tensor) -> Tensor:
        """The clean signal."""
        return clean

    def loss(self, predicted: Tensor, target: Tensor, level: Tensor) -> Tensor:
        """See `clean_loss`."""
        return clean_loss(predicted, target, level)

    def schedule(self) -> dict[str, Any]:
        """Levels per stage, and how strongly goals answer to the observer."""
        levels = {stage: list(falling_levels(CALLS[stage], CROWDING[stage])) for stage in STAGES}
        return {"levels": levels, "guidance": dict(GUIDANCE)}


class NoisePrediction:
    """The paper's: a chain of noising steps, the noise predicted, one call per step (ATS section 3.3)."""

    predicts: Prediction = "noise"

    def __init__(self) -> None:
        self._kept = torch.tensor(linear_chain())

    def noised(self, clean: Tensor, noise: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """At the step of the chain that a level lies in."""
        count = len(self._kept)
        step = torch.ceil(level * count).clamp(1, count)
        kept = self._kept.to(level.device)[step.long() - 1].reshape(-1, *([1] * (clean.dim() - 1)))
        return torch.sqrt(kept) * clean + torch.sqrt(1.0 - kept) * noise, step / count

    def prediction(self, raw: Tensor, noisy: Tensor, level: Tensor) -> Tensor:
        """The raw output as it is."""
        return raw

    def target(self, clean: Tensor, noise: Tensor) -> Tensor:
        """The noise."""
        return noise

    def loss(self, predicted: Tensor, target: Tensor, level: Tensor) -> Tensor:
        """Squared error, all steps alike."""
        return torch.mean((predicted - target) ** 2)

    def schedule(self) -> dict[str, Any]:
        """The chain; like the paper's simulator, unguided unless asked."""
        return {"kind": ANCESTRAL, "kept": list(linear_chain())}


RECIPES: dict[Prediction, type[Recipe]] = {"clean": CleanPrediction, "noise": NoisePrediction}
