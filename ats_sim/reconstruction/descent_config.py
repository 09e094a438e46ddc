"""What every training of a field lets one choose; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DescentConfig:
    """Length and repeatability of a training, and how recordings' appearance codes are swapped in it."""

    steps: int = 1500
    """Optimiser steps."""
    last_rate: float = 0.05
    """Share of all rates that is left at the last step."""
    swap: tuple[float, float] = (1.0, 0.05)
    """Chance that a ray is given the code of another recording: first step, and from `swap_until` on."""
    swap_until: float = 0.5
    """Share of the steps after which that chance has fallen to its last value."""
    checkpoint_every: int = 250
    """Steps between checkpoints."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Torch device."""
