"""How large the learned localizers are and how long they learn. No heavy imports."""

from __future__ import annotations

from dataclasses import dataclass

from ats_sim.errors import ConfigError


@dataclass(frozen=True)
class LocalizerSettings:
    """Sizes and schedule of one localizer."""

    steps: int = 900
    """Optimiser steps."""
    more_steps: int = 250
    """Further steps each time newly registered videos are learned from."""
    batch: int = 16
    """Pictures a step."""
    renders: int = 1500
    """Renders of the map; walkthrough frames come on top."""
    filmed: int = 400
    """Most frames of the walkthrough."""
    filmed_share: float = 0.5
    """Share of a batch that was filmed, not rendered."""
    width: int = 16
    """Channels after the first convolution; deeper layers have 2 and 4 times as many."""
    blocks: int = 2
    """Residual blocks."""
    anchors: int = 32
    """Points of the scene that coordinates are relative to."""
    rate: float = 4e-3
    """Highest learning rate."""
    geometry: bool = True
    """Show the network elevation, height and nearness where gravity and depth are known."""
    checkpoint_every: int = 100
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "renders", "width", "blocks", "anchors", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"localizer: {name} is {getattr(self, name)}; it must be at least 1")
        if not 0.0 <= self.filmed_share <= 1.0:
            raise ConfigError(f"localizer: filmed_share is {self.filmed_share}; it must be in [0, 1]")


PRESETS = {
    "fast": LocalizerSettings(steps=600, renders=800, filmed=200, more_steps=120),
    "default": LocalizerSettings(),
    "full": LocalizerSettings(steps=10_000, batch=32, renders=8000, filmed=1500, width=48, blocks=4, more_steps=2000),
}
"""full is meant for CUDA."""
