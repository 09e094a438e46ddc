"""The loops that turn noise into a signal, one per kind of schedule that a `policy.json` can hold.

A policy says what its networks predict by the schedule it brings: levels on straight lines, for networks that predict
the clean signal and are called a few times (ours), or an ancestral chain, for networks that predict the noise and are
called once per step of it (Ho et al. 2020, as ATS has it).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from ats_sim.arrays import Array
from ats_sim.denoising import Denoiser, Stage, denoise

ANCESTRAL = "ancestral"
"""`kind` of a schedule of ancestral steps; one without a kind holds levels."""
MOST_STEPS = 1000
"""Longest chain that a policy may ask for."""


class Sampler(Protocol):
    """Draws signals with a network."""

    @property
    def predicts(self) -> str:
        """What it takes the network to predict: the name of the graph's output."""

    @property
    def fresh(self) -> int:
        """How many standard normal signals it needs besides the one it starts from."""

    def draw(self, denoiser: Denoiser, start: Array, fresh: Array) -> Array:
        """Clean signals (N, ...) from standard normal ones (N, ...) and further ones (N, fresh, ...)."""


@dataclass(frozen=True)
class FewCalls:
    """Few calls of a network that predicts the clean signal; all chance is in the start."""

    levels: tuple[float, ...]
    """Falling noise levels; the last is 0."""
    predicts: ClassVar[str] = "clean"
    fresh: ClassVar[int] = 0

    def __post_init__(self) -> None:
        levels = self.levels
        if levels[-1] != 0.0 or any(after >= before for before, after in zip(levels, levels[1:], strict=False)):
            raise ValueError(f"noise levels {list(levels)} must fall to 0")

    def draw(self, denoiser: Denoiser, start: Array, fresh: Array) -> Array:
        """See `denoise`."""
        return denoise(denoiser, start, self.levels)


@dataclass(frozen=True)
class Ancestral:
    """A chain of small steps back, each of which removes the predicted noise and adds a little fresh one."""

    kept: tuple[float, ...]
    """Per step of noising, the share of the signal's variance that is left (alpha-bar), falling from below 1."""
    predicts: ClassVar[str] = "noise"

    def __post_init__(self) -> None:
        pairs = zip((1.0, *self.kept), self.kept, strict=False)
        if not 0 < len(self.kept) <= MOST_STEPS or not all(1.0 >= before > after > 0.0 for before, after in pairs):
            raise ValueError(f"kept {list(self.kept)} must fall from below 1 to above 0 in 1 to {MOST_STEPS} steps")

    @property
    def fresh(self) -> int:
        """Noise is added after every step but the last."""
        return len(self.kept) - 1

    def draw(self, denoiser: Denoiser, start: Array, fresh: Array) -> Array:
        """Walk the chain; the network predicts the noise, and its level is the share of the chain that lies ahead."""
        signal, count = start, len(self.kept)
        for step in reversed(range(count)):
            kept, before = self.kept[step], self.kept[step - 1] if step > 0 else 1.0
            grown = 1.0 - kept / before
            noise = denoiser(signal, (step + 1) / count)
            signal = (signal - grown / math.sqrt(1.0 - kept) * noise) / math.sqrt(1.0 - grown)
            if step > 0:
                signal = signal + math.sqrt(grown * (1.0 - before) / (1.0 - kept)) * fresh[:, step - 1]
        return signal


def linear_chain(steps: int = 50) -> tuple[float, ...]:
    """What `Ancestral` keeps where the variance added per step rises linearly from .1 to 20 over the number of steps:
    after fifty, ATS's number, eight millionths are left. It takes more than twenty."""
    grown = np.linspace(0.1 / steps, 20.0 / steps, steps)
    return tuple(np.cumprod(1.0 - grown).tolist())


def sampler_of(schedule: Mapping[str, Any], stage: Stage) -> Sampler:
    """The sampler of a stage that a policy's schedule asks for.

    Raises:
        ValueError: If its kind is unknown, or its numbers draw nothing sensible.
        KeyError, TypeError: If it is no schedule at all.
    """
    kind = schedule.get("kind")
    if kind == ANCESTRAL:
        return Ancestral(tuple(map(float, schedule["kept"])))
    if kind is not None:
        raise ValueError(f"kind {kind!r} is unknown, want {ANCESTRAL!r} or none")
    return FewCalls(tuple(map(float, schedule["levels"][stage])))
