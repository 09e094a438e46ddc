"""Options of `ats train`; imports no torch, so that `--help` is instant."""

from dataclasses import dataclass, fields, replace
from typing import Literal

from ats_sim.errors import ConfigError

Preset = Literal["fast", "default", "full", "paper"]
Prediction = Literal["clean", "noise"]


@dataclass(frozen=True)
class TrainConfig:
    """How behaviour is learned from a reconstruction."""

    preset: Preset = "default"
    """fast (some 5 minutes, a smoke test), default (about half an hour on two cores), full (hours), or paper (networks
    and recipe of Yang et al. 2024, for comparison: days without a GPU, and a second or more per plan)."""
    prediction: Prediction | None = None
    """clean (ours: a few calls per plan) or noise (the paper's: fifty); the preset's where not given."""
    steps: int | None = None
    """Optimiser steps; the preset's where not given."""
    batch: int | None = None
    """Windows per step; the preset's where not given."""
    max_epochs: int = 300
    """Most times that one window is shown, whatever the steps: few recordings must not be learned by heart."""
    path_width: int | None = None
    """Channels of the path network's finest level; the preset's where not given."""
    pose_width: int | None = None
    """Channels of the pose network's finest level; the preset's where not given."""
    learning_rate: float = 1.5e-3
    """Peak of the one-cycle schedule."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    drop: float = 0.25
    """Chance with which each condition (scene, observer, past, guide) is hidden from a training window."""
    past_noise: float = 0.004
    """Standard deviation of the noise on the seen past (m, rad): lets the policy follow its own, imperfect steps."""
    scene_jitter: float = 0.25
    """Standard deviation (m, and rad / 2) by which the seen scene is displaced: a place must not name its window."""
    observer_noise: float = 0.2
    """Standard deviation (m) by which the seen observer is displaced, for the same reason."""
    pose_jitter: float = 0.1
    """Standard deviation (rad) by which the joints of the seen past are displaced, for the same reason."""
    approaches: float = 8.0
    """How many times as often windows are drawn in which the observer comes at the agent: few, but asked for most."""
    dropout: float = 0.1
    """Share of hidden units and code entries that are silenced per step."""
    mirror: bool = True
    """Also learn from the left-right mirrored home and agent."""
    held_out: tuple[str, ...] = ()
    """Videos kept for testing; by default every seventh accepted one, none where there are few."""
    seed: int = 0
    """Seed of everything random in training."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int | None = None
    """CPU threads of the optimiser; OMP_NUM_THREADS or all cores where not given."""
    checkpoint_every: int = 250
    """Steps between checkpoints."""
    ablate: tuple[Literal["scene", "observer", "past", "control"], ...] = ()
    """Conditions the policy never gets to see; with control, goal and path guide by a code, not by a network each."""


@dataclass(frozen=True)
class TrainSize:
    """The numbers a preset stands for."""

    steps: int
    """Optimiser steps."""
    batch: int
    """Windows per step."""
    path_width: int
    """Channels of the path network's finest level."""
    pose_width: int
    """Channels of the pose network's finest level."""


PRESETS: dict[Preset, TrainSize] = {
    "fast": TrainSize(steps=400, batch=24, path_width=24, pose_width=32),
    "default": TrainSize(steps=6000, batch=48, path_width=32, pose_width=48),
    "full": TrainSize(steps=60000, batch=64, path_width=48, pose_width=80),
    "paper": TrainSize(steps=120000, batch=1024, path_width=312, pose_width=312),
}


def prediction_of(config: TrainConfig) -> Prediction:
    """What the networks are to predict."""
    return config.prediction or ("noise" if config.preset == "paper" else "clean")


def size_of(config: TrainConfig) -> TrainSize:
    """The preset's numbers with those the config sets itself.

    Raises:
        ConfigError: If a number lies outside what training can use.
    """
    preset = PRESETS[config.preset]
    own = {field.name: getattr(config, field.name) for field in fields(TrainSize)}
    size = replace(preset, **{name: value for name, value in own.items() if value is not None})
    for field in fields(TrainSize):
        if getattr(size, field.name) < 1:
            raise ConfigError(f"{field.name}: {getattr(size, field.name)}, want at least 1")
    if not 0.0 <= config.drop < 1.0:
        raise ConfigError(f"drop: {config.drop}, want a chance in [0, 1)")
    if config.approaches <= 0.0:
        raise ConfigError(f"approaches: {config.approaches}, want a positive number; 1 draws all windows alike")
    if size.path_width % 8 or size.pose_width % 8:
        raise ConfigError(f"path_width {size.path_width} and pose_width {size.pose_width}: want multiples of 8")
    if config.max_epochs < 1:
        raise ConfigError(f"max_epochs: {config.max_epochs}, want at least 1")
    return size


def limited(size: TrainSize, config: TrainConfig, windows: int) -> TrainSize:
    """Fewer steps where there are so few windows that each would be shown more than `max_epochs` times."""
    return replace(size, steps=min(size.steps, max(1, config.max_epochs * windows // size.batch)))
