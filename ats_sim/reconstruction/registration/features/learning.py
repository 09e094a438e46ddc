"""Training of the descriptor on the user's own recordings: a few hundred steps, the same for the same seed, resumable.

Step k draws everything from the generator (seed, k), so a training that goes on from a checkpoint is the training that
was never interrupted.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ats_sim.errors import ConfigError, ReconstructionError
from ats_sim.files import atomic_path
from ats_sim.progress import Steps, steps
from ats_sim.reconstruction.registration.features.augmentation import Augmentation, relight
from ats_sim.reconstruction.registration.features.contrast import info_nce, read_descriptors, ring
from ats_sim.reconstruction.registration.features.network import COARSE_STRIDE, FINE_STRIDE, DescriptorNet
from ats_sim.reconstruction.registration.features.recordings import Lesson
from ats_sim.reconstruction.stages import digest

VERSION = "ats-descriptor/1"
GRADIENT_LIMIT = 1.0
WARM_UP = 0.08
LAST_RATE = 0.02
MOST_BAD_STEPS = 10
APART = 3.0


@dataclass(frozen=True)
class DescriptorConfig:
    """How the descriptor is trained."""

    channels: int = 16
    """Length of a descriptor."""
    steps: int = 300
    """Optimiser steps."""
    pairs: int = 3
    """Pairs of pictures a step."""
    points: int = 256
    """Places compared in each pair."""
    rate: float = 3e-3
    """Highest learning rate."""
    longest: int = 256
    """Pictures are shrunk until no side is longer, pixels."""
    frames: int = 240
    """Most pictures learnt from."""
    checkpoint_every: int = 50
    """Steps between checkpoints."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Change of light."""

    def __post_init__(self) -> None:
        if not 4 <= self.channels <= 128 or self.steps < 1 or self.pairs < 1 or self.points < 8:
            raise ConfigError(
                f"descriptor of {self.channels} channels, {self.steps} steps of {self.pairs} pairs with {self.points} "
                "points: want 4 to 128 channels, at least 1 step and pair, 8 points"
            )

    @property
    def key(self) -> str:
        """Hash of all that changes a number."""
        return digest([VERSION, {k: v for k, v in asdict(self).items() if k != "checkpoint_every"}])


class DescriptorTraining:
    """A network, its optimiser and where it stands."""

    def __init__(self, lesson: Lesson, config: DescriptorConfig, *, seed: int, device: str = "cpu") -> None:
        self._lesson, self._config, self._seed, self._device = lesson, config, seed, device
        self.step, self._bad = 0, 0
        self.losses: list[float] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = DescriptorNet(config.channels).to(device)
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.rate, weight_decay=1e-4)
        self.key = digest([config.key, lesson.fingerprint, seed])

    def run(
        self, checkpoint: Path | None = None, *, label: str | None = "learn features", stop: int | None = None
    ) -> None:
        """Take all remaining steps (or up to step `stop`), from the checkpoint where there is one of this training.

        Raises:
            ReconstructionError: If the recordings never show a place twice, or the loss stays not finite.
        """
        if checkpoint is not None:
            self._restore(checkpoint)
        last = self._config.steps if stop is None else min(stop, self._config.steps)
        with steps(self._config.steps, label) as bar:
            bar.advance(self.step)
            while self.step < last:
                self._advance(bar)
                if checkpoint is not None and (self.step % self._config.checkpoint_every == 0 or self.step == last):
                    self._save(checkpoint)

    def _advance(self, bar: Steps) -> None:
        loss = self._loss(np.random.default_rng([self._seed, 71, self.step]))
        for group in self._optimiser.param_groups:
            group["lr"] = self._config.rate * _schedule(self.step / self._config.steps)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        if math.isfinite(loss.item()) and math.isfinite(norm.item()):
            self._optimiser.step()
            self._bad = 0
        else:
            self._bad += 1
            if self._bad > MOST_BAD_STEPS:
                raise ReconstructionError(
                    f"learning features: {self._bad} steps in a row were not finite (step {self.step}); "
                    "is there a picture or depth that is broken?"
                )
        self.losses.append(loss.item())
        self.step += 1
        bar.advance(1, loss=loss.item())

    def _loss(self, rng: np.random.Generator) -> Tensor:
        config, lesson = self._config, self._lesson
        pictures, pixels = [], []
        for _ in range(config.pairs):
            pair = lesson.pairs(rng, config.points)
            if pair is None:
                raise ReconstructionError(
                    "learning features: the recordings never show a place twice; is depth in metres, are poses right?"
                )
            pictures += [relight(lesson.rgb[i], rng, config.augmentation) for i in (pair.first, pair.second)]
            pixels.append(pair.pixels[rng.integers(len(pair.pixels), size=config.points)])
        height, width = lesson.rgb.shape[1:3]
        seen = torch.from_numpy(np.stack(pictures)).to(self._device).permute(0, 3, 1, 2).float() / 255.0
        place = torch.from_numpy(np.stack(pixels)).to(self._device)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        total = torch.zeros((), device=self._device)
        for maps, cell in zip(self.network(seen), (COARSE_STRIDE, FINE_STRIDE), strict=True):
            # A place drawn twice would be its own rival: those nearer than APART cells are left out.
            for a, b in ((0, 1), (1, 0)):
                here = read_descriptors(maps[a::2], place[:, :, a], width, height)
                there = read_descriptors(maps[b::2], place[:, :, b], width, height)
                around = ring(place[:, :, b], cell / 2 if cell == COARSE_STRIDE else cell, generator)
                rivals = read_descriptors(maps[b::2], around.flatten(1, 2), width, height)
                rivals = rivals.reshape(*around.shape[:3], -1)
                total = total + 0.25 * info_nce(here, there, place[:, :, b], rivals, APART * cell)
        return total

    def _save(self, path: Path) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for part, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{name}.{part}"] = value
        facts = {"key": self.key, "step": self.step, "bad": self._bad, "losses": self.losses}
        with atomic_path(path) as temporary:
            save_file(
                {n: t.detach().cpu().contiguous() for n, t in tensors.items()}, temporary, {"facts": json.dumps(facts)}
            )

    def _restore(self, path: Path) -> None:
        """Go on from a checkpoint; one that is absent, broken or another training's is passed over."""
        try:
            with safe_open(path, framework="pt") as stored:
                facts = json.loads((stored.metadata() or {})["facts"])
                tensors = {name: stored.get_tensor(name) for name in list(stored.keys())}
            if facts["key"] != self.key:
                return
            self.network.load_state_dict(
                {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
            )
        except (OSError, ValueError, KeyError, SafetensorError, RuntimeError):
            return
        for name, parameter in self.network.named_parameters():
            moments = {
                part: tensors[f"optimiser.{name}.{part}"].to("cpu" if part == "step" else self._device)
                for part in ("step", "exp_avg", "exp_avg_sq")
                if f"optimiser.{name}.{part}" in tensors
            }
            if moments:
                self._optimiser.state[parameter] = moments
        self.step, self._bad, self.losses = int(facts["step"]), int(facts["bad"]), list(facts["losses"])


def _schedule(progress: float) -> float:
    """Share of the highest learning rate: a linear rise, then half a cosine."""
    if progress < WARM_UP:
        return (progress + 1e-3) / WARM_UP
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
